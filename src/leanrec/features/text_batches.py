"""Batches of texts for language models: words hidden at random, or blocks filled with one text after the other."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from leanrec.data.tokens import FloatArray, Ids, TextTokenizer, TokenBatch
from leanrec.errors import ConfigError, DataError

BoolArray = npt.NDArray[np.bool_]
Tokens = Sequence[Sequence[int]]

MASK_NAMES = ("[MASK]", "<mask>")
"""What tokenizers call the token that stands for a hidden one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBatch:
    """Rows of tokens, padded at their ends, and which of them are to be predicted."""

    rows: Ids
    """(B,) which of the texts, or of the blocks, these are."""
    ids: Ids
    """(B, T) what is read."""
    mask: Ids
    """(B, T) 1 where a token is real."""
    is_target: BoolArray
    """(B, T) which tokens are predicted: from all others where words are hidden, else from those before."""
    originals: Ids
    """(B, T) what stood there: differs from `ids` where words are hidden."""
    places: Ids | None = None
    """(M,) where each predicted token stands among those of all texts, row after row; not told of texts that are held out."""
    epoch: int = 0
    position: int = 0
    """Batches of the epoch that are done with this one."""

    @property
    def num_tokens(self) -> int:
        """Real tokens that are read."""
        return int(self.mask.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """Which tokens are hidden, and by what: 80 % by the mask, 10 % by any token, 10 % not at all (Devlin et al. 2019, section 3.1)."""

    mask_id: int
    num_tokens: int
    """V."""
    special_ids: frozenset[int]
    """Marks: never hidden."""
    share: float = 0.15
    """Of the tokens of a text that are to be predicted; one at least."""

    @classmethod
    def of_tokenizer(cls, tokenizer: TextTokenizer, *, share: float = 0.15) -> "Masking":
        """Raises `ConfigError` when the tokenizer knows no token that hides others, as those of decoders do not."""
        mask_id = next((tokenizer.vocabulary[name] for name in MASK_NAMES if name in tokenizer.vocabulary), None)
        if mask_id is None:
            raise ConfigError(f"the tokenizer has no token that hides others ({' or '.join(MASK_NAMES)})", hint="take objective causal")
        return cls(mask_id=mask_id, num_tokens=max(tokenizer.vocabulary.values()) + 1, special_ids=tokenizer.special_ids | {mask_id}, share=share)

    def can_hide(self, tokens: Sequence[int]) -> bool:
        """Whether a text has anything but marks."""
        return any(token not in self.special_ids for token in tokens)

    def hidden(self, tokens: Sequence[int], rng: np.random.Generator) -> tuple[Ids, BoolArray]:
        """What is read of a text, and which of its tokens are to be predicted."""
        ids = np.array(tokens, np.int64)
        places = np.array([place for place, token in enumerate(tokens) if token not in self.special_ids])
        chosen = rng.permutation(places)[: max(1, round(self.share * len(places)))]
        fate = rng.random(len(chosen))
        ids[chosen[fate < 0.8]] = self.mask_id
        is_swapped = (fate >= 0.8) & (fate < 0.9)
        ids[chosen[is_swapped]] = rng.integers(0, self.num_tokens, is_swapped.sum())
        is_target = np.zeros(len(ids), np.bool_)
        is_target[chosen] = True
        return ids, is_target


class _TextExamples(ABC):
    """Parent of the batches of texts: which of the texts they are of, and where each token stands among those of all."""

    def __init__(self, texts: Tokens) -> None:
        self.texts = texts
        self._rows = np.arange(len(texts))
        self._sizes = np.array([len(text) for text in texts], np.int64)
        self._offsets = np.cumsum(self._sizes) - self._sizes
        self._cut()

    @property
    def fingerprint(self) -> str:
        """sha256 of the tokens."""
        return _fingerprint(self.texts)

    @property
    def num_examples(self) -> int:
        """S, texts that are read."""
        return len(self._rows)

    @property
    def num_places(self) -> int:
        """Tokens of all texts."""
        return int(self._sizes.sum())

    def by_length(self) -> FloatArray:
        """(S,) tokens of each text."""
        return self._sizes[self._rows].astype(np.float32)

    def taking(self, examples: Ids) -> Self:
        """Batches of these texts alone."""
        taken = copy(self)
        taken._rows = self._rows[examples]
        taken._cut()
        return taken

    def example_losses(self, target_losses: FloatArray) -> FloatArray:
        """(S,) of each text the mean over its tokens that were ever predicted, from the newest loss of every token; NaN where none was."""
        texts = np.repeat(np.arange(len(self.texts)), self._sizes)
        is_known = ~np.isnan(target_losses)
        sums = np.bincount(texts, np.where(is_known, target_losses, 0.0), minlength=len(self.texts))
        counts = np.bincount(texts, is_known, minlength=len(self.texts))
        means: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
        return means[self._rows]

    @abstractmethod
    def _cut(self) -> None:
        """Decide what the batches of these texts are cut from."""


class MaskedBatches(_TextExamples):
    """Texts with words hidden, those of like length together; which are hidden is decided by (seed, epoch, text), so each epoch hides others.

    A batch holds about `tokens` tokens, padding counted, and one text at least. The whole order is decided by (seed, epoch).
    """

    def __init__(self, texts: Tokens, masking: Masking, *, tokens: int, pad_id: int, seed: int = 0) -> None:
        """Raises `DataError` for a text in which nothing can be hidden."""
        empty = next((row for row, text in enumerate(texts) if not masking.can_hide(text)), None)
        if empty is not None:
            raise DataError(f"text {empty} holds nothing but marks: no word can be hidden", hint="leave such texts out")
        self.masking, self.pad_id, self.tokens, self.seed = masking, pad_id, tokens, seed
        super().__init__(texts)

    def __len__(self) -> int:
        return len(self._edges) - 1

    @property
    def most_tokens(self) -> int:
        """Tokens of the largest batch, padding counted."""
        lengths = np.sort(self._sizes[self._rows])
        return max((int(lengths[end - 1]) * int(end - start) for start, end in pairwise(self._edges)), default=0)

    @property
    def settings(self) -> dict[str, float]:
        """What besides the texts decides the batches."""
        return {"tokens": self.tokens, "seed": self.seed, "share": self.masking.share, "mask_id": self.masking.mask_id, "pad_id": self.pad_id}

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[TextBatch]:
        """The batches of an epoch in their order, the first `start` left out."""
        rng = np.random.default_rng([self.seed, epoch])
        shuffled = self._rows[rng.permutation(len(self._rows))]
        order = shuffled[np.argsort(self._sizes[shuffled], kind="stable")]
        for position, number in enumerate(rng.permutation(len(self))[start:], start=start + 1):
            yield self._batch(order[self._edges[number] : self._edges[number + 1]], epoch=epoch, position=position)

    def _batch(self, rows: Ids, *, epoch: int, position: int) -> TextBatch:
        whole = TokenBatch.of_texts(self.texts, rows.tolist(), pad_id=self.pad_id)
        ids, is_target = whole.ids.copy(), np.zeros(whole.ids.shape, np.bool_)
        for place, row in enumerate(rows.tolist()):
            rng = np.random.default_rng([self.seed, epoch, row])
            length = len(self.texts[row])
            ids[place, :length], is_target[place, :length] = self.masking.hidden(self.texts[row], rng)
        places = (self._offsets[rows][:, None] + np.arange(ids.shape[1]))[is_target]
        return TextBatch(rows=rows, ids=ids, mask=whole.mask, is_target=is_target, originals=whole.ids, places=places, epoch=epoch, position=position)

    def _cut(self) -> None:
        self._edges = _cut(np.sort(self._sizes[self._rows]), tokens=self.tokens)


class PackedBatches(_TextExamples):
    """Blocks of `block_tokens` tokens filled with one text after the other, in another order each epoch; nothing but the last block is padded.

    Texts end with the end token, so that a text's beginning is predicted too. Attention crosses from a text to those before it in the block:
    the end token is all that tells them apart, as decoders are pre-trained. Blocks overlap by a token, so that each is predicted once.
    """

    def __init__(self, texts: Tokens, *, block_tokens: int, tokens: int, pad_id: int, seed: int = 0) -> None:
        if block_tokens < 2:
            raise ConfigError(f"blocks of {block_tokens} tokens leave nothing to predict", hint="choose at least 2")
        self.pad_id, self.block_tokens, self.tokens, self.seed = pad_id, block_tokens, tokens, seed
        self._batch_blocks = max(1, tokens // block_tokens)
        super().__init__(texts)

    def __len__(self) -> int:
        return -(-self._num_blocks // self._batch_blocks)

    @property
    def most_tokens(self) -> int:
        """Tokens of the largest batch."""
        return min(self._batch_blocks, self._num_blocks) * self.block_tokens

    @property
    def settings(self) -> dict[str, float]:
        """What besides the texts decides the batches."""
        return {"block_tokens": self.block_tokens, "tokens": self.tokens, "seed": self.seed, "pad_id": self.pad_id}

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[TextBatch]:
        """The batches of an epoch in their order, the first `start` left out."""
        rng = np.random.default_rng([self.seed, epoch])
        order = self._rows[rng.permutation(len(self._rows))]
        stream = np.concatenate([np.array(self.texts[row], np.int64) for row in order])
        blocks = rng.permutation(self._num_blocks)
        for position in range(start, len(self)):
            rows = blocks[position * self._batch_blocks : (position + 1) * self._batch_blocks]
            starts = rows * (self.block_tokens - 1)
            pieces = {int(row): stream[first : first + self.block_tokens] for row, first in zip(rows, starts, strict=True)}
            batch = _read_on(pieces, pad_id=self.pad_id, epoch=epoch, position=position + 1)
            read = (starts[:, None] + np.arange(batch.ids.shape[1]))[batch.is_target]
            yield replace(batch, places=self._places(read, order))

    def _places(self, read: Ids, order: Ids) -> Ids:
        """Where tokens of the stream stand among those of all texts, when the texts stand in it in this order."""
        begins = np.cumsum(self._sizes[order]) - self._sizes[order]
        text = np.searchsorted(begins, read, side="right") - 1
        places: Ids = read - begins[text] + self._offsets[order[text]]
        return places

    def _cut(self) -> None:
        self._num_blocks = max(0, -(-(int(self._sizes[self._rows].sum()) - 1) // (self.block_tokens - 1)))


def held_out_batches(texts: Tokens, *, tokens: int, pad_id: int) -> list[TextBatch]:
    """Each text in a row of its own, all of its tokens but the first to be predicted from those before, those of like length together."""
    order = sorted((row for row, text in enumerate(texts) if len(text) > 1), key=lambda row: len(texts[row]))
    edges = _cut(np.array([len(texts[row]) for row in order], np.int64), tokens=tokens)
    parts = [order[start:end] for start, end in pairwise(edges)]
    return [_read_on({row: np.array(texts[row], np.int64) for row in part}, pad_id=pad_id) for part in parts]


def _read_on(pieces: dict[int, Ids], *, pad_id: int, epoch: int = 0, position: int = 0) -> TextBatch:
    rows = list(pieces)
    whole = TokenBatch.of_texts([piece.tolist() for piece in pieces.values()], range(len(rows)), pad_id=pad_id)
    is_target = whole.mask.astype(np.bool_)
    is_target[:, 0] = False
    return TextBatch(
        rows=np.array(rows, np.int64), ids=whole.ids, mask=whole.mask, is_target=is_target, originals=whole.ids, epoch=epoch, position=position
    )


def _cut(lengths: Ids, *, tokens: int) -> Ids:
    """Where batches begin and end among texts of rising length: as many as fit when all are padded to the longest, one at least."""
    edges, start = [0], 0
    for place, length in enumerate(lengths.tolist()):
        if place > start and (place - start + 1) * length > tokens:
            edges.append(place)
            start = place
    return np.array([*edges, len(lengths)] if len(lengths) else [0], np.int64)


def _fingerprint(texts: Tokens) -> str:
    digest = hashlib.sha256(f"{len(texts)} ".encode())
    for text in texts:
        digest.update(f"{len(text)} ".encode())
        digest.update(np.array(text, np.int32).tobytes())
    return digest.hexdigest()
