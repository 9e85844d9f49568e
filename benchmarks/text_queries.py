"""People's own words: questions of an item's categories and tags without its title, and whether it is among the first ten found.

Both sides read the same fields. `whole` has categories, tags and titles in them; in `tags unseen` the tags stand in the question only, so that
what is found is found by meaning.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from datasets import DATA, read_dataset
from encoders import minilm_folder, run_of
from leanrec.data.catalogue import Catalogue
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.features.word_weights import WordWeights
from leanrec.metrics.uncertainty import bootstrap_means, paired_difference
from leanrec.recommenders.building import build
from leanrec.recommenders.protocol import CatalogueScores, FloatArray
from rows import BenchmarkRow

NUM_QUESTIONS = 1000
K = 10
BM25 = "BM25"
Answers = Callable[[str], FloatArray]


def rows() -> list[BenchmarkRow]:
    """MovieLens with its tags, and Amazon Beauty with its categories."""
    movies, tagged = _movies()
    beauty = read_dataset("amazon14-beauty")
    beauty = replace(beauty, catalogue=Catalogue(frame=beauty.catalogue.frame.drop("asin", strict=False)))
    return [
        *_measured(tagged, _questions(tagged, ("genres", "tags")), name="ml-latest-small", fields="whole"),
        *_measured(movies, _questions(tagged, ("genres", "tags")), name="ml-latest-small", fields="tags unseen"),
        *_measured(beauty, _questions(beauty, ("categories",)), name="amazon14-beauty", fields="whole"),
    ]


def _movies() -> tuple[Dataset, Dataset]:
    """The data set as it is, and with each movie's tags as an attribute."""
    plain = read_dataset("ml-latest-small")
    table = pl.read_csv(DATA / "ml-latest-small" / "tags.csv", schema_overrides={"movieId": pl.String})
    tags = table.group_by(pl.col("movieId").alias("item_id")).agg(pl.col("tag").str.to_lowercase().unique().sort().alias("tags"))
    frame = plain.catalogue.frame
    kept = frame.select(name for name in frame.columns if name != "tags").join(tags, on="item_id", how="left", maintain_order="left")
    bare = Catalogue(frame=kept.drop("tags"))
    return replace(plain, catalogue=bare), replace(plain, catalogue=Catalogue(frame=kept))


def _questions(dataset: Dataset, fields: Sequence[str]) -> list[tuple[int, str]]:
    """Item rows and questions of up to 1000 items that have all the fields, drawn by a seed."""
    told = [
        (row, " ".join(str(word) for field in fields for word in _words(item.attributes.get(field))))
        for row, item in enumerate(dataset.catalogue.descriptions())
        if all(_words(item.attributes.get(field)) for field in fields)
    ]
    chosen = np.random.default_rng(0).permutation(len(told))[:NUM_QUESTIONS]
    return [told[place] for place in np.sort(chosen).tolist()]


def _words(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)] if isinstance(value, str) else []


def _measured(dataset: Dataset, questions: Sequence[tuple[int, str]], *, name: str, fields: str) -> list[BenchmarkRow]:
    bm25 = WordWeights.of(dataset.catalogue.descriptions())
    sides: dict[str, Answers] = {BM25: bm25.scores, **{recipe: _reader(dataset, config) for recipe, config in _settings().items()}}
    hits = {side: np.array([_is_found(answers(text), row) for row, text in questions]) for side, answers in sides.items()}
    found = []
    for side, values in hits.items():
        common = {"case": f"text: {side}", "dataset": name, "split": f"fields: {fields}", "note": f"{len(questions)} questions"}
        measured = bootstrap_means(values[:, None], rng=np.random.default_rng(0)).measure()
        found.append(BenchmarkRow.of_measure(measured, metric="recall@10", **common))
        if side != BM25:
            gain = paired_difference(values, hits[BM25], rng=np.random.default_rng(0))
            found.append(BenchmarkRow.of_measure(gain, metric="recall@10 minus BM25's", **common))
    return found


def _settings() -> dict[str, dict[str, object]]:
    folder = str(minilm_folder())
    return {
        "content, words": {},
        "content, words and MiniLM": {"text_encoder": folder},
        "content, MiniLM": {"text_encoder": folder, "meaning": 1.0},
    }


def _reader(dataset: Dataset, config: dict[str, object]) -> Answers:
    fitted = build("content", config).fit(dataset, run=run_of("content"))
    if not isinstance(fitted, CatalogueScores):
        raise TypeError("content scores its whole catalogue")
    scorer: CatalogueScores = fitted
    return lambda text: scorer.catalogue_scores([Query(text=text)])[0]


def _is_found(scores: FloatArray, row: int) -> float:
    """Ties count against."""
    return float((scores >= scores[row]).sum() <= K)
