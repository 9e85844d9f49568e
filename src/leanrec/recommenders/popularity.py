"""Popularity: what most people chose, of all time, lately, or among the categories somebody likes."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import Field

from leanrec.artifact import Arrays
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.ids import IdMap, ItemId
from leanrec.data.query import Query
from leanrec.errors import DataError, did_you_mean
from leanrec.features.fading import HALF_LIFE_DAYS, FadingCounts
from leanrec.features.histories import Rows
from leanrec.features.item_weights import ItemWeights
from leanrec.recommenders.catalogue_scorer import CatalogueScorer, Settings, act_counts, popularity_shares
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run


class _SharesForAll(CatalogueScorer[Settings]):
    """What popularity of any kind has in common: one share for each item, the same for everybody."""

    is_collaborative = False
    _shares: FloatArray

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:  # noqa: ARG002 - alike for all
        return np.tile(self._shares, (len(histories), 1))

    def _to_arrays(self) -> Arrays:
        return {"shares": self._shares}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._shares = arrays["shares"]


class PopularityConfig(Config):
    """Popularity of all time has nothing to set."""


class Popularity(_SharesForAll[PopularityConfig]):
    """The same answer for everybody: items by their share of all acts."""

    name = "popularity"
    Config = PopularityConfig

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - there is nothing to choose
        self._shares = popularity_shares(act_counts(train))


class RecentPopularityConfig(Config):
    """How fast popularity fades."""

    half_life_days: float = Field(default=HALF_LIFE_DAYS, gt=0)
    """After this many days before the newest event an event counts half."""


class RecentPopularity(_SharesForAll[RecentPopularityConfig]):
    """The same answer for everybody: items by their acts, each halved with every half-life of age."""

    name = "popularity-recent"
    Config = RecentPopularityConfig

    def reason(self, query: Query, item_id: ItemId) -> str:  # noqa: ARG002 - alike for all
        """The same words for everybody."""
        return "popular lately"

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - there is nothing to choose
        if train.time_quality != "exact":
            raise DataError(
                f"recent popularity needs clock times; this log has time quality {train.time_quality!r}, which cannot say what is recent",
                hint="use popularity instead, or give the log a column of times",
            )
        self._shares = FadingCounts.of_dataset(train, half_life_days=self.config.half_life_days).shares


class CategoryPopularityConfig(Config):
    """Which categories, and how they weigh against popularity."""

    column: str | None = None
    """Column of the catalogue that holds the categories; none: the catalogue's own choice, several values before one."""
    decay: float = Field(default=0.6, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one."""
    last: int = Field(default=10, ge=1)
    """Events of the asking history that are read."""
    popularity_power: float = Field(default=0.25, ge=0)
    """Likeness of categories is multiplied by (1 + popularity)^power; .25 served the fusion best on validation (docs/log.md)."""


class CategoryPopularity(CatalogueScorer[CategoryPopularityConfig]):
    """What is popular in the categories of the history, or in the one that the query's context names as `category`.

    An item's vector holds log(N / items in it) for each of its categories, at length 1, as words in TF-IDF: sharing a narrow category
    says more. The score is the cosine with the decayed sum over the history, times popularity. A named category is answered by
    popularity within it.
    """

    name = "popularity-category"
    Config = CategoryPopularityConfig

    def reason(self, query: Query, item_id: ItemId) -> str:
        """Names the category when the query's context did and the item is in it."""
        named = self._named_category(query)
        if named is None or not self._member[self.items.row(item_id), named]:
            return ""
        return f"popular in {self._categories.ids[named]}"

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - there is nothing to choose
        values = _category_values(train, self.config.column)
        self._categories = IdMap(sorted(values["category"].unique().to_list()), kind="category")
        columns = self._categories.rows(values["category"].to_list())
        shape = (train.num_items, len(self._categories))
        self._member = sp.csr_matrix((np.ones(len(columns), np.float32), (values["row"].to_numpy(), columns)), shape=shape)
        self._member.data[:] = 1.0
        self._counts = act_counts(train)
        self._prepare()

    def _prepare(self) -> None:
        num_items, sizes = self._member.shape[0], np.maximum(np.bincount(self._member.indices, minlength=self._member.shape[1]), 1)
        weighted = self._member @ sp.diags(np.log(num_items / sizes).astype(np.float32))
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        vectors = (sp.diags(1.0 / np.maximum(lengths, 1e-9)) @ weighted).tocsr()
        vectors.eliminate_zeros()
        self._vectors, self._by_category = ItemWeights.of_matrix(vectors), ItemWeights.of_matrix(vectors.T.tocsr())
        self._popularity: FloatArray = ((1.0 + self._counts) ** self.config.popularity_power).astype(np.float32)

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        interests = self._vectors.scores(histories, decay=self.config.decay, last=self.config.last)
        scores = np.empty((len(histories), len(self.items)), dtype=np.float32)
        for number, (interest, query) in enumerate(zip(interests, queries, strict=True)):
            named = self._named_category(query)
            if named is not None:
                scores[number] = self._member[:, [named]].toarray().ravel() * self._counts
            else:
                liked = np.flatnonzero(interest)
                scores[number] = self._by_category.weighted_sum(liked, interest[liked]) * self._popularity
        return scores

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return self._named_category(query) is not None or bool((self._vectors.offsets[history + 1] > self._vectors.offsets[history]).any())

    def _named_category(self, query: Query) -> int | None:
        named = query.context.get("category")
        return self._categories.row(named) if named is not None and named in self._categories else None

    def _to_arrays(self) -> Arrays:
        member = {"member.offsets": self._member.indptr, "member.columns": self._member.indices}
        return {**self._categories.to_arrays(), **member, "counts": self._counts}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._categories = IdMap.from_arrays(arrays, kind="category")
        columns, offsets = arrays["member.columns"], arrays["member.offsets"]
        shape = (len(self.items), len(self._categories))
        self._member = sp.csr_matrix((np.ones(len(columns), np.float32), columns, offsets), shape=shape)
        self._counts = arrays["counts"]
        self._prepare()


def _category_values(train: Dataset, column: str | None) -> pl.DataFrame:
    """Columns row and category, one line for each category of each item, without repeats."""
    frame = train.catalogue.frame
    chosen = column if column is not None else train.catalogue.category_column
    if chosen is None:
        raise DataError(
            "popularity by category needs a catalogue with categories; this one has none", hint="use popularity, or add a column `category`"
        )
    if chosen not in frame.columns:
        raise DataError(f"the catalogue has no column {chosen!r}", hint=did_you_mean(chosen, frame.columns))
    table = frame.select(pl.int_range(pl.len()).alias("row"), pl.col(chosen).alias("category"))
    if isinstance(table.schema["category"], pl.List):
        table = table.explode("category")
    return table.drop_nulls().select("row", pl.col("category").cast(pl.String)).unique(maintain_order=True)
