"""Tokens: texts as numbers, by the `tokenizer.json` of a language model; both worlds read with the same code."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from leanrec.data.plain_text import readable_text
from leanrec.errors import ArtifactError

FloatArray = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


class TextTokenizer:
    """Splits texts into tokens, one thread, at most `max_tokens` each (what marks beginning and end included)."""

    def __init__(self, content: str, *, max_tokens: int | None = None, has_marks: bool = True) -> None:
        """From the text of a `tokenizer.json`; raises `ArtifactError` when it is none.

        `has_marks` says whether the tokens that open and close a text are added.
        """
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # noqa: BLE001 - the library raises bare exceptions
            raise ArtifactError(f"the tokenizer cannot be read: {error}", hint="give the tokenizer.json that belongs to the model") from None
        self.content = content
        self.max_tokens = max_tokens
        self.has_marks = has_marks
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._num_marks = self._tokenizer.num_special_tokens_to_add(is_pair=False) if has_marks else 0
        if max_tokens is not None:
            self._tokenizer.enable_truncation(max_tokens)

    @cached_property
    def _plain(self) -> Tokenizer:
        """The same without a cut."""
        whole = Tokenizer.from_str(self.content)
        whole.no_padding()
        whole.no_truncation()
        return whole

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text; none for a text that holds nothing to read."""
        return [self._ids(readable_text(text)) for text in texts]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=self.has_marks).ids if text else []
        return ids if len(ids) > self._num_marks else []

    def pieces(self, text: str) -> list[int]:
        """The tokens of a text just as it stands: nothing cleaned, added or cut."""
        encoding = self._plain.encode(text, add_special_tokens=False)
        return list(encoding.ids)

    @cached_property
    def marks(self) -> tuple[list[int], list[int]]:
        """The tokens that open and that close a text."""
        plain, marked = self.pieces("a"), self._plain.encode("a").ids
        start = next(place for place in range(len(marked)) if marked[place : place + len(plain)] == plain)
        return marked[:start], marked[start + len(plain) :]

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Every token and its number, special ones included."""
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Numbers of the tokens that are marks, not text."""
        return frozenset(number for number, token in self._tokenizer.get_added_tokens_decoder().items() if token.special)

    @property
    def pad_id(self) -> int:
        """The token that fills up a row: what the file names, else one that looks like it, else 0."""
        padding = json.loads(self.content).get("padding") or {}
        named = (self.vocabulary.get(token) for token in ("[PAD]", "<pad>", "<|endoftext|>"))
        return int(padding.get("pad_id", next((number for number in named if number is not None), 0)))

    def alone(self, number: int) -> list[int]:
        """One token as a text of its own, between the marks."""
        if not self.has_marks:
            return [number]
        opening, closing = self.marks
        return [*opening, number, *closing]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBatch:
    """Texts of like length, padded to the longest of them."""

    rows: Ids
    """(B,) which of the texts these are."""
    ids: Ids
    """(B, T)"""
    mask: Ids
    """(B, T) 1 where a token is real."""

    @classmethod
    def of_texts(cls, tokens: Sequence[Sequence[int]], rows: Sequence[int], *, pad_id: int) -> Self:
        """The texts `rows` of `tokens`, padded at the end."""
        length = max(len(tokens[row]) for row in rows)
        ids, mask = np.full((len(rows), length), pad_id, np.int64), np.zeros((len(rows), length), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(tokens[row])] = tokens[row]
            mask[place, : len(tokens[row])] = 1
        return cls(rows=np.array(rows, np.int64), ids=ids, mask=mask)


def token_batches(tokens: Sequence[Sequence[int]], *, max_batch_tokens: int, pad_id: int) -> Iterator[TokenBatch]:
    """All texts that have tokens, longest first, so that little is padded; a batch holds at least one text."""
    order = sorted((row for row in range(len(tokens)) if tokens[row]), key=lambda row: -len(tokens[row]))
    start = 0
    while start < len(order):
        size = max(1, max_batch_tokens // len(tokens[order[start]]))
        yield TokenBatch.of_texts(tokens, order[start : start + size], pad_id=pad_id)
        start += size
