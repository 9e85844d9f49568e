"""Proposals: transforms that suit a table's columns, by their types, how many values they have, how skewed and how full they are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leanrec.features.code_transforms import FittedCodes
from leanrec.features.event_rates import ACTS, KINDS
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_table import ITEM_ID, NO_TIME, TITLE, USER_ID, Place, Table
from leanrec.features.tabular_values import Value, figures_of, words_of
from leanrec.features.time_transforms import DAY, Recency
from leanrec.features.transforms import is_no_figure

FEW_VALUES = 30
"""Up to so many values a category is one-hot; beyond it is a code."""
MANY_VALUES = 1000
SKEWED = 2.0
OFTEN_MISSING = 0.02
HALF_LIVES = 10
"""The proposed half-life is this part of the time that the events span."""
RATES = (("click", "impression"), ("buy", "view"), ("cart", "view"), ("buy", "click"), ("buy", "cart"), ("like", "view"))
PRICE_WORDS = ("price", "preis", "prix", "cost", "价")
Declared = dict[str, Any]  # Any: the values of a TOML table


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """Features worth trying, and why each column got what it got."""

    config: TabularConfig
    reasons: Mapping[str, str]
    """By feature."""
    skipped: Mapping[str, str]
    """Columns that got nothing, with the reason."""


def propose(table: Table) -> Proposal:
    """Features for every column that says something, for the clock, and for the events of the table's past."""
    declared: list[tuple[Declared, str]] = []
    skipped: dict[str, str] = {}
    for place, column in table.columns.items():
        if place not in (ITEM_ID, USER_ID):
            used = [column.values[row] for row in np.unique(column.rows).tolist()]
            found = _of_column(place, used, has_clock=table.time_quality == "exact")
            if isinstance(found, str):
                skipped[".".join(place)] = found
            else:
                declared += [found]
    declared += _positions([feature for feature, _ in declared])
    if table.time_quality == "exact":
        declared += [({"name": "hour", "kind": "time-of-day"}, "clock times"), ({"name": "weekday", "kind": "time-of-week"}, "clock times")]
    if table.past is not None and table.time_quality != "none":
        declared += _of_events(table.past, groups=_groups([feature for feature, _ in declared]))
    return Proposal(
        config=TabularConfig.parse({"features": [feature for feature, _ in declared]}, where="proposal"),
        reasons={feature["name"]: reason for feature, reason in declared},
        skipped=skipped,
    )


def crosses(features: TabularFeatures, names: Sequence[str], *, buckets: int = 512) -> list[Declared]:
    """All pairs of those named features that are codes, in the given order."""
    coded = [part.config.name for part in features.fitted if isinstance(part, FittedCodes) and part.config.name in names]
    ordered = sorted(coded, key=list(names).index)
    return [
        {"name": f"{first} x {second}", "kind": "cross", "of": [first, second], "buckets": buckets}
        for number, first in enumerate(ordered)
        for second in ordered[number + 1 :]
    ]


def _of_column(place: Place, values: Sequence[Value], *, has_clock: bool) -> tuple[Declared, str] | str:
    """A feature and its reason, or why there is none."""
    source, name = place
    known = [value for value in values if words_of(value)]
    column: Declared = {"name": name if source == "item" else f"{source} {name}", "source": source, "column": name}
    if not known:
        return "no value at all"
    missing_share = 1 - len(known) / len(values)
    counts = Counter(word for value in known for word in words_of(value))
    if len(counts) == 1 and missing_share == 0:
        return "one value throughout"
    full = f"{len(counts)} values, {100 * missing_share:.0f} % missing"
    if any(isinstance(value, list) for value in known):
        return {**column, "kind": "multi-hot", "max_values": FEW_VALUES}, f"lists; {full}"
    if place == ("item", TITLE):
        return {**column, "name": "title length", "kind": "text-length"}, "a title"
    unit = _unit_of(name, known) if has_clock else None
    if unit is not None:
        return {**column, "kind": "recency", "unit": unit, "missing": _figure_policy(missing_share)}, f"times; {full}"
    if not any(map(is_no_figure, known)):
        return _of_figures(column, known, missing_share=missing_share, full=full)
    return _of_texts(column, counts, num_known=len(known), full=full)


def _of_figures(column: Declared, known: Sequence[Value], *, missing_share: float, full: str) -> tuple[Declared, str]:
    figures = figures_of(known)
    if len(np.unique(figures)) <= FEW_VALUES // 2:
        return {**column, "kind": "category", "min_count": 1}, f"few figures; {full}"
    deviation = figures.std()
    skew = float(((figures - figures.mean()) ** 3).mean() / deviation**3) if deviation > 0 else 0.0
    kind = "log" if skew > SKEWED else "standardise"
    return {**column, "kind": kind, "missing": _figure_policy(missing_share)}, f"figures of skew {skew:.1f}; {full}"


def _of_texts(column: Declared, counts: Counter[str], *, num_known: int, full: str) -> tuple[Declared, str] | str:
    if len(counts) <= FEW_VALUES:
        return {**column, "kind": "category"}, f"text; {full}"
    if len(counts) <= MANY_VALUES and 2 * len(counts) <= num_known:
        return {**column, "kind": "category", "form": "code"}, f"text; {full}"
    if 2 * len(counts) <= num_known:
        return {**column, "kind": "hash", "buckets": 1024}, f"text; {full}"
    if not any(len(word.split()) > 1 for word in counts):
        return "an id of its own almost everywhere"
    return {**column, "name": f"{column['name']} length", "kind": "text-length"}, f"text of its own almost everywhere; {full}"


def _positions(features: Iterable[Declared]) -> list[tuple[Declared, str]]:
    """Prices among their category."""
    items = [feature for feature in features if feature["source"] == "item"]
    groups = sorted((feature for feature in items if feature["kind"] in ("multi-hot", "category")), key=_is_single)
    figures = [feature for feature in items if feature["kind"] in ("log", "standardise")]
    prices = [feature for feature in figures if any(word in feature["column"].lower() for word in PRICE_WORDS)]
    return [
        ({"name": f"{price['name']} in {groups[0]['name']}", "kind": "position", "column": price["column"], "within": groups[0]["column"]}, "a price")
        for price in prices[: 1 if groups else 0]
    ]


def _groups(features: Iterable[Declared]) -> list[str]:
    """Columns by which events are worth counting, as `by` names them; lists first, they are what items are sorted into."""
    chosen = [feature for feature in features if feature["kind"] in ("multi-hot", "category", "hash")]
    return [f"{feature['source']}.{feature['column']}" for feature in sorted(chosen, key=_is_single)]


def _is_single(feature: Declared) -> bool:
    return bool(feature["kind"] != "multi-hot")


def _of_events(past: Table, *, groups: Sequence[str]) -> list[tuple[Declared, str]]:
    """Counts of items, users and groups, rates where two kinds of event go together, and the time since the last act."""
    kinds = [] if past.kinds is None else [KINDS[code] for code in np.unique(past.kinds).tolist()]
    acts = [kind for kind in kinds if kind in ACTS]
    item_groups = [group for group in groups if group.startswith("item.")]
    days = _half_life_days(past)
    lately: Declared = {"half_life_days": days} if days is not None else {}
    found: list[tuple[Declared, str]] = []
    if acts:
        found += [
            ({"name": "item acts", "kind": "count", "events": acts}, "events"),
            ({"name": "user acts", "kind": "count", "events": acts, "by": ["user"]}, "events"),
        ]
        for group in item_groups[:3]:
            affinity: Declared = {"name": f"user acts by {group}", "kind": "count", "events": acts, "by": ["user", group], "missing": "zero"}
            found += [(affinity, "events")]
        if days is not None:
            found += [
                ({"name": "item acts lately", "kind": "count", "events": acts, **lately}, f"half of {days:g} days ago"),
                ({"name": "since item act", "kind": "since", "events": acts}, "clock times"),
                ({"name": "since user act", "kind": "since", "events": acts, "by": ["user"]}, "clock times"),
            ]
    for above, below in RATES:
        if above in kinds and below in kinds:
            found += [_rate([above], [below], by, lately) for by in (["item"], ["user"], *([group] for group in item_groups[:2]))]
    found += _of_ratings(past, kinds, item_groups)
    return found


def _of_ratings(past: Table, kinds: Sequence[str], groups: Sequence[str]) -> list[tuple[Declared, str]]:
    """How often what was rated was rated above the mean."""
    if "rate" not in kinds or past.kinds is None or past.values is None:
        return []
    values = past.values[past.kinds == KINDS.index("rate")]
    values = values[np.isfinite(values)]
    if len(np.unique(values)) < 2:
        return []
    high = float(values[values > values.mean()].min())
    found = []
    for by in (["item"], ["user"], *(["user", group] for group in groups[:2])):
        feature, _ = _rate(["rate"], ["rate"], by, {})
        found.append(({**feature, "name": f"rated {high:g} or more by {_words(by)}", "min_value": high}, "ratings with values"))
    return found


def _rate(above: list[str], below: list[str], by: list[str], lately: Declared) -> tuple[Declared, str]:
    name = f"{'+'.join(above)} per {'+'.join(below)} by {_words(by)}"
    return {"name": name, "kind": "rate", "events": above, "per": below, "by": by, **lately}, "both kinds of event are there"


def _words(by: Iterable[str]) -> str:
    return " and ".join(by)


def _figure_policy(missing_share: float) -> str:
    return "flag" if missing_share > OFTEN_MISSING else "mean"


def _half_life_days(past: Table) -> float | None:
    """A round number of days; none where there are no clock times."""
    times = past.times[past.times != NO_TIME]
    if past.time_quality != "exact" or not len(times):
        return None
    days = float(times.max() - times.min()) / DAY / HALF_LIVES
    return next((round_days for round_days in (1.0, 3.0, 7.0, 14.0, 30.0, 90.0) if days <= round_days), 180.0)


def _unit_of(name: str, known: Sequence[Value]) -> str | None:
    """What a column of times counts; none where it tells no time."""
    is_text = all(isinstance(value, str) and len(value) >= 8 for value in known)
    if is_text:
        probe = Recency(name="probe", column=name)
        return "seconds" if all(probe.moment(value) == probe.moment(value) for value in known[:1000]) else None
    figures = figures_of(known)
    lowered = name.lower()
    if np.isnan(figures).any():
        return None
    if ("year" in lowered or "jahr" in lowered) and figures.min() >= 1500 and figures.max() <= 2200:
        return "years"
    if not any(word in lowered for word in ("time", "date", "created", "published", "released")):
        return None
    return next((unit for unit, low in (("microseconds", 1e14), ("milliseconds", 1e11), ("seconds", 1e8)) if low <= figures.min() < low * 1e3), None)
