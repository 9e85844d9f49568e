"""Does sentiment help a ranking? A small ranker over the scores of classic recommenders, with and without what reviews say; instruments, time split.

Everything is as of the beginning of a window of time: recommenders are fitted on the events before it, sentiments of items are those of reviews
before it, and a user's history ends before the day of the question. Windows 50-80 % of the events teach the ranker, 80-90 % chooses how
many trees, 90-100 % is read once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from datasets import DATA
from leanrec.data.dataset import Dataset
from leanrec.data.events import REVIEW_COLUMN
from leanrec.data.query import Query
from leanrec.features.histories import FloatArray, Rows
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import CatalogueScores
from leanrec.workflow.reading import read
from leanrec.workflow.settings import RunSettings
from rows import BenchmarkRow

INSTRUMENTS = "amazon14-instruments"
MEMBERS = ("popularity", "popularity-recent", "cooccurrence", "item-knn", "ease")
TEACHING = (0.5, 0.6, 0.7)
CHOOSING, TEST = 0.8, 0.9
WIDTH = 0.1
PRIOR_REVIEWS = 3.0
"""Everybody's mean sentiment counts as so many reviews of an item."""
DECAY = 0.9
MAX_TREES = 300
TAUGHT_ITEMS = 200
"""Items beside the true one that each teaching question shows, drawn by chance; questions that choose and that test show the whole catalogue."""
PARAMETERS: Mapping[str, object] = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Questions of one stretch of time: Q questions over N items."""

    features: dict[str, FloatArray]
    """Arm -> (Q, N, F)."""
    targets: Rows
    """(Q,)"""
    users: Rows
    """(Q,)"""
    is_open: npt.NDArray[np.bool_]
    """(Q, N) items that the ranker is shown: those that were not in the history, of teaching questions a draw of them."""


def reviewed_instruments() -> tuple[Dataset, list[str]]:
    """The data set, and the review of each of its events; empty where there is none."""
    dataset = read(DATA / INSTRUMENTS / "reviews.jsonl", settings=RunSettings(columns={"review": "reviewText"}))
    return dataset, [review or "" for review in dataset.events[REVIEW_COLUMN].to_list()]


def ranking_rows(dataset: Dataset, sentiments: FloatArray, *, seeds: Sequence[int]) -> list[BenchmarkRow]:
    """NDCG@10 of each arm over users, and the paired differences to the arm that knows of no opinion."""
    said = np.nan_to_num(sentiments)
    stars = np.nan_to_num((dataset.column("value") - 3.0) / 2.0).astype(np.float32)
    opinions = {"with sentiment of reviews": said, "with stars": stars}
    starts = _starts(dataset)
    windows = {}
    for share in (*TEACHING, CHOOSING, TEST):
        stop = starts.get(round(share + WIDTH, 1))
        windows[share] = _window(dataset, opinions, start=starts[share], stop=stop, is_taught=share in TEACHING)
        print(f"window at {share}: {len(windows[share].targets)} questions", flush=True)
    per_user = {arm: _arm(windows, arm, seeds=seeds) for arm in ("without sentiment", *opinions)}
    rows = [_row(arm, values, metric="ndcg@10", seeds=seeds) for arm, values in per_user.items()]
    plain = per_user["without sentiment"]
    return rows + [_row(f"{arm}, less without", per_user[arm] - plain, metric="ndcg@10 difference", seeds=seeds) for arm in opinions]


def _starts(dataset: Dataset) -> dict[float, int]:
    """Share of the events -> the moment up to which they happened."""
    times = np.sort(dataset.column("timestamp"))
    return {share: int(times[int(share * len(times))]) for share in (*TEACHING, CHOOSING, TEST)}


def _window(dataset: Dataset, opinions: Mapping[str, FloatArray], *, start: int, stop: int | None, is_taught: bool) -> Window:
    """Every event of the window whose user has a history of earlier days is a question."""
    times, users, items = (dataset.column(name).astype(np.int64) for name in ("timestamp", "user_row", "item_row"))
    is_past = times < start
    asked = np.flatnonzero((times >= start) & ((times < stop) if stop is not None else True))
    histories = {event: np.flatnonzero((users == users[event]) & (times < times[event])) for event in asked.tolist()}
    asked = np.array([event for event in asked.tolist() if len(histories[event]) and items[event] not in items[histories[event]]])
    plain = _member_scores(dataset.subset(is_past), [items[histories[event]] for event in asked.tolist()])
    cosines = _cosines(users[is_past], items[is_past], num_users=dataset.num_users, num_items=dataset.num_items)
    features = {"without sentiment": plain}
    for arm, opinion in opinions.items():
        of_items = _item_opinions(items[is_past], opinion[is_past], num_items=dataset.num_items)
        own = [_own_opinions(items[histories[event]], opinion[histories[event]], cosines, of_items) for event in asked.tolist()]
        features[arm] = np.concatenate([plain, np.stack(own)], axis=2)
    is_open = np.ones((len(asked), dataset.num_items), np.bool_)
    for row, event in enumerate(asked.tolist()):
        is_open[row, items[histories[event]]] = False
    if is_taught:
        is_open = _thinned(is_open, items[asked])
    return Window(features=features, targets=items[asked], users=users[asked], is_open=is_open)


def _thinned(is_open: npt.NDArray[np.bool_], targets: Rows) -> npt.NDArray[np.bool_]:
    """About `TAUGHT_ITEMS` of each question's items, its target always."""
    kept = is_open & (np.random.default_rng(0).random(is_open.shape) < TAUGHT_ITEMS / is_open.shape[1])
    kept[np.arange(len(targets)), targets] = True
    return kept


def _member_scores(past: Dataset, histories: Sequence[Rows]) -> FloatArray:
    """(Q, N, 5) each member's scores of all items, on the scale of each question, with its popularity and length of history beside."""
    ids = past.items.ids
    queries = [Query(history=tuple(ids[row] for row in history)) for history in histories]
    found = []
    for name in MEMBERS:
        member = build(name).fit(past)
        if not isinstance(member, CatalogueScores):
            raise TypeError(f"{name} does not score a catalogue")
        scores = member.catalogue_scores(queries)
        spread = scores - scores.mean(axis=1, keepdims=True)
        found.append(spread / np.maximum(spread.std(axis=1, keepdims=True), 1e-9))
    lengths = np.broadcast_to(np.log1p([len(history) for history in histories])[:, None], found[0].shape)
    counts = np.log1p(np.bincount(past.column("item_row"), minlength=past.num_items))
    return np.stack([*found, lengths, np.broadcast_to(counts, found[0].shape)], axis=2).astype(np.float32)


def _cosines(users: Rows, items: Rows, *, num_users: int, num_items: int) -> sp.csr_matrix:
    """(N, N) likeness of items by who chose both, 0 with themselves."""
    chosen = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(num_users, num_items))
    chosen.data[:] = 1.0
    lengths = np.sqrt(np.maximum(np.asarray(chosen.sum(axis=0)).ravel(), 1.0))
    likeness = (chosen.T @ chosen).toarray() / np.outer(lengths, lengths)
    np.fill_diagonal(likeness, 0.0)
    return sp.csr_matrix(likeness)


def _item_opinions(items: Rows, opinion: FloatArray, *, num_items: int) -> FloatArray:
    """(N, 3) mean opinion pulled to everybody's, sum of opinions, share of displeased reviews."""
    counts = np.bincount(items, minlength=num_items)
    sums = np.bincount(items, weights=opinion, minlength=num_items)
    displeased = np.bincount(items, weights=opinion < 0, minlength=num_items)
    mean = opinion.mean()
    pulled = (sums + PRIOR_REVIEWS * mean) / (counts + PRIOR_REVIEWS)
    share = (displeased + PRIOR_REVIEWS * (opinion < 0).mean()) / (counts + PRIOR_REVIEWS)
    return np.stack([pulled, np.sign(sums) * np.log1p(np.abs(sums)), share], axis=1).astype(np.float32)


def _own_opinions(history: Rows, opinion: FloatArray, cosines: sp.csr_matrix, of_items: FloatArray) -> FloatArray:
    """(N, 6) the items' opinions; likeness to what pleased and to what displeased this user, newest first; how pleased they are at all."""
    left = DECAY ** np.arange(len(history) - 1, -1, -1)
    pleased = (left * np.maximum(opinion, 0.0)) @ cosines[history]
    displeased = (left * np.maximum(-opinion, 0.0)) @ cosines[history]
    mean = np.full(len(of_items), opinion.mean())
    return np.column_stack([of_items, pleased, displeased, mean]).astype(np.float32)


def _arm(windows: Mapping[float, Window], arm: str, *, seeds: Sequence[int]) -> npt.NDArray[np.float64]:
    """(U,) mean NDCG@10 of each user's questions in the test window, over the seeds."""
    test = windows[TEST]
    values = np.mean([_ndcg(_fitted(windows, arm, seed), test, arm) for seed in seeds], axis=0)
    _, place = np.unique(test.users, return_inverse=True)
    return np.bincount(place, weights=values) / np.bincount(place)


def _fitted(windows: Mapping[float, Window], arm: str, seed: int) -> lightgbm.Booster:
    taught = lightgbm.Dataset(*_table([windows[share] for share in TEACHING], arm))
    taught.group = [count for share in TEACHING for count in windows[share].is_open.sum(axis=1).tolist()]
    chosen = lightgbm.Dataset(*_table([windows[CHOOSING]], arm), reference=taught)
    chosen.group = windows[CHOOSING].is_open.sum(axis=1).tolist()
    quiet = lightgbm.early_stopping(30, verbose=False)
    return lightgbm.train({**PARAMETERS, "seed": seed}, taught, MAX_TREES, valid_sets=[chosen], callbacks=[quiet])


def _table(windows: Sequence[Window], arm: str) -> tuple[FloatArray, FloatArray]:
    """Rows of all questions with the open items only, and 1 where it is the item that was chosen."""
    features = [window.features[arm][window.is_open] for window in windows]
    labels = [(np.arange(window.is_open.shape[1]) == window.targets[:, None])[window.is_open] for window in windows]
    return np.concatenate(features), np.concatenate(labels).astype(np.float32)


def _ndcg(booster: lightgbm.Booster, window: Window, arm: str) -> npt.NDArray[np.float64]:
    """(Q,) 1 / log2(1 + rank) within ten, else 0; ties count against us."""
    scores = np.full(window.is_open.shape, -np.inf)
    scores[window.is_open] = booster.predict(window.features[arm][window.is_open], num_threads=1)
    own = scores[np.arange(len(window.targets)), window.targets]
    ranks = (scores >= own[:, None]).sum(axis=1)
    return np.where(ranks <= 10, 1.0 / np.log2(1.0 + ranks), 0.0)


def _row(case: str, values: npt.NDArray[np.float64], *, metric: str, seeds: Sequence[int]) -> BenchmarkRow:
    measure = bootstrap_means(values, rng=np.random.default_rng(0)).measure()
    return BenchmarkRow.of_measure(
        measure,
        case=f"LightGBM ranker {case}",
        metric=metric,
        dataset=INSTRUMENTS,
        split="time, last tenth of the events",
        protocol="full catalogue, history masked",
        seeds=len(seeds),
        note=f"{len(values)} users; sentiment model learned on clothes" if "sentiment of" in case else f"{len(values)} users",
    )
