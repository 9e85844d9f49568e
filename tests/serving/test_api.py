"""The HTTP API on a real server: answers, events, items, users, and a problem for every mistake."""

import itertools
import json

import httpx
import pytest

from leanrec.recommenders.model import Model

from .conftest import ask, ids

_numbers = itertools.count()


def event(user_id: str, item_id: str, kind: str = "click") -> dict[str, object]:
    return {"event_id": f"event {next(_numbers)}", "user_id": user_id, "item_id": item_id, "event": kind}


def tell(api: httpx.Client, *events: dict[str, object]) -> dict[str, int]:
    response = api.post("/v1/events", json={"events": events})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_known_user_is_answered_with_reasons_stages_and_times(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[3]
    answer = ask(api, user_id=user, k=5)
    assert len(answer["items"]) == 5
    assert not answer["cold"]
    assert not set(ids(answer)) & set(model.history(user))
    assert all(item["source"] == "fusion" and item["reason"] and item["title"] and item["attributes"] for item in answer["items"])
    assert [stage["name"] for stage in answer["stages"]] == ["retrieve", "filter", "rank", "fuse", "correct", "diversify", "explore", "explain"]
    assert set(answer["timings_ms"]) == {"history", "retrieve", "filter", "rank", "fuse", "correct", "diversify", "explore", "explain", "total"}
    assert answer["model"] == "shop"
    assert len(answer["model_version"]) == 12


def test_the_order_is_that_of_the_recommender_when_nothing_diversifies(api: httpx.Client, model: Model) -> None:
    """The default pipeline gives up some score for variety, but only among the best; candidates of k items leave it no choice."""
    user = model.dataset.users.ids[5]
    best = model.recommender.recommend([model.query(user)], k=8)[0].item_ids
    assert set(ids(ask(api, user_id=user, candidates=best, k=8))) == set(best)


def test_a_reason_names_an_item_of_the_history(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[7]
    titles = {model.dataset.catalogue.title(item_id) for item_id in model.history(user)}
    reasons = [item["reason"] for item in ask(api, user_id=user)["items"]]
    named = [reason.removeprefix("because of ") for reason in reasons if reason.startswith("because of ")]
    assert named
    assert set(named) <= titles


@pytest.mark.parametrize("request_body", [{}, {"user_id": "never seen"}, {"user_id": "never seen", "history": ["no such item"]}])
def test_whoever_is_unknown_is_answered_and_marked_cold(api: httpx.Client, request_body: dict[str, object]) -> None:
    answer = ask(api, **request_body)
    assert answer["cold"]
    assert len(answer["items"]) == 10
    assert {item["source"] for item in answer["items"]} == {"popularity"}
    assert {item["reason"] for item in answer["items"]} == {"popular with everyone"}


def test_an_event_changes_the_very_next_answer(api: httpx.Client) -> None:
    before = ask(api, user_id="newcomer")
    chosen = ids(before)[0]
    assert tell(api, event("newcomer", chosen)) == {"accepted": 1, "duplicates": 0}
    after = ask(api, user_id="newcomer")
    assert before["cold"] and not after["cold"]
    assert chosen not in ids(after)
    assert any("because of" in item["reason"] for item in after["items"])


def test_the_same_events_are_counted_once(api: httpx.Client) -> None:
    batch = [event("repeater", "0001"), event("repeater", "0002")]
    assert tell(api, *batch) == {"accepted": 2, "duplicates": 0}
    assert tell(api, *batch, batch[0]) == {"accepted": 0, "duplicates": 3}
    history = api.get("/v1/users/repeater/history").json()
    assert [past["item_id"] for past in history["events"]] == ["0002", "0001"]


def test_a_hidden_item_never_comes_back(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[11]
    first = ids(ask(api, user_id=user))[0]
    tell(api, event(user, first, "hide"))
    assert first not in ids(ask(api, user_id=user, k=150))
    assert first not in ids(ask(api, user_id=user, k=150, include_seen=True))


def test_an_impression_is_no_history(api: httpx.Client, model: Model) -> None:
    tell(api, event("looker", model.dataset.items.ids[0], "impression"))
    assert ask(api, user_id="looker")["cold"]


def test_candidates_exclusions_availability_and_filters_hold(api: httpx.Client, model: Model) -> None:
    items = model.dataset.items.ids
    user = model.dataset.users.ids[2]
    assert set(ids(ask(api, user_id=user, candidates=items[:20], include_seen=True, k=50))) == set(items[:20])
    assert set(ids(ask(api, user_id=user, candidates=items[:20], available=items[10:30], include_seen=True))) <= set(items[10:20])
    assert not set(ids(ask(api, user_id=user, exclude=items[:75], k=150))) & set(items[:75])
    catalogue = model.dataset.catalogue
    column = catalogue.category_column
    assert column is not None
    value = catalogue.values(items[0], column)[0]
    wanted = f"{column}={value}"
    assert set(ids(ask(api, filters=[wanted], k=150))) == set(catalogue.matching([wanted]))


def test_a_session_is_answered_by_its_history_alone(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[4]
    history = list(model.history(user))[-5:]
    anonymous = ask(api, history=history, k=5)
    ephemeral = ask(api, user_id=user, history=history, ephemeral=True, k=5)
    assert ids(anonymous) == ids(ephemeral)
    assert not anonymous["cold"]


def test_two_models_answer_side_by_side(api: httpx.Client, model: Model) -> None:
    models = api.get("/v1/models").json()["models"]
    assert [(one["name"], one["kind"], one["is_default"]) for one in models] == [("shop", "fusion", True), ("graph", "cooccurrence", False)]
    answer = ask(api, user_id=model.dataset.users.ids[0], model="graph")
    assert answer["model"] == "graph"
    assert {item["source"] for item in answer["items"]} == {"cooccurrence"}
    problem = api.post("/v1/recommend", json={"model": "grap"})
    assert problem.status_code == 422
    assert "did you mean 'graph'" in problem.json()["hint"]


def test_a_list_does_not_ask_for_reasons_it_does_not_want(api: httpx.Client) -> None:
    assert {item["reason"] for item in ask(api, history=["0001"], explain=False)["items"]} == {""}


def test_items_are_searched_by_title_the_most_popular_first(api: httpx.Client, model: Model) -> None:
    title = model.dataset.catalogue.title(model.dataset.items.ids[0])
    found = api.get("/v1/items", params={"search": title.upper()}).json()
    assert found["total"] >= 1
    assert all(title.casefold() in item["title"].casefold() for item in found["items"])
    everything = api.get("/v1/items", params={"limit": 100}).json()
    popularity = [item["popularity"] for item in everything["items"]]
    assert popularity == sorted(popularity, reverse=True)
    assert everything["total"] >= len(model.dataset.items)
    second_page = api.get("/v1/items", params={"limit": 50, "offset": 50}).json()
    assert [item["item_id"] for item in second_page["items"]] == [item["item_id"] for item in everything["items"]][50:]


def test_similar_items_name_their_source(api: httpx.Client, model: Model) -> None:
    item_id = max(model.dataset.items.ids, key=lambda one: sum(one in model.history(user) for user in model.dataset.users.ids[:50]))
    by_graph = api.get(f"/v1/items/{item_id}/similar", params={"k": 4, "model": "graph"}).json()
    assert len(by_graph["items"]) == 4
    assert {item["source"] for item in by_graph["items"]} == {"cooccurrence"}
    by_default = api.get(f"/v1/items/{item_id}/similar").json()
    assert {item["source"] for item in by_default["items"]} == {"cooccurrence"}, "the heaviest member that compares items is named"
    assert item_id not in [item["item_id"] for item in by_default["items"]]
    assert api.get("/v1/items/no such item/similar").status_code == 404


def test_a_new_item_can_be_found_and_is_tried_below_the_first_place(api: httpx.Client, model: Model) -> None:
    change = {"title": "Entirely Unheard Of", "attributes": {"topic": "Novelty", "price": 9.5, "tags": ["a", "b"]}}
    created = api.put("/v1/items/brand-new", json=change).json()
    assert created == {"item_id": "brand-new", "title": "Entirely Unheard Of", "attributes": change["attributes"], "available": True}
    assert [item["item_id"] for item in api.get("/v1/items", params={"search": "unheard"}).json()["items"]] == ["brand-new"]
    answer = ask(api, user_id=model.dataset.users.ids[20])
    assert "brand-new" in ids(answer)[1:]
    tried = answer["items"][ids(answer).index("brand-new")]
    assert (tried["source"], tried["reason"]) == ("new-item", "new in the catalogue")
    assert ids(ask(api, user_id=model.dataset.users.ids[20])) == ids(answer), "the list does not flicker"
    assert ids(ask(api, candidates=["brand-new"])) == ["brand-new"]
    assert ids(ask(api, filters=["price<10"], k=3)) == ["brand-new"] or "price" in model.dataset.catalogue.attributes
    assert api.delete("/v1/items/brand-new").status_code == 204
    assert api.get("/v1/items/brand-new").status_code == 404
    assert ids(ask(api, candidates=["brand-new"])) == []
    assert api.put("/v1/items/brand-new", json={}).json()["title"] == "brand-new"
    api.delete("/v1/items/brand-new")


def test_an_item_that_is_out_comes_back_when_it_is_available_again(api: httpx.Client) -> None:
    first = ids(ask(api))[0]
    title = api.get(f"/v1/items/{first}").json()["title"]
    assert not api.put(f"/v1/items/{first}", json={"available": False}).json()["available"]
    assert first not in ids(ask(api, k=150))
    renamed = api.put(f"/v1/items/{first}", json={"available": True, "title": title + " II"}).json()
    assert renamed["title"] == title + " II"
    assert renamed["attributes"]
    assert first in ids(ask(api))
    api.put(f"/v1/items/{first}", json={"title": title})


def test_ids_may_hold_any_character(api: httpx.Client) -> None:
    strange = "a/b?c=d&é 漢字"
    tell(api, event(strange, "0001"))
    assert api.get("/v1/users/a%2Fb%3Fc%3Dd%26%C3%A9%20%E6%BC%A2%E5%AD%97/history").json()["events"][0]["item_id"] == "0001"
    assert api.delete("/v1/users/a%2Fb%3Fc%3Dd%26%C3%A9%20%E6%BC%A2%E5%AD%97").status_code == 204


def test_a_forgotten_user_is_a_stranger_to_store_and_model(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[30]
    tell(api, event(user, "0001"))
    assert api.get(f"/v1/users/{user}/history").json()["known"]
    assert api.delete(f"/v1/users/{user}").status_code == 204
    assert api.get(f"/v1/users/{user}/history").json() == {"user_id": user, "events": [], "known": False}
    assert ask(api, user_id=user)["cold"]
    assert user not in [found["user_id"] for found in api.get("/v1/users", params={"search": user}).json()["users"]]


def test_users_are_found_by_a_part_of_their_id(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[40]
    found = api.get("/v1/users", params={"search": user, "limit": 5}).json()["users"]
    assert {"user_id": user, "num_events": len(model.history(user))} in found


def test_the_history_joins_what_the_model_knows_and_what_came_since(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[41]
    tell(api, event(user, "0001", "like"))
    events = api.get(f"/v1/users/{user}/history", params={"limit": 1000}).json()["events"]
    assert (events[0]["item_id"], events[0]["event"]) == ("0001", "like")
    assert [past["item_id"] for past in events[1:]] == list(reversed(model.history(user)))


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/v1/recommend", None, 405),
        ("POST", "/v1/recommend", "{", 400),
        ("POST", "/v1/recommend", "[]", 422),
        ("POST", "/v1/recommend", '{"k": 0}', 422),
        ("POST", "/v1/recommend", '{"k": 501}', 422),
        ("POST", "/v1/recommend", '{"kk": 5}', 422),
        ("POST", "/v1/recommend", '{"user_id": ""}', 422),
        ("POST", "/v1/recommend", '{"filters": ["nonsense"]}', 422),
        ("POST", "/v1/recommend", '{"filters": ["colour=red"]}', 422),
        ("POST", "/v1/recommend", json.dumps({"user_id": "x" * 513}), 422),
        ("POST", "/v1/recommend", json.dumps({"history": ["1"] * 1001}), 422),
        ("POST", "/v1/events", '{"events": []}', 422),
        ("POST", "/v1/events", '{"events": [{"event_id": "1", "user_id": "u", "item_id": "i", "event": "steal"}]}', 422),
        ("POST", "/v1/events", '{"events": [{"user_id": "u", "item_id": "i", "event": "view"}]}', 422),
        ("PUT", "/v1/items/x", '{"attributes": {"a": {"b": 1}}}', 422),
        ("GET", "/v1/items?limit=1000", None, 422),
        ("GET", "/v1/items/unknown", None, 404),
        ("DELETE", "/v1/items/unknown", None, 404),
        ("POST", "/v1/recommend", '{"user_id": "\\ud800"}', 400),
    ],
)
def test_every_mistake_is_answered_by_a_problem(api: httpx.Client, method: str, path: str, content: str | None, status: int) -> None:
    response = api.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and problem["hint"]
    assert problem["request_id"] == response.headers["x-request-id"]


def test_a_body_that_is_too_large_is_refused_with_and_without_a_length(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert api.post("/v1/events", content=b" " * (2 << 20), headers=headers).status_code == 413
    assert api.post("/v1/events", content=iter([b" " * 65536] * 32), headers=headers).status_code == 413
    assert api.post("/v1/events", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_figures_are_given_to_prometheus(api: httpx.Client) -> None:
    ask(api)
    text = api.get("/metrics").text
    for name in ("leanrec_request_seconds_bucket", "leanrec_stage_seconds_sum", "leanrec_cold_answers_total", "leanrec_store_size"):
        assert name in text
    assert 'route="recommend"' in text


def test_the_document_is_openapi_3_1_and_names_every_route(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"/v1/recommend", "/v1/events", "/v1/items/{item_id}/similar", "/v1/users/{user_id}/history", "/metrics"} <= set(document["paths"])
