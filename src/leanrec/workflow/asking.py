"""Ask a fitted model: recommendations with reasons, similar items, explanations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from leanrec.artifact import writing_file
from leanrec.console import ProgressBar
from leanrec.data.ids import ItemId, UserId
from leanrec.data.query import Recommendations
from leanrec.errors import ConfigError, DataError, UnknownIdError, did_you_mean
from leanrec.explaining.attribution import Evidence, with_reasons
from leanrec.explaining.attribution import explain as explain_by_occlusion
from leanrec.recommenders.model import Model
from leanrec.recommenders.protocol import SimilarItems
from leanrec.workflow.hearing import Hearer

USERS_PER_BLOCK = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What an answer should hold."""

    k: int = 10
    filters: tuple[str, ...] = ()
    exclude: tuple[ItemId, ...] = ()
    history: tuple[ItemId, ...] = ()
    """Items seen in this session, oldest first, after what is on record."""
    text: str | None = None
    """What is looked for, in the user's own words; the answer says what was understood."""
    exclude_seen: bool | None = None
    """Whether items of the history are left out; `None` means unless the model was fitted with repeats declared."""
    has_reasons: bool = True


def load(folder: Path | str) -> Model:
    """The model in a folder; raises `ArtifactError` when it was harmed."""
    return Model.load(folder)


def recommend(model: Model, user: UserId | None = None, **wishes: Any) -> Recommendations:  # Any: the fields of Wishes
    """The answer for one user, known or not, each item with its reason; the keywords are the fields of `Wishes`.

    For many users ask `answer`. Raises `ConfigError` for an unknown keyword or k < 1.
    """
    unknown = sorted(set(wishes) - set(Wishes.__dataclass_fields__))
    if unknown:
        raise ConfigError(f"recommend() does not know {unknown[0]!r}", hint=did_you_mean(unknown[0], Wishes.__dataclass_fields__))
    return answer(model, [user], wishes=Wishes(**wishes))[0]


def answer(model: Model, users: Sequence[UserId | None], *, wishes: Wishes) -> list[Recommendations]:
    """One answer per user, each item with its reason; a user never seen is answered too, and marked cold.

    Raises `ConfigError` for k < 1 and `UnknownIdError` for a session history or exclusion that the catalogue does not hold.
    """
    for item_id in (*wishes.history, *wishes.exclude):
        model.dataset.items.row(item_id)
    if wishes.k < 1:
        raise ConfigError(f"k is {wishes.k}; allowed: 1 or more", hint="k is how many items each answer holds")
    exclude_seen = not model.includes_repeats if wishes.exclude_seen is None else wishes.exclude_seen
    if wishes.text is not None:
        hearer = Hearer(model, wishes.text, filters=wishes.filters)
        asked = [model.query(user, history=wishes.history, exclude=wishes.exclude) for user in users]
        queries = [hearer.with_text(query) for query in asked]
        answers = [hearer.answer(query, k=wishes.k, exclude_seen=exclude_seen) for query in asked]
    else:
        queries = [model.query(user, history=wishes.history, filters=wishes.filters, exclude=wishes.exclude) for user in users]
        answers = model.recommender.recommend(queries, k=wishes.k, exclude_seen=exclude_seen)
    answers = [replace(found, cold=found.cold or _is_stranger(model, user)) for found, user in zip(answers, users, strict=True)]
    if not wishes.has_reasons:
        return answers
    catalogue = model.dataset.catalogue
    reasoned = [with_reasons(model.recommender, query, found, catalogue) for query, found in zip(queries, answers, strict=True)]
    return [_words_first(found, by_model) for found, by_model in zip(answers, reasoned, strict=True)]


def recommend_to_file(model: Model, users: Sequence[UserId] | None, *, wishes: Wishes, to: Path | None) -> int:
    """Write user_id, rank, item_id, score, source, cold as Parquet and return the number of rows; `None` means every user on record."""
    if to is None:
        raise ConfigError("--all prints nothing: too many lists for a terminal", hint="add --to recommendations.parquet")
    if to.suffix != ".parquet":
        raise ConfigError(f"--to {to} is not a .parquet file", hint="name it recommendations.parquet, say")
    if users is not None and not users:
        raise ConfigError("--to without users writes nothing", hint="add --user ID (repeat for several) or --all")
    asked = list(users) if users is not None else list(model.dataset.users.ids)
    frames = list(_blocks(model, asked, wishes=replace(wishes, has_reasons=False)))
    if not frames:
        raise DataError("the model knows no users", hint="fit it on a log with users")
    result = pl.concat(frames)
    with writing_file(to) as draft:
        result.write_parquet(draft, compression="zstd")
    return result.height


def similar(model: Model, item_id: ItemId, *, k: int = 10) -> Recommendations:
    """The k items most like one; raises `UnknownIdError` for an item never seen, `ConfigError` where the method knows no likeness."""
    if item_id not in model.dataset.items:
        model.dataset.items.row(item_id)
    if not isinstance(model.recommender, SimilarItems):
        raise ConfigError(f"{model.name} does not know which items are alike", hint="fit with --recommender cooccurrence, item-knn, ease or als")
    return model.recommender.similar(item_id, k=k)


def explain(model: Model, item_id: ItemId, *, user_id: UserId | None = None, history: Sequence[ItemId] = ()) -> Evidence:
    """What each item of the history contributes to the score of one item; raises `UnknownIdError` for unknown items."""
    for known in (item_id, *history):
        model.dataset.items.row(known)
    if user_id is not None and not model.knows(user_id) and not history:
        raise UnknownIdError(f"user {user_id!r} has no history to explain by", hint="pass --history item,item to explain a session")
    return explain_by_occlusion(model.recommender, model.query(user_id, history=history), item_id)


def _words_first(answer: Recommendations, reasoned: Recommendations) -> Recommendations:
    """The reasons that the user's own words give, and elsewhere those of the model."""
    items = [replace(item, reason=said.reason or item.reason) for said, item in zip(answer.items, reasoned.items, strict=True)]
    return replace(reasoned, items=tuple(items), understood=answer.understood)


def _is_stranger(model: Model, user: UserId | None) -> bool:
    return user is not None and not model.knows(user)


def _blocks(model: Model, users: Sequence[UserId], *, wishes: Wishes) -> Iterator[pl.DataFrame]:
    with ProgressBar("recommending", total=len(users)) as bar:
        for start in range(0, len(users), USERS_PER_BLOCK):
            block = users[start : start + USERS_PER_BLOCK]
            yield _as_frame(answer(model, block, wishes=wishes))
            bar.advance(len(block))


def _as_frame(answers: Sequence[Recommendations]) -> pl.DataFrame:
    rows = [
        (found.user_id, rank, item.item_id, item.score, item.source, found.cold)
        for found in answers
        for rank, item in enumerate(found.items, start=1)
    ]
    schema = {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32, "source": pl.String, "cold": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")
