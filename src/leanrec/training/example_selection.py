"""Example selection: which questions a cross-encoder is tuned on, when it is to be tuned on a part of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from leanrec.config import Config
from leanrec.data.pair_tokens import PairTokens
from leanrec.data.tokens import TextTokenizer, token_batches
from leanrec.features.histories import FloatArray, Rows
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.models.cross_encoder import MAX_BATCH_TOKENS, CrossEncoder
from leanrec.models.text_encoder import pooled
from leanrec.training.example_selection_surrogate import Surrogate, fit_surrogate
from leanrec.training.pretrain_parts import Part, kept_part
from leanrec.training.run import Run

Doubles = npt.NDArray[np.float64]

SELECTION_FOLDER = "selection"
NEWEST_LINES = 5
"""Lines of a history whose mean is its vector."""
ROUNDS = 4
"""Halvings of the examples: each half is judged by the other, and the judgements are averaged."""
CLUSTER_STEPS = 15


class SelectionConfig(Config):
    """How many questions are kept, and by what."""

    share: float = Field(default=0.1, gt=0, le=1)
    """Of the questions."""
    method: Literal["influence", "random"] = "influence"
    """`influence`: those that lower the held-out loss of a small surrogate most (Koh and Liang 2017, eq. 2); `random`: by chance, as a control."""
    effort: float = Field(default=0.0, ge=0)
    """What the norm of an example's gradient in the head counts beside its influence, both in standard deviations (DEALRec, Lin et al. 2024,
    eq. 6); it costs a pass of the model over all pairs. 0 by default: it prefers what is hard to learn, wrong labels included."""
    strata: int = Field(default=16, ge=1)
    """Groups of like histories, from each of which the same share is kept, so that nobody's tastes are pruned away."""
    penalty: float = Field(default=1000.0, gt=0)
    """Pull of the surrogate's weights towards zero, in examples. Strong: one that trusts itself too much calls its errors helpful (docs/log.md)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which questions were kept."""

    asked: Rows
    """(Q,) the questions that there are."""
    scores: FloatArray
    """(Q,) higher is more helpful; noughts where chance decides."""
    is_kept: npt.NDArray[np.bool_]
    """(Q,)"""

    def of(self, examples: RelevanceExamples) -> RelevanceExamples:
        """All pairs of the kept questions."""
        return examples.of_questions(self.asked[self.is_kept])


def select_questions(
    encoder: CrossEncoder, examples: RelevanceExamples, config: SelectionConfig, *, is_rating: bool, rng: np.random.Generator
) -> Selection:
    """The questions worth most to a tuning, by what the untuned model makes of their texts; nothing outside the examples is looked at."""
    asked, places = np.unique(examples.questions, return_inverse=True)
    number = max(1, round(config.share * len(asked)))
    is_kept = np.zeros(len(asked), np.bool_)
    if config.method == "random":
        is_kept[rng.permutation(len(asked))[:number]] = True
        return Selection(asked=asked, scores=np.zeros(len(asked), np.float32), is_kept=is_kept)
    histories, candidates = _vectors(encoder, examples)
    columns = np.concatenate([histories * candidates, candidates], axis=1)
    pair_scores = _standard(_influence(_standard(columns), examples.labels, places, config, is_rating=is_rating, rng=rng))
    if config.effort:
        heads = _standard(_pair_vectors(encoder, examples))
        fitted = fit_surrogate(heads, examples.labels, penalty=config.penalty, is_rating=is_rating)
        pair_scores = pair_scores + config.effort * _standard(np.linalg.norm(fitted.gradients(heads, examples.labels), axis=1))
    scores = np.bincount(places, weights=pair_scores) / np.bincount(places)
    first = np.unique(places, return_index=True)[1]
    strata = _clusters(histories[first], number=config.strata, rng=rng)
    is_kept[_best_of_each(scores, strata, number=number)] = True
    return Selection(asked=asked, scores=scores.astype(np.float32), is_kept=is_kept)


def selected(encoder: CrossEncoder, examples: RelevanceExamples, config: SelectionConfig, *, is_rating: bool, run: Run) -> RelevanceExamples:
    """The kept questions with all their pairs; with `run.folder` chosen once, whatever interrupts the tuning."""

    def chosen() -> Part:
        kept = select_questions(encoder, examples, config, is_rating=is_rating, rng=run.rng())
        return Part(figures={}, arrays={"kept": kept.asked[kept.is_kept]})

    made_of = {"encoder": encoder.fingerprint, "examples": examples.fingerprint, "settings": config.model_dump(mode="json"), "seed": run.seed}
    part = kept_part(run.folder / SELECTION_FOLDER if run.folder is not None else None, made_of, chosen)
    return examples.of_questions(part.arrays["kept"])


def _influence(
    columns: Doubles, labels: FloatArray, questions: Rows, config: SelectionConfig, *, is_rating: bool, rng: np.random.Generator
) -> Doubles:
    """(E,) by how much the loss on other questions falls when a pair counts a little more."""
    total = np.zeros(len(labels))
    for _ in range(ROUNDS):
        in_half = (rng.permutation(int(questions.max()) + 1) % 2 == 0)[questions]
        for own in (in_half, ~in_half):
            if _can_be_told(labels[own], is_rating=is_rating) and (~own).any():
                fitted: Surrogate = fit_surrogate(columns[own], labels[own], penalty=config.penalty, is_rating=is_rating)
                total[own] += fitted.influence(columns[own], labels[own], held_out=columns[~own], held_out_labels=labels[~own])
    return total / ROUNDS


def _can_be_told(labels: FloatArray, *, is_rating: bool) -> bool:
    return len(labels) > 1 and (is_rating or bool((labels > 0).any() and (labels <= 0).any()))


def _vectors(encoder: CrossEncoder, examples: RelevanceExamples) -> tuple[Doubles, Doubles]:
    """(E, D) each: the mean of the newest lines of the history, and the candidate, as the model reads either alone."""
    lines = {number: examples.histories[number].split("\n")[-NEWEST_LINES:] for number in np.unique(examples.questions).tolist()}
    used = np.unique(examples.candidate_rows).tolist()
    texts = sorted({line for told in lines.values() for line in told} | {examples.candidates[row] for row in used})
    table = _text_vectors(encoder, texts)
    place = {text: number for number, text in enumerate(texts)}
    of_question = {number: table[[place[line] for line in told]].mean(axis=0) for number, told in lines.items()}
    histories = np.stack([of_question[number] for number in examples.questions.tolist()])
    return histories, table[[place[examples.candidates[row]] for row in examples.candidate_rows.tolist()]]


def _text_vectors(encoder: CrossEncoder, texts: Sequence[str]) -> Doubles:
    tokens = TextTokenizer(encoder.pairs.content, max_tokens=encoder.max_tokens).read(texts)
    return _pooled_rows(encoder, PairTokens(ids=tokens, starts=[len(ids) for ids in tokens]))


def _pair_vectors(encoder: CrossEncoder, examples: RelevanceExamples) -> Doubles:
    """(E, D) what the head reads of each pair."""
    return _pooled_rows(encoder, encoder.pairs.read_pairs(*examples.pairs_of(np.arange(len(examples)))))


def _pooled_rows(encoder: CrossEncoder, rows: PairTokens) -> Doubles:
    """(B, D) of length 1; noughts where there is nothing to read."""
    network = encoder.network
    vectors = np.zeros((len(rows.ids), network.head.in_features))
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for batch in token_batches(rows.ids, max_batch_tokens=MAX_BATCH_TOKENS, pad_id=encoder.pad_id):
            ids, mask, types = (torch.from_numpy(array).to(encoder.device) for array in (batch.ids, batch.mask, rows.types_of(batch)))
            told = {"token_type_ids": types} if network.has_types else {}
            hidden = network.model(input_ids=ids, attention_mask=mask, **told).last_hidden_state
            vectors[batch.rows] = torch.nn.functional.normalize(pooled(hidden.float(), mask, pooling=network.pooling), dim=-1).cpu().numpy()
    network.train(was_training)
    return vectors


def _standard(figures: Doubles) -> Doubles:
    """Mean 0 and standard deviation 1 by column; columns that are all alike become noughts."""
    spread = figures.std(axis=0)
    result: Doubles = (figures - figures.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    return result


def _clusters(vectors: Doubles, *, number: int, rng: np.random.Generator) -> Rows:
    """(Q,) which group each vector belongs to (Lloyd's k-means from vectors drawn by chance)."""
    centres = vectors[rng.permutation(len(vectors))[:number]]
    for _ in range(CLUSTER_STEPS):
        nearest: Rows = ((centres**2).sum(axis=1)[None, :] - 2.0 * vectors @ centres.T).argmin(axis=1)
        centres = np.stack([vectors[nearest == one].mean(axis=0) if (nearest == one).any() else centres[one] for one in range(len(centres))])
    return nearest


def _best_of_each(scores: Doubles, strata: Rows, *, number: int) -> Rows:
    """The best of each stratum, by its size; what rounding leaves goes to the largest remainders."""
    sizes = np.bincount(strata)
    wanted = number * sizes / sizes.sum()
    quota = np.floor(wanted).astype(np.int64)
    quota[np.argsort(quota - wanted, kind="stable")[: number - int(quota.sum())]] += 1
    order = np.lexsort((-scores, strata))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept: Rows = order[rank < quota[strata[order]]]
    return kept
