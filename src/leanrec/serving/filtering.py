"""Filter: what may not be answered, decided once for a question and then taken out of the candidates."""

from collections.abc import Sequence

import numpy as np

from leanrec.config import Config
from leanrec.data.ids import ItemId
from leanrec.serving.item_index import Mask, Rows
from leanrec.serving.live_catalogue import LiveCatalogue
from leanrec.serving.stage import Candidates, Question


class FilterConfig(Config):
    """What is always taken out. Hidden, excluded, deleted and unavailable items are, whatever is set here."""

    seen: bool = True
    """Items that the user acted on, unless the question asks for them."""


class Filter:
    """Takes blocked items out."""

    def __init__(self, config: FilterConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """The candidates that may be answered."""
        return candidates.take(~question.blocked[candidates.rows], note=f"{question.num_blocked} of {len(question.blocked)} items blocked")


def blocked_items(
    catalogue: LiveCatalogue,
    *,
    unwanted: Rows,
    exclude: Sequence[ItemId],
    filters: tuple[str, ...],
    only: Sequence[Sequence[ItemId] | None],
) -> Mask:
    """(N + new,) everything closed, unwanted (seen, hidden) or excluded, and everything outside the filters and the lists in `only`."""
    blocked = catalogue.is_closed.copy()
    blocked[unwanted] = True
    if exclude:
        blocked[catalogue.rows(exclude)] = True
    if filters:
        blocked |= ~catalogue.matching(filters)
    for allowed in only:
        if allowed is not None:
            outside = np.ones(len(blocked), np.bool_)
            outside[catalogue.rows(allowed)] = False
            blocked |= outside
    return blocked
