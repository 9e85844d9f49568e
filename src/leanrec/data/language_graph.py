"""LanguageGraph: what every language model is to the running side: an ONNX graph, its tokenizer, and how much of a text it reads."""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.errors import ArtifactError

TOKENIZER_FILE = "tokenizer.json"
IDS_INPUT, MASK_INPUT = "ids", "mask"
_FILES = ("graph", "tokenizer")


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageGraph:
    """Parent of the graphs that read text: each says what its inputs and outputs are."""

    kind: ClassVar[str]
    graph_file: ClassVar[str]

    graph: bytes
    tokenizer: str
    """The text of its `tokenizer.json`."""
    max_tokens: int
    """What is read is cut here, all marks included."""
    pad_id: int
    """The token that fills up a row of a batch."""
    precision: str = "float32"
    """What the weights are stored in: float32 or int8."""
    source: str = ""
    """Name of the model it was made from."""

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that decides what it gives."""
        digest = hashlib.sha256(f"{self.kind} {self.max_tokens} {self.pad_id} ".encode())
        digest.update(self.tokenizer.encode())
        digest.update(self.graph)
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write it as an artifact; complete or not at all."""
        config = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _FILES}
        with writing_folder(Path(folder)) as draft:
            (draft / self.graph_file).write_bytes(self.graph)
            (draft / TOKENIZER_FILE).write_text(self.tokenizer, encoding="utf-8")
            save_into(draft, Manifest(kind=self.kind, config=config))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved graph; raises `ArtifactError` when the folder holds something else or was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.kind)
        graph, tokenizer = artifact.file(cls.graph_file).read_bytes(), artifact.file(TOKENIZER_FILE).read_text(encoding="utf-8")
        try:
            return cls(graph=graph, tokenizer=tokenizer, **artifact.manifest.config)
        except TypeError as error:
            raise ArtifactError(f"{folder} has other settings than this leanrec knows: {error}", hint="make it again from its model") from None
