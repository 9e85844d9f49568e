"""OnnxPairs: a cross-encoder run by ONNX Runtime, one thread; loads no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from leanrec.data.deadline import Deadline, timely_batches
from leanrec.data.language_graph import IDS_INPUT, MASK_INPUT
from leanrec.data.pair_graph import SCORES_OUTPUT, TYPES_INPUT, PairGraph
from leanrec.data.pair_tokens import PairTokenizer
from leanrec.data.tokens import FloatArray
from leanrec.features.onnx_text import MAX_BATCH_TOKENS, open_session


class OnnxPairs:
    """Ranks candidates by reading each beside the history, as the cross-encoder does that was exported."""

    name = "cross-encoder"
    kind = PairGraph.kind

    def __init__(self, graph: PairGraph, *, num_threads: int = 1) -> None:
        """Raises `ArtifactError` when graph or tokenizer cannot be read."""
        self.graph = graph
        self.pairs = PairTokenizer(graph.tokenizer, max_tokens=graph.max_tokens, source=graph.source)
        self.num_tokens_read = 0
        self._session = open_session(graph.graph, num_threads=num_threads)
        self._inputs = {entry.name for entry in self._session.get_inputs()}

    @property
    def fingerprint(self) -> str:
        """sha256 over graph, tokenizer and how much of a pair is read."""
        return self.graph.fingerprint

    def scores(self, history: str, candidates: Sequence[str], *, deadline: Deadline | None = None) -> FloatArray:
        """(K,) as `LanguageScorer`."""
        rows = self.pairs.read(history, candidates)
        scores = np.full(len(candidates), np.nan, np.float32)
        num_tokens = 0
        for batch in timely_batches(rows.ids, max_batch_tokens=MAX_BATCH_TOKENS, pad_id=self.graph.pad_id, deadline=deadline):
            given = {IDS_INPUT: batch.ids, MASK_INPUT: batch.mask, TYPES_INPUT: rows.types_of(batch)}
            # A model that knows no types has a graph without that input.
            scores[batch.rows] = self._session.run([SCORES_OUTPUT], {name: array for name, array in given.items() if name in self._inputs})[0]
            num_tokens += batch.ids.size
        self.num_tokens_read = num_tokens
        return scores

    def save(self, folder: Path) -> None:
        """Write it as an artifact; complete or not at all."""
        self.graph.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved scorer; raises `ArtifactError` when the folder holds something else or was harmed."""
        return cls(PairGraph.load(folder))
