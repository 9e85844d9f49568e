"""TextGraph: a language model as the running side reads it: an ONNX graph, its tokenizer, and how much of a text it reads."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.errors import ArtifactError

GRAPH_FILE, TOKENIZER_FILE = "text.onnx", "tokenizer.json"
IDS_INPUT, MASK_INPUT, VECTORS_OUTPUT = "ids", "mask", "vectors"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGraph:
    """Graph `ids`, `mask` (B, T) int64 -> `vectors` (B, D) float32 of length 1, with everything needed to feed it."""

    kind: ClassVar[str] = "onnx-text-encoder"

    graph: bytes
    tokenizer: str
    """The text of its `tokenizer.json`."""
    width: int
    """D"""
    max_tokens: int
    """A text is cut here, what marks beginning and end included."""
    pad_id: int
    """The token that fills up a row of a batch."""
    precision: str = "float32"
    """What the weights are stored in: float32 or int8."""
    source: str = ""
    """Name of the model it was made from."""

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that decides a vector."""
        digest = hashlib.sha256(f"{self.kind} {self.max_tokens} {self.pad_id} ".encode())
        digest.update(self.tokenizer.encode())
        digest.update(self.graph)
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write it as an artifact; complete or not at all."""
        config = {name: getattr(self, name) for name in ("width", "max_tokens", "pad_id", "precision", "source")}
        with writing_folder(Path(folder)) as draft:
            (draft / GRAPH_FILE).write_bytes(self.graph)
            (draft / TOKENIZER_FILE).write_text(self.tokenizer, encoding="utf-8")
            save_into(draft, Manifest(kind=self.kind, config=config))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved graph; raises `ArtifactError` when the folder holds something else or was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.kind)
        graph, tokenizer = artifact.file(GRAPH_FILE).read_bytes(), artifact.file(TOKENIZER_FILE).read_text(encoding="utf-8")
        try:
            return cls(graph=graph, tokenizer=tokenizer, **artifact.manifest.config)
        except TypeError as error:
            raise ArtifactError(f"{folder} has other settings than this leanrec knows: {error}", hint="make the encoder again") from None
