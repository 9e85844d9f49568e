"""ItemDescription: what one item says of itself, in plain values; no Polars, so that the running side can take in new items."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leanrec.data.ids import ItemId

DescribedValue = str | float | list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemDescription:
    """One row of a catalogue outside of it: media vectors left out, and nothing said where nothing is known."""

    item_id: ItemId
    title: str | None = None
    attributes: Mapping[str, DescribedValue] = field(default_factory=dict)
    """By column, the title left out: text, a figure, or several texts."""
