"""List quality: what the lists of everybody are like beyond accuracy, against what was popular in training."""

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from leanrec.data.acts import is_first_act
from leanrec.data.dataset import Dataset
from leanrec.evaluation.full_ranking import RankedHoldout
from leanrec.evaluation.slices import num_users_of_item
from leanrec.metrics.beyond_accuracy import coverage, diversity, gini, mean_popularity, novelty
from leanrec.metrics.ranking import FloatArray, Rows
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import Figure

BLOCK_USERS = 2000
"""Lists whose diversity is computed at once."""


def list_figures(ranked: RankedHoldout, train: Dataset) -> list[Figure]:
    """Novelty, diversity and popularity bias of the lists, user by user.

    `popularity_bias` is the mean popularity of what is recommended over that of the histories, of users who have one: 1 says that
    people are offered items as popular as those they chose, 2 twice as popular.
    """
    k, popularity = ranked.lists.shape[1], num_users_of_item(train)
    offered = mean_popularity(ranked.lists, num_users_of_item=popularity)
    chosen = _history_popularity(ranked, train, popularity=popularity)
    is_counted = np.isfinite(offered) & np.isfinite(chosen)
    information = novelty(ranked.lists, num_users_of_item=popularity, num_users=_num_active_users(train))
    return [
        Figure.of_values(information, metric=f"novelty@{k}"),
        Figure.of_values(_diversity(ranked.lists, train), metric=f"diversity@{k}"),
        Figure(
            metric=f"popularity_bias@{k}",
            numerators=np.where(is_counted, offered, 0.0),
            denominators=np.where(is_counted, chosen, 0.0),
        ),
    ]


def list_measures(lists: Rows, *, num_items: int) -> dict[str, Measure]:
    """Coverage and Gini of all lists together; they belong to no user, so they have no interval."""
    k = lists.shape[1]
    return {
        f"coverage@{k}": Measure(value=coverage(lists, num_items=num_items)),
        f"gini@{k}": Measure(value=gini(lists, num_items=num_items)),
    }


def item_vectors(train: Dataset) -> sp.csr_matrix:
    """(N, F) what makes items alike: their categories where the catalogue has any, else the users who know them."""
    column = train.catalogue.category_column
    return _known_by(train) if column is None else _categories(train.catalogue.frame[column])


def _diversity(lists: Rows, train: Dataset) -> FloatArray:
    vectors = item_vectors(train)
    blocks = [diversity(lists[start : start + BLOCK_USERS], vectors=vectors) for start in range(0, len(lists), BLOCK_USERS)]
    return np.concatenate([np.zeros(0), *blocks])


def _history_popularity(ranked: RankedHoldout, train: Dataset, *, popularity: npt.NDArray[np.int64]) -> FloatArray:
    """(B,) mean popularity of each history; not a number for an empty one."""
    histories = [train.items.known_rows(query.history) for query in ranked.holdout.queries]
    return np.array([popularity[rows].mean() if len(rows) else np.nan for rows in histories])


def _num_active_users(train: Dataset) -> int:
    return len(np.unique(train.column("user_row")))


def _categories(column: pl.Series) -> sp.csr_matrix:
    """(N, categories) 1 where the item has the category."""
    frame = pl.DataFrame({"item_row": np.arange(len(column)), "value": column})
    values = (frame.explode("value") if isinstance(column.dtype, pl.List) else frame).drop_nulls().unique()
    codes = values["value"].rank("dense").to_numpy().astype(np.int64) - 1
    ones = np.ones(len(codes))
    return sp.csr_matrix((ones, (values["item_row"].to_numpy(), codes)), shape=(len(column), int(codes.max(initial=0)) + 1))


def _known_by(train: Dataset) -> sp.csr_matrix:
    """(N, U) 1 where the user acted on the item."""
    first = is_first_act(train)
    users, items = train.column("user_row")[first].astype(np.int64), train.column("item_row")[first].astype(np.int64)
    return sp.csr_matrix((np.ones(len(users)), (items, users)), shape=(train.num_items, train.num_users))
