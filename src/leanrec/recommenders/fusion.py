"""Fusion: a weighted sum of several recommenders, the weights fitted on validation answers."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np

from leanrec.artifact import Arrays, Artifact
from leanrec.data.dataset import Dataset
from leanrec.data.ids import ItemId
from leanrec.data.query import Query, Recommendations
from leanrec.errors import ConfigError
from leanrec.features.histories import Rows
from leanrec.recommenders.catalogue_scorer import CatalogueScorer, act_counts
from leanrec.recommenders.fusion_config import FusionConfig
from leanrec.recommenders.fusion_groups import Factors, popularity_groups
from leanrec.recommenders.fusion_members import FittedMember, fit_members, open_members, save_members
from leanrec.recommenders.fusion_pools import pool_of, scaled_scores
from leanrec.recommenders.fusion_rehearsal import rehearse
from leanrec.recommenders.fusion_stacking import popularity_of, restack
from leanrec.recommenders.fusion_trees import Trees
from leanrec.recommenders.protocol import FloatArray, GivesInfluences, GivesReasons, SimilarItems
from leanrec.training.run import Run

TREES_FILE = "trees.txt"
"""LightGBM's own text; read and evaluated without LightGBM."""


class Fusion(CatalogueScorer[FusionConfig]):
    """Scores of the members on one scale, weighted and summed; where asked for, trees order the best candidates of each anew.

    Weights are fitted under the conditions of use, where the newest events of a history came after training: the members are first
    fitted without each user's newest event (a rehearsal), asked with it for the validation answers, and then fitted again on
    everything in `train`, those that learn from validation with what it taught them. Without the rehearsal the weights trust the
    members' memory too much (docs/log.md).
    """

    name = "fusion"
    Config = FusionConfig

    _members: list[FittedMember]
    _weights: FloatArray
    _factors: Factors
    _counts: Rows
    """(N,) acts of each item; empty where neither groups nor trees ask for them."""
    _model_text: str = ""

    @property
    def scores_are_scaled(self) -> bool:
        """Whether scores are a sum on the members' common scale (see `scaled_scores`); trees make others."""
        return self._trees is None

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each member by name, the heaviest at 1 when they were fitted; see `Member.factors` where they differ by group."""
        self.items  # noqa: B018 - raises NotFittedError
        return self._weights_by_name()

    def settled(self) -> "Fusion":
        """An unfitted fusion of those who took part, with all that was fitted given; it needs no validation data."""
        weights = self.weights
        kept = [
            entry.member.model_copy(update={"weight": weights[entry.member.name], "factors": factors})
            for entry, factors in zip(self._members, self._factors.of_each(), strict=True)
            if weights[entry.member.name] > 0
        ]
        edges = tuple(self._factors.history_edges.tolist())
        again = Fusion(self.config.model_copy(update={"members": tuple(kept), "history_edges": edges}))
        again._model_text = self._model_text
        return again

    def reason(self, query: Query, item_id: ItemId) -> str:
        """What a member says in words of its own, heaviest first."""
        for entry in self._heaviest_first():
            if _keeps(type(entry.recommender), GivesReasons):
                words = cast(GivesReasons, entry.recommender).reason(query, item_id)
                if words:
                    return words
        return ""

    def similar(self, item_id: ItemId, *, k: int = 10) -> Recommendations:
        """The items most like one, as the heaviest member that compares items has it; raises `ConfigError` when none does."""
        for entry in self._heaviest_first():
            if _keeps(type(entry.recommender), SimilarItems):
                return cast(SimilarItems, entry.recommender).similar(item_id, k=k)
        raise ConfigError("no member of this fusion knows which items are alike", hint="add cooccurrence, item-knn, ease or als")

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) what each place of the history is worth to each score: its share of what the members would lose, times their weights.

        Members that cannot tell are left out; the scale of the sum is bent (see `scaled_scores`), so shares are compared, not scores.
        """
        shares = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        for entry, weight in zip(self._members, self._weights, strict=True):
            if _keeps(type(entry.recommender), GivesInfluences):
                added = cast(GivesInfluences, entry.recommender).influences(history, item_rows)
                totals = np.abs(added).sum(axis=0)
                shares += weight * np.divide(added, totals, out=np.zeros_like(added), where=totals > 0)
        return shares

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        self.config.require_weighable(has_validation=valid is not None, has_trees=bool(self._model_text))
        if self.config.is_weighted or valid is None:
            fitted = fit_members(self.config.members, train, valid=valid, run=run)
            weights = [entry.member.weight for entry in fitted]
            factors = Factors.of_members([entry.member.factors for entry in fitted], history_edges=self.config.history_edges)
            self._weights, self._factors = np.array(weights, dtype=np.float32), factors
        else:
            rehearsed = rehearse(self.config, train, valid=valid, run=run)
            fitted = fit_members(rehearsed.members, train, valid=None, run=run)
            self._weights, self._factors, self._model_text = rehearsed.weights, rehearsed.factors, rehearsed.model_text
            self.figures |= rehearsed.figures
        self._members = [FittedMember(member=entry.settled(), recommender=entry.recommender) for entry in fitted]
        self.figures |= {f"weight of {name}": weight for name, weight in self._weights_by_name().items()}
        needs_counts = self._factors.num_item_groups > 1 or self._model_text
        self._counts = act_counts(train) if needs_counts else np.zeros(0, dtype=np.int64)
        self._prepare()

    def _prepare(self) -> None:
        self._trees = Trees.of_model_text(self._model_text) if self._model_text else None
        self._popularity, self._item_groups = popularity_of(self._counts), popularity_groups(self._counts)

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        lengths = np.array([len(history) for history in histories], dtype=np.int64)
        fused = np.zeros((len(queries), len(self.items)), dtype=np.float32)
        said: list[FloatArray] = []
        for number, (entry, weight) in enumerate(zip(self._members, self._weights, strict=True)):
            if weight > 0 or self._trees is not None:
                scores = scaled_scores(entry.recommender, queries, histories)
                fused += self._factors.of_member(number, lengths, self._item_groups) * weight * scores
                said += [scores] if self._trees is not None else []
        if self._trees is not None:
            for row, history in enumerate(histories):
                fused[row] = self._restacked(self._trees, fused[row], [scores[row] for scores in said], history)
        return fused

    def _restacked(self, trees: Trees, fused: FloatArray, said: Sequence[FloatArray], history: Rows) -> FloatArray:
        pool = pool_of(said, history)
        scores = np.stack([scores[pool] for scores in said], axis=1)
        return restack(trees, fused, pool, scores, length=len(history), popularity=self._popularity)

    def _heaviest_first(self) -> list[FittedMember]:
        return [self._members[number] for number in np.argsort(-self._weights, kind="stable").tolist() if self._weights[number] > 0]

    def _weights_by_name(self) -> dict[str, float]:
        return {entry.member.name: float(weight) for entry, weight in zip(self._members, self._weights, strict=True)}

    def _save_parts(self, draft: Path) -> None:
        save_members(self._members, draft)
        if self._model_text:
            (draft / TREES_FILE).write_text(self._model_text, encoding="utf-8")

    def _load_parts(self, artifact: Artifact) -> None:
        self._members = open_members(artifact)
        if self.config.combiner == "lightgbm":
            self._model_text = artifact.file(TREES_FILE).read_text(encoding="utf-8")
        self._prepare()

    def _to_arrays(self) -> Arrays:
        return {"weights": self._weights, "item_acts": self._counts, **self._factors.to_arrays()}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._weights, self._counts, self._factors = arrays["weights"], arrays["item_acts"], Factors.from_arrays(arrays)


@cache
def _keeps(kind: type, door: type) -> bool:
    """Whether a class keeps a protocol; remembered, since asking a protocol is slow and every answer asks."""
    return issubclass(kind, door)
