"""Trouble: every error is said in words, with a way on."""

import json
from typing import Any

import pytest

FAILED = "Failed to load resource"


def test_a_server_that_is_gone_is_said_and_can_be_tried_again(visit: Any) -> None:
    page = visit.page
    visit.expected = [FAILED]
    page.route("**/v1/**", lambda route: route.abort())
    page.locator("#num-items").select_option("20")
    alarm = page.get_by_role("alert")
    alarm.get_by_text(visit.words("error.unreachable"), exact=True).wait_for()
    assert "leanrec serve" in alarm.inner_text()
    page.unroute("**/v1/**")
    with visit.asking():
        alarm.get_by_role("button", name=visit.words("error.retry")).click()
    assert len(visit.ids()) == 20
    assert alarm.count() == 0


def test_an_event_that_was_not_stored_is_sent_again_under_the_same_id(visit: Any) -> None:
    page = visit.page
    visit.expected = [FAILED]
    sent: list[str] = []

    def lose(route: Any) -> None:
        sent.append(route.request.post_data_json["events"][0]["event_id"])
        route.abort()

    page.route("**/v1/events", lose)
    item_id, title = visit.ids()[0], page.locator(".item-title").first.inner_text()
    page.locator("[data-action=like]").first.click()
    alarm = page.locator("#notice").get_by_role("alert")
    alarm.wait_for()
    assert title in alarm.inner_text()
    assert item_id in visit.ids()
    page.unroute("**/v1/events")
    with visit.asking(), visit.storing() as stored:
        alarm.get_by_role("button", name=visit.words("error.retry")).click()
    assert [event["event_id"] for event in stored.value.request.post_data_json["events"]] == sent
    assert item_id not in visit.ids()
    assert alarm.count() == 0


@pytest.mark.parametrize(("status", "kind"), [(503, "notReady"), (429, "busy")])
def test_a_server_that_cannot_answer_now_says_when_to_come_back(visit: Any, status: int, kind: str) -> None:
    page = visit.page
    visit.expected = [FAILED]
    page.route("**/v1/recommend", lambda route: route.fulfill(status=status, content_type="application/problem+json", body="{}"))
    page.locator("#num-items").select_option("20")
    page.get_by_role("alert").get_by_text(visit.words(f"error.{kind}"), exact=True).wait_for()


def test_a_problem_of_the_server_is_shown_in_its_own_words(visit: Any) -> None:
    page = visit.page
    visit.expected = [FAILED]
    problem = {"title": "Bad", "status": 400, "detail": "the catalogue has no attribute 'genre'", "hint": "try genres", "request_id": "r-77"}
    page.route("**/v1/recommend", lambda route: route.fulfill(status=400, content_type="application/problem+json", body=json.dumps(problem)))
    page.locator("#num-items").select_option("20")
    alarm = page.get_by_role("alert")
    alarm.wait_for()
    for text in (problem["detail"], problem["hint"], problem["request_id"]):
        assert text in alarm.inner_text()


def test_a_locked_server_gets_its_key_in_a_dialog(visiting: Any, locked: Any) -> None:
    address, key = locked
    visit = visiting(address=address)
    visit.expected = [FAILED]
    page = visit.page
    page.goto(address)
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    dialog.get_by_text(visit.words("key.refused")).wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("alert").get_by_role("button", name=visit.words("key.enter")).click()
    dialog.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.locator(".item").first.wait_for()
    assert dialog.count() == 0
    page.reload()
    page.locator(".item").first.wait_for()
    assert key not in page.content()


def test_the_page_sends_nothing_elsewhere_and_runs_nothing_inline(visit: Any) -> None:
    response = visit.page.request.get(visit.address)
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<style" not in response.text()
    assert "style=" not in response.text()
    assert "onclick" not in response.text()


def test_a_title_with_markup_is_shown_as_text(visit: Any) -> None:
    page = visit.page
    title = "<img src=x onerror=alert(1)> & Zither"
    response = page.request.put(f"{visit.address}v1/items/marked-up", data={"title": title})
    assert response.ok
    assert visit.pick_title("Zither") == title
    assert page.locator(".chip").inner_text().strip() == title
    assert page.locator(".chip img").count() == 0
