"""Fusion: a weighted sum of several recommenders, the weights fitted on validation answers."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import Field

from leanrec import registry
from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config, Settings
from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.holdout import holdout_of
from leanrec.data.ids import UNKNOWN_ROW, ItemId
from leanrec.data.query import Query, Recommendations
from leanrec.errors import BudgetError, ConfigError, DataError, MissingExtraError, PlugInError
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.building import build
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.fusion_weights import fit_weights, gather_pools, on_one_scale
from leanrec.recommenders.protocol import CatalogueRecommender, FloatArray, GivesInfluences, GivesReasons, Recommender, SimilarItems
from leanrec.training.run import Run

log = logging.getLogger(__name__)

MEMBERS_FOLDER = "members"


class Member(Config):
    """One recommender of the sum."""

    name: str
    """Its registered name."""
    config: Settings = Field(default_factory=dict)
    """Its settings."""
    weight: float | None = Field(default=None, ge=0)
    """Its weight; given for all members or for none, in which case validation data decides."""
    is_optional: bool = False
    """Left out, with a line in the log, where data, budget or installation cannot feed it; otherwise that is an error."""


class FusionConfig(Config):
    """Who takes part, and by what the weights are chosen."""

    members: tuple[Member, ...] = (
        Member(name="cooccurrence"),
        Member(name="ease", is_optional=True),
        Member(name="item-knn"),
        Member(name="popularity-category", is_optional=True),
    )
    """At least one. Members with likes of their own (order, taste, category) gain most from one another."""
    metric: str = "ndcg@10"
    """What the weights maximise on validation."""
    max_queries: int = Field(default=5000, ge=1)
    """Validation users that are asked while weights are fitted; more are sampled by the run's seed."""


class Fusion(CatalogueScorer[FusionConfig]):
    """Scores of the members on one scale, weighted and summed.

    Weights are fitted under the conditions of use, where the newest events of a history came after training: the members are first
    fitted without each user's newest event (a rehearsal), asked with it for the validation answers, and then fitted again on
    everything in `train`. Without the rehearsal the weights trust the members' memory too much (docs/log.md).
    """

    name = "fusion"
    Config = FusionConfig

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each member by name, the heaviest at 1 when they were fitted."""
        self.items  # noqa: B018 - raises NotFittedError
        return {member.name: float(weight) for member, weight in zip(self._taking_part, self._weights, strict=True)}

    def settled(self) -> "Fusion":
        """An unfitted fusion of those who took part, with the fitted weights given; it needs no validation data."""
        weights = self.weights
        kept = [member.model_copy(update={"weight": weights[member.name]}) for member in self._taking_part if weights[member.name] > 0]
        return Fusion(self.config.model_copy(update={"members": tuple(kept)}))

    def reason(self, query: Query, item_id: ItemId) -> str:
        """What a member says in words of its own, heaviest first."""
        weighed = zip(self._weights.tolist(), self._members, strict=True)
        talking = [(weight, member) for weight, member in weighed if weight > 0 and _keeps(type(member), GivesReasons)]
        for _, member in sorted(talking, key=lambda pair: -pair[0]):
            words = cast(GivesReasons, member).reason(query, item_id)
            if words:
                return words
        return ""

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The items most like one, as the heaviest member that compares items has it; raises `ConfigError` when none does."""
        for number in np.argsort(-self._weights, kind="stable").tolist():
            member: CatalogueRecommender = self._members[number]
            if isinstance(member, SimilarItems):
                return member.similar(item_id, k=k)
        raise ConfigError("no member of this fusion knows which items are alike", hint="add cooccurrence, item-knn, ease or als")

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) what each place of the history is worth to each score: its share of what the members would lose, times their weights.

        Members that cannot tell are left out; the scale of the sum is bent (see `on_one_scale`), so shares are compared, not scores.
        """
        shares = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        for member, weight in zip(self._members, self._weights, strict=True):
            if _keeps(type(member), GivesInfluences):
                added = cast(GivesInfluences, member).influences(history, item_rows)
                totals = np.abs(added).sum(axis=0)
                shares += weight * np.divide(added, totals, out=np.zeros_like(added), where=totals > 0)
        return shares

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        given = [member.weight for member in self.config.members]
        self._require_settings(given, valid)
        candidates: Sequence[Member] = self.config.members
        if valid is not None and None in given:
            candidates = self._rehearse(train, valid=valid, run=run)
        fitted = _fitted(candidates, train, run=run)
        self._taking_part = [member for member, _ in fitted]
        self._members = [recommender for _, recommender in fitted]
        if None not in given:
            self._weights = np.array([member.weight for member in self._taking_part], dtype=np.float32)
        self.figures |= {f"weight of {name}": weight for name, weight in self._weights_by_name().items()}

    def _require_settings(self, given: Sequence[float | None], valid: Dataset | None) -> None:
        names = [member.name for member in self.config.members]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"a fusion needs members, each once; found {names}", hint="name recommenders: leanrec list")
        if None in given and any(weight is not None for weight in given):
            raise ConfigError("a fusion has weights for some members only", hint="give all weights, or none and validation data")
        if None in given and valid is None:
            raise ConfigError(
                "a fusion fits its weights on validation data, and none was given", hint="pass valid=..., or give every member a weight"
            )
        if None not in given and not any(given):
            raise ConfigError("every weight of the fusion is 0", hint="give at least one member a weight above 0")

    def _rehearse(self, train: Dataset, *, valid: Dataset, run: Run) -> list[Member]:
        """Fit on `train` without each user's newest event, set the weights by asking with it, and name those whose weight is not 0."""
        rehearsed = _fitted(self.config.members, without_newest(train), run=run)
        holdout = holdout_of(train, valid)
        if len(holdout) > self.config.max_queries:
            holdout = holdout.take(np.sort(run.rng().permutation(len(holdout))[: self.config.max_queries]))
        metric = parse_metric(self.config.metric)
        weights, quality = fit_weights(gather_pools([recommender for _, recommender in rehearsed], holdout), metric)
        self.figures |= {f"rehearsed {metric.name}": quality, **{f"weight of {member.name}": 0.0 for member, _ in rehearsed}}
        log.info("fusion weights %s give %s %.4f in rehearsal", [round(float(weight), 3) for weight in weights], metric.name, quality)
        self._weights = weights[weights > 0]
        return [member.model_copy(update={"is_optional": False}) for (member, _), weight in zip(rehearsed, weights, strict=True) if weight > 0]

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        fused = np.zeros((len(queries), len(self.items)), dtype=np.float32)
        for member, weight in zip(self._members, self._weights, strict=True):
            if weight > 0:
                fused += weight * on_one_scale(member.catalogue_scores(queries), histories)
        return fused

    def _weights_by_name(self) -> dict[str, float]:
        return {member.name: float(weight) for member, weight in zip(self._taking_part, self._weights, strict=True)}

    def _save_parts(self, draft: Path) -> None:
        for member, recommender in zip(self._taking_part, self._members, strict=True):
            recommender.save(draft / MEMBERS_FOLDER / member.name)

    def _load_parts(self, artifact: Artifact) -> None:
        folders = {name.split("/")[1] for name in artifact.manifest.files if name.startswith(f"{MEMBERS_FOLDER}/")}
        self._taking_part = [member for member in self.config.members if member.name in folders]
        self._members = [
            _scoring_all(registry.find("leanrec.recommenders", member.name).load(artifact.folder / MEMBERS_FOLDER / member.name), member.name)
            for member in self._taking_part
        ]

    def _to_arrays(self) -> Arrays:
        return {"weights": self._weights}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._weights = arrays["weights"]


@cache
def _keeps(kind: type, door: type) -> bool:
    """Whether a class keeps a protocol; remembered, since asking a protocol is slow and every answer asks."""
    return issubclass(kind, door)


def without_newest(train: Dataset) -> Dataset:
    """The data set less each user's acts on the item of their newest act; users with a single item keep it."""
    acts, items = np.flatnonzero(is_act(train)), train.column("item_row").astype(np.int64)
    users = train.column("user_row").astype(np.int64)
    newest = np.full(train.num_users, UNKNOWN_ROW)
    newest[users[acts]] = items[acts]  # of several values the last stays
    is_newest = items == newest[users]
    has_more = np.bincount(users[~is_newest], minlength=train.num_users) > 0
    return train.subset(~(is_newest & has_more[users]))


def _fitted(members: Sequence[Member], train: Dataset, *, run: Run) -> list[tuple[Member, CatalogueRecommender]]:
    """The members that could be fitted, with what they learnt."""
    fitted: list[tuple[Member, CatalogueRecommender]] = []
    for member in members:
        recommender = build(member.name, member.config, where=f"members.{member.name}")
        try:
            fitted.append((member, _scoring_all(recommender.fit(train, run=run), member.name)))
        except (DataError, BudgetError, MissingExtraError) as error:
            if not member.is_optional:
                raise
            log.info("fusion goes without %s: %s", member.name, error.message)
    if not fitted:
        raise DataError("no member of the fusion could be fitted", hint="name one that needs nothing but events, such as cooccurrence")
    return fitted


def _scoring_all(recommender: Recommender, name: str) -> CatalogueRecommender:
    if not isinstance(recommender, CatalogueRecommender):
        raise PlugInError(f"{name!r} cannot score its whole catalogue at once, which a fusion needs", hint="give it `items` and `catalogue_scores`")
    return recommender
