"""Answering: a request becomes a question with everything known of who asks, and the pipeline's list becomes an answer."""

import time

import numpy as np

from leanrec.data.ids import UNKNOWN_ROW, ItemId
from leanrec.data.profile import UserProfile
from leanrec.data.query import Query
from leanrec.errors import ConfigError
from leanrec.serving.correcting import muted
from leanrec.serving.filtering import blocked_items
from leanrec.serving.finding import items_like
from leanrec.serving.hearing import hear
from leanrec.serving.messages import FoundItems, PastEvent, Recommended, RecommendedItem, RecommendRequest, SimilarItem, SimilarItems
from leanrec.serving.models import ModelSet
from leanrec.serving.pipeline import Pipeline, PipelineAnswer
from leanrec.serving.profiling import own_ids, profile_of
from leanrec.serving.served_model import NO_ROWS, ServedModel
from leanrec.serving.stage import Question
from leanrec.serving.store import Profile, Store

READ_HISTORY = 1000
"""Newest items of a history that a recommender is given; all of it decides what was seen."""
ATTRIBUTES_SOURCE = "attributes"
NOBODY = Profile()
NANOSECONDS_PER_DAY = 86_400_000_000_000


class Answering:
    """Answers requests from models, store and pipeline, in the calling thread."""

    def __init__(self, *, models: ModelSet, store: Store, pipeline: Pipeline) -> None:
        self._models = models
        self._store = store
        self._pipeline = pipeline

    def recommend(self, request: RecommendRequest, *, request_id: str) -> Recommended:
        """The answer to one request; raises `ConfigError` for an unknown model and errors of filters."""
        began = time.perf_counter()
        model = self._models.get(request.model)
        question = self._question(request, model)
        gathered = time.perf_counter()
        answer = self._pipeline.answer(question)
        items = _items(question, answer)
        timings = {"history": round((gathered - began) * 1000, 3)}
        timings.update((stage.name, stage.ms) for stage in answer.stages)
        timings["total"] = round((time.perf_counter() - began) * 1000, 3)
        return Recommended(
            items=items,
            user_id=request.user_id,
            cold=question.is_cold,
            model=model.name,
            model_version=model.version,
            request_id=request_id,
            timings_ms=timings,
            stages=answer.stages,
            understood=question.heard.understood if question.heard is not None else None,
        )

    def find(self, text: str, *, limit: int, offset: int) -> FoundItems:
        """Items near a text, by the default model."""
        return items_like(text, model=self._models.default, limit=limit, offset=offset, config=self._pipeline.config.hear)

    def similar(self, item_id: ItemId, *, k: int, model_name: str | None) -> SimilarItems:
        """The items most like one; by attributes where the model knows no likeness of it. Raises `UnknownIdError`."""
        model = self._models.get(model_name)
        row = model.catalogue.require(item_id)
        found = _near_by_model(model, item_id, row, k=k) or _near_by_attributes(model, row, k=k)
        return SimilarItems(item_id=item_id, items=found, model=model.name, model_version=model.version)

    def past(self, user_id: str, *, limit: int) -> tuple[list[PastEvent], bool]:
        """A user's events, newest first, and whether anything was ever known of them; live events come before those of the model."""
        model = self._models.get(None)
        known = self._store.profile(user_id)
        live = self._store.history(user_id, limit=limit)
        events = [
            PastEvent(
                item_id=event.item_id, title=model.catalogue.title_of(event.item_id), event=event.event, timestamp=event.timestamp, value=event.value
            )
            for event in live
        ]
        ids = [known_id for known_id in own_ids(user_id, known) if model.knows(known_id)]
        past = [event for known_id in ids for event in model.past_events(known_id, limit=limit - len(events))]
        if len(ids) > 1:
            past = sorted(past, key=lambda event: -(event.timestamp or 0))[: limit - len(events)]
        return events + past, bool(live or ids)

    def profile(self, user_id: str) -> UserProfile:
        """What the default model's data and the live events say of a user's tastes."""
        model = self._models.default
        return profile_of(user_id, profiles=model.opened.profiles, catalogue=model.catalogue, store=self._store, known=self._store.profile(user_id))

    def _question(self, request: RecommendRequest, model: ServedModel) -> Question:
        is_known = request.user_id is not None and not request.ephemeral
        profile = self._store.profile(request.user_id) if is_known and request.user_id is not None else NOBODY
        ids = own_ids(request.user_id, profile) if is_known and request.user_id is not None else []
        past = model.past_rows(ids[0]) if len(ids) == 1 else model.opened.profiles.past(ids).item_rows
        live = model.catalogue.rows((*profile.history, *request.history))
        everything = np.concatenate([past, live]) if len(live) else past
        history = everything[everything < model.num_scored][-READ_HISTORY:]
        hidden = model.catalogue.rows(tuple(profile.hidden)) if profile.hidden else NO_ROWS
        is_seen_blocked = self._pipeline.config.filter.seen and not request.include_seen
        blocked = blocked_items(
            model.catalogue,
            unwanted=np.concatenate([everything, hidden]) if is_seen_blocked else hidden,
            exclude=request.exclude,
            filters=tuple(request.filters),
            only=(request.candidates, request.available),
        )
        taken_out = muted(model.catalogue, profile.corrections)
        if taken_out is not None:
            blocked |= taken_out
        heard = None
        if request.text is not None:
            hearing = self._pipeline.config.hear
            heard = hear(request.text, not_meant=request.not_meant, model=model, blocked=blocked, config=hearing)
            blocked = heard.blocked if heard is not None else blocked
        query = Query(
            user_id=request.user_id if not profile.is_forgotten else None,
            history=tuple([model.catalogue.item_id(row) for row in history.tolist()]),
            text=heard.text if heard is not None else None,
            attributes=request.attributes,
            context=request.context,
            time=time.time_ns() // 1000,
            profile=self._profile(request, model, profile) if model.reads_profile else None,
        )
        return Question(
            query=query,
            k=request.k,
            model=model,
            models=self._models.by_name,
            history_rows=history,
            blocked=blocked,
            num_blocked=int(np.count_nonzero(blocked[: model.num_scored])),
            wants_reasons=request.explain,
            corrections=profile.corrections,
            heard=heard,
            person=min((request.user_id or next(iter(request.history), ""), *profile.linked)),
            day=time.time_ns() // NANOSECONDS_PER_DAY,
        )

    def _profile(self, request: RecommendRequest, model: ServedModel, known: Profile) -> UserProfile:
        return profile_of(
            None if request.ephemeral else request.user_id,
            profiles=model.opened.profiles,
            catalogue=model.catalogue,
            store=self._store,
            known=known,
            session=request.history,
        )


def _items(question: Question, answer: PipelineAnswer) -> list[RecommendedItem]:
    candidates, catalogue = answer.candidates, question.model.catalogue
    reasons = candidates.reasons or ("",) * len(candidates)
    return [
        RecommendedItem(
            item_id=catalogue.item_id(row),
            title=catalogue.title(row),
            score=score,
            source=candidates.names[source],
            reason=reason,
            attributes=catalogue.attributes(row),
        )
        for row, score, source, reason in zip(candidates.rows.tolist(), candidates.scores.tolist(), candidates.sources.tolist(), reasons, strict=True)
    ]


def _near_by_model(model: ServedModel, item_id: ItemId, row: int, *, k: int) -> list[SimilarItem]:
    if model.comparer is None or row >= model.num_scored:
        return []
    catalogue = model.catalogue
    wanted = k + int(np.count_nonzero(catalogue.is_closed[: model.num_scored]))
    try:
        answer = model.comparer.similar(item_id, k=min(wanted, model.num_scored))
    except ConfigError:  # a fusion without a member that compares items says so only when it is asked
        return []
    rows = [(catalogue.row(item.item_id), item) for item in answer.items]
    return [
        SimilarItem(item_id=item.item_id, title=catalogue.title(other), score=item.score, source=item.source, attributes=catalogue.attributes(other))
        for other, item in rows
        if other != UNKNOWN_ROW and not catalogue.is_closed[other]
    ][:k]


def _near_by_attributes(model: ServedModel, row: int, *, k: int) -> list[SimilarItem]:
    """Items of the same categories, the most popular first among equals; nothing where the item has no category."""
    catalogue, index = model.catalogue, model.catalogue.index
    if index.categories.shape[1] == 0:
        return []
    likeness = index.categories @ catalogue.category_vectors(np.array([row]))[0]
    likeness[catalogue.is_closed[: catalogue.num_known]] = 0.0
    likeness[row : row + 1] = 0.0
    order = np.lexsort((-index.popularity, -likeness))[:k]
    return [
        SimilarItem(
            item_id=catalogue.item_id(other),
            title=catalogue.title(other),
            score=float(likeness[other]),
            source=ATTRIBUTES_SOURCE,
            attributes=catalogue.attributes(other),
        )
        for other in order.tolist()
        if likeness[other] > 0
    ]
