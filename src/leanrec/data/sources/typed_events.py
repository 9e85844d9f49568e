"""Typed events: a raw batch and a layout become rows of the event log; what cannot be read is set aside with its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from leanrec.data.events import EVENT_SCHEMA, EVENT_WEIGHTS, EXTRA_COLUMNS, REVIEW_COLUMN, SESSION_COLUMN, EventKind, EventLog, TimeQuality
from leanrec.data.quarantine import Quarantine
from leanrec.data.sources.columns import EVENT_WORDS, ColumnMapping
from leanrec.data.sources.item_columns import as_numbers
from leanrec.data.sources.raw_table import RawBatch, set_aside
from leanrec.data.timestamps import EARLIEST_YEAR, FROM, LATEST_YEAR, UNTIL, TimeFormat, refuse_float32, time_format_of
from leanrec.errors import DataError

MAX_QUARANTINED = 1_000_000
"""A table with more unusable rows than this is the wrong table; reading stops there."""

_ABSENT = ("", "null", "NULL", "None", "nan", "NaN", "\\N", "<NA>", "undefined")
"""Texts that stand for a missing id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLayout:
    """What the columns of one table mean, all decided."""

    user: str
    item: str
    event: str | None = None
    timestamp: str | None = None
    value: str | None = None
    session: str | None = None
    review: str | None = None
    kind: str = "view"
    words: Mapping[str, str] = field(default_factory=lambda: EVENT_WORDS)
    time_format: TimeFormat | None = None
    time_quality: TimeQuality = "none"

    @classmethod
    def of_mapping(cls, mapping: ColumnMapping, sample: pl.DataFrame, *, place: str) -> "EventLayout":
        """The layout that a complete mapping means for a table with this sample.

        Raises `DataError` when the time column does not tell time.
        """
        if mapping.user is None or mapping.item is None:
            raise DataError(f"{place}: the mapping names no user or no item column", hint="--set columns.user=NAME --set columns.item=NAME")
        time_format, quality = _time_of(mapping, sample, place=place)
        return cls(
            user=mapping.user,
            item=mapping.item,
            event=mapping.event,
            timestamp=mapping.timestamp if mapping.time != "none" else None,
            value=mapping.value,
            session=mapping.session,
            review=mapping.review,
            kind=mapping.kind or "view",
            words=mapping.words,
            time_format=time_format,
            time_quality=quality,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read, each once."""
        named = (self.user, self.item, self.event, self.timestamp, self.value, self.session, self.review)
        return tuple(dict.fromkeys(column for column in named if column is not None))


def _time_of(mapping: ColumnMapping, sample: pl.DataFrame, *, place: str) -> tuple[TimeFormat | None, TimeQuality]:
    column = mapping.timestamp
    if mapping.time == "none":
        return None, "none"
    if column is None:
        return None, "order" if mapping.time == "order" else "none"
    where = f"{place}, column {column!r}"
    refuse_float32(sample[column].dtype, place=where)
    if mapping.time == "order":
        try:
            return time_format_of(sample[column], place=where), "order"
        except DataError:
            return None, "order"
    return time_format_of(sample[column], place=where), "exact"


class EventCollector:
    """Gathers typed batches of one or more tables into one log and one quarantine."""

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._quarantines: list[Quarantine] = []
        self._qualities: set[TimeQuality] = set()
        self.num_rows = 0
        self.num_bad = 0

    def add(self, batch: RawBatch, layout: EventLayout, *, name: str) -> None:
        """Take a batch; raises `DataError` once a million rows cannot be used."""
        frame, quarantine = _typed(batch, layout, name=name, first_row=self.num_rows)
        self._frames.append(frame)
        self._qualities.add(layout.time_quality)
        for part in (batch.quarantine, quarantine):
            if len(part):
                self._quarantines.append(part)
                self.num_bad += len(part)
        self.num_rows += batch.frame.height + len(batch.quarantine)
        if self.num_bad > MAX_QUARANTINED:
            self.quarantine().require_few(self.num_rows)

    def log(self) -> EventLog:
        """All events, in the order they came."""
        if len(self._qualities) > 1:
            raise DataError(
                f"the files tell time differently: {', '.join(sorted(self._qualities))}", hint="state one: --set columns.time=order, or none"
            )
        return EventLog(frame=_joined(self._frames), time_quality=next(iter(self._qualities), "none"))

    def quarantine(self) -> Quarantine:
        """All rows set aside."""
        return Quarantine.joined(self._quarantines)


def _joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The frames below each other without a copy; a session or review column is filled where a part has none."""
    frames = [frame for frame in frames if frame.height]
    if not frames:
        return pl.DataFrame(schema=dict(EVENT_SCHEMA))
    extras = [name for name in EXTRA_COLUMNS if any(name in frame.columns for frame in frames)]
    if extras:
        filled = [
            frame.with_columns(pl.lit(None, EXTRA_COLUMNS[name]).alias(name) for name in extras if name not in frame.columns) for frame in frames
        ]
        frames = [frame.select([*EVENT_SCHEMA, *extras]) for frame in filled]
    return pl.concat(frames, rechunk=False)


def _typed(batch: RawBatch, layout: EventLayout, *, name: str, first_row: int) -> tuple[pl.DataFrame, Quarantine]:
    raw = batch.frame
    reasons = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, raw.height)
    user, item = _ids(raw[layout.user]), _ids(raw[layout.item])
    reasons = _mark(reasons, item.is_null(), "item id is missing")
    reasons = _mark(reasons, user.is_null(), "user id is missing")
    event, reasons = _events(raw, layout, reasons)
    timestamp, reasons = _times(raw, layout, reasons, first_row=first_row)
    value, reasons = _values(raw, layout, reasons)
    named = [series.alias(key) for series, key in zip((user, item, event, timestamp, value), EVENT_SCHEMA, strict=True)]
    if layout.session is not None:
        named.append(_ids(raw[layout.session]).alias(SESSION_COLUMN))
    if layout.review is not None:
        named.append(_texts(raw[layout.review]).alias(REVIEW_COLUMN))
    frame, quarantine = pl.DataFrame(named), Quarantine()
    if reasons.null_count() < raw.height:
        is_bad = reasons.is_not_null()
        located = batch.locate(np.flatnonzero(is_bad.to_numpy()))
        is_text = located["content"].str.strip_chars() != ""
        quarantine = set_aside(located.filter(is_text), name=name, reasons=reasons.filter(is_bad).filter(is_text).to_list())
        frame = frame.filter(~is_bad)
    schema = {**EVENT_SCHEMA, **EXTRA_COLUMNS}
    return frame.select(pl.col(key).cast(schema[key]) for key in frame.columns), quarantine


def _mark(reasons: pl.Series, is_bad: pl.Series, reason: str | pl.Series) -> pl.Series:
    """Reasons with `reason` where `is_bad`; the last mark stands."""
    if not is_bad.any():
        return reasons
    other = pl.Series([reason], dtype=pl.String).new_from_index(0, len(reasons)) if isinstance(reason, str) else reason
    return other.zip_with(is_bad.fill_null(value=False), reasons)


def _ids(column: pl.Series) -> pl.Series:
    """Ids as text, null where missing; whole floats lose their `.0`."""
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if bool((whole.cast(column.dtype) == column).all()) else column
    if isinstance(column.dtype, (pl.List, pl.Array, pl.Struct)):
        raise DataError(f"column {column.name!r} holds {column.dtype}, which is no id", hint="choose a column of text or whole numbers")
    text = column.cast(pl.String).str.strip_chars() if column.dtype != pl.Categorical() else column.cast(pl.String)
    is_absent = text.is_in(list(_ABSENT))
    return text.set(is_absent, None) if is_absent.any() else text


def _texts(column: pl.Series) -> pl.Series:
    """Texts as they are, null where there is nothing to read."""
    text = column.cast(pl.String)
    return text.set(text.str.strip_chars() == "", None)


def _events(raw: pl.DataFrame, layout: EventLayout, reasons: pl.Series) -> tuple[pl.Series, pl.Series]:
    if layout.event is None:
        return pl.Series([layout.kind], dtype=EventKind).new_from_index(0, raw.height), reasons
    words = raw[layout.event].cast(pl.String).str.strip_chars().str.to_lowercase()
    table = {word: layout.words.get(word) for word in words.drop_nulls().unique().to_list()}
    kinds = words.replace_strict(list(table), list(table.values()), return_dtype=pl.String, default=None) if table else words
    is_unknown = kinds.is_null() & words.is_not_null() & (words != "")
    if is_unknown.any():
        allowed = ", ".join(EVENT_WEIGHTS)
        said = pl.select(
            pl.format(f"event '{{}}' is unknown (allowed: {allowed}; state it: --set columns.event_words.WORD=view)", pl.lit(words))
        ).to_series()
        reasons = _mark(reasons, is_unknown, said)
    return kinds.fill_null(layout.kind).cast(EventKind), reasons


def _times(raw: pl.DataFrame, layout: EventLayout, reasons: pl.Series, *, first_row: int) -> tuple[pl.Series, pl.Series]:
    if layout.time_quality == "none":
        return pl.Series([0], dtype=pl.Int64).new_from_index(0, raw.height), reasons
    if layout.timestamp is None:
        return pl.int_range(first_row, first_row + raw.height, dtype=pl.Int64, eager=True), reasons
    column = raw[layout.timestamp]
    if layout.time_format is None:
        places = column.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
        return places, _mark(reasons, places.is_null(), "position is missing or no number")
    times = layout.time_format.read(column)
    if column.dtype == pl.String and layout.time_format.form == "microseconds" and times.null_count() == len(times):
        times = column.cast(pl.Int64, strict=False)
    is_outside = ((times < FROM) | (times >= UNTIL)).fill_null(value=True)
    reasons = _mark(reasons, is_outside, f"time is not between the years {EARLIEST_YEAR} and {LATEST_YEAR} (read as {layout.time_format.form})")
    is_missing = column.is_null() if column.dtype != pl.String else column.is_null() | (column.str.strip_chars() == "")
    return times, _mark(reasons, is_missing, "time is missing")


def _values(raw: pl.DataFrame, layout: EventLayout, reasons: pl.Series) -> tuple[pl.Series, pl.Series]:
    if layout.value is None:
        return pl.Series([None], dtype=pl.Float32).new_from_index(0, raw.height), reasons
    column = raw[layout.value]
    numbers = (as_numbers(column) if column.dtype == pl.String else column).cast(pl.Float32, strict=False).fill_nan(None)
    reasons = _mark(reasons, numbers.is_infinite().fill_null(value=False), "value is not finite")
    if column.dtype == pl.String:
        text = column.str.strip_chars().str.to_lowercase()
        is_word = numbers.is_null() & text.is_not_null() & ~text.is_in([word.lower() for word in _ABSENT])
        reasons = _mark(reasons, is_word, "value is no number")
    return numbers, reasons
