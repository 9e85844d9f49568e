"""HistoryPairs: what somebody chose and what they chose next, as texts, in batches that read each item once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from leanrec.data.tokens import TokenBatch, token_batches
from leanrec.errors import ConfigError, DataError
from leanrec.features.augment_text import TextDropout
from leanrec.features.histories import FloatArray, Histories, Rows
from leanrec.features.whole_examples import WholeExamples


@dataclass(frozen=True, kw_only=True, slots=True)
class PairBatch:
    """B histories and what came next, over the U distinct items of the batch."""

    item_rows: Rows
    """(U,) which items these are."""
    texts: tuple[TokenBatch, ...]
    """Their tokens, those of like length together; `rows` of each name places among the U."""
    weights: FloatArray
    """(B, U) what each item of a history counts in its vector; each row sums to 1."""
    targets: Rows
    """(B,) place of the next item among the U."""
    is_rival: np.ndarray
    """(B, U) bool: items that the target competes with, itself included: those that the user did not choose at another time."""
    log_chances: FloatArray
    """(U,) log of how often the item stands among the pairs: what log-Q takes off (Yi et al. 2019, eq. 3)."""
    places: Rows
    """(B,) which of all users these are."""
    epoch: int
    position: int

    @property
    def num_tokens(self) -> int:
        """Places of tokens that are read, padding included."""
        return sum(int(batch.ids.size) for batch in self.texts)


class HistoryPairs(WholeExamples):
    """One pair for each user and epoch, at a moment drawn anew: the newest `history_items` before it, and the item chosen then.

    With one history item these are pairs of items that somebody chose one after the other.
    """

    def __init__(
        self,
        histories: Histories,
        tokens: Sequence[Sequence[int]],
        *,
        pairs: int,
        history_items: int = 3,
        decay: float = 0.8,
        max_batch_tokens: int = 2048,
        pad_id: int = 0,
        seed: int = 0,
        dropout: TextDropout | None = None,
    ) -> None:
        """`tokens` of each item; items without any are left out. Raises `DataError` when no user chose two that have some."""
        if pairs < 2 or history_items < 1 or not 0 < decay <= 1:
            raise ConfigError(
                f"pairs {pairs}, history_items {history_items}, decay {decay:g}: no batches can be cut so",
                hint="at least two pairs a batch, one history item, and a decay above 0 and at most 1",
            )
        self.pairs, self.history_items, self.decay, self.seed = pairs, history_items, decay, seed
        self._tokens, self._pad_id, self._max_batch_tokens, self._dropout = tokens, pad_id, max_batch_tokens, dropout
        has_text = np.array([len(text) > 0 for text in tokens])
        rows = [histories.of(sequence) for sequence in range(len(histories))]
        self._histories = [kept for row in rows if len(kept := row[has_text[row]]) >= 2]
        if not self._histories:
            raise DataError(
                "no user chose two items that have a text: there is nothing to learn from", hint="read a catalogue with titles: --catalogue FILE"
            )
        self._places = np.arange(len(self._histories))
        self._log_chances = self._found_log_chances()

    def __len__(self) -> int:
        """Batches in an epoch; those left over, if fewer than half a batch, are left out."""
        return max(1, round(len(self._histories) / self.pairs))

    @property
    def fingerprint(self) -> str:
        """sha256 over histories and texts."""
        digest = hashlib.sha256(f"{len(self._tokens)} ".encode())
        for part in (*self._histories, *(np.array(text, np.int64) for text in self._tokens)):
            digest.update(f"{len(part)} ".encode() + part.tobytes())
        return digest.hexdigest()

    @property
    def settings(self) -> dict[str, float]:
        """What besides the data decides the batches."""
        return {
            "pairs": self.pairs,
            "history_items": self.history_items,
            "decay": self.decay,
            "seed": self.seed,
            "max_batch_tokens": self._max_batch_tokens,
            "text_dropout": self._dropout.share if self._dropout is not None else 0.0,
        }

    def by_length(self) -> FloatArray:
        """(S,) tokens of a user's pair, the mean over the moments that it may be drawn at."""
        sizes = np.array([len(text) for text in self._tokens])
        return np.array([self._mean_tokens(sizes[history]) for history in self._histories], np.float32)

    def by_popularity(self) -> FloatArray:
        """(S,) how rarely what a user chose next is chosen: the mean of -log of its share."""
        return np.array([-self._log_chances[history[1:]].mean() for history in self._histories], np.float32)

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[PairBatch]:
        """The batches of an epoch, the first `start` left out."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self._histories))
        moments = np.array([rng.integers(1, len(history)) for history in self._histories])
        for position in range(start, len(self)):
            chosen = order[position * self.pairs : (position + 1) * self.pairs]
            yield self._batch(chosen, moments, epoch=epoch, position=position + 1)

    def _batch(self, users: Rows, moments: Rows, *, epoch: int, position: int) -> PairBatch:
        pasts = [self._histories[user][: moments[user]][-self.history_items :] for user in users]
        targets = np.array([self._histories[user][moments[user]] for user in users])
        items = np.unique(np.concatenate([*pasts, targets]))
        weights = np.zeros((len(users), len(items)), np.float32)
        is_rival = np.ones((len(users), len(items)), np.bool_)
        places = np.searchsorted(items, targets)
        for row, (user, past) in enumerate(zip(users, pasts, strict=True)):
            faded = self.decay ** np.arange(len(past))[::-1]
            np.add.at(weights[row], np.searchsorted(items, past), faded / faded.sum())
            is_rival[row, np.isin(items, self._histories[user])] = False
            is_rival[row, places[row]] = True
        return PairBatch(
            item_rows=items,
            texts=tuple(self._texts(items, epoch=epoch)),
            weights=weights,
            targets=places,
            is_rival=is_rival,
            log_chances=self._log_chances[items],
            places=self._places[users],
            epoch=epoch,
            position=position,
        )

    def _texts(self, items: Rows, *, epoch: int) -> Iterator[TokenBatch]:
        texts: Sequence[Sequence[int]] = [self._tokens[row] for row in items.tolist()]
        if self._dropout is not None:
            texts = [self._dropout.tokens(text, row=row, epoch=epoch) for row, text in zip(items.tolist(), texts, strict=True)]
        return token_batches(texts, max_batch_tokens=self._max_batch_tokens, pad_id=self._pad_id)

    def _keep(self, examples: Rows) -> None:
        """The histories of these users; log-Q is of what stands among them."""
        self._histories = [self._histories[example] for example in examples.tolist()]
        self._log_chances = self._found_log_chances()

    def _found_log_chances(self) -> FloatArray:
        """(N,) log of each item's share of the histories."""
        counts = np.bincount(np.concatenate(self._histories), minlength=len(self._tokens))
        log_chances: FloatArray = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)
        return log_chances

    def _mean_tokens(self, sizes: Rows) -> float:
        """Of the past and the next item at every moment of a history, from the tokens of each of its items."""
        ends = np.arange(2, len(sizes) + 1)
        sums = np.concatenate([[0], np.cumsum(sizes)])
        return float((sums[ends] - sums[np.maximum(ends - 1 - self.history_items, 0)]).mean())
