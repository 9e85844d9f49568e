"""Asking: as a stranger, as a user, with a taste, with filters, of one model or two."""

from typing import Any


def test_a_stranger_gets_a_cold_list_with_scores_sources_and_reasons(visit: Any) -> None:
    page = visit.page
    assert page.locator(".cold").inner_text().startswith(visit.words("cold.mark"))
    assert page.locator(".item").count() == 10
    for part in (".item-title", ".item-attributes", ".item-reason", ".item-score", ".item-source"):
        assert all(text.strip() for text in page.locator(f".item {part}").all_inner_texts())


def test_a_known_user_is_found_by_typing_and_gets_reasons_from_their_history(visit: Any) -> None:
    before = visit.ids()
    user_id = visit.choose_user("u00")
    page = visit.page
    assert page.locator("h1").inner_text() == visit.words("title.user", id=user_id)
    assert visit.ids() != before
    assert page.locator(".cold").count() == 0
    assert page.locator(".past-list li").count() > 0
    assert page.locator(".item-reason cite").count() > 0
    assert page.url.endswith(f"#user={user_id}")


def test_a_link_to_a_user_opens_their_list(visiting: Any) -> None:
    visit = visiting().open("#user=u00003")
    assert visit.page.locator("h1").inner_text() == visit.words("title.user", id="u00003")
    assert visit.page.get_by_role("combobox", name=visit.words("person.search")).input_value() == "u00003"


def test_a_search_without_matches_says_so(visit: Any) -> None:
    visit.page.get_by_role("combobox", name=visit.words("taste.search")).fill("zzzz")
    visit.page.get_by_text(visit.words("search.none", text="zzzz")).first.wait_for()


def test_a_taste_changes_the_list_and_can_be_taken_back(visit: Any) -> None:
    page = visit.page
    cold = visit.ids()
    picked = visit.pick_title("Tent")
    warm = visit.ids()
    assert warm != cold
    assert page.locator(".movement").inner_text().startswith(visit.words("moved.after.taste"))
    with visit.asking():
        page.get_by_role("button", name=visit.words("taste.remove", title=picked)).click()
    assert visit.ids() == cold


def test_starting_over_forgets_the_visitor_on_the_server_too(visit: Any) -> None:
    _, event = visit.act("like")
    page = visit.page
    page.locator(".past-list li").first.wait_for()
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.get_by_role("button", name=visit.words("taste.restart")).click()
    assert deleted.value.status == 204
    assert deleted.value.url.endswith(event["user_id"])
    page.locator(".cold").wait_for()
    assert page.locator(".past-list li").count() == 0


def test_filters_hold_for_every_item_and_can_be_cleared(visit: Any) -> None:
    page = visit.page
    with visit.asking() as asked:
        page.get_by_role("checkbox", name="Music").click()
    assert asked.value.request.post_data_json["filters"] == ["category=Music"]
    visit.settled()
    assert all("Music" in text for text in page.locator(".item-attributes").all_inner_texts())
    with visit.asking():
        page.get_by_label(visit.words("filters.to", name="Price")).fill("0.01")
        page.keyboard.press("Tab")
    page.get_by_text(visit.words("empty.heading")).first.wait_for()
    with visit.asking():
        page.locator(".column").first.get_by_role("button", name=visit.words("filters.clear")).click()
    assert len(visit.ids()) == 10
    assert page.locator(".toggle input:checked").count() == 0


def test_the_length_of_the_list_can_be_chosen(visit: Any) -> None:
    with visit.asking():
        visit.page.locator("#num-items").select_option("5")
    assert len(visit.ids()) == 5


def test_items_already_seen_can_be_included(visit: Any) -> None:
    visit.choose_user("u00")
    with visit.asking() as asked:
        visit.page.locator("[data-setting=seen]").first.check()
    assert asked.value.request.post_data_json["include_seen"] is True


def test_two_models_stand_side_by_side_and_say_what_they_share(visit: Any) -> None:
    visit.choose_user("u00")
    page = visit.page
    with visit.asking():
        page.locator("#compare").click()
    first, second = visit.ids(0), visit.ids(1)
    assert first != second
    shared = len(set(first) & set(second))
    page.get_by_text(visit.words("column.shared", n=shared, total=10)).first.wait_for()
    assert page.locator(".column").nth(0).locator(".item-other").count() == shared
    models = [page.locator("[data-setting=model]").nth(index).input_value() for index in (0, 1)]
    assert models[0] != models[1]
    with visit.asking():
        page.locator("[data-setting=model]").nth(1).select_option(models[0])
    assert visit.ids(1) == first
    with visit.asking() as asked:
        page.locator("[data-setting=for]").nth(1).select_option("stranger")
    visit.settled()
    bodies = asked.value.request.post_data_json
    assert "user_id" in bodies or bodies["ephemeral"]
    assert page.locator(".column").nth(1).locator(".cold").count() == 1


def test_the_panel_shows_what_the_server_said_of_each_stage(visit: Any) -> None:
    with visit.asking() as asked:
        visit.page.locator("#num-items").select_option("20")
    visit.settled()
    stages = asked.value.json()["stages"]
    rows = visit.page.locator(".stages tbody tr").all_inner_texts()
    for stage in stages:
        wanted = f"{stage['in']:,} → {stage['out']:,}"
        assert any(wanted in row for row in rows), (stage, rows)
    assert visit.page.locator(".stages-total strong").inner_text().endswith("ms")


def test_another_user_in_the_address_is_asked_for(visit: Any) -> None:
    with visit.asking():
        visit.page.evaluate("() => { location.hash = 'user=u00007'; }")
    visit.settled()
    assert visit.page.locator("h1").inner_text() == visit.words("title.user", id="u00007")
