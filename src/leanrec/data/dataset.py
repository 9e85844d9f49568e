"""Dataset: events on dense rows, catalogue, relations and user attributes, frozen and fingerprinted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.catalogue import Catalogue, described_values
from leanrec.data.description import DescribedValue
from leanrec.data.events import EXTRA_COLUMNS, EventLog, TimeQuality
from leanrec.data.ids import IdMap
from leanrec.data.relations import Relations
from leanrec.errors import DataError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What recommenders are fitted on.

    `events` has columns user_row, item_row (UInt32), event, timestamp (Int64 microseconds), value (Float32), maybe session_id and review,
    sorted by user, then time; ties keep file order. Row r of `catalogue` and of `user_attributes` is item or user row r. A subset
    of the events keeps the same ids and catalogue, so rows mean the same in train, validation and test.
    """

    users: IdMap
    items: IdMap
    events: pl.DataFrame
    time_quality: TimeQuality
    catalogue: Catalogue
    relations: Relations | None = None
    user_attributes: pl.DataFrame | None = None

    @classmethod
    def build(
        cls,
        log: EventLog,
        *,
        catalogue: Catalogue | None = None,
        relations: Relations | None = None,
        user_attributes: pl.DataFrame | None = None,
    ) -> "Dataset":
        """Cross from ids to rows once: ids sorted as text, items of the catalogue without events included."""
        if len(log) == 0:
            raise DataError("the event log is empty: there is nothing to recommend from", hint="check the input file and the cleaning report")
        users = IdMap(_distinct(log.frame["user_id"]), kind="user")
        catalogue_ids = set(catalogue.frame["item_id"].to_list()) if catalogue is not None else set()
        items = IdMap(sorted(catalogue_ids | set(_distinct(log.frame["item_id"]))), kind="item")
        return cls(
            users=users,
            items=items,
            events=_on_rows(log.frame, users=users, items=items, is_timed=log.time_quality != "none"),
            time_quality=log.time_quality,
            catalogue=_aligned_catalogue(catalogue, items),
            relations=relations,
            user_attributes=_aligned_users(user_attributes, users),
        )

    def __len__(self) -> int:
        return self.events.height

    @property
    def num_users(self) -> int:
        """Users with a row, whether they have events in this subset or not."""
        return len(self.users)

    @property
    def num_items(self) -> int:
        """Items with a row, whether they have events in this subset or not."""
        return len(self.items)

    def subset(self, mask: Mask) -> "Dataset":
        """The same ids and catalogue with the events where `mask` (num_events,) is true."""
        if mask.shape != (len(self),):
            raise DataError(f"the mask has shape {mask.shape}; the data set has {len(self)} events", hint="one truth value per event")
        return replace(self, events=self.events.filter(pl.Series(mask)))

    def user_descriptions(self, user_rows: Sequence[int]) -> list[dict[str, DescribedValue]]:
        """What is known of users, in plain values; what is not known is left out."""
        if self.user_attributes is None:
            return [{} for _ in user_rows]
        chosen = self.user_attributes.drop("user_id", strict=False)[list(user_rows)]
        return [described_values(row) for row in chosen.iter_rows(named=True)]

    def column(self, name: str) -> np.ndarray:
        """One column of the events as a NumPy array, without a copy where Polars allows it."""
        series = self.events[name]
        return cast(np.ndarray, (series.to_physical() if name == "event" else series).to_numpy())

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over ids and events: two data sets with the same one answer alike."""
        digest = hashlib.sha256(self.time_quality.encode())
        for ids in (self.users, self.items):
            digest.update("\x1f".join(ids.ids).encode())
        for name in ("user_row", "item_row", "event", "timestamp", "value"):
            digest.update(np.ascontiguousarray(self.column(name)).tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write Parquet (zstd) files and a manifest; complete or not at all."""
        with writing_folder(Path(folder)) as draft:
            self.events.write_parquet(draft / "events.parquet", compression="zstd")
            self.catalogue.frame.write_parquet(draft / "catalogue.parquet", compression="zstd")
            if self.relations is not None:
                self.relations.frame.write_parquet(draft / "relations.parquet", compression="zstd")
            if self.user_attributes is not None:
                self.user_attributes.write_parquet(draft / "users.parquet", compression="zstd")
            manifest = Manifest(kind="dataset", config={"time_quality": self.time_quality}, parents=(self.fingerprint,))
            save_into(draft, manifest, {**self.users.to_arrays(), **self.items.to_arrays()})

    @classmethod
    def load(cls, folder: Path) -> "Dataset":
        """The data set that `save` wrote; raises `ArtifactError` when it was harmed."""
        artifact = Artifact.open(Path(folder), kind="dataset")
        files = artifact.manifest.files
        return cls(
            users=IdMap.from_arrays(artifact.arrays, kind="user"),
            items=IdMap.from_arrays(artifact.arrays, kind="item"),
            events=pl.read_parquet(artifact.file("events.parquet")),
            time_quality=artifact.manifest.config["time_quality"],
            catalogue=Catalogue(frame=pl.read_parquet(artifact.file("catalogue.parquet"))),
            relations=Relations(frame=pl.read_parquet(artifact.file("relations.parquet"))) if "relations.parquet" in files else None,
            user_attributes=pl.read_parquet(artifact.file("users.parquet")) if "users.parquet" in files else None,
        )


def _distinct(ids: pl.Series) -> list[str]:
    return sorted(ids.unique().cast(pl.String).drop_nulls().to_list())


def _on_rows(frame: pl.DataFrame, *, users: IdMap, items: IdMap, is_timed: bool) -> pl.DataFrame:
    columns = [_rows(frame["user_id"], users), _rows(frame["item_id"], items), frame["event"], frame["timestamp"], frame["value"]]
    columns += [frame[name] for name in EXTRA_COLUMNS if name in frame.columns]
    keys = ["user_row", "timestamp"] if is_timed else ["user_row"]
    return pl.DataFrame(columns).sort(keys, maintain_order=True)


def _rows(ids: pl.Series, id_map: IdMap) -> pl.Series:
    """Dense rows of a categorical column by one table look-up over its physical codes."""
    distinct = ids.unique()
    codes = distinct.to_physical().to_numpy()
    table = np.zeros(int(codes.max()) + 1, dtype=np.uint32)
    table[codes] = id_map.rows(distinct.cast(pl.String).to_list())
    return pl.Series(f"{id_map.kind}_row", table[ids.to_physical().to_numpy()])


def _aligned_catalogue(catalogue: Catalogue | None, items: IdMap) -> Catalogue:
    if catalogue is None:
        return Catalogue.of_ids(items.ids)
    order = pl.DataFrame({"item_id": list(items.ids)}, schema={"item_id": pl.String})
    return Catalogue(frame=order.join(catalogue.frame, on="item_id", how="left", maintain_order="left"))


def _aligned_users(attributes: pl.DataFrame | None, users: IdMap) -> pl.DataFrame | None:
    if attributes is None:
        return None
    order = pl.DataFrame({"user_id": list(users.ids)}, schema={"user_id": pl.String})
    return order.join(attributes.unique("user_id", keep="first", maintain_order=True), on="user_id", how="left", maintain_order="left")
