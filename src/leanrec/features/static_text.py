"""StaticTextEncoder: a table with a vector for every token; a text is the mean of its tokens. NumPy only, microseconds a text."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.language_graph import TOKENIZER_FILE
from leanrec.data.tokens import FloatArray, TextTokenizer
from leanrec.errors import ArtifactError

MAX_GATHERED_TOKENS = 16_384
"""Tokens whose vectors are held at once."""


class StaticTextEncoder:
    """Texts to vectors by a table: rows of the text's tokens are added up and brought to length 1 (model2vec, Tulkens & van Dongen 2024).

    Rows carry their weight in their length: what every text says counts little (SIF, Arora et al. 2017). A text's vector depends
    on nothing but the text.
    """

    kind = "static-text-encoder"

    def __init__(self, table: npt.NDArray[np.floating], tokenizer: str, *, max_tokens: int | None = None, source: str = "") -> None:
        """`table` is (V, D), float16 or float32; `tokenizer` the text of a `tokenizer.json`.

        Raises `ArtifactError` when the tokenizer names tokens that the table has no row for.
        """
        self.table = table
        self.tokenizer = TextTokenizer(tokenizer, max_tokens=max_tokens, has_marks=False)
        self.source = source
        highest = max(self.tokenizer.vocabulary.values(), default=-1)
        if highest >= len(table):
            raise ArtifactError(
                f"the tokenizer names token {highest}; the table has {len(table)} rows", hint="give the tokenizer that belongs to the table"
            )

    @property
    def width(self) -> int:
        """D, the length of a vector."""
        return int(self.table.shape[1])

    @property
    def fingerprint(self) -> str:
        """sha256 over table, tokenizer and how much of a text is read."""
        digest = hashlib.sha256(f"{self.kind} {self.tokenizer.max_tokens} {self.table.dtype} {self.table.shape} ".encode())
        digest.update(self.tokenizer.content.encode())
        digest.update(np.ascontiguousarray(self.table).tobytes())
        return digest.hexdigest()

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(B, D) float32 of length 1 each; zeros for a text that holds nothing to read."""
        tokens = self.tokenizer.read(texts)
        vectors = np.zeros((len(tokens), self.width), np.float32)
        for row, ids in enumerate(tokens):
            for start in range(0, len(ids), MAX_GATHERED_TOKENS):
                vectors[row] += self.table[ids[start : start + MAX_GATHERED_TOKENS]].sum(axis=0, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, np.float32(1))
        return vectors

    def save(self, folder: Path) -> None:
        """Write it as an artifact; complete or not at all."""
        manifest = Manifest(kind=self.kind, config={"width": self.width, "max_tokens": self.tokenizer.max_tokens, "source": self.source})
        with writing_folder(Path(folder)) as draft:
            (draft / TOKENIZER_FILE).write_text(self.tokenizer.content, encoding="utf-8")
            save_into(draft, manifest, {"table": self.table})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The saved encoder; raises `ArtifactError` when the folder holds something else or was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.kind)
        tokenizer, config = artifact.file(TOKENIZER_FILE).read_text(encoding="utf-8"), artifact.manifest.config
        return cls(artifact.arrays["table"], tokenizer, max_tokens=config["max_tokens"], source=config["source"])
