"""The questions of the language benchmarks: Amazon Beauty, twenty candidates of `sequential` each, found once and kept.

The retriever is fitted on items[:-2] of each user. Rankers learn from validation questions (history items[:-2], answer items[-2]) of users who are
not asked later; the weight of reading is chosen on validation questions of other users; test questions (items[:-1], items[-1]) are of yet others.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import ROOT, read_dataset
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.data.split import split_leave_one_out
from leanrec.evaluation.efficiency import spend
from leanrec.features.histories import Histories
from leanrec.features.history_text import history_text
from leanrec.features.item_text import ItemText, ItemTextConfig
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.training.run import Run

CACHE = ROOT / ".cache" / "language"
DATASET = "amazon14-beauty"
CANDIDATES, HISTORY_ITEMS = 20, 5
NUM_TEST, NUM_WEIGHT = 2000, 1000
NUM_SAMPLED = 500
"""The first of the test users: a sample of its own, which every ranker reads."""
NEGATIVES = 3
"""Candidates that were not chosen beside each one that was, when a ranker learns."""
BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Q questions of one part, each with its candidates."""

    histories: tuple[str, ...]
    """(Q,) in words."""
    rows: np.ndarray
    """(Q, 20) items, best first."""
    scores: np.ndarray
    """(Q, 20) the retriever's."""
    targets: np.ndarray
    """(Q,)"""
    users: np.ndarray
    """(Q,)"""

    @property
    def is_found(self) -> np.ndarray:
        """(Q,) whether the answer is among the candidates: where it is not, no order helps."""
        found: np.ndarray = (self.rows == self.targets[:, None]).any(axis=1)
        return found

    def take(self, chosen: np.ndarray) -> "Questions":
        """Some of them."""
        return Questions(
            histories=tuple(self.histories[place] for place in chosen.tolist()),
            rows=self.rows[chosen],
            scores=self.scores[chosen],
            targets=self.targets[chosen],
            users=self.users[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What rankers learn from, what chooses their weight, what they are tested on."""

    texts: tuple[str, ...]
    """(N,) titles."""
    counts: np.ndarray
    """(N,) events of each item that the retriever learned from."""
    teaching: Questions
    weighing: Questions
    test: Questions


def asked() -> Asked:
    """The questions, candidates from the cache or found now."""
    dataset = read_dataset(DATASET)
    split = split_leave_one_out(dataset)
    found = _candidates()
    order = np.random.default_rng(0).permutation(dataset.num_users)
    parts = {"test": order[:NUM_TEST], "weighing": order[NUM_TEST : NUM_TEST + NUM_WEIGHT], "teaching": order[NUM_TEST + NUM_WEIGHT :]}
    descriptions = dataset.catalogue.descriptions()
    texts = tuple(ItemText.of_items(descriptions, ItemTextConfig(fields=("title",), max_characters=160)).texts(descriptions))
    made = {name: _questions(dataset, texts, found, users, part="test" if name == "test" else "valid") for name, users in parts.items()}
    counts = np.bincount(split.train.column("item_row"), minlength=dataset.num_items)
    return Asked(texts=texts, counts=counts, **made)


def examples_of(questions: Questions, texts: tuple[str, ...], *, seed: int, number: int | None = None) -> RelevanceExamples:
    """The answer and `NEGATIVES` other candidates of each question whose answer was found."""
    rng = np.random.default_rng(seed)
    found = np.flatnonzero(questions.is_found)
    found = np.sort(rng.permutation(found)[:number])
    rows = []
    for place in found.tolist():
        others = questions.rows[place][questions.rows[place] != questions.targets[place]]
        rows.append([questions.targets[place], *rng.permutation(others)[:NEGATIVES]])
    labels = np.tile(np.array([1.0] + NEGATIVES * [0.0], np.float32), len(found))
    return RelevanceExamples(
        histories=tuple(questions.histories[place] for place in found.tolist()),
        candidates=texts,
        questions=np.repeat(np.arange(len(found)), 1 + NEGATIVES),
        candidate_rows=np.array(rows).ravel(),
        labels=labels,
    )


def _questions(dataset: Dataset, texts: Sequence[str], found: Mapping[str, np.ndarray], users: np.ndarray, *, part: str) -> Questions:
    histories = Histories.of_dataset(dataset)
    end = -1 if part == "test" else -2
    pasts = [histories.of(user)[:end] for user in users.tolist()]
    return Questions(
        histories=tuple(history_text([texts[row] for row in past[-HISTORY_ITEMS:].tolist()], num_items=HISTORY_ITEMS) for past in pasts),
        rows=found[f"{part} rows"][users],
        scores=found[f"{part} scores"][users],
        targets=np.array([histories.of(user)[end] for user in users.tolist()]),
        users=users,
    )


def retriever_folder() -> Path:
    """The fitted `sequential`."""
    return CACHE / "retriever"


def _candidates() -> dict[str, np.ndarray]:
    """(U, 20) rows and scores of the candidates of every user, for validation and test."""
    place = CACHE / "candidates.npz"
    if place.is_file():
        return dict(np.load(place))
    CACHE.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(DATASET)
    split = split_leave_one_out(dataset)
    if not retriever_folder().is_dir():
        spent = spend(lambda: build("sequential").fit(split.train, valid=split.valid, run=Run(seed=0)))
        spent.result.save(retriever_folder())
        (CACHE / "retriever-cpu-seconds.txt").write_text(f"{spent.cost.fit_cpu_seconds:.1f}\n", encoding="utf-8")
    retriever = opener("sequential").load(retriever_folder())
    if not isinstance(retriever, CatalogueScorer):
        raise TypeError("sequential was opened, and scores no catalogue")
    histories = Histories.of_dataset(dataset)
    ids = dataset.items.ids
    kept: dict[str, np.ndarray] = {}
    for part, end in (("valid", -2), ("test", -1)):
        rows = np.zeros((dataset.num_users, CANDIDATES), np.int64)
        scores = np.zeros(rows.shape, np.float32)
        for start in range(0, dataset.num_users, BLOCK):
            users = range(start, min(start + BLOCK, dataset.num_users))
            pasts = [histories.of(user)[:end] for user in users]
            said = retriever.catalogue_scores([Query(history=tuple(ids[row] for row in past)) for past in pasts])
            for user, past, line in zip(users, pasts, said, strict=True):
                line[past] = -np.inf
                best = np.argpartition(-line, CANDIDATES)[:CANDIDATES]
                rows[user] = best[np.argsort(-line[best], kind="stable")]
                scores[user] = line[rows[user]]
        kept |= {f"{part} rows": rows, f"{part} scores": scores}
    with tempfile.NamedTemporaryFile(dir=CACHE, delete=False, suffix=".npz") as draft:
        np.savez(draft, **kept)
    Path(draft.name).replace(place)
    return kept
