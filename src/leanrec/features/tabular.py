"""TabularFeatures: declared columns turned into dense figures and codes, by the same code offline and online.

Offline a table of many rows goes in, with the past of which each row sees what lies strictly before its own time. Online a row goes in,
and features of events come from what was counted by now. Both give the same bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from leanrec.artifact import Arrays, Artifact, Manifest, save_artifact
from leanrec.config import Config
from leanrec.errors import ArtifactError, ConfigError, did_you_mean
from leanrec.features.bucketise import Bucketise
from leanrec.features.code_transforms import Category, Cross, Hash
from leanrec.features.event_rates import Count, Rate, Since
from leanrec.features.item_transforms import MultiHot, Position
from leanrec.features.tabular_table import Place, Situation, Source, Table
from leanrec.features.tabular_values import Rows
from leanrec.features.time_transforms import Recency, TimeOfDay, TimeOfWeek
from leanrec.features.transforms import Fitted, FloatArray, Log, Standardise, TextLength

KIND = "features"
MAX_FEATURES = 1000

AnyTransform: TypeAlias = Annotated[
    Standardise
    | Log
    | TextLength
    | Bucketise
    | Category
    | Hash
    | Cross
    | MultiHot
    | Position
    | TimeOfDay
    | TimeOfWeek
    | Recency
    | Count
    | Rate
    | Since,
    Field(discriminator="kind"),
]


class TabularConfig(Config):
    """Features in their declared order: `[[features]]` in a TOML file."""

    features: tuple[AnyTransform, ...] = Field(default=(), max_length=MAX_FEATURES)
    """One declared transform each."""

    @model_validator(mode="after")
    def _checked(self) -> "TabularConfig":
        declared: list[str] = []
        for feature in self.features:
            if feature.name in declared:
                raise ConfigError(f"the feature {feature.name!r} is declared twice", hint="give each a name of its own")
            for needed in feature.needs:
                if needed not in declared:
                    raise ConfigError(
                        f"feature {feature.name!r} names the feature {needed!r}, which is not declared before it", hint=did_you_mean(needed, declared)
                    )
            declared.append(feature.name)
        return self

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys(place for feature in self.features for place in feature.places))


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What rows came to."""

    dense: FloatArray
    """(B, W) float32."""
    codes: Rows
    """(B, C) int64, each below its cardinality."""
    dense_names: tuple[str, ...]
    """(W,) the feature, and what the column says of it: `price`, `genres=Comedy`, `hour.sin`."""
    code_names: tuple[str, ...]
    """(C,) the feature."""
    cardinalities: tuple[int, ...]
    """(C,) how many codes there are."""


@dataclass(frozen=True, kw_only=True)
class TabularFeatures:
    """Fitted features; they do not change, further events give new ones."""

    config: TabularConfig
    fitted: tuple[Fitted, ...]

    @classmethod
    def fit(cls, config: TabularConfig, table: Table) -> "TabularFeatures":
        """Learn from rows, and take in all of the table's past. Raises `ConfigError` naming the feature and the nearest known column."""
        earlier: dict[str, Fitted] = {}
        for feature in config.features:
            earlier[feature.name] = feature.fit(table, earlier=earlier)
        return cls(config=config, fitted=tuple(earlier.values()))

    @property
    def dense_names(self) -> tuple[str, ...]:
        """(W,) names of the dense columns, in declared order."""
        return tuple(name for part in self.fitted for name in part.dense_names)

    @property
    def width(self) -> int:
        """W, how many dense columns there are."""
        return len(self.dense_names)

    @property
    def code_names(self) -> tuple[str, ...]:
        """(C,) names of the features that are codes, in declared order."""
        return tuple(part.config.name for part in self.fitted if part.cardinality is not None)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """(C,) how many codes each has."""
        return tuple(part.cardinality for part in self.fitted if part.cardinality is not None)

    def transform(self, table: Table) -> Features:
        """Features of rows; raises `DataError` for a missing value where the policy is `error`."""
        dense = [part.dense(table) for part in self.fitted]
        codes = [part.codes(table) for part in self.fitted if part.cardinality is not None]
        return Features(
            dense=np.concatenate([np.zeros((len(table), 0), np.float32), *dense], axis=1),
            codes=np.stack(codes, axis=1) if codes else np.zeros((len(table), 0), np.int64),
            dense_names=self.dense_names,
            code_names=self.code_names,
            cardinalities=self.cardinalities,
        )

    def transform_row(self, situation: Situation) -> Features:
        """Features of one row, as it comes in online; B is 1."""
        return self.transform(Table.of_situations([situation], self.config.places))

    def with_events(self, events: Table) -> "TabularFeatures":
        """The same after further events (columns of `config.places`, with `kinds`); itself stays as it is."""
        return replace(self, fitted=tuple(part.with_events(events) for part in self.fitted))

    def only(self, sources: Sequence[Source]) -> "TabularFeatures":
        """The features that read nothing but columns of these sources; those of time alone count as `context`, what they need comes along."""
        features = {part.config.name: part for part in self.fitted}
        origins: dict[str, set[Source]] = {}
        for name, part in features.items():
            own: set[Source] = {source for source, _ in part.config.places}
            needed = {source for needed in part.config.needs for source in origins[needed]}
            origins[name] = own | needed or {"context"}
        chosen = {name for name in features if origins[name] <= set(sources)}
        kept = tuple(part for name, part in features.items() if name in chosen)
        return TabularFeatures(config=TabularConfig(features=tuple(f for f in self.config.features if f.name in chosen)), fitted=kept)

    def to_arrays(self) -> Arrays:
        """What was learned, under `<place of the feature>.<what>`; with the config it makes the features again."""
        return {f"{number}.{name}": array for number, part in enumerate(self.fitted) for name, array in part.to_arrays().items()}

    @classmethod
    def from_arrays(cls, config: TabularConfig, arrays: Mapping[str, np.ndarray]) -> "TabularFeatures":
        """The features that `to_arrays` wrote; raises `ArtifactError` where a part is missing."""
        parts: list[Arrays] = [{} for _ in config.features]
        for name, array in arrays.items():
            number, _, what = name.partition(".")
            parts[int(number)][what] = array
        earlier: dict[str, Fitted] = {}
        for feature, part in zip(config.features, parts, strict=True):
            try:
                earlier[feature.name] = feature.restore(part, earlier=earlier)
            except KeyError as error:
                raise ArtifactError(f"the feature {feature.name!r} lacks a part: {error}", hint="fit the features again") from None
        return cls(config=config, fitted=tuple(earlier.values()))

    def save(self, folder: Path) -> None:
        """Write an artifact; complete or not at all."""
        save_artifact(Path(folder), Manifest(kind=KIND, config=self.config.model_dump(mode="json")), self.to_arrays())

    @classmethod
    def load(cls, folder: Path) -> "TabularFeatures":
        """The features that `save` wrote; raises `ArtifactError` when the folder was harmed."""
        artifact = Artifact.open(Path(folder), kind=KIND)
        return cls.from_arrays(TabularConfig.parse(artifact.manifest.config, where=str(folder)), artifact.arrays)
