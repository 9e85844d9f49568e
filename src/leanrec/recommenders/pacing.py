"""Pacing: the batches of a recommender along the curriculum and the growth of its settings."""

import numpy as np

from leanrec.data.dataset import Dataset
from leanrec.errors import ConfigError
from leanrec.features.batches import TokenBatches
from leanrec.features.difficulty import by_confidence, by_length, by_popularity, by_recency
from leanrec.features.histories import FloatArray, Rows, event_weights
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import GrowthConfig
from leanrec.training.paced_batches import PacedBatches
from leanrec.training.run import Run


def paced(
    batches: TokenBatches, *, curriculum: CurriculumConfig | None, growth: GrowthConfig | None, difficulty: FloatArray | None, run: Run
) -> TokenBatches | PacedBatches[TokenBatches]:
    """The batches themselves where nothing changes on the way."""
    if curriculum is None and growth is None:
        return batches
    return PacedBatches(batches, curriculum=curriculum, growth=growth, difficulty=difficulty, seed=run.seed)


def difficulty_of(
    batches: TokenBatches, curriculum: CurriculumConfig | None, *, counts: Rows, train: Dataset | None, confidence: FloatArray | None = None
) -> FloatArray | None:
    """(S,) of each sequence; nothing where the order is not told by the data.

    `counts` (N,) are those of the items, `train` has the events that the sequences are of, `confidence` (E,) is a teacher's.
    Raises `ConfigError` for an order that these data or this recommender cannot tell.
    """
    if curriculum is None:
        return None
    match curriculum.by:
        case "length":
            return by_length(batches)
        case "popularity":
            return by_popularity(batches, counts)
        case "recency":
            return by_recency(batches, _times(train))
        case "confidence":
            if confidence is None:
                raise ConfigError("curriculum.by = 'confidence' asks a teacher, and there is none", hint="fit distilled, or order by length")
            return by_confidence(batches, confidence)
        case "loss" | "random":
            return None


def _times(train: Dataset | None) -> Rows:
    """(E,) clock times of the events of the histories."""
    if train is None or train.time_quality != "exact":
        found = "a teacher's questions have no times" if train is None else f"the time of these data is {train.time_quality!r}"
        raise ConfigError(f"curriculum.by = 'recency' needs clock times; {found}", hint="order by length or popularity")
    times: Rows = train.column("timestamp")[event_weights(train) > 0].astype(np.int64)
    return times
