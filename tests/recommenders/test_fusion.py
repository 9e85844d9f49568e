import json
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from tests.recommenders.data import dataset_of

from leanrec import registry
from leanrec.config import Budget
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.data.split import split_leave_one_out
from leanrec.data.world import World
from leanrec.errors import ArtifactError, BudgetError, ConfigError, MissingExtraError
from leanrec.recommenders.cooccurrence import Cooccurrence
from leanrec.recommenders.fusion import Fusion
from leanrec.recommenders.fusion_config import FusionConfig, Member
from leanrec.recommenders.fusion_groups import popularity_groups
from leanrec.recommenders.fusion_members import without_newest
from leanrec.recommenders.fusion_pools import on_one_scale
from leanrec.recommenders.fusion_rehearsal import worth_of_members
from leanrec.recommenders.popularity import Popularity
from leanrec.training.run import Run

QUICK = tuple(Member(name=name) for name in ("cooccurrence", "ease", "item-knn", "popularity-category"))
"""Members that are fitted in no time and answer to the last digit alike wherever they run."""
HISTORIES = {"u": "abc", "v": "abd", "w": "acd", "x": "be"}


def config(**weights: float | None) -> FusionConfig:
    return FusionConfig.parse({"members": [{"name": name.replace("_", "-"), "weight": weight} for name, weight in weights.items()]})


def test_a_fusion_of_one_member_ranks_like_that_member() -> None:
    train = dataset_of(HISTORIES)
    fusion, member = Fusion(config(cooccurrence=1.0)).fit(train), Cooccurrence().fit(train)
    queries = [Query(history=("a",)), Query(history=("b", "c"))]
    assert [answer.item_ids for answer in fusion.recommend(queries, k=2)] == [answer.item_ids for answer in member.recommend(queries, k=2)]


def test_scores_are_the_weighted_sum_on_one_scale() -> None:
    train = dataset_of(HISTORIES)
    fusion = Fusion(config(cooccurrence=2.0, popularity=0.5)).fit(train)
    query, seen = Query(history=("a",)), [np.array([0])]
    parts = [on_one_scale(member.catalogue_scores([query]), seen) for member in (Cooccurrence().fit(train), Popularity().fit(train))]
    assert np.allclose(fusion.catalogue_scores([query]), 2.0 * parts[0] + 0.5 * parts[1])


def test_one_scale_runs_from_the_median_to_the_best_unseen_item() -> None:
    scaled = on_one_scale(np.array([[0.0, 0.0, 0.0, 5.0, 1.0, 9.0, 0.0]], dtype=np.float32), [np.array([5])])
    assert scaled[0, 3] == pytest.approx(1.0)
    assert scaled[0, 0] == 0.0
    assert scaled[0, 5] > 1.0
    assert 0.0 < scaled[0, 4] < 1.0


def test_a_member_that_has_nothing_to_say_of_unseen_items_adds_nothing() -> None:
    silent = np.zeros((1, 4), dtype=np.float32)
    assert on_one_scale(silent, [np.array([0])]).tolist() == [[0.0] * 4]
    assert on_one_scale(np.array([[5.0, 0.0, 0.0, 0.0]], dtype=np.float32), [np.array([0])]).tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_the_rehearsal_leaves_out_the_item_of_the_newest_act() -> None:
    rehearsal = without_newest(dataset_of({"u": "abcc", "v": "d"}))
    assert [rehearsal.items.ids[row] for row in rehearsal.column("item_row")] == ["a", "b", "d"]


def test_weights_are_fitted_on_validation_and_kept(tmp_path: Path) -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion(FusionConfig(members=QUICK)).fit(split.train, valid=split.valid)
    assert max(fusion.weights.values()) == 1.0
    assert 0.0 < fusion.figures["rehearsed ndcg@10"] <= 1.0
    fusion.save(tmp_path / "fusion")
    assert Fusion.load(tmp_path / "fusion").weights == fusion.weights
    assert (tmp_path / "fusion" / "members" / "cooccurrence" / "manifest.json").is_file()


def test_a_settled_fusion_needs_no_validation_and_answers_alike() -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion(FusionConfig(members=QUICK)).fit(split.train, valid=split.valid)
    again = fusion.settled().fit(split.train)
    queries = split.holdout("test").queries[:5]
    assert again.recommend(queries) == fusion.recommend(queries)


def test_a_member_that_was_tampered_with_is_noticed(tmp_path: Path) -> None:
    Fusion(config(cooccurrence=1.0, popularity=1.0)).fit(dataset_of(HISTORIES)).save(tmp_path / "fusion")
    path = tmp_path / "fusion" / "members" / "popularity" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "seed": 7}))
    with pytest.raises(ArtifactError, match="popularity"):
        Fusion.load(tmp_path / "fusion")


@pytest.mark.parametrize("by", ["history-length", "item-popularity", "both"])
def test_weights_by_group_are_kept_and_settle(by: str, tmp_path: Path) -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion(FusionConfig.parse({"members": QUICK, "weights_by": by})).fit(split.train, valid=split.valid)
    queries = split.holdout("test").queries[:5]
    answers = fusion.recommend(queries)
    fusion.save(tmp_path / "fusion")
    assert Fusion.load(tmp_path / "fusion").recommend(queries) == answers
    settled = Fusion.load(tmp_path / "fusion").settled()
    assert all(member.factors for member in settled.config.members)
    assert settled.fit(split.train).recommend(queries) == answers


class Learner(Cooccurrence):
    """Knows after fitting with validation how many of its newest events count; refuses to be fitted without either."""

    name = "learner"

    def fit(self, train: Dataset, *, valid: Dataset | None = None, run: Run | None = None) -> Self:
        if valid is None and self.config.last != 3:
            raise ConfigError("it has nothing to learn from")
        self.config = self.config.model_copy(update={"last": 3})
        return super().fit(train, run=run)

    def settled(self) -> "Learner":
        self.items  # noqa: B018 - raises NotFittedError
        return Learner(self.config)


class Runner(Cooccurrence):
    """Opens what `Learner` saved."""

    name = "learner"


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: dict[str, dict[str, type]] = {"leanrec.recommenders": {"learner": Learner}, "leanrec.runners": {"learner": Runner}}
    names, find = registry.names, registry.find
    monkeypatch.setattr(registry, "names", lambda group: [*names(group), *kinds.get(group, {})])
    monkeypatch.setattr(registry, "find", lambda group, name: kinds.get(group, {}).get(name) or find(group, name))


@pytest.mark.usefixtures("learner")
def test_a_member_learns_from_validation_in_the_rehearsal_only_and_settles(tmp_path: Path) -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    members = {"members": [{"name": "learner"}, {"name": "popularity"}]}
    fusion = Fusion(FusionConfig.parse(members)).fit(split.train, valid=split.valid)
    queries = split.holdout("test").queries[:5]
    assert fusion.settled().config.members[0].config["last"] == 3
    assert fusion.settled().fit(split.train).recommend(queries) == fusion.recommend(queries)
    fusion.save(tmp_path / "fusion")
    opened = Fusion.load(tmp_path / "fusion")
    assert type(opened._members[0].recommender) is Runner
    assert opened.recommend(queries) == fusion.recommend(queries)
    assert opened.settled().config == fusion.settled().config


def test_an_optional_member_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    find = registry.find

    def missing(group: registry.Group, name: str) -> type:
        if name == "ease":
            raise MissingExtraError("ease needs torch", hint="install it")
        kind: type = find(group, name)
        return kind

    monkeypatch.setattr(registry, "find", missing)
    members = [{"name": "popularity", "weight": 1.0}, {"name": "ease", "weight": 1.0, "is_optional": True}]
    assert list(Fusion(FusionConfig.parse({"members": members})).fit(dataset_of(HISTORIES)).weights) == ["popularity"]


def test_a_fusion_tells_what_each_member_is_worth() -> None:
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion(FusionConfig(members=QUICK)).fit(split.train, valid=split.valid)
    worth = worth_of_members(fusion.figures)
    assert set(worth) == {member.name for member in QUICK}
    assert all(measure.low <= measure.value <= measure.high for measure in worth.values() if measure.low is not None and measure.high is not None)
    assert worth_of_members(Popularity().fit(split.train).figures) == {}


def test_groups_of_items_hold_equal_shares_of_the_acts() -> None:
    assert popularity_groups(np.array([1, 6, 3, 2])).tolist() == [2, 0, 1, 2]
    assert popularity_groups(np.zeros(0, dtype=np.int64)).tolist() == []


@pytest.mark.parametrize(("option", "value"), [("weights_by", "both"), ("combiner", "lightgbm")])
def test_what_is_fitted_on_validation_is_refused_with_given_weights(option: str, value: str) -> None:
    with pytest.raises(ConfigError, match="validation, but weights are given"):
        Fusion(config(cooccurrence=1.0).model_copy(update={option: value})).fit(dataset_of(HISTORIES))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cooccurrence": None}, "validation data"),
        ({"cooccurrence": 1.0, "ease": None}, "some members only"),
        ({"ease": 0.0}, "every weight"),
        ({}, "needs members"),
    ],
)
def test_a_fusion_that_cannot_be_weighed_is_refused(given: dict[str, float | None], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Fusion(config(**given)).fit(dataset_of(HISTORIES))


def test_a_misspelt_member_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="coocurrence") as caught:
        Fusion(config(coocurrence=1.0)).fit(dataset_of(HISTORIES))
    assert "cooccurrence" in caught.value.hint


def test_an_optional_member_that_does_not_fit_the_budget_is_left_out_and_another_is_an_error() -> None:
    members = [{"name": "popularity", "weight": 1.0}, {"name": "ease", "weight": 1.0, "is_optional": True}]
    run = Run(budget=Budget(memory_gb=1e-9))
    assert list(Fusion(FusionConfig.parse({"members": members})).fit(dataset_of(HISTORIES), run=run).weights) == ["popularity"]
    with pytest.raises(BudgetError):
        Fusion(config(popularity=1.0, ease=1.0)).fit(dataset_of(HISTORIES), run=run)
