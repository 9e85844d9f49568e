"""Matrix factorisation of implicit feedback by the library `implicit`: ALS and BPR. Answering needs NumPy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.ids import UNKNOWN_ROW, IdMap
from leanrec.data.query import Query
from leanrec.errors import MissingExtraError
from leanrec.features.histories import Histories, Rows
from leanrec.recommenders.item_comparer import ItemComparer, cosines
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run


class ALSConfig(Config):
    """Alternating least squares."""

    num_factors: int = Field(default=64, ge=1)
    """Width of the vectors."""
    num_iterations: int = Field(default=15, ge=1)
    """Rounds over users and items."""
    confidence: float = Field(default=10.0, gt=0)
    """An event of weight w has confidence 1 + confidence x w against 1 for what was not chosen."""
    regularisation: float = Field(default=0.1, ge=0)
    """Pull of the vectors towards zero."""
    decay: float = Field(default=0.8, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one; 1 reads all events alike."""


class ALS(ItemComparer[ALSConfig]):
    """Vectors whose products rebuild who chose what (Hu, Koren and Volinsky 2008).

    The asking user's vector is always solved anew from the query's history (their eq. 4), so a new user is answered like a known
    one and what was done since fitting counts.
    """

    name = "als"
    Config = ALSConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        model = _implicit_model(
            "als.AlternatingLeastSquares",
            factors=self.config.num_factors,
            iterations=self.config.num_iterations,
            regularization=self.config.regularisation,
            use_cg=False,
            num_threads=run.num_threads,
            random_state=run.seed,
        )
        matrix = Histories.of_dataset(train).matrix()
        matrix.data = 1.0 + np.float32(self.config.confidence) * matrix.data
        model.fit(matrix, show_progress=False)
        self._item_vectors: FloatArray = np.ascontiguousarray(model.item_factors, dtype=np.float32)
        self._prepare()

    def _prepare(self) -> None:
        vectors = self._item_vectors.astype(np.float64)
        self._gram = vectors.T @ vectors + self.config.regularisation * np.eye(vectors.shape[1])

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:  # noqa: ARG002 - the history says it all
        return np.stack([self._item_vectors @ self._user_vector(history) for history in histories])

    def _user_vector(self, history: Rows) -> FloatArray:
        """(D,) the least-squares vector of a history: (Y'Y + lambda I + Y_h' C Y_h)^-1 Y_h' (1 + C) with confidences C."""
        confidences = self.config.confidence * self.config.decay ** np.arange(len(history) - 1, -1, -1)
        chosen = self._item_vectors[history].astype(np.float64)
        matrix = self._gram + chosen.T @ (confidences[:, None] * chosen)
        vector: FloatArray = np.linalg.solve(matrix, chosen.T @ (1.0 + confidences)).astype(np.float32)
        return vector

    def _affinity(self, item_row: int) -> FloatArray:
        return cosines(self._item_vectors, item_row)

    def _to_arrays(self) -> Arrays:
        return {"item_vectors": self._item_vectors}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._item_vectors = arrays["item_vectors"]
        self._prepare()


class BPRConfig(Config):
    """Bayesian personalised ranking."""

    num_factors: int = Field(default=64, ge=1)
    """Width of the vectors."""
    num_iterations: int = Field(default=100, ge=1)
    """Passes over the events, one sampled negative for each."""
    learning_rate: float = Field(default=0.05, gt=0)
    """Step of stochastic gradient descent."""
    regularisation: float = Field(default=0.01, ge=0)
    """Pull of the vectors towards zero."""


class BPR(ItemComparer[BPRConfig]):
    """Vectors that rank what was chosen above what was not (Rendle et al. 2009).

    A user seen in fitting is answered by the vector learnt for them, whatever the history of the query; somebody new by the mean
    of the vectors of the history's items, scaled to the length of the users' vectors.
    """

    name = "bpr"
    Config = BPRConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - settings are not chosen here
        model = _implicit_model(
            "bpr.BayesianPersonalizedRanking",
            factors=self.config.num_factors,
            iterations=self.config.num_iterations,
            learning_rate=self.config.learning_rate,
            regularization=self.config.regularisation,
            num_threads=run.num_threads,
            random_state=run.seed,
        )
        model.fit(_chosen(train), show_progress=False)
        self._users = train.users
        self._user_vectors: FloatArray = np.ascontiguousarray(model.user_factors, dtype=np.float32)
        self._item_vectors: FloatArray = np.ascontiguousarray(model.item_factors, dtype=np.float32)
        self._is_known = np.bincount(train.column("user_row"), minlength=train.num_users) > 0

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        vectors = [self._vector(history, query) for history, query in zip(histories, queries, strict=True)]
        return np.stack([self._item_vectors @ vector for vector in vectors])

    def _vector(self, history: Rows, query: Query) -> FloatArray:
        """(D,) the learnt vector, whose last entry is 1 for the items' biases; else one made from the history."""
        row = self._known_row(query)
        if row != UNKNOWN_ROW:
            learnt: FloatArray = self._user_vectors[row]
            return learnt
        made = np.zeros(self._item_vectors.shape[1], dtype=np.float32)
        if len(history):
            mean = self._item_vectors[history, :-1].mean(axis=0)
            typical = np.linalg.norm(self._user_vectors[self._is_known, :-1], axis=1).mean()
            made[:-1] = mean * (typical / max(float(np.linalg.norm(mean)), 1e-9))
        made[-1] = 1.0
        return made

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or self._known_row(query) != UNKNOWN_ROW

    def _known_row(self, query: Query) -> int:
        row = int(self._users.rows([query.user_id])[0]) if query.user_id is not None else UNKNOWN_ROW
        return row if row != UNKNOWN_ROW and self._is_known[row] else UNKNOWN_ROW

    def _affinity(self, item_row: int) -> FloatArray:
        return cosines(self._item_vectors[:, :-1], item_row)

    def _to_arrays(self) -> Arrays:
        vectors = {"user_vectors": self._user_vectors, "item_vectors": self._item_vectors}
        return {**self._users.to_arrays(), **vectors, "is_known": self._is_known}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._users = IdMap.from_arrays(arrays, kind="user")
        self._user_vectors, self._item_vectors = arrays["user_vectors"], arrays["item_vectors"]
        self._is_known = arrays["is_known"]


def _chosen(train: Dataset) -> sp.csr_matrix:
    matrix = Histories.of_dataset(train).matrix()
    matrix.data[:] = 1.0
    return matrix


def _implicit_model(name: str, **settings: Any) -> Any:  # Any: the library has no types
    """A CPU model of the library `implicit`, imported only now."""
    module, _, kind = name.partition(".")
    try:
        import importlib

        return getattr(importlib.import_module(f"implicit.cpu.{module}"), kind)(**settings)
    except ImportError as error:
        raise MissingExtraError(f"ALS and BPR need the library implicit: {error}", hint="pip install 'leanrec[data]'") from error
