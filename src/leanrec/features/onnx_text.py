"""OnnxTextEncoder: a language model run by ONNX Runtime, one thread, texts of like length together; loads no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from leanrec.data.language_graph import IDS_INPUT, MASK_INPUT
from leanrec.data.text_graph import VECTORS_OUTPUT, TextGraph
from leanrec.data.tokens import FloatArray, TextTokenizer, token_batches
from leanrec.errors import ArtifactError

MAX_BATCH_TOKENS = 512
"""Tokens in one call of the graph: few enough that what lies between its layers stays in the cache; thousands are slower."""


class OnnxTextEncoder:
    """Texts to vectors by an exported language model."""

    kind = TextGraph.kind

    def __init__(self, graph: TextGraph, *, num_threads: int = 1) -> None:
        """Raises `ArtifactError` when graph or tokenizer cannot be read.

        One thread by default: two busy ones on two cores were many times slower than one.
        """
        self.graph = graph
        self.tokenizer = TextTokenizer(graph.tokenizer, max_tokens=graph.max_tokens)
        self._session = open_session(graph.graph, num_threads=num_threads)

    @property
    def width(self) -> int:
        """D, the length of a vector."""
        return self.graph.width

    @property
    def fingerprint(self) -> str:
        """sha256 over graph, tokenizer and how much of a text is read."""
        return self.graph.fingerprint

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(B, D) float32 of length 1 each; zeros for a text that holds nothing to read."""
        return self.encode_tokens(self.tokenizer.read(texts))

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        """(B, D) as `encode`, of texts that are split into tokens already."""
        vectors = np.zeros((len(tokens), self.width), np.float32)
        for batch in token_batches(tokens, max_batch_tokens=MAX_BATCH_TOKENS, pad_id=self.graph.pad_id):
            vectors[batch.rows] = self._session.run([VECTORS_OUTPUT], {IDS_INPUT: batch.ids, MASK_INPUT: batch.mask})[0]
        return vectors

    def save(self, folder: Path) -> None:
        """Write it as an artifact; complete or not at all."""
        self.graph.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved encoder; raises `ArtifactError` when the folder holds something else or was harmed."""
        return cls(TextGraph.load(folder))


def open_session(graph: bytes, *, num_threads: int) -> ort.InferenceSession:
    """A language model's graph, ready to be run; raises `ArtifactError` when it cannot be."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime has no public base class of its errors
        raise ArtifactError(f"the graph of a language model cannot be run: {error}", hint="make the encoder again") from None
