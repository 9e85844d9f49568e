"""Relations: who and what is linked: friends, and knowledge-graph triples."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from leanrec.errors import DataError

NodeKind = pl.Enum(["user", "item", "entity"])

RELATION_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {"head_id": pl.String(), "head_kind": NodeKind, "relation": pl.String(), "tail_id": pl.String(), "tail_kind": NodeKind}
)


@dataclass(frozen=True, kw_only=True)
class Relations:
    """Triples head - relation - tail; a node is a user, an item or an entity outside both (`Comedy`, a director)."""

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        if dict(self.frame.schema) != dict(RELATION_SCHEMA):
            raise DataError(f"relations have columns {self.frame.schema}", hint=f"needed: {', '.join(RELATION_SCHEMA)}")

    def __len__(self) -> int:
        return self.frame.height
