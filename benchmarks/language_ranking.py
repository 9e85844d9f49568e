"""Language models that order the candidates of `sequential` on Beauty: what reading gains, and what it costs.

Every ranker is tuned in a process of its own on one thread; what it says of each candidate is kept, and the rows are made from that. Questions
whose answer is no candidate count 0 for everybody and are not read.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baselines import ONE_THREAD
from datasets import ROOT
from language_questions import CACHE, CANDIDATES, DATASET, NUM_SAMPLED, NUM_TEST, Asked, Questions, asked, examples_of
from leanrec.compression.quantize_text import quantize_text
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.evaluation.efficiency import spend
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.onnx_pairs import OnnxPairs
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_means, paired_difference
from leanrec.recommenders.language_ranker_weight import Pool, fit_weight, quality
from leanrec.training.run import Run
from rows import BenchmarkRow

KEPT = CACHE / "ranking"
PRETRAINED = CACHE / "pretrained" / "minilm-beauty"
"""What `language_pretraining.py` wrote."""
MAX_TOKENS = 128
NUM_TIMED = 20
RARE = 10
"""Items with fewer training events are the tail."""
FEW = (16, 64, 256)
CAUSAL_QUESTIONS = 1000
"""Test users of the decoders: each answer takes seconds."""
LESSONS, DECODER_LESSONS = 1000, 800
"""Questions that a cross-encoder learns from, and choices that a decoder does."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One ranker."""

    name: str
    model: str = "minilm"
    learns: str = "full"
    """`nothing`, `head`, `lora` or `full`."""
    seeds: int = 3
    examples: int | None = None
    base: str = "minilm"
    """What is tuned: a packaged model, or `pretrained` for the one of `language_pretraining.py`."""

    @property
    def is_decoder(self) -> bool:
        """Whether it is asked how likely a title comes next."""
        return self.model == "smollm2"


CASES = (
    Case(name="cross-encoder, MiniLM frozen", learns="head"),
    Case(name="cross-encoder, MiniLM LoRA", learns="lora"),
    Case(name="cross-encoder, MiniLM full"),
    Case(name="cross-encoder, MiniLM pre-trained on Beauty, full", base="pretrained"),
    Case(name="SmolLM2 as it is", model="smollm2", base="smollm2", learns="nothing", seeds=1),
    Case(name="SmolLM2 LoRA", model="smollm2", base="smollm2", learns="lora", seeds=1),
    *(Case(name=f"cross-encoder, MiniLM full, {number} examples", examples=number, seeds=3) for number in FEW),
)


def fill() -> None:
    """Tune and ask what is not kept yet, each in a process of its own."""
    KEPT.mkdir(parents=True, exist_ok=True)
    asked()
    for number, case in enumerate(CASES):
        for seed in range(case.seeds):
            if not _place(case, seed).is_file():
                command = [sys.executable, str(ROOT / "benchmarks" / "language.py"), "--ranking", str(number), str(seed)]
                subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


def measure(case: Case, seed: int) -> None:
    """Tune one ranker, ask it everything, and keep what it said with what it cost."""
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    given = asked()
    spent = spend(lambda: _tuned(case, given, seed=seed))
    exact = spent.result
    scorer = OnnxPairs(quantize_text(exact.graph)) if isinstance(exact, OnnxPairs) else exact
    kept = {
        "weighing": _said(scorer, given.weighing, given.texts),
        "test": _said(scorer, given.test.take(np.arange(_num_test(case))), given.texts),
        "milliseconds": np.array(_milliseconds(scorer, given)),
        "cpu_seconds": np.array(spent.cost.fit_cpu_seconds),
        "peak_mb": np.array(spent.cost.peak_mb),
        "bytes": np.array(_bytes(scorer)),
    }
    if exact is not scorer and seed == 0:
        kept["exact test"] = _said(exact, given.test.take(np.arange(NUM_SAMPLED)), given.texts)
        kept |= {"exact milliseconds": np.array(_milliseconds(exact, given)), "exact bytes": np.array(_bytes(exact))}
    with tempfile.NamedTemporaryFile(dir=KEPT, delete=False, suffix=".npz") as draft:
        np.savez(draft, **kept)
    Path(draft.name).replace(_place(case, seed))
    print(f"{case.name} seed {seed}: {spent.cost.fit_cpu_seconds:.0f} CPU-s, {kept['milliseconds']:.0f} ms", file=sys.stderr, flush=True)


def _tuned(case: Case, given: Asked, *, seed: int) -> LanguageScorer:
    """The ranker as it was tuned: a graph in float32, or a decoder in torch. Answers are given by the graph in int8."""
    from leanrec.models.adapters import AdapterConfig
    from leanrec.models.causal_scorer import CausalConfig, CausalScorer
    from leanrec.models.cross_encoder import CrossEncoder
    from leanrec.training.causal_tuning import CausalTuningConfig, tune_decoder
    from leanrec.training.language_tuning import TuningConfig
    from leanrec.training.relevance import RelevanceConfig, tune_cross_encoder

    run = Run(seed=seed, folder=KEPT / f"{_place(case, seed).stem}-run")
    base = str(PRETRAINED) if case.base == "pretrained" else case.base
    if case.is_decoder:
        scorer = CausalScorer.open(base, config=CausalConfig(max_tokens=256, max_candidate_tokens=32, unconditional=1.0))
        if case.learns == "lora":
            found = np.flatnonzero(given.teaching.is_found)
            chosen = np.sort(np.random.default_rng(seed).permutation(found)[:DECODER_LESSONS])
            histories = [given.teaching.histories[place] for place in chosen.tolist()]
            titles = [given.texts[row] for row in given.teaching.targets[chosen].tolist()]
            tune_decoder(scorer, histories, titles, config=CausalTuningConfig(), run=run)
        return scorer
    encoder = CrossEncoder.open(base, max_tokens=MAX_TOKENS, seed=seed)
    settings = RelevanceConfig()
    few = {"max_epochs": 8} if case.examples else {}
    rate = {"head": 3e-3, "lora": 1e-3, "full": 1e-4}[case.learns]
    config = settings.model_copy(
        update={
            "is_frozen": case.learns == "head",
            "tuning": TuningConfig(adapter=AdapterConfig(rank=16, alpha=32) if case.learns == "lora" else None),
            "training": settings.training.model_copy(update={"learning_rate": rate, "max_epochs": 1, **few}),
            "examples": case.examples,
        }
    )
    tune_cross_encoder(encoder, examples_of(given.teaching, given.texts, seed=seed, number=LESSONS), config=config, run=run)
    return OnnxPairs(encoder.to_graph())


def _said(scorer: LanguageScorer, questions: Questions, texts: Sequence[str]) -> np.ndarray:
    """(Q, 20) what reading said; NaN for questions whose answer is no candidate."""
    said = np.full(questions.rows.shape, np.nan, np.float32)
    for place in np.flatnonzero(questions.is_found).tolist():
        said[place] = scorer.scores(questions.histories[place], [texts[row] for row in questions.rows[place].tolist()])
    return said


def _milliseconds(scorer: LanguageScorer, given: Asked) -> float:
    """Median time of a question of twenty candidates, one thread."""
    taken = []
    for place in range(NUM_TIMED + 2):
        began = time.perf_counter()
        scorer.scores(given.test.histories[place], [given.texts[row] for row in given.test.rows[place].tolist()])
        taken.append((time.perf_counter() - began) * 1e3)
    return float(np.median(taken[2:]))


def _bytes(scorer: LanguageScorer) -> int:
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        scorer.save(Path(folder) / "scorer")
        return sum(file.stat().st_size for file in (Path(folder) / "scorer").rglob("*") if file.is_file())


def rows() -> list[BenchmarkRow]:
    """The retriever's order, then every ranker: quality, what it gains, where it gains it, and what it costs."""
    given = asked()
    plain = _quality(given.test, np.full(given.test.rows.shape, np.nan, np.float32), weight=0.0)
    found = [_row("order of the retriever", _mean(plain[:number]), metric="ndcg@10", note=_users(number)) for number in (NUM_SAMPLED, len(plain))]
    share = BenchmarkRow(
        case="order of the retriever",
        dataset=DATASET,
        metric="answers among the 20 candidates",
        value=float(given.test.is_found.mean()),
        note=_users(len(plain)),
    )
    found += [
        _row("order of the retriever", _mean(plain[is_one]), metric=f"ndcg@10, {name}", note=_users(int(is_one.sum())))
        for name, is_one in _slices(given, given.test).items()
    ]
    return [*found, share, *(row for case in CASES for row in _rows_of(case, given, plain)), *_pretraining_rows(given)]


def _pretraining_rows(given: Asked) -> list[BenchmarkRow]:
    """What reading the shop's texts first changed, user by user, the mean of the seeds."""
    named = {case.base: case for case in CASES if case.learns == "full" and case.examples is None}
    ends = {base: _ends(named[base], given) for base in ("pretrained", "minilm")}
    case = f"{named['pretrained'].name}, less {named['minilm'].name}"
    note = _users(len(given.test.users))
    return [
        _row(case, _gain(ends["pretrained"][kind], ends["minilm"][kind]), metric=f"ndcg@10, {kind}", note=note, seeds=named["minilm"].seeds)
        for kind in ("reading alone", "reading and retriever")
    ]


def _ends(case: Case, given: Asked) -> dict[str, np.ndarray]:
    """(Q,) NDCG@10 of a ranker alone and with the retriever, the mean of its seeds."""
    kept = [dict(np.load(_place(case, seed))) for seed in range(case.seeds)]
    test = given.test.take(np.arange(_num_test(case)))
    weights = [_weight(given.weighing, outcome["weighing"]) for outcome in kept]
    alone = [_quality(test, outcome["test"], weight=1.0) for outcome in kept]
    mixed = [_quality(test, outcome["test"], weight=weight) for outcome, weight in zip(kept, weights, strict=True)]
    return {"reading alone": np.mean(alone, axis=0), "reading and retriever": np.mean(mixed, axis=0)}


def _rows_of(case: Case, given: Asked, plain: np.ndarray) -> list[BenchmarkRow]:
    kept = [dict(np.load(_place(case, seed))) for seed in range(case.seeds)]
    number = _num_test(case)
    test = given.test.take(np.arange(number))
    weights = [_weight(given.weighing, outcome["weighing"]) for outcome in kept]
    ends = _ends(case, given)
    alone, mixed = ends["reading alone"], ends["reading and retriever"]
    cost = {
        "seeds": case.seeds,
        "cpu_seconds": float(np.mean([outcome["cpu_seconds"] for outcome in kept])),
        "peak_mb": float(np.mean([outcome["peak_mb"] for outcome in kept])),
        "bytes": int(np.mean([outcome["bytes"] for outcome in kept])),
    }
    said = "weight of reading " + ", ".join(f"{weight:.1f}" for weight in weights)
    slices = _slices(given, test)
    found = []
    for users in dict.fromkeys((NUM_SAMPLED, number)):
        first = slice(0, users)
        found += [
            _row(case.name, _mean(alone[first]), metric="ndcg@10, reading alone", note=_users(users), **cost),
            _row(case.name, _mean(mixed[first]), metric="ndcg@10, reading and retriever", note=f"{_users(users)}; {said}", **cost),
            _row(case.name, _gain(mixed[first], plain[first]), metric="ndcg@10 gained over the retriever", note=_users(users), **cost),
        ]
    for name, is_one in slices.items():
        gain = _gain(mixed[is_one], plain[:number][is_one])
        found.append(_row(case.name, gain, metric=f"ndcg@10 gained over the retriever, {name}", note=_users(int(is_one.sum())), **cost))
    taken = float(np.median([outcome["milliseconds"] for outcome in kept]))
    metric = "milliseconds a question of 20 candidates"
    found.append(BenchmarkRow(case=case.name, dataset=DATASET, metric=metric, value=taken, unit="ms", note=_form(case), **cost))
    if "exact test" in kept[0]:
        larger = {**cost, "bytes": int(kept[0]["exact bytes"])}
        value = float(kept[0]["exact milliseconds"])
        found.append(BenchmarkRow(case=case.name, dataset=DATASET, metric=metric, value=value, unit="ms", note="float32", **larger))
        first = test.take(np.arange(NUM_SAMPLED))
        exact = _quality(first, kept[0]["exact test"], weight=weights[0])
        small = _quality(first, kept[0]["test"][:NUM_SAMPLED], weight=weights[0])
        found.append(_row(case.name, _gain(small, exact), metric="ndcg@10, int8 less float32", note=f"{_users(NUM_SAMPLED)}, first seed", **cost))
    return found


def _form(case: Case) -> str:
    return "float32, prompt read once" if case.is_decoder else "int8"


def _slices(given: Asked, test: Questions) -> Mapping[str, np.ndarray]:
    is_tail = given.counts[test.targets] < RARE
    return {f"answers of fewer than {RARE} events": is_tail, f"answers of {RARE} events and more": ~is_tail}


def _quality(questions: Questions, said: np.ndarray, *, weight: float) -> np.ndarray:
    """(Q,) NDCG@10."""
    values: np.ndarray = quality(_pools(questions, said), weight=weight)
    return values


def _weight(questions: Questions, said: np.ndarray) -> float:
    return fit_weight(_pools(questions, said)).weight


def _pools(questions: Questions, said: np.ndarray) -> list[Pool]:
    return [
        Pool(scores=scores, said=line, is_target=rows == target, num_targets=1)
        for scores, line, rows, target in zip(questions.scores, said, questions.rows, questions.targets, strict=True)
    ]


def _num_test(case: Case) -> int:
    return CAUSAL_QUESTIONS if case.is_decoder else NUM_TEST


def _mean(values: np.ndarray) -> Measure:
    return bootstrap_means(values, rng=np.random.default_rng(0)).measure()


def _gain(values: np.ndarray, baseline: np.ndarray) -> Measure:
    return paired_difference(values, baseline, rng=np.random.default_rng(0))


def _row(case: str, measure: Measure, *, metric: str, **others: object) -> BenchmarkRow:
    protocol = f"{CANDIDATES} candidates of sequential, history masked"
    return BenchmarkRow.of_measure(measure, case=case, dataset=DATASET, split="leave-one-out", protocol=protocol, metric=metric, **others)


def _users(number: int) -> str:
    return f"{number} test users"


def _place(case: Case, seed: int) -> Path:
    return KEPT / f"{case.name.replace(', ', '-').replace(' ', '-')}-{seed}.npz"
