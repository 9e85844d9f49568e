"""Bundled: answers from a trained network's graph with ONNX Runtime and NumPy; loads no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import onnxruntime as ort

from leanrec.artifact import Arrays, Artifact, Manifest
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.errors import ArtifactError, ConfigError
from leanrec.recommenders.catalogue_scorer import CatalogueScorer
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.vector_scorer import VectorScorer
from leanrec.training.run import Run

ENCODER_FILE = "encoder.onnx"
"""The graph beside the arrays: items (B, L, D) -> user (B, D)."""

WEIGHTS_PREFIX = "encoder."
"""Names of the arrays that only a further training needs."""


class BundledConfig(Config):
    """A bundle brings its settings along: those of the recommender that was fitted."""


class OpenedWithoutTorch(CatalogueScorer[BundledConfig]):
    """What opens a network that another class was fitted to: it keeps the settings, can be saved again, and cannot be fitted."""

    _settings: Mapping[str, Any]  # Any: the values of a TOML table

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved recommender, under the name it was fitted by; raises `ArtifactError` when it holds no graph or was harmed."""
        artifact = Artifact.open(Path(folder))
        if ENCODER_FILE not in artifact.manifest.files:
            raise ArtifactError(
                f"{folder} holds a {artifact.manifest.kind!r} without a graph to run", hint="name the folder of a recommender such as sequential"
            )
        recommender = cls()
        recommender.name = artifact.manifest.kind
        recommender._settings = artifact.manifest.config
        recommender._restore(artifact)
        return recommender

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - nothing is learned
        raise ConfigError("a bundle runs what was fitted elsewhere; it cannot be fitted", hint="fit sequential, save it, and load the folder here")

    def _manifest(self) -> Manifest:
        return Manifest(kind=self.name, config=self._settings, parents=(self._parent,), metrics=self.figures, seed=self._seed)


class Bundled(OpenedWithoutTorch, VectorScorer[BundledConfig]):
    """Opens what a recommender of vectors saved (`sequential`), gives the same answers, and can be saved again.

    It cannot be fitted: fit the recommender that it was saved by.
    """

    name = "bundled"
    Config = BundledConfig

    _graph: bytes
    _session: ort.InferenceSession
    _input: str
    """What the graph calls the vectors that it reads."""
    _weights: Arrays

    def _encode(self, items: FloatArray) -> FloatArray:
        vectors: FloatArray = self._session.run(None, {self._input: items})[0]
        return vectors

    def _save_parts(self, draft: Path) -> None:
        (draft / ENCODER_FILE).write_bytes(self._graph)

    def _load_parts(self, artifact: Artifact) -> None:
        self._graph = artifact.file(ENCODER_FILE).read_bytes()
        self._session = open_graph(self._graph, folder=artifact.folder)
        self._input = self._session.get_inputs()[0].name

    def _to_arrays(self) -> Arrays:
        return {**super()._to_arrays(), **self._weights}

    def _from_arrays(self, arrays: Arrays) -> None:
        super()._from_arrays(arrays)
        self._weights = {name: array for name, array in arrays.items() if name.startswith(WEIGHTS_PREFIX)}


def open_graph(graph: bytes, *, folder: Path) -> ort.InferenceSession:
    """A graph ready to be run. One thread: two busy ones on two cores were many times slower than one."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime has no public base class of its errors
        raise ArtifactError(f"{folder} holds a graph that cannot be run: {error}", hint="fit and save the recommender again") from None
