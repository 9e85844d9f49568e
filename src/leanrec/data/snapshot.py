"""Snapshot: what the running side needs of a data set, in NumPy arrays and JSON; opens in milliseconds, without Polars."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.events import EVENT_WEIGHTS, TimeQuality
from leanrec.data.ids import IdMap

if TYPE_CHECKING:
    from leanrec.data.dataset import Dataset

ITEMS_FILE = "items.json"

AttributeKind = Literal["text", "several", "number"]
AttributeValue = str | float | int | list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One column of the catalogue: its kind and a value per item row, `None` where nothing is known."""

    kind: AttributeKind
    values: Sequence[AttributeValue]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Titles, attributes, popularity and every user's events, oldest first, on the rows of the data set."""

    users: IdMap
    items: IdMap
    titles: Sequence[str]
    """(N) the item's id where it has no title."""
    attributes: Mapping[str, Attribute]
    """By name, the title left out."""
    category: str | None
    """The attribute that groups items, if any."""
    offsets: npt.NDArray[np.int64]
    """(U + 1,) events of user u stand at `offsets[u]:offsets[u + 1]`."""
    item_rows: npt.NDArray[np.int32]
    """(E,)"""
    events: npt.NDArray[np.uint8]
    """(E,) position of the kind in `EVENT_WEIGHTS`."""
    timestamps: npt.NDArray[np.int64]
    """(E,) microseconds, or positions where only the order is known."""
    values: npt.NDArray[np.float32]
    """(E,) not a number where none was given."""
    counts: npt.NDArray[np.int64]
    """(N,) acts on each item."""
    time_quality: TimeQuality = "order"
    """Whether `timestamps` are clock times."""

    @classmethod
    def of(cls, dataset: "Dataset") -> "Snapshot":
        """What is served of a data set."""
        is_act = dataset.column("event") != list(EVENT_WEIGHTS).index("impression")
        item_rows = dataset.column("item_row")[is_act].astype(np.int32)
        per_user = np.bincount(dataset.column("user_row")[is_act], minlength=dataset.num_users)
        catalogue = dataset.catalogue
        names = [name for name in catalogue.attributes if name != catalogue.title_column]
        return cls(
            users=dataset.users,
            items=dataset.items,
            titles=[catalogue.title(item_id) for item_id in dataset.items.ids],
            attributes={name: _attribute(catalogue.frame[name]) for name in names},
            category=catalogue.category_column,
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(per_user)]),
            item_rows=item_rows,
            events=dataset.column("event")[is_act].astype(np.uint8),
            timestamps=dataset.column("timestamp")[is_act].astype(np.int64),
            values=dataset.column("value")[is_act].astype(np.float32),
            counts=np.bincount(item_rows, minlength=dataset.num_items).astype(np.int64),
            time_quality=dataset.time_quality,
        )

    def rows_of_user(self, user_row: int) -> slice:
        """Where the events of a user stand."""
        return slice(int(self.offsets[user_row]), int(self.offsets[user_row + 1]))

    def descriptions(self) -> list[ItemDescription]:
        """Every item in plain values, in the order of rows."""
        columns = [(name, attribute.kind, attribute.values) for name, attribute in self.attributes.items()]
        return [
            ItemDescription(
                item_id=item_id,
                title=self.titles[row] if self.titles[row] != item_id else None,
                attributes={name: _described(kind, values[row]) for name, kind, values in columns if values[row] is not None},
            )
            for row, item_id in enumerate(self.items.ids)
        ]

    def save(self, folder: Path) -> None:
        """Write an artifact; complete or not at all."""
        content = {
            "titles": list(self.titles),
            "category": self.category,
            "time_quality": self.time_quality,
            "attributes": {name: {"kind": attribute.kind, "values": list(attribute.values)} for name, attribute in self.attributes.items()},
        }
        arrays = {name: getattr(self, name) for name in ("offsets", "item_rows", "events", "timestamps", "values", "counts")}
        with writing_folder(Path(folder)) as draft:
            (draft / ITEMS_FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            save_into(draft, Manifest(kind="snapshot"), {**arrays, **self.users.to_arrays(), **self.items.to_arrays()})

    @classmethod
    def load(cls, folder: Path) -> "Snapshot":
        """The snapshot that `save` wrote; raises `ArtifactError` when it was harmed."""
        artifact = Artifact.open(Path(folder), kind="snapshot")
        arrays = artifact.arrays
        content: dict[str, Any] = json.loads(artifact.file(ITEMS_FILE).read_text(encoding="utf-8"))  # Any: JSON
        return cls(
            users=IdMap.from_arrays(arrays, kind="user"),
            items=IdMap.from_arrays(arrays, kind="item"),
            titles=content["titles"],
            attributes={name: Attribute(**attribute) for name, attribute in content["attributes"].items()},
            category=content["category"],
            time_quality=content.get("time_quality", "order"),
            **{name: arrays[name] for name in ("offsets", "item_rows", "events", "timestamps", "values", "counts")},
        )


def _described(kind: AttributeKind, value: AttributeValue) -> DescribedValue:
    if kind == "several":
        return [str(entry) for entry in value] if isinstance(value, list) else []
    return float(value) if kind == "number" and isinstance(value, (int, float)) else str(value)


def _attribute(column: Any) -> Attribute:  # Any: a Polars series, which is not imported here
    values = column.to_list()
    if column.dtype.is_numeric():
        return Attribute(kind="number", values=[None if value is None or value != value else value for value in values])
    if any(isinstance(value, list) for value in values):
        return Attribute(kind="several", values=[None if value is None else [str(entry) for entry in value] for value in values])
    return Attribute(kind="text", values=[None if value is None else str(value) for value in values])
