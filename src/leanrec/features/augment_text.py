"""TextDropout: texts with some of their words left out, so that a language model relies on none of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leanrec.errors import ConfigError
from leanrec.features.augment_draws import Draws
from leanrec.features.augment_views import Bools


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDropout:
    """Leaves out a share of the tokens of a text (token cutoff, ConSERT, Yan et al. 2021); (seed, epoch, row) decide which.

    Tokens are words or parts of words; marks of beginning and end stay, and at least one token beside them.
    """

    share: float
    marks: frozenset[int]
    """Tokens that are never left out."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ConfigError(f"a text dropout of {self.share:g} is no share", hint="give a value from 0 (keep all) to below 1")

    def tokens(self, ids: Sequence[int], *, row: int, epoch: int) -> list[int]:
        """What is left of the text of a row, in its order."""
        if not self.share:
            return list(ids)
        return [token for token, is_kept in zip(ids, self._is_kept(ids, row=row, epoch=epoch).tolist(), strict=True) if is_kept]

    def _is_kept(self, ids: Sequence[int], *, row: int, epoch: int) -> Bools:
        draws = Draws(seed=self.seed, epoch=epoch, view="text").of(f"row {row}", np.arange(len(ids)))
        is_mark = np.array([token in self.marks for token in ids], np.bool_)
        is_kept: Bools = is_mark | (draws >= self.share)
        if not (is_kept & ~is_mark).any() and not is_mark.all():
            is_kept[np.argmax(np.where(is_mark, -1.0, draws))] = True
        return is_kept
