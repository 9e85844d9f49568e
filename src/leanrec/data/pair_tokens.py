"""Pairs as tokens: a history and a candidate in one row, as a cross-encoder reads them; both worlds read with the same code."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from leanrec.data.plain_text import readable_text
from leanrec.data.tokens import Ids, TextTokenizer, TokenBatch
from leanrec.errors import ConfigError

LEAST_HISTORY = 0.25
"""The share of a row that a long candidate leaves to the history."""
MIN_TOKENS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class PairTokens:
    """Rows of tokens, each a history and a candidate between the marks of the tokenizer."""

    ids: Sequence[Sequence[int]]
    """Empty for a candidate that holds nothing to read."""
    starts: Sequence[int]
    """Where in each row the candidate begins."""

    def types_of(self, batch: TokenBatch) -> Ids:
        """(B, T) 1 where a batch of these rows tells of the candidate, 0 for the history and for padding."""
        starts = np.array([self.starts[row] for row in batch.rows.tolist()], np.int64)
        return (np.arange(batch.ids.shape[1]) >= starts[:, None]).astype(np.int64) * batch.mask


class PairTokenizer:
    """Splits a history and candidates into rows of at most `max_tokens`: [CLS] history [SEP] candidate [SEP]."""

    def __init__(self, content: str, *, max_tokens: int, source: str = "the model") -> None:
        """From the text of a `tokenizer.json`; raises `ConfigError` when it marks no ends of texts, or for too few tokens."""
        self.tokenizer = TextTokenizer(content)
        self.max_tokens = max_tokens
        self.opening, self.closing = self.tokenizer.marks
        if not self.closing:
            raise ConfigError(
                f"{source} does not mark where a text ends, as a decoder: it cannot read pairs",
                hint="give an encoder (BERT, MiniLM); decoders rank as a causal scorer",
            )
        if max_tokens < MIN_TOKENS:
            raise ConfigError(f"max_tokens {max_tokens} leaves no room for two texts; at least {MIN_TOKENS}", hint="choose a larger number")

    @property
    def content(self) -> str:
        """The text of the `tokenizer.json`."""
        return self.tokenizer.content

    def read(self, history: str, candidates: Sequence[str]) -> PairTokens:
        """One row a candidate. `history` tells of an item a line, the newest last; where room is short its beginning gives way first."""
        return self.read_pairs([history] * len(candidates), candidates)

    def read_pairs(self, histories: Sequence[str], candidates: Sequence[str]) -> PairTokens:
        """One row for each history with its candidate."""
        said = {history: self.tokenizer.pieces(readable_text(history)) for history in set(histories)}
        rows = [
            self._row(said[history], self.tokenizer.pieces(readable_text(candidate)))
            for history, candidate in zip(histories, candidates, strict=True)
        ]
        return PairTokens(ids=[ids for ids, _ in rows], starts=[start for _, start in rows])

    def _row(self, history: Sequence[int], candidate: Sequence[int]) -> tuple[list[int], int]:
        if not candidate:
            return [], 0
        room = self.max_tokens - len(self.opening) - 2 * len(self.closing)
        candidate = candidate[: room - min(len(history), int(LEAST_HISTORY * room))]
        kept = history[max(0, len(history) - (room - len(candidate))) :]
        first = [*self.opening, *kept, *self.closing]
        return list(chain(first, candidate, self.closing)), len(first)
