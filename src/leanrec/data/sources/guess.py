"""Guess which column is what, from names in several languages and from the values themselves."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import polars as pl

from leanrec.data.sources.column_names import FILE_WORDS, NAMES, POSITION_NAMES, PURCHASE_NAMES, RATING_NAMES, ROW_ID_NAMES, WATCH_NAMES
from leanrec.data.sources.columns import ColumnMapping, MappingGuess
from leanrec.data.sources.item_columns import as_numbers, item_columns
from leanrec.data.timestamps import time_format_of
from leanrec.errors import DataError

_NEEDED_WORDS = 0.8
_ROLE_ORDER = ("timestamp", "event", "session", "user", "item", "value")


def guess_mapping(
    columns: Sequence[str], sample: pl.DataFrame, *, stated: ColumnMapping | None = None, place: str = "the table", has_header: bool = True
) -> MappingGuess:
    """A mapping for a table with these columns; what is `stated` is kept.

    Raises `DataError` that lists the columns found and how to state the mapping, when user or item cannot be told.
    """
    stated = stated or ColumnMapping()
    stated.require_columns(columns, place=place)
    found = dict(stated.stated)
    reasons: dict[str, str] = {}
    if has_header:
        _by_name(columns, sample, found, reasons, stated)
        _by_values(columns, sample, found, reasons)
    else:
        _by_position(columns, sample, found, reasons)
    missing = [role for role in ("user", "item") if role not in found]
    if missing:
        raise DataError(
            f"{place}: no column looks like the {' or the '.join(missing)}; columns: {', '.join(columns)}",
            hint="; ".join(f"--set columns.{role}=NAME" for role in missing) + f', or in the TOML file: [columns] {missing[0]} = "NAME"',
        )
    if stated.time == "none":
        found.pop("timestamp", None)
    kind, time = stated.kind, stated.time
    if kind is None and "event" not in found:
        kind, reasons["kind"] = _default_kind(columns, sample, found, has_header=has_header, place=place)
    if time == "auto" and "timestamp" in found and stated.timestamp is None and not _tells_time(sample[found["timestamp"]]):
        time, reasons["time"] = "order", f"{found['timestamp']} counts positions, it is no clock"
    elif time == "auto" and "timestamp" not in found:
        time, reasons["time"] = "none", "no column tells time: the order of events is unknown"
    mapping = stated.model_copy(update={**found, "kind": kind, "time": time})
    attributes = stated.attributes if stated.attributes is not None else item_columns(sample, item=found["item"], taken=tuple(found.values()))
    return MappingGuess(mapping=mapping, place=place, columns=tuple(columns), reasons=reasons, attributes=attributes)


def kind_in_name(place: str) -> str | None:
    """The kind of event that a file's name speaks of, if any.

    >>> kind_in_name("data/train_cart.tsv"), kind_in_name("events.csv")
    ('cart', None)
    """
    words = re.split(r"[^a-z]+", PurePath(place).name.lower().split(".")[0])
    return next((FILE_WORDS[word] for word in reversed(words) if word in FILE_WORDS), None)


def plain_name(name: str) -> str:
    """A column name in lower case with its words parted by one underscore.

    >>> plain_name("unixReviewTime"), plain_name(" Customer-ID "), plain_name("StockCode")
    ('unix_review_time', 'customer_id', 'stock_code')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^\w]+|_+", "_", parted).strip("_").lower()


def _by_name(columns: Sequence[str], sample: pl.DataFrame, found: dict[str, str], reasons: dict[str, str], stated: ColumnMapping) -> None:
    for role in _ROLE_ORDER:
        if role in found:
            continue
        scored = [
            (score, -place, column)
            for place, column in enumerate(columns)
            if column not in found.values() and (score := _name_score(column, role)) > 0
        ]
        for _, _, column in sorted(scored, reverse=True):
            if _can_be(role, sample[column], plain_name(column), words=stated.words):
                found[role], reasons[role] = column, "by its name"
                break


def _name_score(column: str, role: str) -> float:
    """How well a name fits a role: exact names first in the order of the table, then names that hold one as a word."""
    name = plain_name(column)
    joined = name.replace("_", "")
    for place, known in enumerate(NAMES[role]):
        if joined == known.replace("_", ""):
            return 100.0 - place / 100
    if name in ROW_ID_NAMES:
        return 0.0
    words = name.split("_")
    for place, known in enumerate(NAMES[role]):
        if known in words or (len(known) > 1 and not known.isascii() and known in name):
            return (
                10.0 - place / 100 + (1.0 if words[-1] in ("id", "code", "nr", "key", "email") else 0.0) - words.index(known) / 10
                if known in words
                else 5.0
            )
    return 0.0


def _can_be(role: str, values: pl.Series, name: str, *, words: Mapping[str, str]) -> bool:
    """Whether the values allow what the name promises."""
    if values.null_count() == len(values):
        return False
    if role == "timestamp":
        return _tells_time(values) or (name in POSITION_NAMES and _numbers(values) is not None)
    if role == "event":
        return _are_event_words(values, words)
    if role == "value":
        return _numbers(values) is not None
    return not values.dtype.is_float() or bool((values.drop_nulls().drop_nans() % 1 == 0).all())


def _by_values(columns: Sequence[str], sample: pl.DataFrame, found: dict[str, str], reasons: dict[str, str]) -> None:
    """What the names left open: a column that tells time; then user or item, when only one column can be it."""
    free = [column for column in columns if column not in found.values()]
    if "timestamp" not in found:
        clocks = [column for column in free if _tells_time(sample[column])]
        if len(clocks) == 1:
            found["timestamp"], reasons["timestamp"] = clocks[0], "its values tell time"
            free.remove(clocks[0])
    missing = [role for role in ("user", "item") if role not in found]
    ids = [column for column in free if _looks_like_ids(sample[column], plain_name(column))]
    if len(missing) == 1 and len(ids) == 1:
        found[missing[0]], reasons[missing[0]] = ids[0], "the only other column of repeated ids"


def _by_position(columns: Sequence[str], sample: pl.DataFrame, found: dict[str, str], reasons: dict[str, str]) -> None:
    """Without a header: user, item, then a rating and a time in either order, as the values say."""
    free = [column for column in columns if column not in found.values()]
    for role in ("user", "item"):
        if role not in found and free:
            found[role], reasons[role] = free.pop(0), "by its place: the file has no header"
    for column in free:
        if "timestamp" not in found and _tells_time(sample[column]):
            found["timestamp"], reasons["timestamp"] = column, "its values tell time"
        elif "value" not in found and _is_rating_scale(sample[column]):
            found["value"], reasons["value"] = column, "its values look like ratings"


def _default_kind(columns: Sequence[str], sample: pl.DataFrame, found: Mapping[str, str], *, has_header: bool, place: str) -> tuple[str, str]:
    value = found.get("value")
    names = {plain_name(column) for column in columns}
    if value is not None:
        name = plain_name(value)
        if name in RATING_NAMES or any(word in RATING_NAMES for word in name.split("_")) or (not has_header and _is_rating_scale(sample[value])):
            return "rate", f"{value} holds ratings"
        if name in WATCH_NAMES:
            return "watch", f"{value} holds seconds"
    said = kind_in_name(place)
    if said is not None:
        return said, "the file's name says so"
    bought = sorted(names & PURCHASE_NAMES)
    if bought:
        return "buy", f"{bought[0]} speaks of purchases"
    return "view", "nothing says what was done"


def _tells_time(values: pl.Series) -> bool:
    if values.dtype.is_numeric() and not values.dtype.is_integer() and not values.dtype.is_float():
        return False
    known = values.drop_nulls()
    try:
        if len(known) == 0 or known.dtype in (pl.Float32, pl.Boolean):
            return known.dtype == pl.Float32 and len(known) > 0 and float(known.median() or 0) > 1e8  # type: ignore[arg-type]  # a float column's median is a float
        return time_format_of(known, place="").read(known).null_count() * 2 < len(known)
    except DataError:
        return False


def _are_event_words(values: pl.Series, words: Mapping[str, str]) -> bool:
    known = values.drop_nulls().cast(pl.String).str.strip_chars().str.to_lowercase()
    return len(known) > 0 and known.n_unique() <= 50 and float(known.is_in(list(words)).mean() or 0.0) >= _NEEDED_WORDS  # type: ignore[arg-type]  # the mean of truth values is a float


def _numbers(values: pl.Series) -> pl.Series | None:
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    if values.dtype != pl.String:
        return None
    numbers = as_numbers(values)
    return numbers if numbers.null_count() - values.null_count() <= len(values) // 20 and numbers.null_count() < len(values) else None


def _is_rating_scale(values: pl.Series) -> bool:
    numbers = _numbers(values)
    if numbers is None:
        return False
    known = numbers.drop_nulls().drop_nans()
    halves = bool((known * 2 % 1 == 0).all())
    return len(known) > 0 and halves and float(known.min()) >= 0 and 1 < float(known.max()) <= 10 and known.n_unique() <= 21  # type: ignore[arg-type]  # floats


def _looks_like_ids(values: pl.Series, name: str) -> bool:
    """Repeated, not constant, no figures with fractions, not a clock."""
    known = values.drop_nulls()
    distinct = known.n_unique()
    if name in ROW_ID_NAMES or len(known) == 0 or distinct < 2 or known.dtype.is_float() or known.dtype in (pl.Boolean, pl.Date):
        return False
    if len(known) > 20 and distinct > 0.95 * len(known):
        return False
    numbers = _numbers(known)
    has_fractions = numbers is not None and not bool((numbers.drop_nulls() % 1 == 0).all())
    return not has_fractions and not _tells_time(known)
