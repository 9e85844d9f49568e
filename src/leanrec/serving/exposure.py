"""Exposure: how often new items were given a place, and what people did with items, since the server started."""

from collections import Counter
from collections.abc import Iterable

from leanrec.data.ids import ItemId

MAX_ITEMS = 100_000
"""Items that are counted; past that, further ones count as never touched."""


class Exposure:
    """Counts in memory: they begin anew with the server, which costs some showing and no more."""

    def __init__(self) -> None:
        self._shown: Counter[ItemId] = Counter()
        self._acts: Counter[ItemId] = Counter()

    def shown(self, item_ids: Iterable[ItemId]) -> None:
        """Items were given a place as new ones."""
        _count(self._shown, item_ids)

    def acted(self, item_ids: Iterable[ItemId]) -> None:
        """People acted on items that exist."""
        _count(self._acts, item_ids)

    def of(self, item_id: ItemId) -> tuple[int, int]:
        """How often an item was given a place, and how often people acted on it."""
        return self._shown[item_id], self._acts[item_id]


def _count(counter: Counter[ItemId], item_ids: Iterable[ItemId]) -> None:
    for item_id in item_ids:
        if item_id in counter or len(counter) < MAX_ITEMS:
            counter[item_id] += 1
