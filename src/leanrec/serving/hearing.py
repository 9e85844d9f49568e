"""Hear: what somebody asks for in their own words becomes conditions, wishes that lift items, and a text for models that read."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from leanrec.config import Config
from leanrec.data.filters import Filter
from leanrec.features.wishes import Understood as Wishes
from leanrec.features.wishes import Wish
from leanrec.serving.item_index import Mask
from leanrec.serving.messages import Understood, UnderstoodWish
from leanrec.serving.served_model import ServedModel

FloatArray = npt.NDArray[np.float32]

WORDS = "words"
"""Who read a text when titles and attributes were searched for its words."""
NEAR_WORDS = "near your words"
ASKED_FOR = "you asked for "


class HearConfig(Config):
    """What the user's own words weigh, where the scores of a model are stretched to span 1."""

    wishes: float = Field(default=1.0, ge=0)
    """For an item that has everything the words mention by name; at 1 or more it stands above whatever has nothing of it."""
    words: float = Field(default=0.5, ge=0)
    """For the item whose title and attributes hold the words best; counts where the model reads no text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What a text means for the items of one model."""

    understood: Understood
    text: str | None
    """For a model that reads: the words without those that became conditions."""
    blocked: Mask
    """(N + new,) what may not be answered, the conditions of the text included."""
    lift: FloatArray
    """(N + new,) what the words add to each item."""
    named: tuple[tuple[str, Mask], ...]
    """Values that were mentioned, and which items have them."""
    is_near: Mask
    """(N + new,) items that hold the words that are left; all of them where a model reads."""

    def lifted(self, scores: FloatArray, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Scores of the given rows, stretched to span 1 over what may be answered, with what the words add."""
        allowed = scores[~self.blocked[rows] & np.isfinite(scores)]
        low, high = (float(allowed.min()), float(allowed.max())) if len(allowed) else (0.0, 0.0)
        lifted: FloatArray = (scores - np.float32(low)) / np.float32(high - low or 1.0) + self.lift[rows]
        return lifted

    def reason(self, row: int) -> str:
        """Why the words speak for an item; empty where they do not."""
        values = [value for value, mask in self.named if mask[row]]
        if values:
            return ASKED_FOR + ", ".join(values)
        return NEAR_WORDS if self.is_near[row] else ""


def hear(text: str, *, not_meant: Collection[str], model: ServedModel, blocked: Mask, config: HearConfig) -> Heard | None:
    """What a text means for a model's items; `None` where it says nothing at all."""
    said = model.opened.reader.read(text).without(not_meant)
    if not said.text:
        return None
    kept, relaxed, blocked = _conditions(said, model, blocked)
    groups: dict[str, list[Wish]] = {}
    for wish in said.wishes:
        groups.setdefault(wish.words, []).append(wish)
    named = tuple((wishes[0].value, _having_any(wishes, model)) for wishes in groups.values())
    lift = np.zeros(len(blocked), np.float32)
    for _, mask in named:
        lift += mask * np.float32(config.wishes / len(named))
    found = np.zeros(len(blocked), np.float32) if model.reads_text or not said.left else model.words().scores(said.left)
    most = float(found[~blocked].max(initial=0.0))
    lift += found * np.float32(config.words / most if most else 0.0)
    reader = model.source if model.reads_text else WORDS if most else ""
    understood = Understood(
        text=said.text,
        filters=kept,
        wishes=[UnderstoodWish(attribute=wish.attribute, value=wish.value, words=wish.words) for wish in said.wishes],
        relaxed=relaxed,
        left=said.left,
        source=reader if said.left else "",
    )
    is_near = np.full(len(blocked), bool(said.readable)) if model.reads_text else found > 0
    return Heard(understood=understood, text=said.readable or None, blocked=blocked, lift=lift, named=named, is_near=is_near)


def _conditions(said: Wishes, model: ServedModel, blocked: Mask) -> tuple[list[str], list[str], Mask]:
    """Conditions that are kept, those that would leave nothing, and what is blocked by the former."""
    kept, relaxed = [], []
    for condition in said.filters:
        outside = blocked | ~_meeting(condition, model)
        if outside.all() and not blocked.all():
            relaxed.append(condition)
        else:
            kept.append(condition)
            blocked = outside
    return kept, relaxed, blocked


def _meeting(text: str, model: ServedModel) -> Mask:
    """Items that meet a condition; what was denied (`no horror`) is met by items of which nothing is known, unlike in a filter of the request."""
    condition = Filter.parse(text)
    if condition.operator == "!=":
        return ~model.catalogue.meeting((Filter(column=condition.column, operator="=", values=condition.values),))
    return model.catalogue.meeting((condition,))


def _having_any(wishes: list[Wish], model: ServedModel) -> Mask:
    masks = [model.catalogue.meeting((Filter(column=wish.attribute, operator="=", values=(wish.value,)),)) for wish in wishes]
    found: Mask = np.logical_or.reduce(masks)
    return found
