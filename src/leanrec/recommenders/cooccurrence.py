"""Cooccurrence: a graph of which item follows which, counted in one pass and updated event by event."""

import hashlib
from collections.abc import Sequence
from typing import Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.config import Budget, Config
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS, EventLog
from leanrec.data.ids import IdMap
from leanrec.data.query import Query
from leanrec.features.cooccurrence import estimated_bytes, followed_counts
from leanrec.features.histories import Histories, Rows
from leanrec.features.item_weights import ItemWeights
from leanrec.recommenders.catalogue_scorer import act_counts
from leanrec.recommenders.item_comparer import ItemComparer
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run


class CooccurrenceConfig(Config):
    """How the graph is counted and read; defaults chosen on the validation items of two Amazon files (docs/log.md)."""

    window: int = Field(default=10, ge=1, le=1000)
    """Items at most this many events apart in a history are linked."""
    distance_power: float = Field(default=0.5, ge=0)
    """A pair at distance d counts d^-power; 0.5 beat 1 by 2 % of NDCG@10 on validation."""
    backward: float = Field(default=0.2, ge=0)
    """Weight of the link from the later item back to the earlier one, against 1 forward."""
    decay: float = Field(default=0.5, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one."""
    last: int = Field(default=10, ge=1)
    """Events of the asking history that are read."""
    popularity_power: float = Field(default=0.1, ge=0)
    """Scores are divided by popularity^power, so that what everybody buys does not follow everything."""


class Cooccurrence(ItemComparer[CooccurrenceConfig]):
    """Scores what tends to follow the newest items of a history; counts only, nothing is optimised.

    The scores are sums of link weights c(a, b) = sum over places of distance^-power, backward links weighted less, over the last
    items of the history with recency decay. `append` takes in new events exactly as if they had been there from the start.
    """

    name = "cooccurrence"
    Config = CooccurrenceConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        histories = Histories.of_dataset(train)
        self._require_memory(histories, run.budget)
        self._graph = self._links(histories)
        self._counts = act_counts(train)
        self._users = train.users
        self._tails = histories.tails(self.config.window)
        self._prepare()

    def append(self, events: EventLog) -> Self:
        """Take in events that come after those known, new users and new items included; as good as fitting on all of them.

        Each user's new events must be no older than the known ones: of those the last `window` items are remembered, not the times.
        """
        self.items  # noqa: B018 - raises NotFittedError before anything is changed
        ordered, is_timed = _in_order(events), events.time_quality == "exact"
        self._users = _extended(self._users, ordered["user_id"].to_list())
        self._items = _extended(self.items, ordered["item_id"].to_list())
        acts = ordered.filter(pl.col("is_act"))
        user_rows, item_rows = self._users.rows(acts["user_id"].to_list()), self._items.rows(acts["item_id"].to_list())
        num_items = len(self._items)
        self._graph = _widened(self._graph, num_items) + self._new_links(user_rows, item_rows)
        self._counts = np.bincount(item_rows, minlength=num_items) + np.pad(self._counts, (0, num_items - len(self._counts)))
        self._fallback = self._fallback.with_acts(item_rows, acts["timestamp"].to_numpy() if is_timed else None, num_items=num_items)
        self._tails = self._tails.followed_by(user_rows, item_rows, num_sequences=len(self._users), num_items=num_items).tails(self.config.window)
        self._parent = hashlib.sha256((self._parent + _digest(ordered)).encode()).hexdigest()
        self._prepare()
        return self

    def _new_links(self, user_rows: Rows, item_rows: Rows) -> sp.csr_matrix:
        """Links that the new events make, among themselves and with the tails of the users who made them."""
        touched, sequence_rows = np.unique(user_rows, return_inverse=True)
        known = self._tails.take(touched[touched < len(self._tails)])
        joined = known.followed_by(sequence_rows, item_rows, num_sequences=len(touched), num_items=len(self.items))
        return self._links(joined, num_counted=np.pad(known.lengths, (0, len(touched) - len(known))))

    def _links(self, histories: Histories, *, num_counted: Rows | None = None) -> sp.csr_matrix:
        """(N, N) float32: forward counts, and backward ones at their weight."""
        forward = followed_counts(histories, window=self.config.window, distance_power=self.config.distance_power, num_counted=num_counted)
        return (forward + np.float32(self.config.backward) * forward.T).tocsr() if self.config.backward else forward

    def _prepare(self) -> None:
        self._weights = ItemWeights.of_matrix(self._graph)
        self._discount: FloatArray = (np.maximum(self._counts, 1) ** -self.config.popularity_power).astype(np.float32)

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:  # noqa: ARG002
        scores = self._weights.scores(histories, decay=self.config.decay, last=self.config.last)
        scores *= self._discount
        return scores

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place of the history."""
        added = self._weights.influences(history, item_rows, decay=self.config.decay, last=self.config.last)
        added *= self._discount[item_rows]
        return added

    def _affinity(self, item_row: int) -> FloatArray:
        """Links over the square root of popularity, which is their cosine up to a factor common to all."""
        affinity: FloatArray = (self._weights.row(item_row) / np.sqrt(np.maximum(self._counts, 1))).astype(np.float32)
        return affinity

    def _require_memory(self, histories: Histories, budget: Budget) -> None:
        budget.require_memory(
            estimated_bytes(histories, window=self.config.window),
            purpose=f"a co-occurrence graph of {len(histories.item_rows)} events at window {self.config.window}",
            hint="make `window` smaller, or use popularity",
        )

    def _to_arrays(self) -> Arrays:
        tails: Arrays = {"tails.offsets": self._tails.offsets, "tails.item_rows": self._tails.item_rows.astype(np.int32)}
        return {**self._weights.to_arrays(), **self._users.to_arrays(), **tails, "counts": self._counts}

    def _from_arrays(self, arrays: Arrays) -> None:
        weights, num_items = ItemWeights.from_arrays(arrays), len(self.items)
        self._graph = sp.csr_matrix((weights.values, weights.columns, weights.offsets), shape=(num_items, num_items))
        self._users = IdMap.from_arrays(arrays, kind="user")
        self._counts = arrays["counts"]
        item_rows = arrays["tails.item_rows"].astype(np.int64)
        ones = np.ones(len(item_rows), np.float32)
        self._tails = Histories(offsets=arrays["tails.offsets"], item_rows=item_rows, weights=ones, num_items=num_items)
        self._prepare()


def _in_order(events: EventLog) -> pl.DataFrame:
    """user_id, item_id, timestamp and is_act (everything but impressions), in order of time; ties keep file order."""
    ordered = events.frame if events.time_quality == "none" else events.frame.sort("timestamp", maintain_order=True)
    is_act = pl.col("event").cast(pl.String) != next(iter(EVENT_WEIGHTS))
    return ordered.select(pl.col("user_id").cast(pl.String), pl.col("item_id").cast(pl.String), "timestamp", is_act.alias("is_act"))


def _extended(ids: IdMap, values: list[str]) -> IdMap:
    """The same ids with new ones at the end, so that known rows stay."""
    new = [value for value in dict.fromkeys(values) if value not in ids]
    return IdMap((*ids.ids, *new), kind=ids.kind) if new else ids


def _widened(matrix: sp.csr_matrix, num_items: int) -> sp.csr_matrix:
    offsets = np.pad(matrix.indptr, (0, num_items - matrix.shape[0]), mode="edge")
    return sp.csr_matrix((matrix.data, matrix.indices, offsets), shape=(num_items, num_items))


def _digest(ordered: pl.DataFrame) -> str:
    return hashlib.sha256("\x1f".join([*ordered["user_id"].to_list(), *ordered["item_id"].to_list()]).encode()).hexdigest()
