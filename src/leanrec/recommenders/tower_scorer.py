"""TowerScorer: answers from two trained towers with ONNX Runtime and NumPy; loads no torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from leanrec.artifact import Arrays, Artifact
from leanrec.config import Config
from leanrec.data.description import ItemDescription
from leanrec.data.query import Query
from leanrec.features.encoding import encode_texts
from leanrec.features.histories import Rows
from leanrec.features.item_text import ItemText, ItemTextConfig
from leanrec.features.profiles import ProfileBuilder
from leanrec.features.spoken_attributes import SpokenAttributes
from leanrec.features.tabular import TabularFeatures
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import open_text_encoder
from leanrec.recommenders.bundled import ENCODER_FILE, open_graph
from leanrec.recommenders.item_content import ItemContent
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.query_tower import QueryTower, WordTower
from leanrec.recommenders.vector_scorer import MAX_OCCLUDED, Encode, VectorScorer, encoded, unit_vectors

FEATURES_FOLDER, PROFILES_FOLDER, TEXT_FOLDER = "features", "profiles", "text_encoder"
READS_FILE = "item_text.json"

Settings = TypeVar("Settings", bound=Config)


class TowerScorer(VectorScorer[Settings]):
    """The score of an item is the best product of its vector with one of the question's: history (one or several interests) plus the rest.

    A question that brings neither history nor anything else that was learned from is answered from popularity.
    """

    _run_graph: Encode
    """(B, L, D) -> (B, K D)."""
    _graph: bytes
    _num_interests: int
    _start: FloatArray
    """(D,) what stands for the history of somebody who has none."""
    _query: QueryTower
    _hides_ids: bool
    """Whether training hid ids, so that content alone learned to speak."""
    _text_encoder: TextEncoder | None = None
    _reads: ItemText | None = None
    """What the encoder reads of an item."""

    @property
    def adds_items(self) -> bool:
        """Whether items that come later can be scored: where training hid ids and content was there to learn."""
        return self._items is not None and self._hides_ids

    @property
    def reads_text(self) -> bool:
        """Whether it learned what words mean: where items have attributes or titles."""
        return self._items is not None and self._query.words is not None

    @property
    def reads_profile(self) -> bool:
        """Whether profiles were learned from."""
        return self._items is not None and self._query.profiles is not None

    def user_vectors(self, histories: Sequence[Rows]) -> FloatArray:
        """(B, K, D) from item rows, oldest first, of users of whom nothing else is known."""
        return self._question_vectors(histories, [Query()] * len(histories))

    def influences(self, history: Rows, item_rows: Rows) -> FloatArray:
        """(H, K) how far each score falls without the item at each place, wherever it stands; 0 for all but the newest places."""
        first = max(0, len(history) - MAX_OCCLUDED)
        without = [history[history != history[place]] for place in range(first, len(history))]
        scores = self._best_products(self.user_vectors([history, *without]), self._item_vectors[item_rows])
        drops = np.zeros((len(history), len(item_rows)), dtype=np.float32)
        drops[first:] = scores[0] - scores[1:]
        return drops

    def _score_rows(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        return self._best_products(self._question_vectors(histories, queries), self._item_vectors)

    def _question_vectors(self, histories: Sequence[Rows], queries: Sequence[Query]) -> FloatArray:
        """(B, K, D), K vectors for each question."""
        number, width = self._num_interests, self._item_vectors.shape[1]
        read = encoded(histories, self._item_vectors, encode=self._encode, max_length=self._max_length, width=number * width)
        vectors = read.reshape(len(histories), number, width)
        vectors[[not len(history) for history in histories]] = self._start
        vectors = vectors + self._query.vectors(queries)[:, None]
        return vectors if self._temperature is None else unit_vectors(vectors) / np.float32(self._temperature)

    def _best_products(self, users: FloatArray, items: FloatArray) -> FloatArray:
        """(B, K, D) and (M, D) -> (B, M)."""
        products = users.reshape(-1, users.shape[2]) @ items.T
        best: FloatArray = products.reshape(*users.shape[:2], len(items)).max(axis=1)
        return best

    def _encode(self, items: FloatArray) -> FloatArray:
        return self._run_graph(items)

    def _is_answerable(self, history: Rows, query: Query) -> bool:
        return len(history) > 0 or self._query.knows(query)

    def _new_vectors(self, content: ItemContent, items: Sequence[ItemDescription]) -> FloatArray:
        text = encode_texts(self._text_encoder, self._reads.texts(items)) if self._text_encoder is not None and self._reads is not None else None
        return content.of_items(items, text=text)

    def _open(self, graph: bytes, *, folder: Path) -> None:
        """Make the graph ready to be run."""
        session = open_graph(graph, folder=folder)
        name = session.get_inputs()[0].name

        def run(items: FloatArray) -> FloatArray:
            vectors: FloatArray = session.run(None, {name: items})[0]
            return vectors

        self._graph, self._run_graph = graph, run

    def _save_parts(self, draft: Path) -> None:
        (draft / ENCODER_FILE).write_bytes(self._graph)
        if self._query.features is not None:
            self._query.features.save(draft / FEATURES_FOLDER)
        if self._query.profiles is not None:
            self._query.profiles.save(draft / PROFILES_FOLDER)
        if self._text_encoder is not None and self._reads is not None:
            self._text_encoder.save(draft / TEXT_FOLDER)
            (draft / READS_FILE).write_text(self._reads.config.model_dump_json(), encoding="utf-8")

    def _load_parts(self, artifact: Artifact) -> None:
        self._open(artifact.file(ENCODER_FILE).read_bytes(), folder=artifact.folder)
        if READS_FILE in artifact.manifest.files:
            self._text_encoder = open_text_encoder(artifact.folder / TEXT_FOLDER)
            self._reads = ItemText(config=ItemTextConfig.parse(json.loads(artifact.file(READS_FILE).read_text(encoding="utf-8"))))
        arrays = artifact.arrays
        has_features, has_profiles = (f"{folder}/manifest.json" in artifact.manifest.files for folder in (FEATURES_FOLDER, PROFILES_FOLDER))
        self._query = QueryTower(
            width=self._item_vectors.shape[1],
            features=TabularFeatures.load(artifact.folder / FEATURES_FOLDER) if has_features else None,
            profiles=ProfileBuilder.load(artifact.folder / PROFILES_FOLDER) if has_profiles else None,
            words=self._words(arrays) if "query.turn" in arrays else None,
            **{name: arrays.get(f"query.{name}") for name in ("dense", "codes", "profile")},
        )

    def _words(self, learnt: Arrays) -> WordTower | None:
        """What words mean, from the arrays of a `QueryTower` and the vectors of attributes; none where nothing was known of items."""
        if self._content is None:
            return None
        return WordTower(
            spoken=SpokenAttributes.of(self._content.vocabulary, rarity=learnt["query.rarity"]),
            attributes=self._content.attributes,
            turn=learnt["query.turn"],
            encoder=self._text_encoder,
            meaning=learnt.get("query.meaning"),
        )

    def _to_arrays(self) -> Arrays:
        numbers = np.array([self._num_interests, self._hides_ids], np.int64)
        return {**super()._to_arrays(), **self._query.to_arrays(), "start": self._start, "interests": numbers}

    def _from_arrays(self, arrays: Arrays) -> None:
        super()._from_arrays(arrays)
        self._start = arrays["start"]
        self._num_interests, self._hides_ids = int(arrays["interests"][0]), bool(arrays["interests"][1])
