"""Items nobody clicked: a tenth of the catalogue withheld from training, then added and asked for; and what the known items lose by it.

Leave-one-out, full rankings, ties against. Withheld items leave the training events, the histories and the catalogue that is fitted on, and
come back through `with_items`. Cold questions are those whose last item is withheld (10 % of the users), warm ones the others. Every (data
set, seed, recipe) is fitted in a process of its own on one thread; what is kept does not know when code changes: delete the folder to
measure again.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from baselines import ONE_THREAD
from datasets import ROOT, read_dataset
from encoders import VECTORS, minilm_folder, run_of, tuned_folder
from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.events import EVENT_SCHEMA, EventLog
from leanrec.data.ids import IdMap
from leanrec.data.query import Query
from leanrec.evaluation.efficiency import spend
from leanrec.features.encoding import encode_texts
from leanrec.features.histories import Histories
from leanrec.features.item_text import ItemText
from leanrec.features.text_opening import open_text_encoder
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_ratios
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.cold_start import ColdStart
from leanrec.recommenders.content import Content
from leanrec.recommenders.protocol import AddsItems, CatalogueRecommender, FloatArray
from leanrec.training.run import Run
from rows import BenchmarkRow

CACHE = ROOT / ".cache" / "cold"
DATASETS = ("amazon14-beauty", "amazon14-toys")
SEEDS = 3
SHARE = 0.1
ID_DROPOUT = "sequential, id-dropout"
ONE_SEED = (ID_DROPOUT,)
"""Recipes that lost beyond doubt with the first seed."""
FROZEN = "frozen MiniLM"
BASES = ("sequential", "sequential and graph")
DECAY = 0.8
BLOCK = 256
K = 10
SETTINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "content, words": ("content", {}),
    "content, words and MiniLM": ("content", {"text_encoder": "minilm"}),
    "content, words and tuned MiniLM": ("content", {"text_encoder": "tuned", "meaning": 0.7}),
    "sequential": ("sequential", {}),
    "sequential and graph": ("fusion", {"members": [{"name": "sequential", "weight": 0.7}, {"name": "cooccurrence", "weight": 0.3}]}),
    ID_DROPOUT: ("sequential", {"items": {"id_dropout": 0.3}}),
}
BESIDE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "cold-start, words": ("sequential", {}),
    "cold-start, words and MiniLM": ("sequential", {"text_encoder": "minilm"}),
    "cold-start, words and tuned MiniLM": ("sequential", {"text_encoder": "tuned", "meaning": 0.7}),
    "cold-start over sequential and graph, words and MiniLM": ("sequential and graph", {"text_encoder": "minilm"}),
    "cold-start over sequential and graph, words and tuned MiniLM": ("sequential and graph", {"text_encoder": "tuned"}),
}
"""`cold-start` around a base, which is fitted once for all, and its content; weights chosen on the validation items of Toys, first seed."""
RECIPES = (FROZEN, *SETTINGS, *BESIDE)
"""The frozen cosine is the yardstick of cold items; of warm ones the base without content beside it, else `sequential`."""


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """A data set without a tenth of its items, and what is asked of it."""

    name: str
    seed: int
    train: Dataset
    valid: Dataset
    added: tuple[ItemDescription, ...]
    """The withheld items."""
    users: np.ndarray
    """(Q,) who asks."""
    histories: tuple[tuple[str, ...], ...]
    """(Q,) known items, oldest first."""
    targets: tuple[str, ...]

    @property
    def is_cold(self) -> np.ndarray:
        """(Q,) whether the answer is a withheld item."""
        ids = {item.item_id for item in self.added}
        return np.array([target in ids for target in self.targets])


def withheld(name: str, *, seed: int) -> Withheld:
    """Take a tenth of the items of a data set away; `seed` decides which."""
    dataset = read_dataset(name)
    is_away = np.zeros(dataset.num_items, np.bool_)
    is_away[np.random.default_rng(seed).permutation(dataset.num_items)[: round(SHARE * dataset.num_items)]] = True
    histories = Histories.of_dataset(dataset)
    ages, rows, ids = histories.ages(), histories.item_rows, np.array(dataset.items.ids)
    kept = ~is_away[rows]
    catalogue = Catalogue(frame=dataset.catalogue.frame.filter(pl.Series(~is_away)))
    whole = Dataset.build(_log(dataset.subset((ages >= 1) & kept)), catalogue=catalogue)
    has_valid = set(dataset.column("user_row")[(ages == 1) & kept].tolist())
    is_valid = _newest_of(whole, {dataset.users.ids[row] for row in has_valid})
    asked = [(user, histories.of(user)) for user in range(dataset.num_users) if len(histories.of(user))]
    known = [(user, past[:-1][~is_away[past[:-1]]], past[-1]) for user, past in asked]
    known = [entry for entry in known if len(entry[1])]
    described = dataset.catalogue.descriptions()
    return Withheld(
        name=name,
        seed=seed,
        train=whole.subset(~is_valid),
        valid=whole.subset(is_valid),
        added=tuple(described[row] for row in np.flatnonzero(is_away).tolist()),
        users=np.array([user for user, _, _ in known]),
        histories=tuple(tuple(ids[past].tolist()) for _, past, _ in known),
        targets=tuple(str(ids[target]) for _, _, target in known),
    )


def fill_cache(names: Sequence[str], seeds: int) -> None:
    """Measure what is not kept yet, each in a process of its own."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in names:
        for number, recipe in enumerate(RECIPES):
            for seed in range(_num_seeds(recipe, seeds)):
                if recipe not in BESIDE and not all(_place(name, seed, one).is_file() for one in (recipe, *_beside(recipe))):
                    command = [sys.executable, str(ROOT / "benchmarks" / "cold.py"), "--items", name, str(seed), str(number)]
                    subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


def measure(name: str, seed: int, recipe: str) -> None:
    """Fit one recipe on one data set, ask it everything and keep each question's figures; the same with content beside it, where it is the base."""
    world = withheld(name, seed=seed)
    folder = _place(name, seed, recipe).with_suffix("")
    if recipe in BASES and folder.is_dir():
        fitted, cpu_seconds = opener(SETTINGS[recipe][0]).load(folder), float(np.load(_place(name, seed, recipe))["cpu_seconds"])
    else:
        beforehand = _tuning_seconds(SETTINGS[recipe][1] if recipe in SETTINGS else {}, world)
        spent = spend(lambda: _fitted(world, recipe, seed=seed))
        fitted, cpu_seconds = spent.result, beforehand + spent.cost.fit_cpu_seconds
        _keep(world, name, seed, recipe, fitted, cpu_seconds=cpu_seconds)
    if recipe in BASES:
        fitted.save(folder)
    for other in _beside(recipe):
        if _place(name, seed, other).is_file():
            continue
        beforehand = _tuning_seconds(BESIDE[other][1], world)
        grown = spend(lambda other=other: _cold_start(world, fitted, BESIDE[other][1]))
        _keep(world, name, seed, other, grown.result, cpu_seconds=cpu_seconds + beforehand + grown.cost.fit_cpu_seconds)


def _keep(world: Withheld, name: str, seed: int, recipe: str, fitted: Any, *, cpu_seconds: float) -> None:  # Any: a recommender
    outcome = _outcome(world, fitted) | {"users": world.users, "is_cold": world.is_cold, "cpu_seconds": cpu_seconds}
    with tempfile.NamedTemporaryFile(dir=CACHE, delete=False, suffix=".npz") as draft:
        np.savez(draft, **outcome)
    Path(draft.name).replace(_place(name, seed, recipe))
    cold, warm = outcome["recall, cold only"][world.is_cold].mean(), outcome["ndcg, all"][~world.is_cold].mean()
    figures = f"cold Recall@10 {cold:.4f}, warm NDCG@10 among all {warm:.4f}, {outcome['cpu_seconds']:.0f} CPU-s"
    print(f"{name} seed {seed} {recipe}: {figures}", file=sys.stderr, flush=True)


def rows(names: Sequence[str], seeds: int) -> list[BenchmarkRow]:
    """The rows of every recipe, with what it gains over the yardsticks."""
    return [row for name in names for recipe in RECIPES for row in _rows_of(name, recipe, seeds)]


def _fitted(world: Withheld, recipe: str, *, seed: int) -> Any:  # Any: a recommender
    """Fitted on what is known, with the withheld items added where it can add any."""
    if recipe == FROZEN:
        return FrozenCosine(world)
    name, settings = SETTINGS[recipe]
    fitted = build(name, _with_encoder(settings, world)).fit(
        world.train, valid=world.valid, run=Run(seed=seed) if name != "content" else run_of(name)
    )
    return fitted.with_items(world.added) if isinstance(fitted, AddsItems) and fitted.adds_items else fitted


def _cold_start(world: Withheld, member: CatalogueRecommender, settings: Mapping[str, Any]) -> Any:  # Any: a recommender
    content = build("content", _with_encoder(settings, world)).fit(world.train, run=run_of("content"))
    if not isinstance(content, Content):
        raise TypeError("content was built, and is none")
    return ColdStart.around(member, content).with_items(world.added)


def _tuning_seconds(settings: Mapping[str, Any], world: Withheld) -> float:
    """What tuning the encoder took, now or earlier; 0 where none is tuned."""
    if settings.get("text_encoder") != "tuned":
        return 0.0
    return float(tuned_folder(world.train, world.name, seed=world.seed).with_suffix(".txt").read_text(encoding="utf-8"))


def _with_encoder(settings: Mapping[str, Any], world: Withheld) -> dict[str, Any]:
    """With the folders of the encoders that they name; one is tuned on what is known of this world."""
    named = {"minilm": minilm_folder, "tuned": lambda: tuned_folder(world.train, world.name, seed=world.seed)}
    return {key: str(named[value]()) if isinstance(value, str) and value in named else value for key, value in settings.items()}


class FrozenCosine:
    """Cosine of the encoder's vectors to the decayed mean of the history, as they are."""

    def __init__(self, world: Withheld) -> None:
        items = [*world.train.catalogue.descriptions(), *world.added]
        self.items = IdMap([item.item_id for item in items], kind="item")
        encoder = open_text_encoder(minilm_folder())
        self._vectors = encode_texts(encoder, ItemText.of_items(items).texts(items), folder=VECTORS)

    def catalogue_scores(self, queries: Sequence[Query]) -> FloatArray:
        """(B, N) float32."""
        means = [(DECAY ** np.arange(len(query.history))[::-1]) @ self._vectors[self.items.rows(query.history)] for query in queries]
        return np.stack(means).astype(np.float32) @ self._vectors.T


def _outcome(world: Withheld, fitted: Any) -> dict[str, Any]:  # Any: a recommender; arrays
    """(Q,) for each metric and set of candidates; the histories are masked, and an item that is not scored ranks last."""
    targets = fitted.items.rows(world.targets)
    is_added = np.isin(np.arange(len(fitted.items)), fitted.items.rows([item.item_id for item in world.added]))
    ranks = {"all": np.full(len(targets), np.inf), "cold only": np.full(len(targets), np.inf)}
    for start in range(0, len(targets), BLOCK):
        block = range(start, min(start + BLOCK, len(targets)))
        scores = fitted.catalogue_scores([Query(history=world.histories[place]) for place in block])
        for said, place in zip(scores, block, strict=True):
            if targets[place] >= 0:
                value = said[targets[place]]
                said[np.setdiff1d(fitted.items.rows(world.histories[place]), targets[place])] = -np.inf
                ranks["all"][place] = int((said >= value).sum())
                ranks["cold only"][place] = int((said[is_added] >= value).sum()) if is_added[targets[place]] else np.inf
    found: dict[str, Any] = {}
    for candidates, rank in ranks.items():
        is_hit = rank <= K
        found[f"recall, {candidates}"] = is_hit.astype(np.float64)
        found[f"ndcg, {candidates}"] = np.where(is_hit, 1 / np.log2(np.where(is_hit, rank, 1) + 1), 0.0)
    return found


def _beside(recipe: str) -> tuple[str, ...]:
    """What is measured from the same fitted recommender."""
    return tuple(other for other, (base, _) in BESIDE.items() if base == recipe)


def _rows_of(name: str, recipe: str, seeds: int) -> list[BenchmarkRow]:
    seeds = _num_seeds(recipe, seeds)
    yardstick = BESIDE[recipe][0] if recipe in BESIDE else "sequential"
    ours, frozen, base = ([dict(np.load(_place(name, seed, one))) for seed in range(seeds)] for one in (recipe, FROZEN, yardstick))
    common: dict[str, Any] = {
        "case": f"cold items: {recipe}",
        "dataset": name,
        "split": "leave-one-out, 10 % of items withheld",
        "seeds": seeds,
        "cpu_seconds": float(np.mean([outcome["cpu_seconds"] for outcome in ours])),
    }
    found = []
    for metric in ("recall", "ndcg"):
        for candidates in ("cold only", "all"):
            measured = _mean(ours, f"{metric}, {candidates}", cold=True)
            found.append(_row(measured, metric=f"cold {metric}@10, candidates {candidates}", common=common))
    found.append(_row(_mean(ours, "ndcg, all", cold=False), metric="warm ndcg@10, candidates all", common=common))
    if recipe not in (FROZEN, *BASES):
        ratio = _ratio(ours, frozen, "recall, cold only", cold=True)
        found.append(_row(ratio, metric="cold recall@10, candidates cold only, over frozen MiniLM", common={**common, "unit": "x"}))
        change = _less_one(_ratio(ours, base, "ndcg, all", cold=False))
        found.append(_row(change, metric=f"warm ndcg@10, candidates all, against {yardstick}", common=common))
    both = [_mean(ours, "ndcg, all", cold=is_cold).value for is_cold in (True, False)]
    harmonic = 2 * both[0] * both[1] / max(sum(both), 1e-12)
    found.append(BenchmarkRow(metric="harmonic mean of cold and warm ndcg@10, candidates all", value=harmonic, **common))
    return found


def _num_seeds(recipe: str, seeds: int) -> int:
    return 1 if recipe in ONE_SEED else seeds


def _row(measured: Measure, *, metric: str, common: Mapping[str, Any]) -> BenchmarkRow:
    return BenchmarkRow.of_measure(measured, metric=metric, **common)


def _less_one(ratio: Measure) -> Measure:
    low, high = (bound - 1 if bound is not None else None for bound in (ratio.low, ratio.high))
    return replace(ratio, value=ratio.value - 1, low=low, high=high)


def _mean(outcomes: Sequence[Mapping[str, np.ndarray]], key: str, *, cold: bool) -> Measure:
    """Over all questions of all seeds; a user who asks in several counts once."""
    totals, counts = _by_user(outcomes, key, cold=cold)
    return bootstrap_ratios(totals[:, None], counts[:, None], rng=np.random.default_rng(0)).measure()


def _ratio(ours: Sequence[Mapping[str, np.ndarray]], theirs: Sequence[Mapping[str, np.ndarray]], key: str, *, cold: bool) -> Measure:
    """Of the means, paired by user."""
    top, bottom = (_by_user(outcomes, key, cold=cold)[0] for outcomes in (ours, theirs))
    return bootstrap_ratios(top[:, None], bottom[:, None], rng=np.random.default_rng(0)).measure()


def _by_user(outcomes: Sequence[Mapping[str, np.ndarray]], key: str, *, cold: bool) -> tuple[np.ndarray, np.ndarray]:
    """(U,) sums and counts of the questions of each user, over the seeds."""
    users = np.concatenate([outcome["users"][outcome["is_cold"] == cold] for outcome in outcomes])
    values = np.concatenate([outcome[key][outcome["is_cold"] == cold] for outcome in outcomes])
    _, places = np.unique(users, return_inverse=True)
    return np.bincount(places, weights=values), np.bincount(places).astype(np.float64)


def _log(dataset: Dataset) -> EventLog:
    ids = {f"{kind.kind}_id": np.array(kind.ids)[dataset.column(f"{kind.kind}_row")] for kind in (dataset.users, dataset.items)}
    frame = dataset.events.with_columns(**{name: pl.Series(values) for name, values in ids.items()})
    return EventLog(frame=frame.select(pl.col(column).cast(dtype) for column, dtype in EVENT_SCHEMA.items()), time_quality=dataset.time_quality)


def _newest_of(dataset: Dataset, users: set[str]) -> np.ndarray:
    """(E,) the last event of each of the users."""
    histories = Histories.of_dataset(dataset)
    is_one = np.array([user in users for user in dataset.users.ids])
    newest: np.ndarray = (histories.ages() == 0) & is_one[histories.sequence_rows()]
    return newest


def _place(name: str, seed: int, recipe: str) -> Path:
    return CACHE / f"{name}-{seed}-{recipe.replace(', ', '-').replace(' ', '-')}.npz"
