"""TeacherQuestions: the histories that a teacher is asked about: those of the log, and others like them that nobody had."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.features.histories import Histories, Rows


class QuestionsConfig(Config):
    """What a teacher is asked about.

    A teacher has seen the events that it is asked to foretell and remembers some of them. What a user chose at any time is therefore left out of
    the lists (the log itself teaches that), and histories that nobody had cost no data.
    """

    originals: bool = True
    """Whether the histories of the log are asked about as they are."""
    shortened: int = Field(default=0, ge=0)
    """Times that each history is asked about with items left out at random; each time costs as much as the originals, and was not measured."""
    left_out: float = Field(default=0.3, gt=0, lt=1)
    """Share of the items left out of a shortened history."""
    mixed: int = Field(default=0, ge=0)
    """Times that each history is asked about with another user's mixed in: half of the items of each, their order kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """How many of the sequences are of each kind, in this order."""

    originals: int
    shortened: int
    mixed: int


@dataclass(frozen=True, kw_only=True)
class TeacherQuestions:
    """Sequences of items; at each event stands a question, what comes after it and all before it.

    Question q is asked after `histories.item_rows[q]`, an event of the sequence that holds place q.
    """

    histories: Histories
    remembered: Histories
    """For each sequence what the teacher saw its users choose, before and after: no answer of theirs is knowledge."""
    sources: Sources

    @classmethod
    def of(cls, histories: Histories, config: QuestionsConfig, *, max_length: int, seed: int = 0) -> "TeacherQuestions":
        """Questions about the newest `max_length` events of each history, none about an empty one; (histories, config, seed) decide them."""
        rng = np.random.default_rng([seed, 1])
        whole = histories.take(np.flatnonzero(histories.lengths > 0))
        known = whole.tails(max_length)
        users = np.arange(len(known))
        asked = [(known, whole)] if config.originals else []
        num_originals = len(known) * config.originals
        for _ in range(config.shortened):
            made, kept = _shortened(known, share=config.left_out, rng=rng)
            asked.append((made, whole.take(kept)))
        num_shortened = sum(len(made) for made, _ in asked) - num_originals
        for _ in range(config.mixed):
            partners = rng.permutation(users)
            made, kept = _mixed(known, partners, max_length=max_length, rng=rng)
            asked.append((made, _side_by_side(whole.take(kept), whole.take(partners[kept]))))
        joined, remembered = (_joined([pair[side] for pair in asked], num_items=histories.num_items) for side in (0, 1))
        sources = Sources(originals=num_originals, shortened=num_shortened, mixed=len(joined) - num_originals - num_shortened)
        return cls(histories=joined, remembered=remembered, sources=sources)

    def __len__(self) -> int:
        return len(self.histories.item_rows)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the sequences and of what is left out of their lists."""
        digest = hashlib.sha256(f"teacher questions {self.histories.num_items}".encode())
        for part in (self.histories, self.remembered):
            digest.update(np.ascontiguousarray(part.offsets).data)
            digest.update(np.ascontiguousarray(part.item_rows).data)
        return digest.hexdigest()

    def prefixes(self, start: int, stop: int) -> list[Rows]:
        """The histories of the questions from `start` up to `stop`: item rows, oldest first."""
        offsets, rows = self.histories.offsets, self.histories.item_rows
        firsts = offsets[self._sequences(start, stop)]
        return [rows[first : place + 1] for first, place in zip(firsts.tolist(), range(start, stop))]

    def left_out(self, start: int, stop: int) -> list[Rows]:
        """The item rows that the lists of these questions do not hold."""
        return [self.remembered.of(sequence) for sequence in self._sequences(start, stop).tolist()]

    def _sequences(self, start: int, stop: int) -> Rows:
        """The sequence of each question."""
        found: Rows = np.searchsorted(self.histories.offsets, np.arange(start, stop), side="right") - 1
        return found


def _shortened(histories: Histories, *, share: float, rng: np.random.Generator) -> tuple[Histories, Rows]:
    """Each item is left out with the same probability; the histories of which something is left, and which they are."""
    is_kept = rng.random(len(histories.item_rows)) >= share
    return _of_sequences(histories.sequence_rows()[is_kept], histories.item_rows[is_kept], like=histories)


def _mixed(histories: Histories, partners: Rows, *, max_length: int, rng: np.random.Generator) -> tuple[Histories, Rows]:
    """Each history with its partner's: half of the items of both, the newest of both last, no item twice; and which histories they are."""
    beside = histories.take(partners)
    is_kept, is_kept_beside = rng.random(len(histories.item_rows)) < 0.5, rng.random(len(beside.item_rows)) < 0.5
    sequences = np.concatenate([histories.sequence_rows()[is_kept], beside.sequence_rows()[is_kept_beside]])
    rows = np.concatenate([histories.item_rows[is_kept], beside.item_rows[is_kept_beside]])
    ages = np.concatenate([histories.ages()[is_kept], beside.ages()[is_kept_beside]])
    order = np.lexsort((rng.random(len(rows)), -ages, sequences))
    sequences, rows = sequences[order], rows[order]
    first = np.sort(np.unique(sequences * histories.num_items + rows, return_index=True)[1])
    made, kept = _of_sequences(sequences[first], rows[first], like=histories)
    return made.tails(max_length), kept


def _of_sequences(sequences: Rows, rows: Rows, *, like: Histories) -> tuple[Histories, Rows]:
    made = Histories.of_events(sequences, rows, num_sequences=len(like), num_items=like.num_items)
    kept = np.flatnonzero(made.lengths > 0)
    return made.take(kept), kept


def _side_by_side(first: Histories, second: Histories) -> Histories:
    """Sequence by sequence the events of both."""
    sequences = np.concatenate([first.sequence_rows(), second.sequence_rows()])
    rows = np.concatenate([first.item_rows, second.item_rows])
    return Histories.of_events(sequences, rows, num_sequences=len(first), num_items=first.num_items)


def _joined(parts: list[Histories], *, num_items: int) -> Histories:
    """The sequences of all parts, one part after the other."""
    lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
    rows = np.concatenate([np.zeros(0, np.int64), *(part.item_rows for part in parts)])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Histories(offsets=offsets, item_rows=rows, weights=np.ones(len(rows), np.float32), num_items=num_items)
