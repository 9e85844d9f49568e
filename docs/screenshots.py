"""Make the README's pictures of the page: a real server on MovieLens-100K, seen by Chromium.

    python docs/screenshots.py --wheels DIR

DIR holds the recbole wheel, inside which MovieLens-100K lies (`make demo` puts it into .cache/wheels).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
MODELS = ("fusion", "ease")
USER = "42"
MAX_BYTES = 300_000
DESKTOP = {"viewport": {"width": 1280, "height": 860}, "locale": "en-GB"}
PHONE = {"viewport": {"width": 360, "height": 780}, "locale": "zh-CN", "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


def leanrec(*arguments: object) -> None:
    """Run one verb of the command line."""
    subprocess.run([sys.executable, "-m", "leanrec", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def fit_models(folder: Path, *, wheels: Path) -> list[Path]:
    """Two models of MovieLens-100K."""
    leanrec("data", "movielens-100k", "--to", folder / "data", "--wheels", wheels)
    for name in MODELS:
        leanrec("fit", folder / "data", "--recommender", name, "--to", folder / name)
    return [folder / name for name in MODELS]


@contextmanager
def serving(models: list[Path], *, store: Path) -> Iterator[str]:
    """A server on a free port; yields its address."""
    command = [sys.executable, "-m", "leanrec", "serve", *map(str, models), "--port", "0", "--store", str(store)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process, process.stdout as output:
        try:
            yield output.readline().split()[2]
        finally:
            process.terminate()


@contextmanager
def visit(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """The page, with the list of one user."""
    context = browser.new_context(reduced_motion="reduce", **settings)
    page = context.new_page()
    page.goto(f"{address}/#user={USER}")
    page.locator(".item").first.wait_for()
    yield page
    context.close()


def press(page: Page, selector: str, place: int = 0) -> None:
    """Press a button and wait for the new answer."""
    with page.expect_response(lambda response: response.url.endswith("/v1/recommend")):
        page.locator(selector).nth(place).click()
    page.wait_for_function("() => !document.querySelector('.column:not([hidden])[aria-busy=true]')")


def save(page: Page, name: str, *, top: str = "body") -> None:
    """Write a picture that begins at an element; fails when it is too large for a README."""
    page.mouse.move(0, 0)
    page.locator(top).first.evaluate("(element) => { document.activeElement.blur(); scrollTo(0, element.offsetTop - 12); }")
    page.wait_for_timeout(300)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes, more than {MAX_BYTES}")
    print(f"{path.name}: {path.stat().st_size} bytes")


def take(address: str, *, chromium: str) -> None:
    """The three pictures: an act and what moved, two models side by side in the dark, and a phone in Chinese."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for _ in range(2):  # the first answers of a fresh process are slower than those that follow
            with visit(browser, address, **DESKTOP):
                pass
        with visit(browser, address, color_scheme="dark", **DESKTOP) as page:
            press(page, "#compare")
            save(page, "page-dark")
        with visit(browser, address, color_scheme="light", **DESKTOP) as page:
            press(page, "[data-action=like]", 2)
            save(page, "page-light")
        with visit(browser, address, color_scheme="light", **PHONE) as page:
            press(page, "[data-action=like]", 1)
            save(page, "page-phone", top=".answers-head")
        browser.close()


def main() -> None:
    """Read the arguments, serve, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the recbole wheel")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser; the one on the path by default")
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = fit_models(folder, wheels=arguments.wheels)
        with serving(models, store=folder / "store.sqlite3") as address:
            take(address, chromium=arguments.chromium)


if __name__ == "__main__":
    main()
