"""What to tune on: a tenth of the questions, chosen or drawn by chance, against all of them; MiniLM with LoRA on Amazon Beauty.

Every ranker learns on one thread. It is asked about the test users of `language_ranking` whose answer is among the
twenty candidates; its gain is how far above chance it ranks the answer, since an untuned head knows nothing.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from language_questions import CACHE, DATASET, Questions, asked, examples_of
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.evaluation.efficiency import spend
from leanrec.features.language_scorer import LanguageScorer
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_means, bootstrap_ratios, paired_difference
from leanrec.training.run import Run
from rows import BenchmarkRow

Method = Literal["all", "influence", "random"]
KEPT = CACHE / "pruning"
NUM_QUESTIONS, SHARE = 600, 0.1
SEEDS: dict[Method, int] = {"all": 3, "influence": 3, "random": 3}
MAX_TOKENS = 96
EPOCHS: dict[Method, int] = {"all": 1, "influence": 4, "random": 4}
"""A tenth is read several times, and is still less than half of the work."""
CHANCE = 0.5


def fill() -> None:
    """Tune and ask what is not kept yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for seed in range(max(SEEDS.values())):
        for method in get_args(Method):
            if seed < SEEDS[method] and not _place(method, seed).is_file():
                measure(method, seed)


def measure(method: Method, seed: int) -> None:
    """Tune one ranker, ask it, and keep what came of it."""
    os.environ.setdefault(WHEELS_VARIABLE, str(CACHE.parent / "wheels"))
    given = asked()
    spent = spend(lambda: _tuned(method, seed, given.teaching, given.texts))
    told = _answers(spent.result, given.test.take(np.flatnonzero(given.test.is_found)), given.texts)
    kept = {**told, "cpu_seconds": np.array(spent.cost.fit_cpu_seconds), "peak_mb": np.array(spent.cost.peak_mb)}
    with tempfile.NamedTemporaryFile(dir=KEPT, delete=False, suffix=".npz") as draft:
        np.savez(draft, **kept)
    Path(draft.name).replace(_place(method, seed))
    print(f"{method} seed {seed}: AUC {told['auc'].mean():.4f}, {spent.cost.fit_cpu_seconds:.0f} CPU-s", file=sys.stderr, flush=True)


def _tuned(method: Method, seed: int, teaching: Questions, texts: tuple[str, ...]) -> LanguageScorer:
    from leanrec.features.onnx_pairs import OnnxPairs
    from leanrec.models.adapters import AdapterConfig
    from leanrec.models.cross_encoder import CrossEncoder
    from leanrec.training.example_selection import SelectionConfig
    from leanrec.training.language_tuning import TuningConfig
    from leanrec.training.relevance import RelevanceConfig, tune_cross_encoder

    run = Run(seed=seed, folder=KEPT / f"{_place(method, seed).stem}-run")
    encoder = CrossEncoder.open("minilm", max_tokens=MAX_TOKENS, seed=seed)
    settings = RelevanceConfig()
    config = settings.model_copy(
        update={
            "tuning": TuningConfig(adapter=AdapterConfig(rank=16, alpha=32)),
            "training": settings.training.model_copy(update={"learning_rate": 1e-3, "max_epochs": EPOCHS[method]}),
            "select": None if method == "all" else SelectionConfig(share=SHARE, method=method),
        }
    )
    tune_cross_encoder(encoder, examples_of(teaching, texts, seed=0, number=NUM_QUESTIONS), config=config, run=run)
    return OnnxPairs(encoder.to_graph())


def _answers(scorer: LanguageScorer, questions: Questions, texts: tuple[str, ...]) -> dict[str, np.ndarray]:
    """(Q,) of each question: the chance that the answer stands above another candidate, and NDCG@10 of reading alone."""
    ranks = []
    for history, rows, target in zip(questions.histories, questions.rows, questions.targets, strict=True):
        scores = np.nan_to_num(scorer.scores(history, [texts[row] for row in rows.tolist()]), nan=-np.inf)
        ranks.append(int((scores >= scores[rows == target]).sum()))  # 1 for the best; ties count against us
    places = np.array(ranks)
    return {"auc": 1.0 - (places - 1) / (questions.rows.shape[1] - 1), "ndcg": np.where(places <= 10, 1.0 / np.log2(1.0 + places), 0.0)}


def rows() -> list[BenchmarkRow]:
    """Each way with what it cost, and how much of the gain a tenth keeps."""
    kept = {method: [dict(np.load(_place(method, seed))) for seed in range(SEEDS[method])] for method in get_args(Method)}
    auc = {method: np.mean([one["auc"] for one in kept[method]], axis=0) for method in kept}
    found = []
    for method, outcomes in kept.items():
        cost = {name: float(np.mean([one[name] for one in outcomes])) for name in ("cpu_seconds", "peak_mb")}
        found += [_row(method, _mean(auc[method]), metric="auc within 20 candidates", **cost)]
        ndcg = np.mean([one["ndcg"] for one in outcomes], axis=0)
        found += [_row(method, _mean(ndcg), metric="ndcg@10 of reading alone, answers among 20 candidates", **cost)]
        if method != "all":
            share = bootstrap_ratios((auc[method] - CHANCE)[:, None], (auc["all"] - CHANCE)[:, None], rng=np.random.default_rng(0)).measure()
            found += [_row(method, share, metric="share of the auc gained over chance that is kept", **cost)]
    difference = paired_difference(auc["influence"], auc["random"], rng=np.random.default_rng(0))
    return [*found, _row("influence", difference, metric="auc within 20 candidates, influence less random")]


def _row(method: Method, measure: Measure, *, metric: str, **cost: float) -> BenchmarkRow:
    part = f"{NUM_QUESTIONS} questions" if method == "all" else f"{SHARE:.0%} of {NUM_QUESTIONS} questions by {method}"
    note = f"{measure.num_users} users, {EPOCHS[method]} passes"
    return BenchmarkRow.of_measure(
        measure, case=f"pruning: MiniLM LoRA on {part}", metric=metric, dataset=DATASET, seeds=SEEDS[method], note=note, **cost
    )


def _mean(values: np.ndarray) -> Measure:
    return bootstrap_means(values, rng=np.random.default_rng(0)).measure()


def _place(method: Method, seed: int) -> Path:
    return KEPT / f"{method}-{seed}.npz"


if __name__ == "__main__":
    fill()
