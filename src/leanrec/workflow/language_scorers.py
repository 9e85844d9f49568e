"""Make the ranker that `finetune` wrote smaller for the running side, and say how far it still orders alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.artifact import Artifact
from leanrec.compression.quantize_text import quantize_text
from leanrec.errors import ConfigError
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.onnx_pairs import OnnxPairs
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.workflow.text_encoders import sample_texts

NUM_HISTORIES, NUM_CANDIDATES = 10, 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerAgreement:
    """What both say of the same candidates after the same histories."""

    num_questions: int
    same_best: float
    """Share of the questions of which both name the same candidate first."""
    correlation: float
    """Of the scores of a question's candidates, the mean over questions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeScorer:
    """What was written, and how far it agrees with the original."""

    folder: Path
    num_bytes: int
    original_bytes: int
    """Of what the running side reads, graph and tokenizer."""
    fingerprint: str
    agreement: ScorerAgreement


def shrink_language_scorer(source: Path, *, to: Path, data: str | None = None) -> MadeScorer:
    """Write the cross-encoder in the folder `source` in eight bits into the folder `to`.

    The agreement is measured on item texts of `data`, else on sentences. Raises `ConfigError` for a scorer that is no graph in float32.
    """
    original = open_language_scorer(source)
    if not isinstance(original, OnnxPairs):
        raise ConfigError(f"{source} holds a decoder, which has no graph to shrink", hint="name a folder of `leanrec finetune --for ranker`")
    if original.graph.precision == "int8":
        raise ConfigError(f"{source} is in eight bits already", hint="name the folder that it was made from")
    made = OnnxPairs(quantize_text(original.graph))
    agreement = _agreement(original, made, texts=sample_texts(data))
    made.save(to)
    files = len(original.graph.graph) + len(original.graph.tokenizer.encode())
    return MadeScorer(folder=to, num_bytes=Artifact.open(to).num_bytes, original_bytes=files, fingerprint=made.fingerprint, agreement=agreement)


def _agreement(original: LanguageScorer, made: LanguageScorer, *, texts: Sequence[str]) -> ScorerAgreement:
    """Each of some texts as a history, candidates drawn from the others."""
    rng = np.random.default_rng(0)
    same, correlations = [], []
    for place in rng.permutation(len(texts))[:NUM_HISTORIES].tolist():
        others = rng.permutation(np.delete(np.arange(len(texts)), place))[:NUM_CANDIDATES]
        candidates = [texts[other] for other in others.tolist()]
        said, repeated = (scorer.scores(texts[place], candidates) for scorer in (original, made))
        same.append(int(np.argmax(said)) == int(np.argmax(repeated)))
        correlations.append(float(np.corrcoef(said, repeated)[0, 1]) if np.ptp(said) > 0 and np.ptp(repeated) > 0 else 0.0)
    return ScorerAgreement(num_questions=len(same), same_best=float(np.mean(same)), correlation=float(np.mean(correlations)))
