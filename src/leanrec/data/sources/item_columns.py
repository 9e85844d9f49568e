"""Item columns of an event table: what every row repeats about its item goes to the catalogue once."""

import re
from collections.abc import Sequence

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.sources.column_names import ATTRIBUTE_NAMES

_AGREEMENT = 0.98
_NAMED_AGREEMENT = 0.8
_ENOUGH_ITEMS = 5
_LIST_NAMES = frozenset({"genres", "genre", "categories", "category", "tags", "keywords"})


def item_columns(sample: pl.DataFrame, *, item: str, taken: Sequence[str]) -> tuple[str, ...]:
    """Columns whose value the item decides, judged by items that stand in several rows."""
    repeated = sample.filter(pl.col(item).is_not_null() & (pl.len().over(item) > 1))
    chosen: list[str] = []
    for column in sample.columns:
        values = sample[column]
        if column in taken or values.drop_nulls().n_unique() < 2:
            continue
        is_named = _plain(column) in ATTRIBUTE_NAMES
        agreement = _agreement(repeated, item, column)
        if agreement is None:
            if is_named:
                chosen.append(column)
        elif agreement >= (_NAMED_AGREEMENT if is_named else _AGREEMENT):
            chosen.append(column)
    return tuple(chosen)


def _plain(name: str) -> str:
    return re.sub(r"[^\w]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())).strip("_").lower()


def _agreement(repeated: pl.DataFrame, item: str, column: str) -> float | None:
    """Share of repeated items with one value, or None where too few repeat to tell."""
    distinct = repeated.filter(pl.col(column).is_not_null()).group_by(item).agg(pl.col(column).n_unique().alias("distinct"), pl.len().alias("rows"))
    distinct = distinct.filter(pl.col("rows") > 1)
    if distinct.height < _ENOUGH_ITEMS:
        return None
    return float((distinct["distinct"] == 1).mean() or 0.0)  # type: ignore[arg-type]  # the mean of truth values is a float


class ItemCollector:
    """Gathers the first known values of each item from batch to batch."""

    def __init__(self, *, item: str, attributes: Sequence[str]) -> None:
        self.item = item
        self.attributes = tuple(attributes)
        self._seen: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Take what the batch says of items not described before."""
        if not self.attributes:
            return
        described = frame.select(pl.col(self.item).cast(pl.String).str.strip_chars().alias("item_id"), *self.attributes).filter(
            pl.col("item_id").is_not_null()
        )
        if self._seen is not None:
            described = described.join(self._seen.select("item_id"), on="item_id", how="anti", maintain_order="left")
        if described.height:
            first = described.group_by("item_id", maintain_order=True).agg(pl.col(column).drop_nulls().first() for column in self.attributes)
            self._seen = first if self._seen is None else pl.concat([self._seen, first])

    def catalogue(self) -> Catalogue | None:
        """One row per item, or None when no column describes items."""
        if self._seen is None:
            return None
        return Catalogue(frame=typed_attributes(self._seen))


def typed_attributes(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns made figures where all are, and lists where `|` parts them; the id stays text."""
    columns = [series if series.name == "item_id" or series.dtype != pl.String else _typed(series) for series in frame.get_columns()]
    return pl.DataFrame([_plain_dtype(series) for series in columns])


def as_numbers(text: pl.Series) -> pl.Series:
    """Float64 from text, null where it is none; a comma before one or two digits is a decimal comma.

    >>> as_numbers(pl.Series(["4.5", "4,5", "x"])).to_list()
    [4.5, 4.5, None]
    """
    plain = text.str.strip_chars()
    numbers = plain.cast(pl.Float64, strict=False)
    if numbers.null_count() == plain.null_count():
        return numbers
    return numbers.fill_null(plain.str.replace(r"^([-+]?\d+),(\d{1,2})$", "${1}.${2}").cast(pl.Float64, strict=False))


def _plain_dtype(series: pl.Series) -> pl.Series:
    """Categories, dates and truth values as text: a catalogue holds text, lists and figures."""
    if series.dtype.is_numeric() or series.dtype == pl.String or isinstance(series.dtype, (pl.List, pl.Array)):
        return series
    return series.cast(pl.String)


def _typed(series: pl.Series) -> pl.Series:
    text = series.str.strip_chars().replace("", None)
    known = text.null_count()
    if known == len(text):
        return text
    if _plain(series.name) in _LIST_NAMES and text.str.contains("|", literal=True).any():
        return text.str.split("|")
    has_leading_zero = bool(text.str.contains(r"^0\d").any())
    for dtype in (pl.Int64, pl.Float64):
        numbers = text.cast(dtype, strict=False) if dtype == pl.Int64 else as_numbers(text)
        if numbers.null_count() == known and not has_leading_zero:
            return numbers
    return text
