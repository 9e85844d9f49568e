"""BiasedMatrixFactorization: predicts the rating somebody would give, from biases and vectors."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_WEIGHTS
from leanrec.data.ids import UNKNOWN_ROW, IdMap, ItemId, UserId
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.features.histories import Histories, Rows
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run

BLOCK_NUMBERS = 8_000_000
"""Numbers of the design matrices that are solved at once."""
RATE = list(EVENT_WEIGHTS).index("rate")


class BiasedMatrixFactorizationConfig(Config):
    """Width and pulls; defaults from a random split of MovieLens (docs/log.md)."""

    num_factors: int = Field(default=32, ge=1)
    """Width of the vectors."""
    num_iterations: int = Field(default=15, ge=1)
    """Rounds over users and items."""
    regularisation: float = Field(default=0.12, gt=0)
    """Pull of the vectors towards zero, per rating."""
    bias_regularisation: float = Field(default=10.0, gt=0)
    """Ratings at the mean that every user and item is given beforehand, so that few ratings move a bias little."""


class BiasedMatrixFactorization(CatalogueScorer[BiasedMatrixFactorizationConfig]):
    """Rating = mean + user's bias + item's bias + p_u . q_i (Koren, Bell and Volinsky 2009, eq. 4), solved by alternating least squares.

    Known users get the items they would rate highest; everybody else popularity, since a history without ratings says nothing here.
    """

    name = "biased-mf"
    Config = BiasedMatrixFactorizationConfig

    def predict(self, user_ids: Sequence[UserId], item_ids: Sequence[ItemId]) -> FloatArray:
        """(n,) the rating each user would give the item beside them, within the scale seen; unknown ids fall back on biases and mean."""
        self.items  # noqa: B018 - raises NotFittedError
        if len(user_ids) != len(item_ids):
            raise ConfigError(f"{len(user_ids)} users were given for {len(item_ids)} items", hint="give one item for each user")
        users, items = self._users.rows(user_ids), self.items.rows(item_ids)
        has_user, has_item = users != UNKNOWN_ROW, items != UNKNOWN_ROW
        predicted = np.full(len(users), self._mean, dtype=np.float32)
        predicted += np.where(has_user, self._user_biases[users], 0.0)
        predicted += np.where(has_item, self._item_biases[items], 0.0)
        products = np.einsum("nd,nd->n", self._user_vectors[users], self._item_vectors[items])
        predicted += np.where(has_user & has_item, products, 0.0)
        return np.clip(predicted, *self._scale).astype(np.float32)

    def reason(self, query: Query, item_id: ItemId) -> str:
        """The rating expected of a known user, in the unit of the data."""
        if query.user_id is None or self._known_row(query) == UNKNOWN_ROW:
            return ""
        return f"you would rate it about {self.predict([query.user_id], [item_id])[0]:.1f}"

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        users, items, ratings = _ratings(train)
        self._users = train.users
        self._mean = float(ratings.mean())
        self._scale = (float(ratings.min()), float(ratings.max()))
        self._item_biases = _shrunk_means(items, ratings - self._mean, num=train.num_items, strength=self.config.bias_regularisation)
        rest = ratings - self._mean - self._item_biases[items]
        self._user_biases = _shrunk_means(users, rest, num=train.num_users, strength=self.config.bias_regularisation)
        self._factorise(users, items, rest - self._user_biases[users], train=train, rng=run.rng())

    def _factorise(self, users: Rows, items: Rows, rest: FloatArray, *, train: Dataset, rng: np.random.Generator) -> None:
        """Alternate ridge regressions of what the biases leave over; a row without ratings gets the vector 0."""
        by_user = _Grouped.of(users, items, rest, num=train.num_users)
        by_item = _Grouped.of(items, users, rest, num=train.num_items)
        item_vectors = (rng.standard_normal((train.num_items, self.config.num_factors)) * 0.1).astype(np.float32)
        for _ in range(self.config.num_iterations):
            user_vectors = by_user.solve(item_vectors, self.config.regularisation)
            item_vectors = by_item.solve(user_vectors, self.config.regularisation)
        self._user_vectors, self._item_vectors = user_vectors, item_vectors
        self._is_rated = np.bincount(users, minlength=train.num_users) > 0

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        scores = np.zeros((len(histories), len(self.items)), dtype=np.float32)
        for number, query in enumerate(queries):
            row = self._known_row(query)
            if row != UNKNOWN_ROW:
                scores[number] = self._mean + self._user_biases[row] + self._item_biases + self._item_vectors @ self._user_vectors[row]
        return scores

    def _is_answerable(self, history: Rows, query: Query) -> bool:  # noqa: ARG002 - ratings were learnt by user
        return self._known_row(query) != UNKNOWN_ROW

    def _known_row(self, query: Query) -> int:
        row = int(self._users.rows([query.user_id])[0]) if query.user_id is not None else UNKNOWN_ROW
        return row if row != UNKNOWN_ROW and self._is_rated[row] else UNKNOWN_ROW

    def _to_arrays(self) -> Arrays:
        return {
            **self._users.to_arrays(),
            "scale": np.array([self._mean, *self._scale], dtype=np.float64),
            "user_biases": self._user_biases,
            "item_biases": self._item_biases,
            "user_vectors": self._user_vectors,
            "item_vectors": self._item_vectors,
            "is_rated": self._is_rated,
        }

    def _from_arrays(self, arrays: Arrays) -> None:
        self._users = IdMap.from_arrays(arrays, kind="user")
        self._mean, lowest, highest = arrays["scale"].tolist()
        self._scale = (lowest, highest)
        self._user_biases, self._item_biases = arrays["user_biases"], arrays["item_biases"]
        self._user_vectors, self._item_vectors = arrays["user_vectors"], arrays["item_vectors"]
        self._is_rated = arrays["is_rated"]


class _Grouped:
    """Ratings by one side (users, say): which rows of the other side each has, and the ratings less the biases."""

    def __init__(self, histories: Histories, targets: FloatArray) -> None:
        self.histories = histories
        self.targets = targets

    @classmethod
    def of(cls, rows: Rows, others: Rows, targets: FloatArray, *, num: int) -> "_Grouped":
        order = np.argsort(rows, kind="stable")
        return cls(Histories.of_events(rows, others, num_sequences=num, num_items=int(others.max()) + 1), targets[order])

    def solve(self, vectors: FloatArray, regularisation: float) -> FloatArray:
        """(num, D) the ridge regression of each row's ratings on the other side's vectors, pull growing with the ratings."""
        solved = np.zeros((len(self.histories), vectors.shape[1]), dtype=np.float32)
        lengths = self.histories.lengths
        for length in np.unique(lengths[lengths > 0]).tolist():
            rows = np.flatnonzero(lengths == length)
            block = max(1, BLOCK_NUMBERS // (vectors.shape[1] * max(length, vectors.shape[1])))
            for start in range(0, len(rows), block):
                chosen = rows[start : start + block]
                solved[chosen] = self._solve_equally_long(chosen, length, vectors, regularisation)
        return solved

    def _solve_equally_long(self, rows: Rows, length: int, vectors: FloatArray, regularisation: float) -> FloatArray:
        """(n, D) for n rows with `length` ratings each, all at once."""
        places = self.histories.offsets[rows, None] + np.arange(length)
        design = vectors[self.histories.item_rows[places]]  # (n, L, D)
        turned = design.transpose(0, 2, 1)
        gram = turned @ design + np.float32(regularisation * length) * np.eye(vectors.shape[1], dtype=np.float32)
        vectors_of_rows: FloatArray = np.linalg.solve(gram, turned @ self.targets[places, None])[..., 0]
        return vectors_of_rows


def _ratings(train: Dataset) -> tuple[Rows, Rows, FloatArray]:
    """User rows, item rows and values (n,) of the events that rate."""
    is_rating = (train.column("event") == RATE) & ~np.isnan(train.column("value"))
    if not is_rating.any():
        raise DataError("biased-mf needs ratings: no event of kind `rate` has a value", hint="use als, bpr or ease, which read what people do")
    values: FloatArray = train.column("value")[is_rating].astype(np.float32)
    return train.column("user_row")[is_rating].astype(np.int64), train.column("item_row")[is_rating].astype(np.int64), values


def _shrunk_means(rows: Rows, values: FloatArray, *, num: int, strength: float) -> FloatArray:
    """(num,) mean value of each row as if `strength` values of 0 stood beside them."""
    means: FloatArray = (np.bincount(rows, weights=values, minlength=num) / (np.bincount(rows, minlength=num) + strength)).astype(np.float32)
    return means
