"""Profiles over HTTP: the same as offline, corrected by people, durable, heeded at once; and two ids as one person."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from leanrec.data.profile import UserProfile
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.features.past import Past
from leanrec.features.profiles import ProfileBuilder
from leanrec.recommenders.model import Model
from leanrec.recommenders.popularity import Popularity
from leanrec.recommenders.protocol import FloatArray
from leanrec.serving.answering import Answering
from leanrec.serving.messages import RecommendRequest
from leanrec.serving.models import ModelSet
from leanrec.serving.pipeline import Pipeline
from leanrec.serving.served_model import OpenedModel
from leanrec.serving.sqlite_store import SQLiteStore

_numbers = itertools.count()


def tell(api: httpx.Client, user_id: str, *item_ids: str, kind: str = "click") -> None:
    events = [{"event_id": f"profile event {next(_numbers)}", "user_id": user_id, "item_id": item_id, "event": kind} for item_id in item_ids]
    assert api.post("/v1/events", json={"events": events}).status_code == 200


def ask(api: httpx.Client, **request: object) -> list[dict]:  # type: ignore[type-arg]  # JSON
    response = api.post("/v1/recommend", json={"k": 20, **request})
    assert response.status_code == 200, response.text
    found: list[dict] = response.json()["items"]  # type: ignore[type-arg]  # JSON
    return found


def say(api: httpx.Client, user_id: str, *words: tuple[str, str, str]) -> httpx.Response:
    corrections = [{"attribute": attribute, "value": value, "verdict": verdict} for attribute, value, verdict in words]
    return api.put(f"/v1/users/{user_id}/profile/corrections", json={"corrections": corrections})


def profile(api: httpx.Client, user_id: str) -> UserProfile:
    response = api.get(f"/v1/users/{user_id}/profile")
    assert response.status_code == 200, response.text
    return UserProfile.from_dict(response.json())


def items_of(model: Model, category: str) -> list[str]:
    return model.dataset.catalogue.matching([f"category={category}"])


def test_a_profile_over_http_is_the_one_computed_offline(api: httpx.Client, model: Model) -> None:
    snapshot = Snapshot.of(model.dataset)
    offline = ProfileBuilder.of_snapshot(snapshot).of_history(Past.of_user(snapshot, 11))
    online = profile(api, snapshot.users.ids[11])
    assert online.tastes == offline.tastes and online.bands == offline.bands and online.rhythm == offline.rhythm
    assert online.num_events == offline.num_events > 0
    assert online.recency is not None and online.recency.days_since > 100, "as of now, not of the newest event"


def test_live_events_join_the_profile_at_once(api: httpx.Client, model: Model) -> None:
    assert profile(api, "gardener").tastes == ()
    tell(api, "gardener", *items_of(model, "Garden")[:4])
    found = profile(api, "gardener")
    best = found.tastes[0]
    assert (best.attribute, best.value, best.support, best.share) == ("category", "Garden", 4, 1.0)
    assert found.num_events == 4 and found.recency is not None and found.recency.days_since < 1


def test_a_new_item_counts_by_what_was_said_of_it(api: httpx.Client) -> None:
    api.put("/v1/items/brand new kettle", json={"title": "Kettle", "attributes": {"category": ["Kitchen"], "price": 30}})
    tell(api, "cook", "brand new kettle", kind="buy")
    assert profile(api, "cook").taste("category", "Kitchen") is not None


def test_what_is_not_me_is_never_recommended_and_comes_back_when_taken_back(api: httpx.Client, model: Model) -> None:
    tell(api, "muter", *items_of(model, "Music")[:3])
    shown = {category for item in ask(api, user_id="muter") for category in item["attributes"]["category"]}
    assert "Music" in shown
    answer = say(api, "muter", ("category", "Music", "not-me"))
    assert answer.status_code == 200 and UserProfile.from_dict(answer.json()).taste("category", "Music") is None
    for request in ({}, {"filters": ["category=Music"]}, {"candidates": items_of(model, "Music")}):
        assert not any("Music" in item["attributes"]["category"] for item in ask(api, user_id="muter", **request))
    assert api.delete("/v1/users/muter/profile/corrections", params={"attribute": "category", "value": "Music"}).status_code == 204
    assert "Music" in {category for item in ask(api, user_id="muter") for category in item["attributes"]["category"]}


def test_a_new_item_with_a_muted_value_is_not_tried_on_that_user(api: httpx.Client) -> None:
    api.put("/v1/items/brand new drum", json={"title": "Drum", "attributes": {"category": ["Drums"]}})
    say(api, "quiet", ("category", "Drums", "not-me"))
    assert ask(api, user_id="quiet", filters=["category=Drums"]) == []
    assert [item["item_id"] for item in ask(api, user_id="loud", filters=["category=Drums"])] == ["brand new drum"]


@pytest.mark.parametrize(("verdict", "rises"), [("like", True), ("dislike", False)])
def test_a_like_raises_and_a_dislike_lowers_what_has_the_value(api: httpx.Client, model: Model, verdict: str, rises: bool) -> None:
    user = f"fan who says {verdict}"
    tell(api, user, *(items_of(model, name)[0] for name in ("Garden", "Office", "Toys", "Sports")))

    def num_toys() -> int:
        return sum("Toys" in item["attributes"]["category"] for item in ask(api, user_id=user, k=10))

    before = num_toys()
    assert say(api, user, ("category", "Toys", verdict)).status_code == 200
    after = num_toys()
    assert after > before if rises else after < before


def test_corrections_are_replaced_as_a_whole(api: httpx.Client) -> None:
    say(api, "changer", ("category", "Music", "like"), ("brand", "Arbor", "dislike"))
    say(api, "changer", ("brand", "Arbor", "like"))
    assert [(one.attribute, one.verdict) for one in profile(api, "changer").corrections] == [("brand", "like")]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("colour", "red", "like"), "colour"),
        (("price", "10", "like"), "price"),
        (("category", "Music", "hate"), "hate"),
        (("category", "", "like"), "value"),
    ],
)
def test_a_correction_that_cannot_take_effect_is_refused(api: httpx.Client, words: tuple[str, str, str], named: str) -> None:
    answer = say(api, "strict", words)
    assert answer.status_code == 422 and named in answer.json()["detail"]
    assert profile(api, "strict").corrections == ()


def test_taking_back_what_was_never_said_is_not_found(api: httpx.Client) -> None:
    answer = api.delete("/v1/users/silent/profile/corrections", params={"attribute": "category", "value": "Music"})
    assert answer.status_code == 404 and "said nothing" in answer.json()["detail"]


def test_corrections_survive_a_kill_and_go_when_the_user_is_forgotten(start: Callable[..., object], model_folder: Path) -> None:
    server = start(model_folder)
    with httpx.Client(base_url=server.url) as api:
        assert say(api, "ann", ("category", "Music", "not-me")).status_code == 200
    server.kill()
    server = start(model_folder)
    with httpx.Client(base_url=server.url) as api:
        assert [one.value for one in profile(api, "ann").corrections] == ["Music"]
        assert api.delete("/v1/users/ann").status_code == 204
        assert profile(api, "ann").corrections == ()


def test_a_forgotten_user_has_no_profile_of_what_the_model_remembers(start: Callable[..., object], model_folder: Path, model: Model) -> None:
    server = start(model_folder)
    user = model.dataset.users.ids[4]
    with httpx.Client(base_url=server.url) as api:
        assert profile(api, user).num_events > 0
        api.delete(f"/v1/users/{user}")
        assert profile(api, user).num_events == 0


def test_linked_ids_are_one_person_in_history_answers_and_profile(api: httpx.Client, model: Model) -> None:
    user = model.dataset.users.ids[21]
    garden = [item_id for item_id in items_of(model, "Garden") if item_id not in model.history(user)][:2]
    tell(api, "visit 1", *garden)
    before = profile(api, user).num_events
    assert api.post("/v1/links", json={"anonymous_id": "visit 1", "user_id": user}).status_code == 200
    assert profile(api, user).num_events == before + 2
    assert profile(api, "visit 1").tastes == profile(api, user).tastes
    assert not set(garden) & {item["item_id"] for item in ask(api, user_id=user, k=100)}
    as_user, as_visit = ([item["item_id"] for item in ask(api, user_id=one)] for one in (user, "visit 1"))
    assert as_user == as_visit
    past = api.get("/v1/users/visit 1/history", params={"limit": 1000}).json()
    assert len(past["events"]) == before + 2 and past["known"]


def test_an_id_of_one_person_cannot_become_anothers(api: httpx.Client) -> None:
    assert api.post("/v1/links", json={"anonymous_id": "tablet", "user_id": "ann"}).status_code == 200
    answer = api.post("/v1/links", json={"anonymous_id": "tablet", "user_id": "bob"})
    assert answer.status_code == 422 and "another person" in answer.json()["detail"]


def test_forgetting_one_id_forgets_the_person_and_what_models_remember(start: Callable[..., object], model_folder: Path, model: Model) -> None:
    server = start(model_folder)
    user = model.dataset.users.ids[6]
    with httpx.Client(base_url=server.url) as api:
        api.post("/v1/links", json={"anonymous_id": "phone", "user_id": user})
        assert profile(api, "phone").num_events > 0
        api.delete("/v1/users/phone")
        assert profile(api, user).num_events == profile(api, "phone").num_events == 0


class Reader(Popularity):
    """A recommender that keeps the profile it was asked with."""

    reads_profile = True
    seen: UserProfile | None = None

    def catalogue_scores(self, queries: Sequence[Query]) -> FloatArray:
        type(self).seen = queries[0].profile
        return super().catalogue_scores(queries)


@pytest.mark.parametrize("reads", [True, False])
def test_a_profile_is_computed_only_for_a_recommender_that_reads_it(model: Model, tmp_path: Path, reads: bool) -> None:
    folder = tmp_path / "shop"
    Model(recommender=Popularity().fit(model.dataset), dataset=model.dataset, name="popularity").save(folder)
    opened = OpenedModel.open(folder, name="shop")
    opened.recommender.__class__ = Reader
    Reader.reads_profile, Reader.seen = reads, None
    store = SQLiteStore(tmp_path / "store.sqlite3")
    answering = Answering(models=ModelSet([opened], store=store), store=store, pipeline=Pipeline())
    user = model.dataset.users.ids[2]
    answering.recommend(RecommendRequest(user_id=user, history=[model.dataset.items.ids[0]]), request_id="1")
    assert (Reader.seen is not None) == reads
    if Reader.seen is not None:
        assert Reader.seen.num_events == len(model.history(user)) + 1
    store.close()
