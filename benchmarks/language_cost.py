"""What tuning and reading cost: LoRA beside sentence-transformers in turn, several adapters on one base, prompts read once for all candidates.

The peer lives in an environment of its own (`benchmarks/peers/build.sh sbert`). Every timing is a process of its own, pinned to one core.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets import ROOT, read_dataset
from language_questions import CACHE, DATASET, asked
from leanrec.data.packaged import WHEELS_VARIABLE, packaged_files
from leanrec.features.histories import Histories
from leanrec.features.item_text import ItemText
from processes import json_of
from rows import BenchmarkRow

Table = dict[str, Any]
"""JSON."""

KEPT = CACHE / "cost"
PEER = "sentence-transformers"
PEER_PYTHON = ROOT / ".cache" / "peers" / "sbert" / "bin" / "python"
PAIRS, STEPS, WARM_UP = 32, 20, 2
RANK, ALPHA, TEMPERATURE, MAX_TOKENS = 8, 16, 0.05, 64
ROUNDS = 3
PRECISIONS = ("float32", "bfloat16")
DROPOUTS = {"ours": 0.1, "ours, no dropout": 0.0}
"""The peer tunes with the model's own dropout; so does `ours`. The recipe's default is none."""
ADAPTERS = 3
PREFIX_QUESTIONS = 5


def fill() -> None:
    """Time what is not kept yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    if not (KEPT / "lora.json").is_file():
        if not PEER_PYTHON.exists():
            sys.exit("The peer is not built; run: sh benchmarks/peers/build.sh sbert")
        _keep("lora", _lora())
    for name in ("adapters", "prefix"):
        if not (KEPT / f"{name}.json").is_file():
            _keep(name, json_of([sys.executable, __file__, name]))


def rows() -> list[BenchmarkRow]:
    """Rows of what was timed."""
    return [*_lora_rows(_kept("lora")), *_adapter_rows(_kept("adapters")), *_prefix_rows(_kept("prefix"))]


def main() -> None:
    """One timing of ours, as JSON on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("lora", "adapters", "prefix"))
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--dropout", type=float, default=0.0)
    arguments = parser.parse_args()
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    timed = {"lora": lambda: lora_once(arguments.precision, arguments.dropout), "adapters": adapters_once, "prefix": prefix_once}
    print(json.dumps(timed[arguments.what]()))


def _lora() -> Table:
    """Both in turn, the same pairs."""
    folder, pairs = KEPT / "minilm", KEPT / "pairs.json"
    folder.mkdir(exist_ok=True)
    for name, content in packaged_files("minilm").items():
        (folder / name).write_bytes(content)
    pairs.write_text(json.dumps(_pairs()), encoding="utf-8")
    found: dict[str, list[Table]] = {}
    for _ in range(ROUNDS):
        for precision in PRECISIONS:
            peer = [str(PEER_PYTHON), str(Path(__file__).resolve().parent / "peers" / "sbert_lora.py"), str(folder), str(pairs), precision]
            found.setdefault(f"{PEER}, {precision}", []).append(json_of(peer))
            for name, dropout in DROPOUTS.items():
                command = [sys.executable, __file__, "lora", "--precision", precision, "--dropout", str(dropout)]
                found.setdefault(f"{name}, {precision}", []).append(json_of(command))
    return found


def _pairs() -> Table:
    """Batches of titles that somebody chose one after the other."""
    told = _texts()
    rng = np.random.default_rng(0)
    histories = Histories.of_dataset(read_dataset(DATASET))
    users = rng.permutation(len(histories))[: PAIRS * (STEPS + WARM_UP)]
    pairs = [[told[row] for row in histories.of(user)[:2]] for user in users.tolist()]
    batches = [pairs[start : start + PAIRS] for start in range(0, len(pairs), PAIRS)]
    return {"batches": batches, "rank": RANK, "alpha": ALPHA, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS}


def _texts() -> list[str]:
    items = read_dataset(DATASET).catalogue.descriptions()
    return ItemText.of_items(items).texts(items)


def lora_once(precision: str, dropout: float) -> Table:
    """Ours: the recipe, its loop, its batches."""
    from leanrec.models.adapters import AdapterConfig
    from leanrec.models.text_encoder import HuggingFaceTextEncoder
    from leanrec.training.contrastive import ContrastiveConfig, tune_encoder
    from leanrec.training.hooks import StepContext
    from leanrec.training.language_tuning import TuningConfig
    from leanrec.training.run import Run

    clock: Table = {}

    class Clock:
        def before_step(self, context: StepContext) -> None:
            if context.step == WARM_UP:
                clock.update(seconds=time.perf_counter(), cpu_seconds=time.process_time())

        def after_backward(self, context: StepContext) -> None: ...

        def after_step(self, context: StepContext) -> None:
            clock.update(steps=context.step + 1 - WARM_UP, ended=time.perf_counter(), ended_cpu=time.process_time())

    given = json.loads((KEPT / "pairs.json").read_text(encoding="utf-8"))
    pairs = [pair for batch in given["batches"] for pair in batch]
    texts = [text for pair in pairs for text in pair]
    histories = Histories.of_rows([np.array([2 * place, 2 * place + 1]) for place in range(len(pairs))], num_items=len(texts))
    tuning = TuningConfig(adapter=AdapterConfig(rank=RANK, alpha=ALPHA), dropout=dropout)
    settings = ContrastiveConfig()
    config = settings.model_copy(
        update={
            "tuning": tuning,
            "pairs": PAIRS,
            "history_items": 1,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
            "training": settings.training.model_copy(update={"max_epochs": 1, "learning_rate": 1e-3, "precision": precision}),
        }
    )
    encoder = HuggingFaceTextEncoder.open(KEPT / "minilm", max_tokens=MAX_TOKENS)
    tune_encoder(encoder, histories, texts, config=config, run=Run(hooks=(Clock(),)))
    return {
        "seconds": clock["ended"] - clock["seconds"],
        "cpu_seconds": clock["ended_cpu"] - clock["cpu_seconds"],
        "steps": clock["steps"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def adapters_once() -> Table:
    """Megabytes of one base with several adapters, each at work in turn."""
    import torch

    from leanrec.models.adapters import AdaptedModel, AdapterConfig
    from leanrec.models.text_loading import load_model

    torch.set_num_threads(1)
    adapted = AdaptedModel(load_model("minilm").model)
    base = sum(weight.nbytes for weight in adapted.model.parameters())
    for number in range(ADAPTERS):
        adapted.add(f"shop{number}", AdapterConfig(rank=RANK, alpha=ALPHA))
    whole = sum(weight.nbytes for weight in adapted.model.parameters())
    began = time.perf_counter()
    for number in range(ADAPTERS):
        adapted.select(f"shop{number}")
    return {"base": base, "whole": whole, "select_ms": (time.perf_counter() - began) * 1e3 / ADAPTERS}


def prefix_once() -> Table:
    """SmolLM2 on twenty candidates, the prompt read once and with each."""
    import torch

    from leanrec.models.causal_scorer import CausalConfig, CausalScorer

    torch.set_num_threads(1)
    given = asked()
    shared = CausalScorer.open("smollm2", config=CausalConfig(max_tokens=256, max_candidate_tokens=32))
    found: Table = {"tokens": [], "milliseconds": [], "naive tokens": [], "naive milliseconds": [], "difference": 0.0}
    for place in range(PREFIX_QUESTIONS):
        titles = [given.texts[row] for row in given.test.rows[place].tolist()]
        scores = []
        for shares, name in ((True, ""), (False, "naive ")):
            shared.config = shared.config.model_copy(update={"shares_prefix": shares})
            began = time.perf_counter()
            scores.append(shared.scores(given.test.histories[place], titles))
            found[f"{name}milliseconds"].append((time.perf_counter() - began) * 1e3)
            found[f"{name}tokens"].append(shared.num_tokens_read)
        found["difference"] = max(found["difference"], float(np.abs(scores[0] - scores[1]).max()))
    return found


def _lora_rows(found: Mapping[str, Sequence[Table]]) -> list[BenchmarkRow]:
    protocol = f"LoRA of MiniLM, rank {RANK}, {PAIRS} pairs a step, {STEPS} steps, one thread on one core, {ROUNDS} rounds in turn"
    common: Table = {"dataset": DATASET, "protocol": protocol}
    versions = json.dumps(found[f"{PEER}, float32"][0]["versions"])
    made = []
    for name, tables in found.items():
        speeds = [table["steps"] / table["seconds"] for table in tables]
        peak = max(table["peak_mb"] for table in tables)
        is_peer = name.startswith(PEER)
        case = f"LoRA, {name}"
        made.append(
            BenchmarkRow.of_range(speeds, case=case, metric="steps a second", unit="1/s", peak_mb=peak, note=versions if is_peer else None, **common)
        )
        if not is_peer:
            theirs = found[f"{PEER}, {name.rsplit(', ', 1)[1]}"]
            faster = [their["seconds"] / our["seconds"] for their, our in zip(theirs, tables, strict=True)]
            leaner = [their["peak_mb"] / our["peak_mb"] for their, our in zip(theirs, tables, strict=True)]
            made.append(BenchmarkRow.of_range(faster, case=case, metric="steps a second, ours / theirs", unit="x", peer=PEER, **common))
            made.append(BenchmarkRow.of_range(leaner, case=case, metric="peak memory, theirs / ours", unit="x", peer=PEER, **common))
    return made


def _adapter_rows(found: Table) -> list[BenchmarkRow]:
    case = f"{ADAPTERS} LoRA adapters on one MiniLM"
    added = (found["whole"] - found["base"]) / found["base"]
    return [
        BenchmarkRow(case=case, metric="memory beyond the base", value=added, note="as a share of the base's weights", bytes=found["whole"]),
        BenchmarkRow(case=case, metric="putting another to work", value=found["select_ms"], unit="ms"),
    ]


def _prefix_rows(found: Table) -> list[BenchmarkRow]:
    protocol = f"SmolLM2, {PREFIX_QUESTIONS} questions of 20 candidates, one thread"
    fewer = [naive / shared for naive, shared in zip(found["naive tokens"], found["tokens"], strict=True)]
    faster = [naive / shared for naive, shared in zip(found["naive milliseconds"], found["milliseconds"], strict=True)]
    common: Table = {"case": "prompt read once for all candidates", "dataset": DATASET, "protocol": protocol}
    return [
        BenchmarkRow.of_range(fewer, metric="token computations, naive / shared", unit="x", **common),
        BenchmarkRow.of_range(faster, metric="milliseconds, naive / shared", unit="x", **common),
        BenchmarkRow(
            metric="token computations of all questions, naive / shared", value=sum(found["naive tokens"]) / sum(found["tokens"]), unit="x", **common
        ),
        BenchmarkRow(metric="largest difference of a score", value=found["difference"], unit="nats a token", **common),
    ]


def _keep(name: str, found: Table) -> None:
    (KEPT / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


def _kept(name: str) -> Table:
    table: Table = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
    return table


if __name__ == "__main__":
    main()
