"""A real server on a small model, and Debian's Chromium; whatever the page says on the console fails the test."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leanrec.data.world import World
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model
from leanrec.serving.keys import create_key

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SETTINGS = {
    "desktop-light-en": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "locale": "en-GB", "reduced_motion": "reduce"},
    "desktop-dark-zh": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark", "locale": "zh-CN"},
    "phone-dark-en": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "locale": "en-US", "has_touch": True, "is_mobile": True},
    "phone-light-zh": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "locale": "zh-CN", "has_touch": True, "is_mobile": True},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, closed with the module: while Playwright runs, its event loop would be in the way of other rooms' asyncio tests."""
    api = pytest.importorskip("playwright.sync_api", reason="the page's tests need the package playwright")
    if not CHROMIUM:
        pytest.skip("no chromium on this machine; on Debian: apt-get install chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three fitted models of one small world; the first is the server's default."""
    folder, dataset = tmp_path_factory.mktemp("models"), World.generate(seed=0).dataset
    members = {"members": [{"name": "cooccurrence", "weight": 1.0}, {"name": "ease", "weight": 0.5}]}
    recommenders = {"shop": build("fusion", members), "graph": build("cooccurrence"), "popular": build("popularity")}
    for name, recommender in recommenders.items():
        Model(recommender=recommender.fit(dataset), dataset=dataset, name=recommender.name).save(folder / name)
    return [folder / name for name in recommenders]


@contextmanager
def serving(models: list[Path], place: Path, *options: str) -> Iterator[str]:
    """`leanrec serve` in a process of its own on a free port; yields its address."""
    command = [sys.executable, "-m", "leanrec", "serve", *map(str, models), "--port", "0", "--store", str(place / "store.sqlite3"), *options]
    with (place / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    with process, process.stdout as output:
        line = output.readline()
        assert line.startswith("Serving at "), (place / "server.log").read_text()
        try:
            yield line.split()[2] + "/"
        finally:
            process.terminate()


@pytest.fixture
def locked(models: list[Path], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server that asks for a key, and the key."""
    key = create_key(tmp_path / "keys.json", name="page")
    with serving(models[-1:], tmp_path, "--key-file", str(tmp_path / "keys.json")) as address:
        yield address, key


@pytest.fixture(scope="session")
def served(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that asks for no key."""
    with serving(models, tmp_path_factory.mktemp("open")) as address:
        yield address


class Visit:
    """One visit to the page: the browser's page, the words it speaks, and what must not happen meanwhile."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.expected: list[str] = []
        """Parts of console messages that a test provokes on purpose."""
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(address) else self.complaints.append(f"asked elsewhere: {request.url}"))

    def open(self, fragment: str = "") -> "Visit":
        self.page.goto(self.address + fragment)
        self.page.locator(".item").first.wait_for()
        return self

    def words(self, key: str, **blanks: object) -> str:
        """A text of the page in the language it speaks now."""
        script = "([key, blanks]) => import('/static/words.js').then((module) => module.words(key, blanks))"
        return self.page.evaluate(script, [key, blanks])

    def ids(self, column: int = 0) -> list[str]:
        """The items of a list; titles are not unique in the synthetic world."""
        self.settled()
        items = self.page.locator(".column").nth(column).locator(".item")
        return items.evaluate_all("(rows) => rows.map((row) => row.dataset.itemId)")

    def settled(self) -> None:
        """Wait until no list is being asked for and nothing moves."""
        is_still = "document.getAnimations().every((animation) => animation.playState !== 'running')"
        self.page.wait_for_function(f"() => !document.querySelector('.column:not([hidden])[aria-busy=true]') && {is_still}")

    def asking(self) -> Any:
        """A context that waits for the next answer of the server."""
        return self.page.expect_response(lambda response: response.url.endswith("/v1/recommend"))

    def storing(self) -> Any:
        """A context that waits for events being stored."""
        return self.page.expect_response(lambda response: response.url.endswith("/v1/events"))

    def choose_user(self, text: str = "") -> str:
        """Pick the first user whose id holds the text, and return the id."""
        self.page.locator("label", has_text=self.words("person.user")).click()
        field = self.page.get_by_role("combobox", name=self.words("person.search"))
        field.fill(text)
        option = self.page.locator("[role=option]:visible").first
        option.wait_for()
        user_id = option.locator(".option-label").inner_text()
        with self.asking():
            option.click()
        self.settled()
        return user_id

    def pick_title(self, text: str) -> str:
        """Add the first title that holds the text to the taste, and return the title."""
        self.page.get_by_role("combobox", name=self.words("taste.search")).fill(text)
        option = self.page.locator("[role=option]:visible").filter(has_text=text).first
        option.wait_for()
        title = option.locator(".option-label").inner_text()
        with self.asking():
            option.click()
        self.settled()
        return title

    def act(self, kind: str, place: int = 0) -> tuple[str, dict[str, Any]]:
        """Press click, like or hide of the item at a place; the item's title and the event that was sent."""
        item = self.page.locator(".item").nth(place)
        title = item.locator(".item-title").inner_text()
        with self.asking(), self.storing() as stored:
            item.locator(f"[data-action={kind}]").click()
        assert stored.value.status == 200
        self.settled()
        return title, stored.value.request.post_data_json["events"][0]

    def close(self) -> None:
        unexpected = [text for text in self.complaints if not any(part in text for part in self.expected)]
        self.page.context.close()
        assert not unexpected, unexpected


@pytest.fixture
def visiting(browser: Any, served: str) -> Iterator[Callable[..., Visit]]:
    """Makes visits in a setting; each is checked for complaints at the end."""
    visits: list[Visit] = []

    def make(setting: str = "desktop-light-en", address: str = served, **changes: object) -> Visit:
        context = browser.new_context(**{**SETTINGS[setting], **changes})
        context.set_default_timeout(10_000)
        visits.append(Visit(context.new_page(), address))
        return visits[-1]

    yield make
    for visit in visits:
        visit.close()


@pytest.fixture
def visit(visiting: Callable[..., Visit]) -> Visit:
    """The page in the usual setting."""
    return visiting().open()


@pytest.fixture(params=list(SETTINGS))
def any_visit(request: pytest.FixtureRequest, visiting: Callable[..., Visit]) -> Visit:
    """The page in every setting: both themes, both languages, desktop and phone."""
    return visiting(request.param).open()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.service)
