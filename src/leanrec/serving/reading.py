"""Read: the best candidates in the order that a language model gives them, as far as its time goes."""

import numpy as np
from pydantic import Field

from leanrec.config import Config
from leanrec.serving.stage import Candidates, Question

LANGUAGE = "language"
"""What the stage is called in settings and answers; it stands only in answers of models that read."""


class LanguageConfig(Config):
    """How long reading may take."""

    budget_ms: float | None = Field(default=None, ge=0)
    """Milliseconds for one answer; what is unread by then keeps its place. Left out, the model's own setting holds; 0 leaves all unread."""


class Read:
    """The first candidates change places among themselves; what was read of is named after who read, and all else stays."""

    def __init__(self, config: LanguageConfig) -> None:
        self.config = config

    def __call__(self, question: Question, candidates: Candidates) -> Candidates:
        """The same candidates, those that were read of in a new order."""
        reader = question.model.reader
        if reader is None or not len(candidates):
            return candidates
        if not len(question.history_rows) and not question.query.text:
            return candidates.take(np.arange(len(candidates)), note="nothing is known to read beside")
        first = _equals(question, candidates)[: reader.num_candidates]
        item_ids = [question.model.catalogue.item_id(row) for row in candidates.rows[first].tolist()]
        reading = reader.read(question.query, item_ids, candidates.scores[first], budget_ms=self.config.budget_ms)
        rows, scores, sources = candidates.rows.copy(), candidates.scores.copy(), candidates.sources.copy()
        rows[first], scores[first], sources[first] = rows[first][reading.order], reading.scores, sources[first][reading.order]
        sources[first[reading.is_read]] = len(candidates.names)
        names = (*candidates.names, str(getattr(reader, "name", LANGUAGE)))
        return Candidates(rows=rows, scores=scores, sources=sources, names=names, note=self._note(reading.num_read, len(first), question))

    def _note(self, num_read: int, num_candidates: int, question: Question) -> str:
        within = f" within {self.config.budget_ms:g} ms" if self.config.budget_ms is not None else ""
        rest = f"; the others as {question.model.source} has them" if num_read < num_candidates else ""
        return f"read {num_read} of {num_candidates}{within}{rest}"


def _equals(question: Question, candidates: Candidates) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Places of the first candidates that have as much as the very first of what the user's words name: reading must not undo their wishes."""
    places = np.arange(len(candidates))
    if question.heard is None or not question.heard.named:
        return places
    met = np.sum([mask[candidates.rows] for _, mask in question.heard.named], axis=0)
    return places[np.logical_and.accumulate(met == met[0])]
