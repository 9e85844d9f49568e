"""Catalogue cleaning: texts made plain, missing values counted, flagged or filled."""

import html

import polars as pl

from leanrec.data.catalogue import Catalogue

UNKNOWN = "unknown"
"""What an imputed text says."""
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u{ad}\u{200b}\u{2060}\u{feff}]"


def normalise_texts(catalogue: Catalogue) -> tuple[Catalogue, int]:
    """Texts decoded, in Unicode NFKC, without control characters or doubled spaces; and how many items changed."""
    frame = catalogue.frame
    columns = [_plain(series) if series.name != "item_id" else series for series in frame.get_columns()]
    changed = pl.Series([False]).new_from_index(0, frame.height)
    for before, after in zip(frame.get_columns(), columns):
        if before.dtype == pl.String or before.dtype == pl.List(pl.String):
            changed |= before.ne_missing(after)
    return Catalogue(frame=pl.DataFrame(columns)), int(changed.sum())


def plain_text(text: str) -> str:
    r"""One text as `normalise_texts` makes it.

    >>> plain_text("Tom &amp;  Jerry\x00 ")
    'Tom & Jerry'
    """
    return str(_plain(pl.Series([text]))[0] or "")


def missing_counts(catalogue: Catalogue) -> dict[str, int]:
    """Items without a value, by column."""
    return {series.name: series.null_count() for series in catalogue.frame.get_columns() if series.name != "item_id"}


def flag_missing(catalogue: Catalogue) -> Catalogue:
    """A 0/1 column `<name>_missing` beside every column that has gaps."""
    gaps = [name for name, count in missing_counts(catalogue).items() if count]
    return Catalogue(frame=catalogue.frame.with_columns(pl.col(name).is_null().cast(pl.UInt8).alias(f"{name}_missing") for name in gaps))


def impute_missing(catalogue: Catalogue) -> Catalogue:
    """Gaps filled: figures by the median, texts by `unknown`, lists by an empty list."""
    return Catalogue(frame=catalogue.frame.with_columns(_filled(series) for series in catalogue.frame.get_columns() if series.name != "item_id"))


def _plain(series: pl.Series) -> pl.Series:
    if series.dtype == pl.String:
        text = series
        if text.str.contains("&", literal=True).any():
            text = pl.Series(series.name, [html.unescape(value) if value and "&" in value else value for value in text], dtype=pl.String)
        text = text.str.normalize("NFKC").str.replace_all(_CONTROL, "").str.replace_all(r"\s+", " ").str.strip_chars()
        return text.replace("", None)
    if series.dtype == pl.List(pl.String):
        rows = pl.DataFrame({"row": pl.int_range(len(series), eager=True), "value": series})
        flat = rows.explode("value").with_columns(pl.col("value").map_batches(_plain, return_dtype=pl.String)).drop_nulls("value")
        lists = flat.unique(maintain_order=True).group_by("row", maintain_order=True).agg("value")
        joined = rows.select("row", pl.col("value").is_null().alias("is_null")).join(lists, on="row", how="left", maintain_order="left")
        empty = pl.when(pl.col("value").is_null() & ~pl.col("is_null")).then(pl.lit([], dtype=pl.List(pl.String))).otherwise(pl.col("value"))
        return joined.select(empty.alias(series.name)).to_series()
    return series


def _filled(series: pl.Series) -> pl.Series:
    if not series.has_nulls():
        return series
    if series.dtype.is_integer():
        return series.fill_null(round(float(series.median() or 0)))  # type: ignore[arg-type]  # the median of figures is a float
    if series.dtype.is_numeric():
        return series.fill_null(series.median())
    if series.dtype == pl.String:
        return series.fill_null(UNKNOWN)
    if isinstance(series.dtype, pl.List):
        return series.fill_null(pl.Series([[]], dtype=series.dtype))
    return series
