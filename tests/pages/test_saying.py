"""Asking in one's own words: the field, what was understood, and taking it back."""

from typing import Any

import pytest


def say(visit: Any, text: str) -> dict[str, Any]:
    """Type words and press Enter; the request that was sent."""
    field = visit.page.get_by_role("textbox", name=visit.words("said.label"))
    field.fill(text)
    with visit.asking() as asked:
        field.press("Enter")
    visit.settled()
    return asked.value.request.post_data_json


def test_words_become_chips_and_the_list_heeds_them(visit: Any) -> None:
    page = visit.page
    sent = say(visit, "quiet music, under 20 euro")
    assert sent["text"] == "quiet music, under 20 euro"
    chips = page.locator(".understood .chip").all_inner_texts()
    assert chips == ["Price ≤ 20", "Category: Music"]
    assert visit.words("said.byWords", left="quiet") in page.locator(".understood").inner_text()
    assert "Music" in page.locator(".item-attributes").first.inner_text()
    assert page.locator(".item-reason").first.inner_text() == visit.words("reason.askedFor", title="Music")
    assert page.locator(".movement").inner_text().startswith(visit.words("moved.after.said"))


def test_a_chip_that_was_not_meant_goes_by_click_and_the_focus_stays(visit: Any) -> None:
    page = visit.page
    say(visit, "music under 20 euro")
    with visit.asking() as asked:
        page.get_by_role("button", name=visit.words("said.remove", title="Price ≤ 20")).click()
    visit.settled()
    assert asked.value.request.post_data_json["not_meant"] == ["price<=20"]
    assert page.locator(".understood .chip").all_inner_texts() == ["Category: Music"]
    assert page.evaluate("document.activeElement.dataset.condition") == "category=Music"
    with visit.asking():
        page.keyboard.press("Enter")
    visit.settled()
    assert page.locator(".understood .chip").count() == 0
    assert page.evaluate("document.activeElement.getAttribute('maxlength')") == "2000"


def test_forgotten_words_leave_the_list_as_it_was(visit: Any) -> None:
    before = visit.ids()
    say(visit, "music")
    assert visit.ids() != before
    with visit.asking() as asked:
        visit.page.get_by_role("button", name=visit.words("said.clear")).click()
    assert visit.ids() == before
    assert "text" not in asked.value.request.post_data_json
    assert visit.page.locator(".understood").is_hidden()


def test_what_cannot_be_met_or_read_is_said(visit: Any) -> None:
    say(visit, "under 0.01 euro, zzyzx")
    said = visit.page.locator(".understood").inner_text()
    assert visit.words("said.relaxed", conditions="Price ≤ 0.01") in said
    assert visit.words("said.unread", left="zzyzx") in said


def test_titles_are_found_by_what_they_are_like(visit: Any) -> None:
    field = visit.page.get_by_role("combobox", name=visit.words("taste.search"))
    field.fill("music under 30 euro")
    visit.page.locator("[role=option]:visible").first.wait_for()
    assert visit.page.locator("[role=option]:visible").count() > 1


def test_markup_in_words_stays_text(visit: Any) -> None:
    say(visit, "<img src=x onerror=alert(1)> \u202equiet")
    assert visit.page.locator(".understood img").count() == 0
    assert "<img" in visit.page.locator(".understood").inner_text()


def test_words_are_heard_in_every_setting(any_visit: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the accessibility check needs the package axe-playwright-python").Axe()
    say(any_visit, "quiet music, under 20 euro, no garden")
    found = axe.run(any_visit.page).response["violations"]
    assert [violation["id"] for violation in found] == []
    assert any_visit.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
