"""The stages one by one, and the pipeline that a file declares."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from leanrec.data.query import Query
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ConfigError, DataError
from leanrec.recommenders.model import Model
from leanrec.serving.diversifying import marginal_relevance
from leanrec.serving.item_index import ItemIndex
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.pipeline import Pipeline, PipelineConfig, read_pipeline
from leanrec.serving.ranking import Fuse, FuseConfig, Rank, RankConfig
from leanrec.serving.served_model import OpenedModel, ServedModel
from leanrec.serving.stage import Candidates, Question, Stage
from leanrec.serving.store import ItemOverlay


@pytest.fixture(scope="module")
def served(model_folder: Path) -> ServedModel:
    return ServedModel(OpenedModel.open(model_folder, name="shop"))


@pytest.fixture(scope="module")
def graph(other_folder: Path) -> ServedModel:
    return ServedModel(OpenedModel.open(other_folder, name="graph"))


def question(served: ServedModel, *, others: Sequence[ServedModel] = (), k: int = 5, user: int = 3, blocked: Sequence[int] = ()) -> Question:
    rows = served.past_rows(served.snapshot.users.ids[user])
    mask = np.zeros(len(served.catalogue), np.bool_)
    mask[rows] = True
    mask[list(blocked)] = True
    return Question(
        query=Query(history=tuple(served.snapshot.items.ids[row] for row in rows)),
        k=k,
        model=served,
        models={model.name: model for model in (served, *others)},
        history_rows=rows,
        blocked=mask,
        num_blocked=int(mask.sum()),
    )


def candidates(rows: list[int], scores: list[float], sources: list[int], names: tuple[str, ...]) -> Candidates:
    return Candidates(
        rows=np.array(rows), scores=np.array(scores, np.float32), sources=np.array(sources, np.int8), names=names, weights=(1.0,) * len(names)
    )


def test_every_stage_keeps_the_protocol() -> None:
    assert all(isinstance(stage, Stage) for stage in Pipeline().stages.values())


def test_without_variety_the_answer_is_the_recommenders_own(served: ServedModel, model: Model) -> None:
    plain = Pipeline(PipelineConfig.parse({"diversify": {"relevance": 1.0}}))
    for user in range(20):
        asked = question(served, user=user, k=10)
        expected = model.recommender.recommend([asked.query], k=10)[0]
        found = plain.answer(asked).candidates
        assert [served.catalogue.item_id(row) for row in found.rows.tolist()] == list(expected.item_ids)
        assert np.allclose(found.scores, [item.score for item in expected.items])


def test_a_quota_leaves_enough_when_filters_take_most_away(served: ServedModel) -> None:
    tight = Pipeline(PipelineConfig.parse({"retrieve": {"sources": [{"quota": 1}]}, "diversify": {"relevance": 1.0}}))
    few = tight.answer(question(served, blocked=range(served.catalogue.num_known - 4), k=10)).candidates
    assert set(few.rows.tolist()) <= set(range(served.catalogue.num_known - 4, served.catalogue.num_known))


def test_several_sources_are_fused_by_rank() -> None:
    """Hand-worked: item 7 is second in both lists, 1/62 + 1/62 beats 1/61 of either first."""
    offered = candidates([1, 7, 2, 7], [9.0, 8.0, 0.9, 0.8], [0, 0, 1, 1], ("a", "b"))
    dummy = Question.__new__(Question)
    object.__setattr__(dummy, "k", 10)
    fused = Fuse(FuseConfig(smoothing=60))(dummy, Rank(RankConfig())(dummy, offered))
    assert fused.rows.tolist() == [7, 1, 2]
    assert fused.scores.tolist() == pytest.approx([2 / 62, 1 / 61, 1 / 61])


def test_sources_are_named_and_missing_ones_reported(served: ServedModel, graph: ServedModel) -> None:
    sources = [{"recommender": "model"}, {"recommender": "graph", "weight": 0.5}, {"recommender": "popularity"}, {"recommender": "absent"}]
    answer = Pipeline(PipelineConfig.parse({"retrieve": {"sources": sources}})).answer(question(served, others=(graph,), k=30))
    assert answer.stages[0].note == "not loaded: absent"
    assert {answer.candidates.names[source] for source in answer.candidates.sources.tolist()} <= {"fusion", "cooccurrence", "popularity"}
    assert len(set(answer.candidates.rows.tolist())) == len(answer.candidates)


def test_variety_prefers_what_is_unlike_the_items_above() -> None:
    """Hand-worked: the second item equals the first, the third is a little worse and of another kind."""
    scores = np.array([1.0, 0.9, 0.8, 0.0], np.float32)
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert marginal_relevance(scores, vectors, k=3, relevance=0.5) == [0, 2, 1]
    assert marginal_relevance(scores, vectors, k=4, relevance=1.0) == [0, 1, 2, 3]


def test_counts_of_the_stages_follow_on_from_one_another(served: ServedModel) -> None:
    stages = Pipeline().answer(question(served)).stages
    assert stages[0].num_in == served.catalogue.num_known
    assert all(after.num_in == before.num_out for before, after in pairwise(stages))
    assert stages[-1].num_out == 5


def test_reasons_by_occlusion_agree_with_the_model(served: ServedModel) -> None:
    """A model that cannot say what each item adds is asked again without it."""
    asked = question(served)
    direct = Pipeline().answer(asked).candidates.reasons
    object.__setattr__(served, "influencer", None)
    slow = Pipeline(PipelineConfig.parse({"explain": {"budget_ms": 10_000}})).answer(asked)
    assert slow.stages[-1].note.startswith("asked again")
    assert len(slow.candidates.reasons) == len(direct)
    assert all(reason for reason in slow.candidates.reasons)


def test_a_file_declares_the_stages_and_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text('[retrieve]\nsources = [{recommender = "model", quota = 50}]\n[diversify]\nrelevance = 0.7\n')
    assert read_pipeline(file).diversify.relevance == 0.7
    assert read_pipeline(None) == PipelineConfig()
    file.write_text("[diversify]\nlambda = 0.7\n")
    with pytest.raises(ConfigError, match=r"pipeline.toml: unknown key 'diversify.lambda'"):
        read_pipeline(file)


@pytest.mark.parametrize(
    "condition",
    ["category=Toys", "category!=Toys", "category=Toys|Music", "brand=Fjord", "brand!=Fjord", "price<20", "price>=20", "launch_day=0", "title=none"],
)
def test_filters_choose_what_the_catalogue_chooses(served: ServedModel, model: Model, condition: str) -> None:
    catalogue = model.dataset.catalogue
    if condition.startswith("title"):
        with pytest.raises(DataError, match="no attribute 'title'"):
            served.catalogue.matching((condition,))
        return
    found = {served.catalogue.item_id(row) for row in np.flatnonzero(served.catalogue.matching((condition,))).tolist()}
    assert found == set(catalogue.matching([condition]))


def test_filters_heed_changed_and_new_items(model: Model) -> None:
    live = LiveCatalogue(ItemIndex(Snapshot.of(model.dataset)))
    live.put(ItemOverlay(item_id="i00000", attributes={"brand": "Nobody", "price": 3.0}))
    live.put(ItemOverlay(item_id="new", attributes={"brand": "Nobody", "category": ["Toys", "New"]}))
    for condition, expected in (("brand=Nobody", {"i00000", "new"}), ("category=New", {"new"}), ("price<4", {"i00000"})):
        found = {live.item_id(row) for row in np.flatnonzero(live.matching((condition,))).tolist()}
        assert expected <= found
    assert "i00000" not in {live.item_id(row) for row in np.flatnonzero(live.matching(("category=Toys",))).tolist()}


def test_a_snapshot_says_what_the_data_set_says(model: Model, tmp_path: Path) -> None:
    Snapshot.of(model.dataset).save(tmp_path / "snapshot")
    snapshot = Snapshot.load(tmp_path / "snapshot")
    assert snapshot.items == model.dataset.items
    assert snapshot.users == model.dataset.users
    for user_row in range(10):
        rows = snapshot.item_rows[snapshot.rows_of_user(user_row)]
        assert tuple(snapshot.items.ids[row] for row in rows.tolist()) == model.history(snapshot.users.ids[user_row])
    assert [*snapshot.titles] == [model.dataset.catalogue.title(item_id) for item_id in model.dataset.items.ids]
