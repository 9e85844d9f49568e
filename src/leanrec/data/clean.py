"""Cleaning: every step between what was read and what is learned from, each one counted."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl
from pydantic import Field

from leanrec.config import Config
from leanrec.data.bots import bot_users
from leanrec.data.catalogue import Catalogue
from leanrec.data.catalogue_cleaning import flag_missing, impute_missing, missing_counts, normalise_texts
from leanrec.data.events import EventLog
from leanrec.data.log_cleaning import in_core, is_distinct, why_impossible
from leanrec.data.quarantine import MAX_BAD, Quarantine
from leanrec.data.relations import Relations
from leanrec.data.sources.protocol import Reading
from leanrec.errors import DataError

log = logging.getLogger(__name__)


class CleaningConfig(Config):
    """What cleaning does; the defaults suit a stranger's data and drop nothing that might be true."""

    max_bad: float = Field(default=MAX_BAD, ge=0, le=1)
    """Share of unusable rows up to which the run goes on."""
    duplicates: bool = True
    """Drop rows that equal an earlier one in user, item, event, time, value and session."""
    min_user_events: int = Field(default=1, ge=1)
    """Keep users with at least this many events (k-core, repeated with items until both hold); 1 keeps all."""
    min_item_events: int = Field(default=1, ge=1)
    """Keep items with at least this many events; 1 keeps all."""
    bots: Literal["keep", "flag", "remove"] = "flag"
    """Users who act as no person does: counted only (flag), or taken out with their events (remove)."""
    bot_events_per_day: int = Field(default=5000, ge=10)
    """More events than this in 24 hours is a machine."""
    normalise_text: bool = True
    """Catalogue texts: HTML entities decoded, Unicode NFKC, control characters and doubled spaces taken out."""
    missing: Literal["keep", "flag", "impute"] = "keep"
    """Missing catalogue values: counted only, flagged by a 0/1 column beside, or filled (median figure, `unknown`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CleaningStep:
    """What one step did."""

    name: str
    rows_before: int
    removed: int = 0
    changed: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What is left to learn from, what was set aside, and what each step did."""

    log: EventLog
    catalogue: Catalogue | None
    relations: Relations | None
    user_attributes: pl.DataFrame | None
    quarantine: Quarantine
    steps: tuple[CleaningStep, ...]
    bots: Mapping[str, str]
    """Suspected users and why, whether removed or not."""

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """The report alone: steps, reasons of the quarantine, bots."""
        return {"steps": [asdict(step) for step in self.steps], "quarantine": self.quarantine.counts(), "bots": dict(self.bots)}


def clean(reading: Reading, config: CleaningConfig | None = None) -> Cleaned:
    """Take out what cannot be true, in the order reading, impossible values, duplicates, bots, k-core, catalogue.

    Raises `DataError` when more than `max_bad` of the rows are unusable, or when too little is left to learn from.
    """
    config = config or CleaningConfig()
    num_rows = len(reading.log) + len(reading.quarantine)
    steps = [CleaningStep(name="unreadable rows", rows_before=num_rows, removed=len(reading.quarantine), note=_reasons(reading.quarantine))]
    events, quarantine = _without_impossible(reading, steps)
    quarantine.require_few(num_rows, max_bad=config.max_bad)
    if len(quarantine):
        log.warning("%d of %d rows set aside: %s", len(quarantine), num_rows, _reasons(quarantine))
    if config.duplicates:
        events = _step(events, steps, "duplicates", is_distinct)
    bots = bot_users(events, events_per_day=config.bot_events_per_day) if config.bots != "keep" else {}
    events = _without_bots(events, steps, bots, config)
    if config.min_user_events > 1 or config.min_item_events > 1:
        name = f"k-core ({config.min_user_events} events a user, {config.min_item_events} an item)"
        events = _step(events, steps, name, lambda part: in_core(part, user=config.min_user_events, item=config.min_item_events))
    _require_enough(events, steps)
    return Cleaned(
        log=events,
        catalogue=_clean_catalogue(reading.catalogue, steps, config),
        relations=reading.relations,
        user_attributes=reading.user_attributes,
        quarantine=quarantine,
        steps=tuple(steps),
        bots=bots,
    )


def _step(events: EventLog, steps: list[CleaningStep], name: str, keeps: Callable[[EventLog], pl.Series | None]) -> EventLog:
    """Keep the rows that a step keeps (None: all of them) and count the others."""
    mask = keeps(events)
    kept = events if mask is None else EventLog(frame=events.frame.filter(mask), time_quality=events.time_quality)
    steps.append(CleaningStep(name=name, rows_before=len(events), removed=len(events) - len(kept)))
    log.info("cleaning, %s: %d of %d rows removed", name, len(events) - len(kept), len(events))
    return kept


def _without_impossible(reading: Reading, steps: list[CleaningStep]) -> tuple[EventLog, Quarantine]:
    """Impossible values join the quarantine; their place is the row of the log, since the file has been left."""
    events = reading.log
    reasons = why_impossible(events)
    if reasons is None:
        steps.append(CleaningStep(name="impossible values", rows_before=len(events)))
        return events, reading.quarantine
    is_bad = reasons.is_not_null()
    rows = events.frame.with_row_index("line", offset=1).filter(is_bad)
    content = pl.format(
        "{} {} {} {} {}", *(pl.col(name).cast(pl.String).fill_null("") for name in ("user_id", "item_id", "event", "timestamp", "value"))
    )
    aside = rows.select(
        pl.lit("the event log").alias("file"), pl.col("line").cast(pl.Int64), reasons.filter(is_bad).alias("reason"), content.alias("content")
    )
    steps.append(CleaningStep(name="impossible values", rows_before=len(events), removed=aside.height))
    kept = EventLog(frame=events.frame.filter(~is_bad), time_quality=events.time_quality)
    return kept, Quarantine.joined([reading.quarantine, Quarantine(frame=aside)])


def _without_bots(events: EventLog, steps: list[CleaningStep], bots: Mapping[str, str], config: CleaningConfig) -> EventLog:
    if config.bots == "keep":
        return events
    note = f"{len(bots)} suspected users" + (f", e.g. {next(iter(bots))}: {next(iter(bots.values()))}" if bots else "")
    if config.bots == "flag" or not bots:
        steps.append(CleaningStep(name="bots", rows_before=len(events), note=note + (" (kept)" if bots else "")))
        if bots:
            log.warning("%d suspected users; the report names them; take them out with --set cleaning.bots=remove", len(bots))
        return events
    kept = EventLog(frame=events.frame.filter(~pl.col("user_id").cast(pl.String).is_in(list(bots))), time_quality=events.time_quality)
    steps.append(CleaningStep(name="bots", rows_before=len(events), removed=len(events) - len(kept), note=note))
    return kept


def _clean_catalogue(catalogue: Catalogue | None, steps: list[CleaningStep], config: CleaningConfig) -> Catalogue | None:
    if catalogue is None:
        return None
    if config.normalise_text:
        catalogue, changed = normalise_texts(catalogue)
        steps.append(CleaningStep(name="catalogue texts", rows_before=len(catalogue), changed=changed))
    missing = missing_counts(catalogue)
    note = ", ".join(f"{column}: {count}" for column, count in missing.items() if count)
    changed = sum(missing.values()) if config.missing != "keep" else 0
    steps.append(CleaningStep(name=f"missing catalogue values ({config.missing})", rows_before=len(catalogue), changed=changed, note=note))
    if config.missing == "keep":
        return catalogue
    return impute_missing(catalogue) if config.missing == "impute" else flag_missing(catalogue)


def _require_enough(events: EventLog, steps: list[CleaningStep]) -> None:
    num_users, num_items = events.num_users, events.num_items
    if num_users >= 2 and num_items >= 2:
        return
    removed = ", ".join(f"{step.name}: {step.removed} of {step.rows_before} rows" for step in steps if step.removed) or "nothing was removed"
    raise DataError(
        f"after cleaning {len(events)} events of {num_users} users and {num_items} items are left ({removed}); "
        "at least 2 users and 2 items are needed to learn from",
        hint="check that the user and item columns are the right ones, or relax [cleaning]",
    )


def _reasons(quarantine: Quarantine) -> str:
    counts = quarantine.counts()
    shown = ", ".join(f"{reason} ({count})" for reason, count in list(counts.items())[:3])
    return shown + (f" and {len(counts) - 3} more reasons" if len(counts) > 3 else "")
