"""Content: what is like the history, or like the user's own words, by what items say of themselves."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field

from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.description import ItemDescription
from leanrec.data.ids import IdMap
from leanrec.data.plain_text import plain_text
from leanrec.data.query import Query
from leanrec.errors import DataError
from leanrec.features.encoding import encode_texts
from leanrec.features.fading import FadingCounts
from leanrec.features.histories import Rows
from leanrec.features.item_text import ItemText, ItemTextConfig
from leanrec.features.text_encoder import MAX_CHARACTERS, TextEncoder
from leanrec.features.text_opening import open_text_encoder, resolve_text_encoder
from leanrec.features.word_weights import SATURATION, WordWeights
from leanrec.recommenders.item_comparer import ItemComparer
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run

ENCODER_FOLDER = "text_encoder"
READS_FILE = "item_text.json"
VECTORS_FOLDER = "text-vectors"
"""Below the folder of a run: what was encoded before an interruption is not encoded again."""
MAX_OCCLUDED = 10
"""Newest places of a history whose influence is found by asking without them."""


class ContentConfig(Config):
    """What items are compared by, and how a history fades."""

    text_encoder: str | None = None
    """Folder of an encoder that `leanrec encoder` wrote (or `wordllama`): meaning counts beside words. Left out, words alone."""
    text: ItemTextConfig = ItemTextConfig()
    """What the encoder reads of an item."""
    meaning: float = Field(default=0.5, ge=0, le=1)
    """With an encoder, the weight of its likeness against that of words."""
    decay: float = Field(default=0.8, gt=0, le=1)
    """Weight of each older event of the asking history, relative to the next newer one."""
    last: int = Field(default=50, ge=1)
    """Events of the asking history that are read."""
    question: float = Field(default=0.7, ge=0, le=1)
    """With a text and a history, the weight of the text."""


class Content(ItemComparer[ContentConfig]):
    """Cosine to the decayed sum of the history, over BM25 weights of words and, with an encoder, over its vectors.

    Nothing is learned from behaviour: an item is recommendable as soon as its row is there, and a sentence is as good as a history.
    """

    name = "content"
    Config = ContentConfig

    _encoder: TextEncoder | None = None
    _reads: ItemText
    _index: WordWeights
    _centre: FloatArray
    """(D,) the mean vector of the catalogue, which all items have in common and which tells them apart least; (0,) without an encoder."""
    _vectors: FloatArray
    """(N, D) of the encoder, the centre taken away, length 1; (N, 0) without one."""

    @classmethod
    def of_words(cls, index: WordWeights, *, items: IdMap) -> "Content":
        """One that compares by words alone, ready to be asked; `index` has the rows of `items`."""
        content = cls()
        content._index, content._items, content._reads = index, items, ItemText(config=ItemTextConfig())
        content._fallback = FadingCounts(counts=np.zeros(len(items)), newest=0)
        content._centre, content._vectors = np.zeros(0, np.float32), np.zeros((len(items), 0), np.float32)
        content._prepare()
        return content

    @property
    def reads_text(self) -> bool:
        """Words are always read; their meaning where there is an encoder."""
        return True

    @property
    def adds_items(self) -> bool:
        """Further items are always compared."""
        return True

    def with_items(self, items: Sequence[ItemDescription]) -> Self:
        """Further items, compared by the words that are known here and by their vectors."""
        grown = self._grown(items)
        grown._index = self._index.with_items(items)
        grown._vectors = np.concatenate([self._vectors, self._encoded(items)])
        grown._prepare()
        return grown

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place, wherever it stands; 0 for all but the newest places."""
        first = max(0, len(history) - MAX_OCCLUDED)
        without = [history[history != history[place]] for place in range(first, len(history))]
        scores = np.stack([self._likeness(rows)[item_rows] for rows in (history, *without)])
        drops = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        drops[first:] = scores[0] - scores[1:]
        return drops

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:  # noqa: ARG002 - nothing is chosen
        descriptions = train.catalogue.descriptions()
        self._index = WordWeights.of(descriptions)
        self._encoder = resolve_text_encoder(self.config.text_encoder) if self.config.text_encoder is not None else None
        self._reads = ItemText.of_items(descriptions, self.config.text)
        if self._encoder is None and not self._index.weights.nnz:
            raise DataError(
                "the catalogue says nothing of its items: no titles, no attributes in text", hint="pass a catalogue with titles or categories"
            )
        self._centre = np.zeros(0, np.float32)
        if self._encoder is not None:
            folder = run.folder / VECTORS_FOLDER if run.folder is not None else None
            vectors = encode_texts(self._encoder, self._reads.texts(descriptions), folder=folder)
            self._centre = vectors.mean(axis=0)
            self._vectors = _centred(vectors, self._centre)
        else:
            self._vectors = self._encoded(descriptions)
        self._prepare()

    def _encoded(self, items: Sequence[ItemDescription]) -> FloatArray:
        if self._encoder is None:
            return np.zeros((len(items), 0), np.float32)
        return _centred(encode_texts(self._encoder, self._reads.texts(items)), self._centre)

    def _prepare(self) -> None:
        """Rows of the word matrix at length 1."""
        weights = self._index.weights
        lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
        self._words = weights.multiply(1.0 / np.maximum(lengths, np.float32(1e-12))[:, None]).tocsr()

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        scores = np.empty((len(queries), len(self.items)), dtype=np.float32)
        for row, (history, query) in enumerate(zip(histories, queries, strict=True)):
            text = words_asked(query)
            if text and len(history):
                share = np.float32(self.config.question)
                scores[row] = share * self._relevance(text) + (1 - share) * self._likeness(history)
            else:
                scores[row] = self._relevance(text) if text else self._likeness(history)
        return scores

    def _likeness(self, history: Rows) -> FloatArray:
        """(N,) to a history, between -1 and 1; 0 for an empty one."""
        newest = history[-self.config.last :]
        fading = np.power(np.float32(self.config.decay), np.arange(len(newest))[::-1], dtype=np.float32)
        profile = self._words[newest].T @ fading
        return self._joined(self._words @ _unit(profile), self._vectors[newest].T @ fading)

    def _relevance(self, text: str) -> FloatArray:
        """(N,) to words of the user: BM25 over the most that these words could give, and likeness of meaning."""
        question = self._index.question(text)
        most = float(question @ self._index.rarity) * (SATURATION + 1)
        found = (self._index.weights @ question) / np.float32(max(most, 1e-12))
        meaning = _centred(self._encoder.encode([text]), self._centre)[0] if self._encoder is not None else np.zeros(0, np.float32)
        return self._joined(found, meaning)

    def _joined(self, words: FloatArray, meaning: FloatArray) -> FloatArray:
        if self._encoder is None:
            return words
        share = np.float32(self.config.meaning)
        joined: FloatArray = (1 - share) * words + share * (self._vectors @ _unit(meaning))
        return joined

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or bool(words_asked(query))

    def likeness(self, histories: Sequence[Rows]) -> FloatArray:
        """(B, N) to each history, between -1 and 1; 0 for an empty one."""
        return np.stack([self._likeness(history) for history in histories]) if histories else np.zeros((0, len(self.items)), np.float32)

    def relevance(self, text: str) -> FloatArray:
        """(N,) to words of a user, mostly between 0 and 1."""
        return self._relevance(text)

    def _affinity(self, item_row: int) -> FloatArray:
        return self._likeness(np.array([item_row]))

    def _save_parts(self, draft: Path) -> None:
        (draft / READS_FILE).write_text(self._reads.config.model_dump_json(), encoding="utf-8")
        if self._encoder is not None:
            self._encoder.save(draft / ENCODER_FOLDER)

    def _load_parts(self, artifact: Artifact) -> None:
        if self.config.text_encoder is not None:
            self._encoder = open_text_encoder(artifact.folder / ENCODER_FOLDER)
        self._reads = ItemText(config=ItemTextConfig.parse(json.loads(artifact.file(READS_FILE).read_text(encoding="utf-8"))))

    def _to_arrays(self) -> Arrays:
        return {**self._index.to_arrays(), "text_vectors": self._vectors, "text_centre": self._centre}

    def _from_arrays(self, arrays: Arrays) -> None:
        self._index, self._vectors, self._centre = WordWeights.from_arrays(arrays), arrays["text_vectors"], arrays["text_centre"]
        self._prepare()


def words_asked(query: Query) -> str:
    """What the user said, without what cannot be read; empty when nothing is left."""
    return plain_text(query.text[:MAX_CHARACTERS]) if query.text else ""


def _centred(vectors: FloatArray, centre: FloatArray) -> FloatArray:
    """(B, D) without what all items have in common, length 1 again; zeros, of which nothing is known, stay."""
    moved = np.where(vectors.any(axis=1, keepdims=True), vectors - centre, np.float32(0.0))
    centred: FloatArray = (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-12))).astype(np.float32)
    return centred


def _unit(vector: FloatArray) -> FloatArray:
    """The vector at length 1; zeros stay."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector
