"""Acting: click, like and hide, and what the list does then."""

from typing import Any

import pytest


@pytest.mark.parametrize("kind", ["click", "like", "hide"])
def test_an_act_is_stored_and_the_list_answers_at_once(visit: Any, kind: str) -> None:
    visit.choose_user("u00")
    title, event = visit.act(kind, place=2)
    page = visit.page
    assert event["event"] == kind
    assert event["request_id"]
    assert len(event["event_id"]) == 36
    assert page.locator(".movement").inner_text().startswith(visit.words(f"moved.after.{kind}", title=title))
    assert visit.words(f"moved.after.{kind}", title=title) in page.locator("#spoken").inner_text()
    assert event["item_id"] not in visit.ids()
    assert page.locator(".past-list .past-title").first.inner_text() == title


def test_what_moved_is_marked_with_the_right_number_of_places(visit: Any) -> None:
    visit.choose_user("u00")
    before = visit.ids()
    visit.act("like", place=4)
    after = visit.ids()
    for place, item_id in enumerate(after):
        item = visit.page.locator(".item").nth(place)
        if item_id not in before:
            wanted = visit.words("moved.new")
        elif before.index(item_id) == place:
            wanted = ""
        else:
            wanted = visit.words("moved.up" if before.index(item_id) > place else "moved.down", n=abs(before.index(item_id) - place))
        mark = item.locator(".moved .visually-hidden")
        assert (mark.inner_text() if mark.count() else "") == wanted


def test_a_hidden_item_stays_away_even_when_seen_items_are_included(visit: Any) -> None:
    _, event = visit.act("hide")
    with visit.asking():
        visit.page.locator("[data-setting=seen]").first.check()
    with visit.asking():
        visit.page.locator("#num-items").select_option("50")
    assert event["item_id"] not in visit.ids()


def test_a_liked_item_that_stays_is_marked_as_liked(visit: Any) -> None:
    with visit.asking():
        visit.page.locator("[data-setting=model]").first.select_option("popular")
    with visit.asking():
        visit.page.locator("[data-setting=seen]").first.check()
    visit.settled()
    _, event = visit.act("like")
    item = visit.page.locator(f"[data-item-id='{event['item_id']}']")
    assert "is-done" in item.locator("[data-action=like]").get_attribute("class")


def test_similar_items_open_lead_on_and_give_the_focus_back(visit: Any) -> None:
    visit.choose_user("u00")
    page = visit.page
    page.locator("[data-action=similar]").nth(1).click()
    dialog = page.get_by_role("dialog")
    dialog.locator("li").first.wait_for()
    assert dialog.locator("li").count() == 10
    following = dialog.locator(".item-title").first.inner_text()
    dialog.get_by_role("button", name=visit.words("item.similar.label", title=following)).first.click()
    page.get_by_role("heading", name=visit.words("similar.heading", title=following)).wait_for()
    dialog.locator("li").first.wait_for()
    liked = dialog.locator(".item-title").first.inner_text()
    with visit.asking(), visit.storing():
        dialog.get_by_role("button", name=visit.words("item.like.label", title=liked)).first.click()
    dialog.get_by_text(visit.words("similar.done", title=liked)).wait_for()
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert page.evaluate("document.activeElement.dataset.action") is not None


def test_a_similar_item_can_join_the_taste(visit: Any) -> None:
    visit.pick_title("Guitar")
    page = visit.page
    page.locator("[data-action=similar]").first.click()
    dialog = page.get_by_role("dialog")
    title = dialog.locator(".item-title").first.inner_text()
    with visit.asking():
        dialog.get_by_role("button", name=visit.words("item.taste.label", title=title)).first.click()
    dialog.get_by_role("button", name=visit.words("similar.close")).click()
    assert page.locator(".chip", has_text=title).count() == 1


def test_similar_items_that_cannot_be_had_are_said_to_be_so(visit: Any) -> None:
    visit.expected = ["Failed to load resource"]
    page = visit.page
    problem = '{"title": "Bad", "detail": "the model knows no likeness", "hint": "ask another"}'
    page.route("**/similar?**", lambda route: route.fulfill(status=400, content_type="application/problem+json", body=problem))
    page.locator("[data-action=similar]").first.click()
    message = page.get_by_role("dialog").get_by_role("alert")
    message.get_by_text(visit.words("similar.failed")).wait_for()
    assert "the model knows no likeness" in message.inner_text()
