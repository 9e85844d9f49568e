"""Items that come while the server runs: scored at once where the model adds items, given a place where little is known of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leanrec.data.description import ItemDescription
from leanrec.data.ids import IdMap
from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.errors import DataError
from leanrec.recommenders.model import Model
from leanrec.serving.exploring import Explore, ExploreConfig
from leanrec.serving.exposure import Exposure
from leanrec.serving.live_state import LiveState
from leanrec.serving.messages import EventsRequest, FeedbackEvent, ItemChange, RecommendRequest
from leanrec.serving.pipeline import Pipeline, PipelineConfig
from leanrec.serving.served_model import OpenedModel, ServedModel
from leanrec.serving.sqlite_store import SQLiteStore
from leanrec.serving.stage import NEW_ITEM, Candidates, Question
from leanrec.serving.store import ItemOverlay


class SharedWords:
    """Scores an item by how many words its title shares with the newest item of the history; counts what it was given to read."""

    is_collaborative = True
    adds_items = True

    def __init__(self, snapshot: Snapshot) -> None:
        self.items = snapshot.items
        self.titles = [set(title.lower().split()) for title in snapshot.titles]
        self.read: list[str] = []

    def fit(self, train: object, **_: object) -> "SharedWords":
        return self

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    def load(self, folder: Path) -> "SharedWords":
        raise NotImplementedError

    def score(self, query: Query, item_ids: Sequence[str]) -> np.ndarray:
        return self.catalogue_scores([query])[0][self.items.rows(item_ids)]

    def recommend(self, queries: Sequence[Query], *, k: int = 10, exclude_seen: bool = True) -> list[object]:
        raise NotImplementedError

    def catalogue_scores(self, queries: Sequence[Query]) -> np.ndarray:
        newest = [self.titles[self.items.row(query.history[-1])] if query.history else set() for query in queries]
        return np.array([[len(title & wanted) for title in self.titles] for wanted in newest], np.float32)

    def with_items(self, items: Sequence[ItemDescription]) -> "SharedWords":
        if any(item.item_id in self.items for item in items):
            raise DataError("known already")
        if any(item.title == "poison" for item in items):
            raise ValueError("this title is no title")
        grown = copy(self)
        grown.items = IdMap([*self.items.ids, *(item.item_id for item in items)], kind="item")
        grown.titles = [*self.titles, *(set((item.title or "").lower().split()) for item in items)]
        self.read += [item.item_id for item in items]
        return grown


@pytest.fixture
def opened(model: Model) -> OpenedModel:
    snapshot = Snapshot.of(model.dataset)
    recommender = SharedWords(snapshot)
    return OpenedModel.of(recommender, snapshot=snapshot, name="shop", kind="shared-words")  # type: ignore[arg-type]  # its `load` is a method


@pytest.fixture
def live(opened: OpenedModel, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveState:
    monkeypatch.setattr(OpenedModel, "open", lambda folder, *, name: opened)
    live = LiveState([model_folder], store=SQLiteStore(tmp_path / "store.sqlite3"), pipeline=PipelineConfig(), watch_seconds=60)
    yield live
    live.store.close()


def ids(live: LiveState, **request: object) -> list[str]:
    return [item.item_id for item in live.answering.recommend(RecommendRequest(**request), request_id="").items]


@pytest.mark.asyncio
async def test_a_new_item_can_be_the_first_of_the_very_next_answer(live: LiveState) -> None:
    await live.change_item("lamp", ItemChange(title="Zebra Lamp"))
    await live.change_item("desk", ItemChange(title="Zebra Desk Lamp", attributes={"category": ["Office"]}))
    answer = live.answering.recommend(RecommendRequest(history=["lamp"]), request_id="")
    first = answer.items[0]
    assert (first.item_id, first.source, first.reason) == ("desk", "shared-words", "because of Zebra Lamp")
    assert not answer.cold, "a history of a new item is a history"
    assert "lamp" not in [item.item_id for item in answer.items]
    assert ids(live, history=["lamp"], filters=["category=Office"])[0] == "desk"
    assert "desk" not in ids(live, history=["lamp"], exclude=["desk"], k=200)


@pytest.mark.asyncio
async def test_only_what_is_new_is_read(live: LiveState, opened: OpenedModel) -> None:
    recommender = opened.recommender
    await asyncio.gather(*(live.change_item(f"new {number}", ItemChange(title=f"Zebra {number}")) for number in range(20)))
    await live.change_item("one more", ItemChange(title="Zebra"))
    read: list[str] = recommender.read  # type: ignore[attr-defined]  # of the test
    assert sorted(read) == sorted({*(f"new {number}" for number in range(20)), "one more"}), "each once"
    assert live.models.default.num_scored == 150 + 21


@pytest.mark.asyncio
async def test_a_changed_title_changes_the_score_and_availability_reads_nothing(live: LiveState, opened: OpenedModel) -> None:
    await live.change_item("lamp", ItemChange(title="Zebra Lamp"))
    await live.change_item("desk", ItemChange(title="Plain Desk"))
    assert ids(live, history=["lamp"])[0] != "desk"
    await live.change_item("desk", ItemChange(title="Zebra Lamp Desk"))
    assert ids(live, history=["lamp"])[0] == "desk"
    num_read = len(opened.recommender.read)  # type: ignore[attr-defined]  # of the test
    await live.change_item("desk", ItemChange(available=False))
    assert "desk" not in ids(live, history=["lamp"], k=200)
    await live.delete_item("lamp")
    assert len(opened.recommender.read) == num_read  # type: ignore[attr-defined]  # of the test


@pytest.mark.asyncio
async def test_an_item_that_the_model_cannot_take_in_is_tried_as_before(live: LiveState) -> None:
    await live.change_item("bad", ItemChange(title="poison"))
    assert live.models.default.num_scored == 150
    assert ids(live, candidates=["bad"]) == ["bad"]
    again = ServedModel(live.models.default.opened, live.store.items())
    again.grow_now()
    assert again.num_scored == 150, "a server that starts again goes on without it too"
    await live.change_item("bad", ItemChange(title="Zebra"))
    assert live.models.default.num_scored == 151


@pytest.mark.asyncio
async def test_a_swapped_model_and_a_new_start_know_the_new_items(live: LiveState, opened: OpenedModel) -> None:
    await live.change_item("lamp", ItemChange(title="Zebra Lamp"))
    await live.models.swap(replace(opened, version="2"))
    assert live.models.default.version == "2"
    assert live.models.default.num_scored == 151
    served = ServedModel(opened, live.store.items())
    served.grow_now()
    assert served.catalogue.item_id(150) == served.recommender.items.ids[150] == "lamp"  # type: ignore[attr-defined]


def explored(served: ServedModel, *, exposure: Exposure | None = None, k: int = 10, **changes: object) -> list[str]:
    """Sources of a list that was explored, place by place."""
    config = ExploreConfig.parse({name: changes.pop(name) for name in ("share", "min_events", "includes_known") if name in changes})
    rows = np.arange(k)
    chosen = Candidates(
        rows=rows, scores=np.linspace(1, 0.5, k, dtype=np.float32), sources=np.zeros(k, np.int8), names=("graph",), weights=(1.0,), note="by score"
    )
    asked = Question(
        query=Query(),
        k=k,
        model=served,
        models={},
        history_rows=np.zeros(0, np.int64),
        blocked=np.zeros(len(served.catalogue), np.bool_),
        num_blocked=0,
        **changes,  # type: ignore[arg-type]  # fields of Question
    )
    found = Explore(config, exposure=exposure or Exposure(), seed=0)(asked, chosen)
    assert np.all(np.diff(found.scores) <= 0)
    return [served.catalogue.item_id(row) if found.names[source] == NEW_ITEM else "" for row, source in zip(found.rows, found.sources, strict=True)]


@pytest.fixture
def graph(other_folder: Path) -> ServedModel:
    """A model that takes in no items, and forty items that came since."""
    return ServedModel(OpenedModel.open(other_folder, name="graph"), [ItemOverlay(item_id=f"new {number}", title="New") for number in range(40)])


def test_new_items_have_their_share_of_places_below_the_first(graph: ServedModel) -> None:
    lists = [explored(graph, person=f"user {number}", k=20, share=0.2) for number in range(200)]
    assert {sum(map(bool, one)) for one in lists} == {4}
    assert not any(one[0] for one in lists)
    assert all(any(one[place] for one in lists) for place in range(1, 20)), "every place below the first is used"
    assert {item for one in lists for item in one} > {f"new {number}" for number in range(40)}, "each new item is tried"


def test_a_share_below_one_place_is_for_so_many_lists(graph: ServedModel) -> None:
    lists = [explored(graph, person=f"user {number}", k=5, share=0.1) for number in range(2000)]
    assert 0.46 < np.mean([any(one) for one in lists]) < 0.54
    assert not any(any(explored(graph, person=f"user {number}", k=1, share=0.5)) for number in range(50)), "the first place is never given"
    assert not any(any(explored(graph, person=f"user {number}", share=0.0)) for number in range(50))


def test_a_list_stays_the_same_through_a_day_and_changes_with_it(graph: ServedModel) -> None:
    assert explored(graph, person="ann", day=5) == explored(graph, person="ann", day=5)
    assert len({tuple(explored(graph, person="ann", day=day)) for day in range(20)}) > 10


def test_items_that_nobody_chose_though_they_were_shown_are_shown_less(graph: ServedModel) -> None:
    exposure = Exposure()
    exposure.shown([f"new {number}" for number in range(20)] * 50)
    exposure.acted([f"new {number}" for number in range(10)] * 40)
    lists = [explored(graph, person=f"user {number}", exposure=copy(exposure)) for number in range(300)]
    counts = Counter(item for one in lists for item in one if item)
    liked, ignored = (sum(counts[f"new {number}"] for number in numbers) for numbers in (range(10), range(10, 20)))
    assert liked > 20 * max(1, ignored)


def test_items_that_few_have_chosen_are_new_when_the_settings_say_so(graph: ServedModel) -> None:
    known = ServedModel(graph.opened)
    assert not any(explored(known, person=f"user {number}", share=0.5)[1] for number in range(20))
    rare = int(np.sort(known.snapshot.counts)[5])
    lists = [explored(known, person=f"user {number}", share=0.3, min_events=rare + 1, includes_known=True) for number in range(20)]
    seldom = {known.catalogue.item_id(row) for row in np.flatnonzero(known.snapshot.counts <= rare)}
    assert {item for one in lists for item in one if item} <= seldom
    assert any(any(one) for one in lists)


@pytest.mark.asyncio
async def test_acts_make_an_item_known(live: LiveState) -> None:
    pipeline = Pipeline(PipelineConfig.parse({"explore": {"share": 0.5, "min_events": 2}}), exposure=live._exposure)
    live.answering._pipeline = pipeline
    await live.change_item("lamp", ItemChange(title="Nothing Shared"))
    first = live.models.default.snapshot.items.ids[0]
    before = [item.source for item in live.answering.recommend(RecommendRequest(candidates=["lamp", first]), request_id="").items]
    events = [FeedbackEvent(event_id=str(number), user_id="bob", item_id="lamp", event="click") for number in range(2)]
    await live.append(EventsRequest(events=events))
    assert live._exposure.of("lamp")[1] == 2
    after = [item.source for item in live.answering.recommend(RecommendRequest(candidates=["lamp", first]), request_id="").items]
    assert NEW_ITEM not in after
    assert before


def test_a_model_that_knows_ids_only_scores_new_items_by_content_beside_it(graph: ServedModel) -> None:
    model = ServedModel(graph.opened)
    description = model.catalogue.description(3)
    model.put(ItemOverlay(item_id="like the third", title=description.title, attributes=dict(description.attributes)))
    model.put(ItemOverlay(item_id="like nothing", title="Qqq Zzz", attributes={}))
    model.grow_now()
    assert model.num_scored == len(model.catalogue) == model.catalogue.num_known + 2
    assert not model.reads_text
    assert model.scorer is not None
    history = model.catalogue.item_id(3)
    scores = model.scorer.catalogue_scores([Query(history=(history,))])[0]
    assert scores[model.catalogue.row("like the third")] > scores[model.catalogue.row("like nothing")]
    again = ServedModel(graph.opened)
    before = again.scorer.catalogue_scores([Query(history=(history,))])[0] if again.scorer is not None else scores
    best = np.argsort(-before, kind="stable")[:5]
    assert np.array_equal(best, np.argsort(-scores[: again.catalogue.num_known], kind="stable")[:5])
