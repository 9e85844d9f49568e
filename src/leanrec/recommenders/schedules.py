"""Schedules by name: what a training begins with, or with less of, and which of them suits data of which shape; free of torch."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import ALL, GrowthConfig

log = logging.getLogger(__name__)

ScheduleName = Literal["auto", "whole", "self-paced", "rivals", "length", "rivals-length"]

FEW_RIVALS = 256
"""Drawn items that targets are told from at first."""
MANY_ITEMS = 10_000
"""From so many items on the softmax over all of them is most of a step; catalogues of 12 000 and of 3 700 items were measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a schedule is chosen by."""

    num_items: int
    """Items that are trained on."""
    has_full_softmax: bool
    """Whether the recipe ends with the softmax over all items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """What of a training is not there from the beginning; by default nothing."""

    curriculum: CurriculumConfig | None = None
    """Which histories come first."""
    growth: GrowthConfig | None = None
    """What there is less of at first."""


def _self_paced(num_items: int, max_length: int) -> Schedule:  # noqa: ARG001 - of the same kind as the others
    return Schedule(curriculum=CurriculumConfig(by="loss"))


def _rivals(num_items: int, max_length: int) -> Schedule:  # noqa: ARG001 - as above
    return Schedule(growth=GrowthConfig(at=(0.1,), num_negatives=(_few(num_items), ALL)))


def _length(num_items: int, max_length: int) -> Schedule:  # noqa: ARG001 - as above
    return Schedule(growth=GrowthConfig(at=(0.2, 0.5), max_length=_lengths(max_length)))


def _rivals_length(num_items: int, max_length: int) -> Schedule:
    quarter, half, whole = _lengths(max_length)
    return Schedule(
        growth=GrowthConfig(at=(0.1, 0.2, 0.5), num_negatives=(_few(num_items), ALL, ALL, ALL), max_length=(quarter, quarter, half, whole))
    )


def _few(num_items: int) -> int:
    return min(FEW_RIVALS, max(1, num_items - 1))


def _lengths(longest: int) -> tuple[int, int, int]:
    """A quarter, half, all."""
    return max(1, longest // 4), max(1, longest // 2), longest


SCHEDULES: Mapping[ScheduleName, Callable[[int, int], Schedule]] = MappingProxyType(
    {"self-paced": _self_paced, "rivals": _rivals, "length": _length, "rivals-length": _rivals_length}
)
"""Name -> what a training on so many items begins with, its histories of so many events; `whole` is nothing, and `auto` one of these."""


def schedule_for(shape: Shape) -> ScheduleName:
    """What `auto` stands for: the schedule that was found best for data of that shape (docs/training.md); the log says which and why."""
    found, reason = _best_for(shape)
    log.info("schedule %r: %s (docs/training.md)", found, reason)
    return found


def schedule_of(name: ScheduleName, *, num_items: int, max_length: int) -> Schedule:
    """What the name stands for; nothing for `whole` and `auto`."""
    return SCHEDULES[name](num_items, max_length) if name in SCHEDULES else Schedule()


def _best_for(shape: Shape) -> tuple[ScheduleName, str]:
    if shape.has_full_softmax and shape.num_items >= MANY_ITEMS:
        return "self-paced", f"with {shape.num_items} items it was as good as all from the beginning in about half of the time"
    return "whole", "nothing that changes on the way was found to end as well in less time"
