"""Hear: answer what people ask for in their own words from a fitted model, exactly as the server understands them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from leanrec.data.query import Query, Recommendations, RecommendedItem
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ConfigError
from leanrec.recommenders.catalogue_scorer import EXCLUDED, top_rows
from leanrec.recommenders.model import Model
from leanrec.serving.filtering import blocked_items
from leanrec.serving.hearing import HearConfig, Heard, hear
from leanrec.serving.served_model import NO_ROWS, OpenedModel, ServedModel


class Hearer:
    """A model that hears one text and answers queries in its light."""

    def __init__(self, model: Model, text: str, *, filters: Sequence[str] = ()) -> None:
        opened = OpenedModel.of(model.recommender, snapshot=Snapshot.of(model.dataset), name=model.name, kind=model.name)
        self._served = ServedModel(opened)
        if self._served.scorer is None:
            raise ConfigError(f"{model.name} cannot answer words: it does not score a whole catalogue", hint="leave --text out")
        self._blocked = blocked_items(self._served.catalogue, unwanted=NO_ROWS, exclude=(), filters=tuple(filters), only=())
        self._heard = hear(text, not_meant=(), model=self._served, blocked=self._blocked, config=HearConfig())

    @property
    def understood(self) -> dict[str, Any] | None:  # Any: JSON
        """What was made of the text; `None` when it says nothing."""
        found: dict[str, Any] | None = msgspec.to_builtins(self._heard.understood) if self._heard is not None else None  # Any: JSON
        return found

    def with_text(self, query: Query) -> Query:
        """The query with the words that a model that reads is given."""
        text = self._heard.text if self._heard is not None else None
        return self._served.readable(replace(query, text=text))

    def answer(self, query: Query, *, k: int, exclude_seen: bool) -> Recommendations:
        """The best k items that meet what was said, in order of model and wishes."""
        assert self._served.scorer is not None, "checked when it was made"  # noqa: S101 - only our own bug could break it
        asked = self.with_text(query)
        scores = self._served.scorer.catalogue_scores([asked])[0]
        rows, items = np.arange(len(scores)), self._served.catalogue
        blocked = (self._heard.blocked if self._heard is not None else self._blocked).copy()
        scores = self._heard.lifted(scores, rows) if self._heard is not None else scores.copy()
        blocked[items.rows((*query.exclude, *(query.history if exclude_seen else ())))] = True
        scores[blocked] = EXCLUDED
        is_cold = self._served.is_cold(asked)
        source = "popularity" if is_cold and self._served.heeds_history else self._served.opened.kind
        chosen = tuple(
            RecommendedItem(item_id=items.item_id(row), score=float(scores[row]), source=source, reason=_reason(self._heard, row))
            for row in top_rows(scores, k=k).tolist()
        )
        version = str(getattr(self._served.recommender, "model_version", ""))
        return Recommendations(items=chosen, user_id=query.user_id, model_version=version, cold=is_cold, understood=self.understood)


def _reason(heard: Heard | None, row: int) -> str:
    return heard.reason(row) if heard is not None else ""
