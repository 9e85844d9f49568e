"""Ensemble: one recommender fitted several times, with other seeds or other settings, and the mean of what the fits say."""

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config, Settings
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.features.histories import Rows
from leanrec.recommenders.building import opener
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.fusion_pools import SHARPNESS, scaled_scores
from leanrec.recommenders.kept_fit import KeptFit, fit_once, scoring_all
from leanrec.recommenders.protocol import CatalogueRecommender, FloatArray
from leanrec.training.run import Run

log = logging.getLogger(__name__)

FITS_FOLDER, SETTLED_FILE = "fits", "settled.json"


class EnsembleConfig(Config):
    """What is fitted, and how often."""

    recommender: str = "sequential"
    """The registered name."""
    config: Settings = Field(default_factory=dict)
    """Its settings."""
    num_fits: int = Field(default=4, ge=1)
    """Fits, each with the next seed."""
    configs: tuple[Settings, ...] = ()
    """Settings of each fit, where they differ; given, `config` and `num_fits` are left out."""

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        if self.configs and self.model_fields_set & {"config", "num_fits"}:
            raise ValueError("configs says what is fitted and how often; leave config and num_fits out")
        return self

    @property
    def settings(self) -> tuple[Settings, ...]:
        """Of each fit."""
        return self.configs or (self.config,) * self.num_fits


class Ensemble(CatalogueScorer[EnsembleConfig]):
    """The mean of several fits: what they learned they share, what they guessed differs, so that the mean is better than each.

    It costs as much as all of them together; a student learns most of it (`distilled`). Logits are averaged as logarithms of shares, other
    scores on the scale of a fusion. With `run.folder` a finished fit is kept there and not fitted again after an interruption.
    """

    name = "ensemble"
    Config = EnsembleConfig
    scores_are_logits: ClassVar[bool] = True
    """Sums of logarithms; see `_score_rows`."""

    _fits: list[CatalogueRecommender]
    _settled: list[Settings]

    def settled(self) -> "Ensemble":
        """An unfitted one, with what validation taught each fit fixed in its settings."""
        self.items  # noqa: B018 - raises NotFittedError
        return Ensemble(EnsembleConfig(recommender=self.config.recommender, configs=tuple(self._settled)))

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        kept: list[KeptFit] = []
        with tempfile.TemporaryDirectory(prefix="leanrec-") as passing:
            for number, settings in enumerate(self.config.settings):
                folder = (run.folder or Path(passing)) / f"fit-{number}"
                one = replace(run, seed=run.seed + number)
                kept.append(fit_once(self.config.recommender, settings, train, valid=valid, run=one, folder=folder))
                log.info("fit %d of %d of the ensemble is there", number + 1, len(self.config.settings))
        self._fits, self._settled = [fit.recommender for fit in kept], [fit.settled for fit in kept]

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        total = np.zeros((len(queries), len(self.items)), np.float32)
        for fit in self._fits:
            total += _logarithms(fit, queries, histories)
        total /= len(self._fits)
        return total

    def _save_parts(self, draft: Path) -> None:
        for number, fit in enumerate(self._fits):
            fit.save(draft / FITS_FOLDER / str(number))
        (draft / SETTLED_FILE).write_text(json.dumps(self._settled) + "\n", encoding="utf-8")

    def _load_parts(self, artifact: Artifact) -> None:
        kind = opener(self.config.recommender)
        self._settled = json.loads(artifact.file(SETTLED_FILE).read_text(encoding="utf-8"))
        self._fits = [scoring_all(kind.load(artifact.folder / FITS_FOLDER / str(number)), self.name) for number in range(len(self._settled))]

    def _to_arrays(self) -> Arrays:
        return {}

    def _from_arrays(self, arrays: Arrays) -> None:
        """Everything is in the fits."""


def _logarithms(fit: CatalogueRecommender, queries: Sequence[Query], histories: Sequence[Rows]) -> FloatArray:
    """(B, N) logarithms of a fit's shares, up to a constant that all items have."""
    if not getattr(fit, "scores_are_logits", False):
        return scaled_scores(fit, queries, histories) * np.float32(np.log1p(SHARPNESS))
    scores = fit.catalogue_scores(queries)
    highest = scores.max(axis=1, keepdims=True)
    scores -= highest
    found: FloatArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return found
