"""SentimentModel: whether a text is pleased, by a small classifier on the vectors of any encoder; answering needs NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.artifact import Artifact, Manifest, save_artifact
from leanrec.errors import ArtifactError, DataError
from leanrec.features.histories import FloatArray
from leanrec.features.logistic import Labels, LogisticRegression
from leanrec.features.text_encoder import TextEncoder

PLEASED, DISPLEASED = 4.0, 2.0
"""On a scale of five stars; what lies between says neither and is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentimentModel:
    """A calibrated probability that whoever wrote a text was pleased."""

    encoder: TextEncoder
    regression: LogisticRegression

    @classmethod
    def fit(cls, encoder: TextEncoder, texts: Sequence[str], ratings: FloatArray, *, rng: np.random.Generator) -> "SentimentModel":
        """From reviews and their stars (n,): four and five are pleased, one and two are not, the rest and empty texts are left out."""
        if len(texts) != len(ratings):
            raise DataError(f"{len(texts)} texts have {len(ratings)} ratings", hint="one rating per text")
        is_clear = (ratings >= PLEASED) | (ratings <= DISPLEASED)
        chosen = [place for place in np.flatnonzero(is_clear).tolist() if texts[place].strip()]
        return cls.fit_labels(encoder, [texts[place] for place in chosen], ratings[chosen] >= PLEASED, rng=rng)

    @classmethod
    def fit_labels(cls, encoder: TextEncoder, texts: Sequence[str], labels: Labels, *, rng: np.random.Generator) -> "SentimentModel":
        """From texts and whether each is pleased, (n,); raises `DataError` with fewer than five of a kind."""
        return cls(encoder=encoder, regression=LogisticRegression.fit_calibrated(encoder.encode(texts), labels, rng=rng))

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """(B,) that each text is pleased; not a number for one that holds nothing to read."""
        vectors = self.encoder.encode(texts)
        found: FloatArray = np.where(vectors.any(axis=1), self.regression.probabilities(vectors), np.float32(np.nan))
        return found

    def sentiments(self, texts: Sequence[str]) -> FloatArray:
        """(B,) the same from -1 to 1, as `Past.sentiments` takes it."""
        found: FloatArray = 2.0 * self.probabilities(texts) - np.float32(1.0)
        return found

    def save(self, folder: Path) -> None:
        """Write the classifier as an artifact; the encoder is kept where its owner keeps it, and named by its fingerprint."""
        arrays = {"weights": self.regression.weights, "intercept": np.array([self.regression.intercept])}
        save_artifact(Path(folder), Manifest(kind="sentiment", parents=(self.encoder.fingerprint,)), arrays)

    @classmethod
    def load(cls, folder: Path, *, encoder: TextEncoder) -> "SentimentModel":
        """The model that `save` wrote; raises `ArtifactError` when it was harmed, or fitted on another encoder."""
        artifact = Artifact.open(Path(folder), kind="sentiment")
        if artifact.manifest.parents != (encoder.fingerprint,):
            raise ArtifactError(
                f"{folder} was fitted on another encoder than this one ({encoder.fingerprint[:12]})", hint="open the encoder it names"
            )
        arrays = artifact.arrays
        return cls(encoder=encoder, regression=LogisticRegression(weights=arrays["weights"], intercept=float(arrays["intercept"][0])))
