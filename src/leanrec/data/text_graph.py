"""TextGraph: an encoder of texts as the running side reads it."""

from dataclasses import dataclass
from typing import ClassVar

from leanrec.data.language_graph import LanguageGraph

VECTORS_OUTPUT = "vectors"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGraph(LanguageGraph):
    """Graph `ids`, `mask` (B, T) int64 -> `vectors` (B, D) float32 of length 1, with everything needed to feed it."""

    kind: ClassVar[str] = "onnx-text-encoder"
    graph_file: ClassVar[str] = "text.onnx"

    width: int
    """D"""
