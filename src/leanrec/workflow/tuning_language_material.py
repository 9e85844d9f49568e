"""Material: what a language model is tuned on, and what of other users says how well it went."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.query import Query
from leanrec.errors import ConfigError, DataError
from leanrec.features.choice_examples import Moments, Propose, choice_examples, moments_of
from leanrec.features.histories import FloatArray, Histories, Rows
from leanrec.features.item_text import ItemText
from leanrec.features.rating_examples import rating_examples
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.metrics.relevance import GOOD_STARS
from leanrec.recommenders.kept_fit import fit_once
from leanrec.training.run import Run
from leanrec.workflow.tuning_language_settings import LanguageTuningSettings, Purpose

RETRIEVER_FOLDER = "retriever"
RETRIEVER_SHARE = 0.3
"""Of the minutes: what a retriever that is trained may take."""
_NOTHING = np.zeros(0, np.int64)
NO_EXAMPLES = RelevanceExamples(histories=(), candidates=(), questions=_NOTHING, candidate_rows=_NOTHING, labels=np.zeros(0, np.float32))


@dataclass(frozen=True, kw_only=True)
class Material:
    """For an encoder histories, for all others labelled pairs; none of the held-out users is learned from."""

    texts: tuple[str, ...]
    """(N,) what is read of each item."""
    counts: Rows
    """(N,) how often each was chosen by those who are learned from."""
    histories: Histories
    """Of those who are learned from."""
    train: RelevanceExamples
    """Empty for an encoder."""
    held_out: RelevanceExamples
    """Of the other users; empty for an encoder."""
    moments: Moments | None
    """The newest choices of the held-out users; none for ratings."""

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that is learned from or asked about."""
        digest = hashlib.sha256("\0".join((*self.texts, self.train.fingerprint, self.held_out.fingerprint)).encode("utf-8", "surrogatepass"))
        asked = (self.moments.chosen, *self.moments.pasts) if self.moments is not None else ()
        for array in (self.histories.offsets, self.histories.item_rows, *asked):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def gather(dataset: Dataset, purpose: Purpose, settings: LanguageTuningSettings, *, folder: Path) -> Material:
    """Part the users and word what they did; a retriever is fitted once and kept in `folder`."""
    _check(purpose, settings)
    rng = Run(seed=settings.seed).rng()
    is_held = _held_out_events(dataset, settings, rng=rng)
    train, held = dataset.subset(~is_held), dataset.subset(is_held)
    descriptions = dataset.catalogue.descriptions()
    texts = tuple(ItemText.of_items(descriptions, settings.examples.text).texts(descriptions))
    histories = Histories.of_dataset(train)
    counts = np.bincount(histories.item_rows, minlength=dataset.num_items)
    if purpose == "ratings":
        told = rating_examples(train, texts, config=settings.examples, words=settings.words, rng=rng)
        others = np.unique(held.column("user_row").astype(np.int64))
        asked_of = rating_examples(dataset, texts, config=settings.examples, words=settings.words, users=others, rng=rng)
        _require_both_kinds(asked_of)
        return Material(texts=texts, counts=counts, histories=histories, train=told, held_out=asked_of, moments=None)
    moments = moments_of(Histories.of_dataset(held), texts, config=settings.examples.model_copy(update={"per_user": 1}), rng=rng)
    if purpose == "encoder":
        chosen = _some_users(histories, settings.few or settings.examples.max_questions, rng=rng)
        return Material(texts=texts, counts=counts, histories=chosen, train=NO_EXAMPLES, held_out=NO_EXAMPLES, moments=moments)
    propose = _retriever(train, settings, folder=folder) if settings.retriever else None
    asked = settings.examples
    if purpose == "decoder" and settings.few is not None:
        asked = asked.model_copy(update={"max_questions": min(settings.few, asked.max_questions)})
    learned = moments_of(histories, texts, config=asked, rng=rng)
    pairs = [choice_examples(part, texts, counts, config=settings.examples, rng=rng, propose=propose) for part in (learned, moments)]
    return Material(texts=texts, counts=counts, histories=histories, train=pairs[0], held_out=pairs[1], moments=moments)


def _check(purpose: Purpose, settings: LanguageTuningSettings) -> None:
    if settings.retriever and purpose in ("encoder", "ratings"):
        raise ConfigError(f"retriever {settings.retriever!r} cannot take effect: {purpose} needs no candidates", hint="leave it out")
    if settings.retriever_config and not settings.retriever:
        raise ConfigError("retriever_config cannot take effect without a retriever", hint="name one, such as retriever=item-knn")
    if settings.words.model_fields_set and purpose != "ratings":
        raise ConfigError(f"words cannot take effect for {purpose}", hint="they tell how ratings are read: --for ratings")


def _held_out_events(dataset: Dataset, settings: LanguageTuningSettings, *, rng: np.random.Generator) -> np.ndarray:
    """(num_events,) those of the users who are held out, drawn among those with two acts."""
    users = dataset.column("user_row").astype(np.int64)
    able = np.flatnonzero(np.bincount(users[is_act(dataset)], minlength=dataset.num_users) >= 2)
    number = min(settings.max_held_out, round(settings.held_out_share * len(able)))
    if number < 2 or len(able) - number < 2:
        raise DataError(
            f"{len(able)} users did two things or more; {number} of them would be held out, and two are needed on either side",
            hint="bring more events, or hold out another share: --set held_out_share=0.3",
        )
    return np.isin(users, rng.permutation(able)[:number])


def _some_users(histories: Histories, number: int, *, rng: np.random.Generator) -> Histories:
    able = np.flatnonzero(histories.lengths >= 2)
    return histories.take(np.sort(rng.permutation(able)[:number]))


def _retriever(train: Dataset, settings: LanguageTuningSettings, *, folder: Path) -> Propose:
    minutes = settings.budget.minutes
    budget = settings.budget if minutes is None else settings.budget.model_copy(update={"minutes": RETRIEVER_SHARE * minutes})
    run = Run(seed=settings.seed, budget=budget)
    kept = fit_once(settings.retriever, settings.retriever_config, train, valid=None, run=run, folder=folder / RETRIEVER_FOLDER)
    ids = train.items.ids

    def propose(pasts: Sequence[Rows]) -> FloatArray:
        return kept.recommender.catalogue_scores([Query(history=tuple(ids[row] for row in past.tolist())) for past in pasts])

    return propose


def _require_both_kinds(held_out: RelevanceExamples) -> None:
    is_good = held_out.labels >= GOOD_STARS
    if is_good.all() or not is_good.any():
        raise DataError(
            f"the {len(is_good)} ratings that are held out lie all on one side of {GOOD_STARS:g}: the report would say nothing",
            hint="hold out more users: --set held_out_share=0.3",
        )
