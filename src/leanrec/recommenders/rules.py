"""Rules: what people decide by hand: who likes this is shown that."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from pydantic import ConfigDict, Field

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.filters import Filter
from leanrec.data.ids import ItemId
from leanrec.data.query import Query
from leanrec.features.histories import Rows
from leanrec.recommenders.catalogue_scorer import CatalogueScorer, act_counts
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run

CONTEXT_PREFIX = "context."


class Rule(Config):
    """If the condition holds for who asks, items that meet the consequence gain (or lose) score."""

    model_config = ConfigDict(populate_by_name=True)

    condition: str = Field(alias="if")
    """Met by items of the history (`genre=Horror`), or by the query's context (`context.device=phone`)."""
    consequence: str = Field(alias="then")
    """Which items change (`genre=Thriller`)."""
    boost: float = 1.0
    """Added to the score, which without rules lies between 0 and 1 (the most popular item); negative holds items back."""
    at_least: int = Field(default=1, ge=1)
    """How many events of the history must meet the condition."""

    @property
    def words(self) -> str:
        """The rule as one line."""
        return f"{self.condition} -> {self.consequence}"

    @property
    def is_about_context(self) -> bool:
        """Whether the condition asks for the query's context and not for the history."""
        return self.condition.strip().startswith(CONTEXT_PREFIX)


class RulesConfig(Config):
    """The rules, first to last; all that hold are added up."""

    rules: tuple[Rule, ...] = ()
    """In TOML: [[rules]] with `if`, `then` and maybe `boost` and `at_least`. None: popularity alone."""


class Rules(CatalogueScorer[RulesConfig]):
    """Popularity, changed by if-then rules over attributes that people wrote."""

    name = "rules"
    Config = RulesConfig

    def reason(self, query: Query, item_id: ItemId) -> str:
        """The rules that held for this query and raised this item, in words; empty when none did."""
        row = self.items.row(item_id)
        holds = self._holding(self.items.known_rows(query.history), query)
        raised = [rule.words for number, rule in enumerate(self.config.rules) if holds[number] and self._targets[number, row] and rule.boost > 0]
        return " and ".join(f"the rule {words}" for words in raised)

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - people chose
        frame = train.catalogue.frame
        counts = act_counts(train)
        self._popularity = (counts / max(1, counts.max())).astype(np.float32)
        self._sources = _stacked([_nothing(frame) if rule.is_about_context else _meeting(frame, rule.condition) for rule in self.config.rules], frame)
        self._targets = _stacked([_meeting(frame, rule.consequence) for rule in self.config.rules], frame)
        for rule in self.config.rules:
            if rule.is_about_context:
                _context_holds(rule, {})  # a condition that cannot be read is refused now, not when somebody asks

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        scores = np.tile(self._popularity, (len(histories), 1))
        boosts = np.array([rule.boost for rule in self.config.rules], dtype=np.float32)
        for number, (history, query) in enumerate(zip(histories, queries, strict=True)):
            scores[number] += (boosts * self._holding(history, query)) @ self._targets.astype(np.float32)
        return scores

    def _holding(self, history: Rows, query: Query) -> np.ndarray:
        """(R,) which rules hold for who asks."""
        met = self._sources[:, history].sum(axis=1)
        rules = self.config.rules
        return np.array(
            [_context_holds(rule, query.context) if rule.is_about_context else met[number] >= rule.at_least for number, rule in enumerate(rules)],
            dtype=np.bool_,
        )

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or bool(self._holding(history, query).any())

    def _to_arrays(self) -> Arrays:
        return {"popularity": self._popularity, "sources": self._sources.astype(np.uint8), "targets": self._targets.astype(np.uint8)}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._popularity = arrays["popularity"]
        self._sources, self._targets = arrays["sources"].astype(np.bool_), arrays["targets"].astype(np.bool_)


def _meeting(frame: pl.DataFrame, condition: str) -> np.ndarray:
    """(N,) which items of the catalogue meet a condition."""
    return frame.select(Filter.parse(condition).expression(frame.schema).alias("met"))["met"].to_numpy()


def _nothing(frame: pl.DataFrame) -> np.ndarray:
    return np.zeros(frame.height, dtype=np.bool_)


def _stacked(masks: list[np.ndarray], frame: pl.DataFrame) -> np.ndarray:
    """(R, N), also for no rules at all."""
    return np.stack(masks) if masks else np.zeros((0, frame.height), dtype=np.bool_)


def _context_holds(rule: Rule, context: Mapping[str, str]) -> bool:
    """Whether the query's context meets the condition; a context that is silent meets none."""
    condition = Filter.parse(rule.condition.strip().removeprefix(CONTEXT_PREFIX))
    frame = pl.DataFrame({condition.column: [context.get(condition.column)]}, schema={condition.column: pl.String})
    return bool(frame.select(condition.expression(frame.schema).alias("met"))["met"][0])
