"""Catalogue: what items say of themselves, in text, attributes and media vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.filters import Filter
from leanrec.data.ids import ItemId
from leanrec.errors import DataError, UnknownIdError, did_you_mean

TITLE_WORDS = (
    "title",
    "headline",
    "product_name",
    "item_name",
    "name",
    "titel",
    "bezeichnung",
    "标题",
    "名称",
    "titre",
    "nombre",
    "タイトル",
    "商品名",
)
"""A text column whose name holds one of these words names the items; the first word decides."""
CATEGORY_WORDS = ("categor", "genre", "kategorie", "department", "class", "类", "カテゴリ", "brand")
"""The same for the column that groups them."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One row per item: `item_id` (String, unique), then columns of any of these types.

    Text and single attributes are String, several values List(String) (`genres`), figures numeric, media vectors Array(Float32, D).
    """

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        ids = self.frame.schema.get("item_id")
        if ids != pl.String():
            raise DataError(f"a catalogue needs a column item_id of text; found {ids}", hint=f"columns: {', '.join(self.frame.columns)}")
        if self.frame["item_id"].n_unique() != self.frame.height or self.frame["item_id"].has_nulls():
            raise DataError("a catalogue names each item once; some item_id is missing or repeated", hint="keep one row per item")

    @classmethod
    def of_ids(cls, item_ids: Sequence[ItemId]) -> "Catalogue":
        """A catalogue that knows nothing but the ids."""
        return cls(frame=pl.DataFrame({"item_id": list(item_ids)}, schema={"item_id": pl.String}))

    def __len__(self) -> int:
        return self.frame.height

    @property
    def attributes(self) -> list[str]:
        """Columns that can be filtered on: everything but the id and media vectors."""
        return [name for name, dtype in self.frame.schema.items() if name != "item_id" and not isinstance(dtype, pl.Array)]

    @property
    def category_column(self) -> str | None:
        """The column that groups items: by its name, else the first of several values."""
        texts = [name for name, dtype in self.frame.schema.items() if dtype in (pl.String(), pl.List(pl.String)) and name != "item_id"]
        several = [name for name in texts if self.frame.schema[name] == pl.List(pl.String)]
        return _named(several, CATEGORY_WORDS) or (several[0] if several else _named(texts, CATEGORY_WORDS))

    def title(self, item_id: ItemId) -> str:
        """The item's title, or its id where there is none."""
        return self._titles.get(item_id) or item_id

    def matching(self, filters: Sequence[str]) -> list[ItemId]:
        """Ids of the items that meet every condition (`genre=Comedy`, `year>=1990`).

        Raises `ConfigError` for a condition that cannot be read and `DataError` for an unknown column.
        """
        conditions = [Filter.parse(text).expression(self.frame.schema) for text in filters]
        return self.frame.filter(conditions)["item_id"].to_list() if conditions else self.frame["item_id"].to_list()

    def values(self, item_id: ItemId, column: str) -> list[str]:
        """The item's values in a column, as text; raises `UnknownIdError` for an unknown item."""
        row = self._row_of.get(item_id)
        if row is None:
            raise UnknownIdError(f"item {item_id!r} is unknown", hint=did_you_mean(item_id, list(self._row_of)[:5000]))
        value = self.frame[column][row]
        if value is None:
            return []
        return [str(entry) for entry in value] if isinstance(value, pl.Series) else [str(value)]

    def descriptions(self) -> list[ItemDescription]:
        """Every item in plain values, in the order of rows."""
        title, names = self.title_column, self.attributes
        columns = {name: self.frame[name].to_list() for name in names if name != title}
        titles = self.frame[title].to_list() if title is not None else [None] * len(self)
        return [
            ItemDescription(item_id=item_id, title=titles[row], attributes=described_values({name: values[row] for name, values in columns.items()}))
            for row, item_id in enumerate(self.frame["item_id"].to_list())
        ]

    @cached_property
    def title_column(self) -> str | None:
        """The column that names items, if any."""
        texts = [name for name, dtype in self.frame.schema.items() if dtype == pl.String() and name not in ("item_id", self.category_column)]
        return _named(texts, TITLE_WORDS)

    @cached_property
    def _row_of(self) -> dict[ItemId, int]:
        return {item_id: row for row, item_id in enumerate(self.frame["item_id"].to_list())}

    @cached_property
    def _titles(self) -> dict[ItemId, str | None]:
        if self.title_column is None:
            return {}
        return dict(zip(self.frame["item_id"].to_list(), self.frame[self.title_column].to_list(), strict=True))


def described_values(values: Mapping[str, Any]) -> dict[str, DescribedValue]:  # Any: cells of a table
    """Those that say something: lists of text, figures, text."""
    found: dict[str, DescribedValue] = {}
    for name, value in values.items():
        if isinstance(value, list):
            found |= {name: [str(entry) for entry in value if entry is not None]}
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found |= {} if value != value else {name: float(value)}
        elif value is not None:
            found |= {name: str(value)}
    return found


def _named(columns: Sequence[str], words: Sequence[str]) -> str | None:
    """The column whose name is a word, else the first that holds one; earlier words go first."""
    for fits in (str.__eq__, str.__contains__):
        for word in words:
            for column in columns:
                if fits(column.lower(), word):
                    return column
    return None
