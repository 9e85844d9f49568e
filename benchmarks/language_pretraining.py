"""Pre-training measured: MiniLM and SmolLM2 read the texts of Beauty's items; loss on texts held out, before and after, and what it cost.

`fill()` trains what is not there yet, each case in a process of its own on one thread, under `.cache/language/pretrained`; interrupted, it goes on
where it stopped. `rows()` gives the figures for `language.json`. Run as a script it does the first, and prints the second.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines import ONE_THREAD
from datasets import ROOT, read_dataset, require_datasets
from leanrec.artifact import Artifact, writing_file
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.evaluation.efficiency import spend
from leanrec.features.corpus import Corpus, CorpusConfig, make_corpus
from leanrec.features.corpus_sources import item_documents
from leanrec.metrics.report import Measure
from leanrec.training.pretrain import pretrain
from leanrec.training.pretrain_config import PretrainConfig
from leanrec.training.pretrain_reader import open_reader
from leanrec.training.pretrain_task import PretrainTask
from leanrec.training.run import Run
from leanrec.training.training_config import Precision
from rows import BenchmarkRow

CACHE = ROOT / ".cache" / "language" / "pretrained"
DATASET = "amazon14-beauty"
SEEDS = 3
TIMED_STEPS = 4
SPLIT = "5 % of the texts by hash"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A language model and how it reads."""

    name: str
    source: str
    corpus: Mapping[str, Any]
    config: Mapping[str, Any]
    note: str

    def folder(self, seed: int) -> Path:
        """The pre-trained model, as `load_model` opens it; the rankers are tuned from the first."""
        return CACHE / (f"{self.name}-{seed}" if seed else self.name)

    def cost(self, seed: int) -> Path:
        """What it took; written last."""
        return CACHE / f"{self.folder(seed).name}.json"


CASES = (
    Case(
        name="minilm-beauty",
        source="minilm",
        corpus={},
        config={
            "objective": "masked",
            "body_rate": 0.3,
            "training": {
                "max_epochs": 2,
                "tokens": 1024,
                "learning_rate": 1e-3,
                "warmup_epochs": 0.2,
                "weight_decay": 0.01,
                "patience": None,
                "checkpoint_minutes": 1,
            },
        },
        note="all weights and a new head",
    ),
    Case(
        name="smollm2-beauty",
        source="smollm2",
        corpus={"max_documents": 1600, "held_out": 0.1},
        config={
            "objective": "causal",
            "tuning": {"adapter": {"kind": "lora", "rank": 8}},
            "training": {
                "max_epochs": 1,
                "tokens": 256,
                "learning_rate": 1e-3,
                "warmup_epochs": 0.1,
                "patience": None,
                "checkpoint_minutes": 1,
            },
        },
        note="LoRA of rank 8 on queries and values, folded in",
    ),
)


def fill() -> None:
    """Pre-train what is not there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for seed in range(SEEDS):
        for number, case in enumerate(CASES):
            if not case.cost(seed).is_file():
                command = [sys.executable, __file__, "--one", str(number), str(seed)]
                subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


def rows() -> list[BenchmarkRow]:
    """Losses with intervals over texts, what they cost, and a step in float32 and bfloat16; of what is measured, the rest is named."""
    for case in CASES:
        if not case.cost(0).is_file():
            print(f"{case.name} is left out: it is not pre-trained yet", file=sys.stderr)
    return [row for case in CASES if case.cost(0).is_file() for row in (*_rows(case), _seeds_row(case))]


def _seeds_row(case: Case) -> BenchmarkRow:
    """What seeds change of the gain: the median, the smallest, the largest."""
    kept = [json.loads(case.cost(seed).read_text(encoding="utf-8")) for seed in range(SEEDS) if case.cost(seed).is_file()]
    gains = [outcome["loss"]["gain"]["value"] for outcome in kept]
    metric = "masked-token loss" if case.config["objective"] == "masked" else "token loss"
    note = "one gain a seed: the median, and both ends"
    return BenchmarkRow.of_range(
        gains, case=f"pretraining/{case.name}/gain by seed", dataset=DATASET, split=SPLIT, metric=metric, unit="nats", seeds=len(gains), note=note
    )


def _measure(case: Case, seed: int) -> None:
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    corpus, config = _corpus(case), PretrainConfig.parse(case.config)
    folder = case.folder(seed)
    run = Run(seed=seed, folder=folder.with_name(f"{folder.name}.training"))
    spent = spend(lambda: pretrain(case.source, corpus, config, to=folder, run=run))
    result = spent.result.to_dict()
    outcome = {
        "loss": result["loss"],
        "figures": dict(spent.result.figures),
        "texts": corpus.report.to_dict(),
        "peak_mb": spent.cost.peak_mb,
        "process_cpu_seconds": spent.cost.fit_cpu_seconds,
        "bytes": Artifact.open(folder).num_bytes,
        "step_cpu_seconds": _step_seconds(case, corpus, config) if seed == 0 else {},
    }
    with writing_file(case.cost(seed)) as draft:
        draft.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    print(f"{folder.name}: {result['loss']}  {spent.cost.fit_cpu_seconds:.0f} CPU-s", file=sys.stderr, flush=True)


def _corpus(case: Case) -> Corpus:
    return make_corpus(item_documents(read_dataset(DATASET).catalogue.descriptions()), CorpusConfig.parse(case.corpus))


def _step_seconds(case: Case, corpus: Corpus, config: PretrainConfig) -> dict[str, float]:
    """Forward and backward of the same batches in both precisions, one after the other: the median of each, CPU-seconds."""
    reader = open_reader(case.source, config, seed=0)
    batches = reader.batches(reader.tokens(corpus.train[:500], part="train"), seed=0)
    seconds: dict[Precision, list[float]] = {"float32": [], "bfloat16": []}
    tasks = {name: PretrainTask(reader.network.train(), is_masked=reader.masking is not None, held_out=[]) for name in seconds}
    for name, task in tasks.items():
        task.prepare(device=torch.device("cpu"), precision=name)
    for batch, _ in zip(batches.epoch(0), range(TIMED_STEPS + 1), strict=False):
        for name, task in tasks.items():
            began = time.process_time()
            task.loss(batch).backward()
            seconds[name].append(time.process_time() - began)
    return {name: float(np.median(found[1:])) for name, found in seconds.items()}  # the first warms up


def _rows(case: Case) -> list[BenchmarkRow]:
    outcome = json.loads(case.cost(0).read_text(encoding="utf-8"))
    figures, texts = outcome["figures"], outcome["texts"]
    is_masked = case.config["objective"] == "masked"
    metric = "masked-token loss" if is_masked else "token loss"
    what = f"{texts['num_train']} texts, {figures['epochs']} epochs, {figures['steps']} steps"
    others: dict[str, Any] = {"dataset": DATASET, "split": SPLIT, "unit": "nats", "seeds": 1}

    def row(name: str, key: str, **further: Any) -> BenchmarkRow:
        return BenchmarkRow.of_measure(Measure(**outcome["loss"][key]), case=f"pretraining/{case.name}/{name}", metric=metric, **others, **further)

    before_note = "the new head trained alone for as many steps, the model at rest" if is_masked else "the model as it comes"
    control = {"cpu_seconds": figures["control_cpu_seconds"]} if "control_cpu_seconds" in figures else {}
    found = [row("untouched", "untouched", note="a new head that knows how frequent words are")] if is_masked else []
    found += [row("before", "before", note=before_note, **control)]
    after = {"cpu_seconds": figures["cpu_seconds"], "peak_mb": outcome["peak_mb"], "bytes": outcome["bytes"]}
    found += [row("after", "after", note=f"{case.note}; {what}", **after)]
    found += [row("gain", "gain", protocol="paired over texts", note="before less after; above 0: reading the shop's texts helped")]
    for precision, seconds in outcome["step_cpu_seconds"].items():
        note = f"forward and backward of about {case.config['training']['tokens']} tokens; median of {TIMED_STEPS}, both precisions in turn"
        found += [BenchmarkRow(case=f"pretraining/{case.name}/step-{precision}", metric="CPU-seconds a step", value=seconds, unit="s", note=note)]
    return found


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _measure(CASES[int(sys.argv[2])], int(sys.argv[3]))
    else:
        require_datasets([DATASET])
        fill()
        for printed in rows():
            print(printed)
