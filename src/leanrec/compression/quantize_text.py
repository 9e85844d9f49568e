"""Quantise the graph of a language model: weights in eight bits, one scale for each output channel."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from leanrec.data.language_graph import LanguageGraph
from leanrec.errors import MissingExtraError

Graph = TypeVar("Graph", bound=LanguageGraph)


def quantize_text(graph: Graph) -> Graph:
    """The graph with int8 weights and activations scaled as they come: a quarter of the size.

    One scale a channel and not one a matrix: the channels of a language model differ much in size, and small ones would be lost.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise MissingExtraError("quantising needs onnx", hint="pip install 'leanrec[train]'") from None
    with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(graph.graph)
        level = logging.root.level
        logging.root.setLevel(logging.ERROR)  # it advises the root logger to preprocess, which changes nothing for these graphs
        try:
            quantize_dynamic(before, after, per_channel=True, weight_type=QuantType.QInt8)
        finally:
            logging.root.setLevel(level)
        return replace(graph, graph=after.read_bytes(), precision="int8")
