"""Trees learnt by LightGBM are evaluated without it, to the same sums, and order the best candidates only."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.split import split_leave_one_out
from leanrec.data.world import World
from leanrec.errors import ArtifactError, MissingExtraError
from leanrec.recommenders.fusion import Fusion
from leanrec.recommenders.fusion_config import FusionConfig, Member
from leanrec.recommenders.fusion_stacking import features_of, in_order_of
from leanrec.recommenders.fusion_trees import Trees

MEMBERS = tuple(Member(name=name) for name in ("cooccurrence", "item-knn", "popularity-category"))
STACKED = FusionConfig(members=MEMBERS, combiner="lightgbm")


def test_numpy_trees_predict_as_lightgbm_does() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    rng = np.random.default_rng(0)
    features = rng.random((2000, 5), dtype=np.float32)
    features[:, 2] = np.round(features[:, 2] * 4)
    labels = (features[:, 0] + features[:, 2] * features[:, 1] > 1.5).astype(np.int32)
    data = lightgbm.Dataset(features, label=labels, group=[20] * 100)
    booster = lightgbm.train({"objective": "lambdarank", "num_leaves": 15, "verbose": -1, "num_threads": 1}, data, num_boost_round=30)
    trees = Trees.of_model_text(booster.model_to_string())
    asked = rng.random((500, 5), dtype=np.float32)
    asked[:100] = features[:100]
    assert np.allclose(trees.predict(asked), booster.predict(asked), rtol=1e-12, atol=1e-12)


def test_a_tree_without_any_split_is_its_leaf() -> None:
    trees = Trees.of_model_text("tree\n\nTree=0\nnum_leaves=1\nleaf_value=0.25\n\n\nend of trees\n")
    assert trees.predict(np.zeros((2, 3))).tolist() == [0.25, 0.25]


def test_what_is_no_tree_is_refused() -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        Trees.of_model_text("tree\n\nTree=0\nnum_leaves=2\n\nend of trees\n")


def test_a_pool_keeps_its_places_and_changes_its_order() -> None:
    assert in_order_of(np.array([0.1, 0.3, 0.2]), np.array([5.0, 1.0, 3.0], np.float32)).tolist() == [1.0, 5.0, 3.0]


def test_ranks_count_what_stands_above_and_leave_out_what_is_absent() -> None:
    scores = np.array([[[0.5], [0.9], [0.5], [0.7]]], np.float32)
    is_item = np.array([[True, True, True, False]])
    features = features_of(scores, scores[..., 0], lengths=np.array([4]), popularity=scores[..., 0], is_item=is_item)
    assert np.expm1(features[0, :3, 1]) == pytest.approx([1.0, 0.0, 1.0])
    assert features[0, 0].tolist() == pytest.approx([0.5, np.log(2.0), 0.5, np.log(5.0), 0.5])


def test_a_stacked_fusion_is_kept_and_answers_without_lightgbm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    split = split_leave_one_out(World.generate(seed=0).dataset)
    fusion = Fusion(STACKED).fit(split.train, valid=split.valid)
    queries = split.holdout("test").queries[:5]
    answers = fusion.recommend(queries)
    assert fusion.settled().fit(split.train).recommend(queries) == answers
    plain = Fusion(fusion.settled().config.model_copy(update={"combiner": "weights"})).fit(split.train)
    stacked, weighted = fusion.catalogue_scores(queries), plain.catalogue_scores(queries)
    assert not np.array_equal(stacked, weighted)
    assert np.array_equal(np.sort(stacked, axis=1), np.sort(weighted, axis=1))
    fusion.save(tmp_path / "fusion")
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("lightgbm"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert Fusion.load(tmp_path / "fusion").recommend(queries) == answers


def test_without_lightgbm_stacking_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanrec.recommenders.fusion_stacking.find_spec", lambda name: None)
    split = split_leave_one_out(World.generate(seed=0).dataset)
    with pytest.raises(MissingExtraError, match="LightGBM") as caught:
        Fusion(STACKED).fit(split.train, valid=split.valid)
    assert "leanrec[train]" in caught.value.hint
