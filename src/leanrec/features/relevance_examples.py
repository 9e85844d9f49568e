"""RelevanceExamples: what was said of somebody beside what was said of an item, and how well the two went together, in batches of whole questions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from leanrec.data.pair_tokens import PairTokenizer, PairTokens
from leanrec.data.tokens import Ids, TokenBatch, token_batches
from leanrec.errors import ConfigError, DataError
from leanrec.features.histories import FloatArray, Rows
from leanrec.features.whole_examples import WholeExamples


@dataclass(frozen=True, kw_only=True, slots=True)
class RelevanceExamples:
    """E labelled pairs of Q questions: a history in words, a candidate in words, and a figure."""

    histories: tuple[str, ...]
    """(Q,) a line an item, the newest last."""
    candidates: tuple[str, ...]
    """(C,) texts of items."""
    questions: Rows
    """(E,) rising: which history each pair is of."""
    candidate_rows: Rows
    """(E,)"""
    labels: FloatArray
    """(E,) 1 or 0 for a choice, stars for a rating."""

    def __post_init__(self) -> None:
        if not len(self.questions) == len(self.candidate_rows) == len(self.labels):
            raise DataError("questions, candidates and labels differ in number", hint="give one of each for every pair")
        if len(self.questions) and (np.diff(self.questions) < 0).any():
            raise DataError("the pairs of a question do not stand together", hint="sort them by question")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def fingerprint(self) -> str:
        """sha256 over texts and labels."""
        digest = hashlib.sha256("\0".join((*self.histories, *self.candidates)).encode("utf-8", "surrogatepass"))
        for array in (self.questions, self.candidate_rows, self.labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def take(self, pairs: Rows) -> Self:
        """Some of the pairs, in their order."""
        pairs = np.sort(pairs)
        return replace(self, questions=self.questions[pairs], candidate_rows=self.candidate_rows[pairs], labels=self.labels[pairs])

    def of_questions(self, chosen: Rows) -> Self:
        """All pairs of some questions."""
        return self.take(np.flatnonzero(np.isin(self.questions, chosen)))

    def sample(self, number: int, *, rng: np.random.Generator) -> Self:
        """Whole questions drawn by chance until they hold about `number` pairs: what a few-shot trial learns from.

        Raises `ConfigError` when there are fewer pairs.
        """
        if not 0 < number <= len(self):
            raise ConfigError(f"{number} examples are wanted; there are {len(self)}", hint="choose a number between")
        asked, counts = np.unique(self.questions, return_counts=True)
        order = rng.permutation(len(asked))
        enough = int(np.searchsorted(np.cumsum(counts[order]), number)) + 1
        return self.of_questions(asked[order[:enough]])

    def pairs_of(self, rows: Rows) -> tuple[list[str], list[str]]:
        """Histories and candidates of some pairs, one of each a pair."""
        return [self.histories[row] for row in self.questions[rows]], [self.candidates[row] for row in self.candidate_rows[rows]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelevanceBatch:
    """Pairs of a few whole questions, as tokens."""

    texts: tuple[tuple[TokenBatch, Ids], ...]
    """Tokens of like length together, with their types; `rows` of each name places in the batch."""
    labels: FloatArray
    """(B,)"""
    questions: Rows
    """(B,) which of them ask the same."""
    places: Rows
    """(Q,) which of all readable questions are asked, in the order of `questions`' numbers."""
    epoch: int
    position: int

    @property
    def num_tokens(self) -> int:
        """Places of tokens that are read, padding included."""
        return sum(int(batch.ids.size) for batch, _ in self.texts)


class RelevanceBatches(WholeExamples):
    """Questions with all their pairs, in another order each epoch; a batch holds at least `pairs` pairs, but the last."""

    def __init__(
        self, examples: RelevanceExamples, tokenizer: PairTokenizer, *, pairs: int, pad_id: int, max_batch_tokens: int, seed: int = 0
    ) -> None:
        """Raises `DataError` when nothing of it can be read."""
        if pairs < 1:
            raise ConfigError(f"batches of {pairs} pairs hold nothing", hint="choose at least 1")
        self.examples, self.pairs, self.seed = examples, pairs, seed
        self._pad_id, self._max_batch_tokens, self._max_tokens = pad_id, max_batch_tokens, tokenizer.max_tokens
        self._read = tokenizer.read_pairs(*examples.pairs_of(np.arange(len(examples))))
        readable = np.array([len(ids) > 0 for ids in self._read.ids], np.bool_)
        if not readable.any():
            raise DataError(
                "no pair has a candidate with a text: there is nothing to learn from", hint="read a catalogue with titles: --catalogue FILE"
            )
        places = np.flatnonzero(readable)
        starts = np.flatnonzero(np.diff(examples.questions[places], prepend=-1))
        self._groups = np.split(places, starts[1:])
        self._places = np.arange(len(self._groups))

    def __len__(self) -> int:
        sizes = np.array([len(group) for group in self._groups])
        return max(1, round(float(sizes.sum() / max(self.pairs, sizes.mean()))))

    @property
    def fingerprint(self) -> str:
        """Of the examples."""
        return self.examples.fingerprint

    @property
    def settings(self) -> dict[str, int]:
        """What besides the examples decides the batches."""
        return {"pairs": self.pairs, "seed": self.seed, "max_tokens": self._max_tokens, "max_batch_tokens": self._max_batch_tokens}

    def by_length(self) -> FloatArray:
        """(S,) tokens of a question's pairs, their mean."""
        sizes = np.array([len(ids) for ids in self._read.ids])
        return np.array([sizes[group].mean() for group in self._groups], np.float32)

    def by_popularity(self) -> FloatArray:
        """(S,) how rarely what was chosen is chosen in these examples: the mean of -log of how often; NaN where nothing was."""
        rows, is_chosen = self.examples.candidate_rows, self.examples.labels > 0
        counts = np.bincount(rows[is_chosen], minlength=len(self.examples.candidates))
        rarity = np.where(is_chosen, -np.log(np.maximum(counts[rows], 1)), np.nan)
        chosen = [rarity[group[is_chosen[group]]] for group in self._groups]
        return np.array([one.mean() if len(one) else np.nan for one in chosen], np.float32)

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[RelevanceBatch]:
        """The batches of an epoch in their order, the first `start` left out."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self._groups))
        for position, part in enumerate(np.array_split(order, len(self))[start:], start=start + 1):
            yield self._batch(part, epoch=epoch, position=position)

    def _keep(self, examples: Rows) -> None:
        """The rows of these questions."""
        self._groups = [self._groups[example] for example in examples.tolist()]

    def _batch(self, part: Rows, *, epoch: int, position: int) -> RelevanceBatch:
        rows = np.concatenate([self._groups[number] for number in part])
        tokens = [self._read.ids[row] for row in rows]
        read = PairTokens(ids=tokens, starts=[self._read.starts[row] for row in rows])
        return RelevanceBatch(
            texts=tuple(
                (batch, read.types_of(batch)) for batch in token_batches(tokens, max_batch_tokens=self._max_batch_tokens, pad_id=self._pad_id)
            ),
            labels=self.examples.labels[rows],
            questions=self.examples.questions[rows],
            places=np.sort(self._places[part]),
            epoch=epoch,
            position=position,
        )
