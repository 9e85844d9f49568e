"""Batches of histories: every token real, users of like length together, each epoch in an order of its own.

Nothing is padded. A batch is flat: the tokens of all its sequences one after the other, and `groups` says how many sequences
of which length follow each other, so that a model sees each group as (B, L, D) without copying.
"""

import hashlib
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from leanrec.errors import ConfigError
from leanrec.features.histories import FloatArray, Histories, Rows

Groups = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Sequences to learn from: for each token the item that was there and the item that came next."""

    item_rows: Rows
    """(T,) inputs, sequence after sequence."""
    targets: Rows
    """(T,) the item after each input."""
    places: Rows
    """(T,) where each target stands among the events of the histories."""
    groups: Groups
    """(sequences B, length L) of each run of equal length, in order; the products sum to T."""
    user_rows: Rows
    """(B of all groups,) whose sequence it is, as a row of the histories."""
    epoch: int
    """Counted from 0."""
    position: int
    """Batches of the epoch that are done with this one: `epoch(epoch, start=position)` goes on after it."""

    @property
    def num_tokens(self) -> int:
        """T."""
        return len(self.item_rows)

    def split(self, pieces: int) -> list["Batch"]:
        """The same sequences in so many batches of about equal tokens, or in fewer where there are not as many sequences."""
        lengths = np.repeat([length for _, length in self.groups], [count for count, _ in self.groups]).astype(np.int64)
        ends = np.cumsum(lengths)
        cuts = np.unique(np.searchsorted(ends, ends[-1] * np.arange(1, pieces + 1) / pieces) + 1).clip(max=len(lengths))
        return [self._part(start, stop, lengths) for start, stop in pairwise([0, *np.unique(cuts).tolist()])]

    def _part(self, start: int, stop: int, lengths: Rows) -> "Batch":
        tokens = slice(int(lengths[:start].sum()), int(lengths[:stop].sum()))
        values, counts = np.unique(lengths[start:stop], return_counts=True)
        return replace(
            self,
            item_rows=self.item_rows[tokens],
            targets=self.targets[tokens],
            places=self.places[tokens],
            groups=tuple(zip(counts.tolist(), values.tolist(), strict=True)),
            user_rows=self.user_rows[start:stop],
        )


class TokenBatches:
    """Histories cut into batches of about `tokens` tokens; (seed, epoch) decide the whole order.

    Sequences are sorted by length, equal lengths in random order, cut into batches, and the batches shuffled. A history of
    more than `max_length + 1` items gives its newest ones; with `windows` also the older ones, so that every item but the
    first is a target exactly once. A history of fewer than two items gives nothing.
    """

    def __init__(self, histories: Histories, *, max_length: int, tokens: int, seed: int = 0, windows: bool = False) -> None:
        if max_length < 1 or tokens < 1 or seed < 0:
            raise ConfigError(
                f"max_length {max_length}, tokens {tokens}, seed {seed}: batches cannot be cut so",
                hint="max_length and tokens are at least 1, a seed at least 0",
            )
        self.histories = histories
        self.max_length, self.tokens, self.seed, self.windows = max_length, tokens, seed, windows
        self._user_rows, self._starts, self._lengths = _sequences(histories, max_length=max_length, windows=windows)
        self._edges = _cut(np.sort(self._lengths), tokens=tokens)

    def __len__(self) -> int:
        """Batches in an epoch, the same in every epoch."""
        return len(self._edges) - 1

    @property
    def num_tokens(self) -> int:
        """Targets in an epoch."""
        return int(self._lengths.sum())

    @property
    def most_tokens(self) -> int:
        """Tokens of the largest batch: what buffers must hold."""
        return int(np.add.reduceat(np.sort(self._lengths), self._edges[:-1]).max()) if len(self) else 0

    @property
    def fingerprint(self) -> str:
        """sha256 of the histories: names what is learned from."""
        digest = hashlib.sha256(str(self.histories.num_items).encode())
        digest.update(np.ascontiguousarray(self.histories.offsets).data)
        digest.update(np.ascontiguousarray(self.histories.item_rows).data)
        return digest.hexdigest()

    @property
    def settings(self) -> dict[str, int]:
        """What besides the histories decides the batches."""
        return {"max_length": self.max_length, "tokens": self.tokens, "seed": self.seed, "windows": int(self.windows)}

    @property
    def num_examples(self) -> int:
        """S, the sequences that batches are cut from."""
        return len(self._lengths)

    @property
    def lengths(self) -> Rows:
        """(S,) targets of each sequence."""
        return self._lengths

    @property
    def num_places(self) -> int:
        """E, events of the histories."""
        return len(self.histories.item_rows)

    def target_places(self) -> Rows:
        """(targets of all sequences,) where each target stands among the events, sequence after sequence."""
        offsets = np.cumsum(self._lengths) - self._lengths
        places: Rows = np.arange(self.num_tokens) + np.repeat(self._starts + 1 - offsets, self._lengths)
        return places

    def taking(self, examples: Rows) -> Self:
        """Batches of these sequences alone."""
        taken = copy(self)
        taken._user_rows, taken._starts, taken._lengths = self._user_rows[examples], self._starts[examples], self._lengths[examples]
        taken._edges = _cut(np.sort(taken._lengths), tokens=self.tokens)
        return taken

    def resized(self, *, max_length: int | None, tokens: int | None) -> Self:
        """The same sequences, cut to their newest `max_length` targets, in batches of `tokens`; what is None stays."""
        resized = copy(self)
        resized.tokens, resized.max_length = tokens or self.tokens, max_length or self.max_length
        cut = np.maximum(self._lengths - resized.max_length, 0)
        resized._starts, resized._lengths = self._starts + cut, self._lengths - cut
        resized._edges = _cut(np.sort(resized._lengths), tokens=resized.tokens)
        return resized

    def example_losses(self, target_losses: FloatArray) -> FloatArray:
        """(S,) the mean of what is known of a sequence's targets, from a loss for each event of the histories; NaN where of none."""
        found = target_losses[self.target_places()]
        sequences = np.repeat(np.arange(self.num_examples), self._lengths)
        is_known = ~np.isnan(found)
        sums = np.bincount(sequences, np.where(is_known, found, 0.0), minlength=self.num_examples)
        counts = np.bincount(sequences, is_known, minlength=self.num_examples)
        means: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
        return means

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in their order, the first `start` left out."""
        rng = np.random.default_rng([self.seed, epoch])
        shuffled = rng.permutation(len(self._lengths))
        order = shuffled[np.argsort(self._lengths[shuffled], kind="stable")]
        for position, number in enumerate(rng.permutation(len(self))[start:], start=start + 1):
            yield self._batch(order[self._edges[number] : self._edges[number + 1]], epoch=epoch, position=position)

    def _batch(self, sequences: Rows, *, epoch: int, position: int) -> Batch:
        lengths = self._lengths[sequences]  # rising, so that equal lengths stand together
        offsets = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(self._starts[sequences] - offsets, lengths)
        values, counts = np.unique(lengths, return_counts=True)
        return Batch(
            item_rows=self.histories.item_rows[places],
            targets=self.histories.item_rows[places + 1],
            places=places + 1,
            groups=tuple(zip(counts.tolist(), values.tolist(), strict=True)),
            user_rows=self._user_rows[sequences],
            epoch=epoch,
            position=position,
        )


def _sequences(histories: Histories, *, max_length: int, windows: bool) -> tuple[Rows, Rows, Rows]:
    """(S,) user row, place of the first input, and number of targets of every sequence."""
    user_rows = np.flatnonzero(histories.lengths >= 2)
    targets = histories.lengths[user_rows] - 1
    counts = -(-targets // max_length) if windows else np.ones_like(targets)
    age = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # 0 is the newest window
    lengths = np.minimum(np.repeat(targets, counts) - age * max_length, max_length)
    ends = np.repeat(histories.offsets[user_rows + 1], counts) - age * max_length
    return np.repeat(user_rows, counts), ends - 1 - lengths, lengths


def _cut(lengths: Rows, *, tokens: int) -> Rows:
    """Where batches begin and end among sequences sorted by length: as even as whole sequences allow."""
    total = int(lengths.sum())
    if total == 0:
        return np.zeros(1, np.int64)
    wanted = max(1, round(total / tokens))
    number = (np.cumsum(lengths) - lengths) * wanted // total
    inner = np.flatnonzero(np.diff(number)) + 1
    return np.concatenate([np.zeros(1, np.int64), inner, np.array([len(lengths)], np.int64)])
