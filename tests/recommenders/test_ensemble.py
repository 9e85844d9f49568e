"""Ensemble: the mean of several fits, each with a seed of its own, and none of them fitted twice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import ConfigError
from leanrec.recommenders import kept_fit
from leanrec.recommenders.building import build
from leanrec.recommenders.ensemble import Ensemble
from leanrec.recommenders.protocol import CatalogueScores, FloatArray
from leanrec.training.run import Run

NETWORK: dict[str, Any] = {
    "encoder": {"block": "gru", "width": 8, "max_length": 6, "num_layers": 1},
    "training": {"max_epochs": 1, "warmup_epochs": 0, "device": "cpu"},
}


@pytest.fixture(scope="module")
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=40, num_items=30, days=30), seed=3).dataset)


def scores_of(recommender: object, split: Split) -> FloatArray:
    assert isinstance(recommender, CatalogueScores)
    ids = split.train.items.ids
    return recommender.catalogue_scores([Query(history=tuple(ids[:length])) for length in (1, 3, 5)])


def test_scores_are_the_mean_of_logarithms_of_shares_over_the_seeds(split: Split) -> None:
    ensemble = build("ensemble", {"config": NETWORK, "num_fits": 2}).fit(split.train, run=Run(seed=4))
    alone = [scores_of(build("sequential", NETWORK).fit(split.train, run=Run(seed=seed)), split) for seed in (4, 5)]
    logarithms = [scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)) for scores in alone]
    np.testing.assert_allclose(scores_of(ensemble, split), np.mean(logarithms, axis=0), atol=1e-4)


def test_settings_may_differ_from_fit_to_fit(split: Split) -> None:
    ensemble = build("ensemble", {"recommender": "ease", "configs": [{"decay": 1.0}, {"decay": 0.5}]}).fit(split.train, run=Run())
    one, other = (build("ensemble", {"recommender": "ease", "configs": [{"decay": decay}]}).fit(split.train, run=Run()) for decay in (1.0, 0.5))
    np.testing.assert_allclose(scores_of(ensemble, split), (scores_of(one, split) + scores_of(other, split)) / 2, atol=1e-4)
    with pytest.raises(ConfigError, match="leave config and num_fits out"):
        build("ensemble", {"configs": [{}], "num_fits": 2})


def test_interrupted_the_fits_that_were_done_are_not_done_again(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, seeds = kept_fit._fit, []

    def interrupted(*arguments: Any, run: Run, **others: Any) -> Any:
        seeds.append(run.seed)
        if run.seed == 1 and seeds.count(1) == 1:
            raise KeyboardInterrupt
        return fit(*arguments, run=run, **others)

    monkeypatch.setattr(kept_fit, "_fit", interrupted)
    settings, run = {"recommender": "ease", "num_fits": 3}, Run(folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        build("ensemble", settings).fit(split.train, run=run)
    again = build("ensemble", settings).fit(split.train, run=run)
    assert seeds == [0, 1, 1, 2]
    assert isinstance(again, Ensemble)
    np.testing.assert_array_equal(scores_of(again, split), scores_of(build("ensemble", settings).fit(split.train, run=Run()), split))


def test_a_kept_fit_of_other_settings_makes_room(split: Split, tmp_path: Path) -> None:
    for decay in (1.0, 0.5):
        kept = kept_fit.fit_once("ease", {"decay": decay}, split.train, valid=None, run=Run(), folder=tmp_path)
        fresh = build("ease", {"decay": decay}).fit(split.train, run=Run())
        np.testing.assert_allclose(scores_of(kept.recommender, split), scores_of(fresh, split), atol=1e-6)
