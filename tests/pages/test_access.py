"""Access: keyboard alone, screen readers, contrast, stillness."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def axe() -> Any:
    package = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the accessibility check needs the package axe-playwright-python")
    return package.Axe()


def findings(axe: Any, visit: Any) -> list[str]:
    visit.settled()
    result = axe.run(visit.page)
    return [f"{found['id']}: {node['html'][:160]}" for found in result.response["violations"] for node in found["nodes"]]


def test_axe_finds_nothing_in_any_state_of_any_setting(any_visit: Any, axe: Any) -> None:
    visit, page = any_visit, any_visit.page
    visit.pick_title("Kettle")
    visit.act("like", place=1)
    page.locator("#filters-card").evaluate("(card) => card.querySelectorAll('details').forEach((facet) => (facet.open = card.open = true))")
    with visit.asking():
        page.locator("#compare").click()
    with visit.asking():
        page.locator("[data-setting=for]").nth(1).select_option("stranger")
    page.get_by_role("combobox", name=visit.words("taste.search")).fill("a")
    page.locator("[role=option]:visible").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert findings(axe, visit) == []
    page.keyboard.press("Escape")
    page.locator("[data-action=similar]").first.click()
    page.get_by_role("dialog").locator("li").first.wait_for()
    assert findings(axe, visit) == []


def test_the_whole_way_can_be_gone_by_keyboard(visit: Any) -> None:
    page, press = visit.page, visit.page.keyboard.press
    focus = "() => document.activeElement.%s"
    press("Tab")
    assert page.evaluate(focus % "className") == "skip-link"
    press("Enter")
    assert page.evaluate(focus % "id") == "answers"
    page.locator(".skip-link").focus()
    for _ in range(3):
        press("Tab")
    assert page.evaluate(focus % "value") == "visitor"
    press("ArrowRight")
    press("Tab")
    assert page.evaluate(focus % "getAttribute('role')") == "combobox"
    page.keyboard.type("u00")
    page.locator("[role=option]:visible").first.wait_for()
    press("ArrowDown")
    press("ArrowDown")
    active = page.evaluate("document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).innerText")
    with visit.asking():
        press("Enter")
    visit.settled()
    assert page.locator("h1").inner_text().split()[-1] == active.split()[0]
    tabs = 0
    while page.evaluate(focus % "dataset.action") != "like":
        press("Tab")
        assert (tabs := tabs + 1) < 80, "the tab key never reaches an item"
    with visit.asking(), visit.storing():
        press("Enter")
    visit.settled()
    assert page.evaluate(focus % "dataset.action") == "like"
    assert page.evaluate("[...document.querySelectorAll('.item')].indexOf(document.activeElement.closest('.item'))") == 0
    press("Tab")
    press("Tab")
    press("Enter")
    page.get_by_role("dialog").locator("li").first.wait_for()
    press("Escape")
    assert page.evaluate(focus % "dataset.action") == "similar"


def test_what_has_the_focus_can_be_seen(visit: Any) -> None:
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        outlined = "(e) => [e, e.nextElementSibling].some((shown) => shown && getComputedStyle(shown).outlineStyle !== 'none')"
        assert visit.page.locator(":focus").evaluate(outlined) or visit.page.evaluate("document.activeElement.className") == "skip-link"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_items_slide_unless_people_want_stillness(visiting: Any, motion: str) -> None:
    visit = visiting(reduced_motion=motion).open()
    visit.choose_user("u00")
    visit.page.evaluate("() => { Element.prototype.animate = () => { window.hasMoved = true; }; }")
    visit.act("like", place=3)
    assert visit.page.evaluate("() => window.hasMoved === true") == (motion == "no-preference")
