"""QueryTower: what a question says besides its history, as a vector; NumPy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leanrec.artifact import Arrays
from leanrec.data.profile import UserProfile
from leanrec.data.query import Query
from leanrec.features.profile_vector import profile_features
from leanrec.features.profiles import ProfileBuilder
from leanrec.features.spoken_attributes import SpokenAttributes
from leanrec.features.tabular import TabularFeatures
from leanrec.features.tabular_table import Situation, Table
from leanrec.features.text_encoder import TextEncoder
from leanrec.recommenders.content import words_asked
from leanrec.recommenders.item_content import projected
from leanrec.recommenders.protocol import FloatArray

_NOBODY = UserProfile()


@dataclass(frozen=True, kw_only=True)
class WordTower:
    """A text as the mean of the vectors of the attributes that it speaks of, turned; with an encoder, its meaning is added."""

    spoken: SpokenAttributes
    attributes: FloatArray
    """(A, D) the vectors that items have of their attributes."""
    turn: FloatArray
    """(D, D)"""
    encoder: TextEncoder | None = None
    meaning: FloatArray | None = None
    """(E + 1, D)"""

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(B, D); zeros for a text in which nothing is understood."""
        found: FloatArray = np.asarray(self.spoken.matrix(texts) @ self.attributes, np.float32) @ self.turn
        if self.encoder is not None and self.meaning is not None:
            found = found + projected(self.encoder.encode(texts), self.meaning)
        return found


@dataclass(frozen=True, kw_only=True)
class QueryTower:
    """Linear parts, each as wide as item vectors, that are added to what the history says."""

    width: int
    features: TabularFeatures | None = None
    """Of the user and the context."""
    dense: FloatArray | None = None
    """(W, D) of the dense features."""
    codes: FloatArray | None = None
    """(C, D) of all codes, feature after feature."""
    profiles: ProfileBuilder | None = None
    profile: FloatArray | None = None
    """(P + 1, D), the last row where there is a profile."""
    words: WordTower | None = None

    def vectors(self, queries: Sequence[Query]) -> FloatArray:
        """(B, D), one vector for each question."""
        found = self._features(queries)
        if self.profiles is not None and self.profile is not None:
            found = found + profile_rows(self.profiles, queries) @ self.profile
        texts = {row: words_asked(query) for row, query in enumerate(queries)} if self.words is not None else {}
        if said := [row for row, text in texts.items() if text]:
            found[said] += self.words.vectors([texts[row] for row in said])  # type: ignore[union-attr]  # there are texts only where there is one
        return found

    def knows(self, query: Query) -> bool:
        """Whether the question brings something that was learned from, be there a history or not."""
        if self.words is not None and words_asked(query):
            return True
        if self.profiles is not None and query.profile is not None and query.profile.num_events:
            return True
        places = self.features.config.places if self.features is not None else ()
        return any(source == "user" and query.attributes.get(name) is not None for source, name in places)

    def to_arrays(self) -> Arrays:
        """What was learnt here, for safetensors; features, profiles and the encoder are folders of their own."""
        found = {name: getattr(self, name) for name in ("dense", "codes", "profile")}
        if self.words is not None:
            found |= {"turn": self.words.turn, "meaning": self.words.meaning, "rarity": self.words.spoken.rarity}
        return {f"query.{name}": array for name, array in found.items() if array is not None}

    def _features(self, queries: Sequence[Query]) -> FloatArray:
        found = np.zeros((len(queries), self.width), np.float32)
        if self.features is None:
            return found
        features = self.features.transform(Table.of_situations([situation_of(query) for query in queries], self.features.config.places))
        if self.dense is not None:
            found += features.dense @ self.dense
        if self.codes is not None:
            offsets = np.cumsum([0, *features.cardinalities])[:-1]
            found += self.codes[features.codes + offsets].sum(axis=1)
        return found


def situation_of(query: Query) -> Situation:
    """Who asks, where and when."""
    return Situation(user_id=query.user_id, user=query.attributes, context=query.context, time=query.time)


def profile_rows(builder: ProfileBuilder, queries: Sequence[Query]) -> FloatArray:
    """(B, P + 1) features of each question's profile and a 1; zeros without one."""
    width = len(profile_features(builder, _NOBODY)) + 1
    rows = np.zeros((len(queries), width), np.float32)
    for row, query in enumerate(queries):
        if query.profile is not None:
            rows[row, :-1], rows[row, -1] = profile_features(builder, query.profile), 1.0
    return rows
