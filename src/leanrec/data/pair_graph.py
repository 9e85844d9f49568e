"""PairGraph: a cross-encoder as the running side reads it."""

from dataclasses import dataclass
from typing import ClassVar

from leanrec.data.language_graph import LanguageGraph

TYPES_INPUT, SCORES_OUTPUT = "types", "scores"


@dataclass(frozen=True, kw_only=True, slots=True)
class PairGraph(LanguageGraph):
    """Graph `ids`, `mask`, `types` (B, T) int64 -> `scores` (B,) float32, with everything needed to feed it."""

    kind: ClassVar[str] = "onnx-pairs"
    graph_file: ClassVar[str] = "pairs.onnx"
