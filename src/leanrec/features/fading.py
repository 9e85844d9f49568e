"""FadingCounts: acts per item, each halved with every half-life of age, and updated event by event."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leanrec.data.dataset import Dataset
from leanrec.features.histories import FloatArray, Rows, event_weights

MICROSECONDS_PER_DAY = 86_400_000_000
HALF_LIFE_DAYS = 30.0


@dataclass(frozen=True, kw_only=True)
class FadingCounts:
    """How much everybody acted on each item lately; where clock times are not known, an act counts 1 for ever."""

    counts: npt.NDArray[np.float64]
    """(N,) as of `newest`."""
    newest: int
    """Time of the newest act, in microseconds; 0 where times are not known."""
    half_life_days: float = HALF_LIFE_DAYS

    @classmethod
    def of_dataset(cls, dataset: Dataset, *, half_life_days: float = HALF_LIFE_DAYS) -> "FadingCounts":
        """The counts of all acts of a data set; impressions are none."""
        is_act = event_weights(dataset) > 0
        empty = cls(counts=np.zeros(dataset.num_items), newest=0, half_life_days=half_life_days)
        return empty.with_acts(
            dataset.column("item_row")[is_act],
            dataset.column("timestamp")[is_act] if dataset.time_quality == "exact" else None,
            num_items=dataset.num_items,
        )

    def with_acts(self, item_rows: Rows, times: Rows | None, *, num_items: int) -> "FadingCounts":
        """The counts with further acts, as of the newest of all; without times they count as acts of `newest`."""
        known = np.pad(self.counts, (0, num_items - len(self.counts)))
        if times is None or len(times) == 0:
            return FadingCounts(counts=known + np.bincount(item_rows, minlength=num_items), newest=self.newest, half_life_days=self.half_life_days)
        newest = max(self.newest, int(times.max()))
        added = np.bincount(item_rows, weights=self._left(newest - times), minlength=num_items)
        left = self._left(np.array([newest - self.newest])) if self.newest else 1.0
        return FadingCounts(counts=known * left + added, newest=newest, half_life_days=self.half_life_days)

    @cached_property
    def shares(self) -> FloatArray:
        """(N,) each item's share of the whole, float32."""
        shares: FloatArray = (self.counts / max(np.finfo(np.float64).tiny, self.counts.sum())).astype(np.float32)
        return shares

    def _left(self, ages: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """What is left of an act after so many microseconds."""
        left: npt.NDArray[np.float64] = 0.5 ** (ages / (MICROSECONDS_PER_DAY * self.half_life_days))
        return left
