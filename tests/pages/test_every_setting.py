"""The whole story in both themes, both languages, on a desktop and on a phone."""

import re
from typing import Any

import pytest

HAN = re.compile(r"[一-鿿]")
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_every_feature_works_in_every_setting(any_visit: Any) -> None:
    visit, page = any_visit, any_visit.page
    lang = page.evaluate("document.documentElement.lang")
    assert bool(HAN.search(page.locator("h1").inner_text())) == (lang == "zh-CN")
    visit.pick_title("Kettle")
    visit.choose_user("u00")
    visit.act("like", place=1)
    visit.act("hide")
    visit.act("click")
    if page.locator("#filters-card").get_attribute("open") is None:
        page.locator("#filters-card > summary").click()
    if page.locator(".facet").first.get_attribute("open") is None:
        page.locator(".facet summary").first.click()
    with visit.asking():
        page.get_by_role("checkbox", name="Garden").click()
    with visit.asking():
        page.locator("#filters").get_by_role("button", name=visit.words("filters.clear")).click()
    with visit.asking():
        page.locator("#compare").click()
    visit.settled()
    assert page.evaluate(TOO_WIDE) <= 0
    page.locator("[data-action=similar]").first.click()
    page.get_by_role("dialog").locator("li, .message").first.wait_for()
    assert page.evaluate(TOO_WIDE) <= 0
    page.keyboard.press("Escape")
    with visit.asking():
        page.locator("#compare").click()
    visit.settled()
    assert page.evaluate(TOO_WIDE) <= 0


def test_the_language_changes_at_once_and_is_remembered(visit: Any) -> None:
    page = visit.page
    visit.choose_user("u00")
    titles = visit.ids()
    page.get_by_label(visit.words("preferences.language")).select_option("zh-CN")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert HAN.search(page.locator("h1").inner_text())
    assert HAN.search(page.locator(".item-reason").first.inner_text())
    assert visit.ids() == titles
    assert page.evaluate("document.activeElement.id") == "language"
    page.reload()
    page.locator(".item").first.wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


@pytest.mark.parametrize("setting", ["desktop-light-en", "desktop-dark-zh"])
def test_the_theme_follows_the_system_until_chosen_and_is_remembered(visiting: Any, setting: str) -> None:
    visit = visiting(setting).open()
    page = visit.page
    ground = "() => getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.locator("#theme").click()
    after = page.evaluate(ground)
    assert before != after
    page.reload()
    page.locator(".item").first.wait_for()
    assert page.evaluate(ground) == after


def test_the_dictionaries_have_the_same_entries_with_the_same_blanks(visit: Any) -> None:
    script = "() => Promise.all(['en', 'zh'].map((name) => import(`/static/words/${name}.js`).then((module) => module.default)))"
    english, chinese = visit.page.evaluate(script)
    assert set(english) == set(chinese)
    for key, entry in english.items():
        assert _blanks(entry) == _blanks(chinese[key]), key


def _blanks(entry: Any) -> set[str]:
    texts = [entry] if isinstance(entry, str) else list(entry.values())
    return {blank for text in texts for blank in re.findall(r"\{(\w+)\}", text)}
