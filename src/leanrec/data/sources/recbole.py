"""RecBoleSource: atomic files (.inter, .item, .user, .kg, .link), whose header names each column's type."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from leanrec.data.catalogue import Catalogue
from leanrec.data.relations import RELATION_SCHEMA, NodeKind, Relations
from leanrec.data.sources.columns import ColumnMapping
from leanrec.data.sources.delimited import DelimitedTable
from leanrec.data.sources.dialect import Dialect
from leanrec.data.sources.files import DataFile, is_remote
from leanrec.data.sources.named_tables import collect_events, whole_frame
from leanrec.data.sources.protocol import Reading
from leanrec.data.sources.typed_events import EventCollector
from leanrec.errors import DataError

_TYPES = ("token", "token_seq", "float", "float_seq")
_TEXT_WORDS = ("title", "name", "description", "text", "review", "summary")
_RATING_NAMES = ("rating", "label", "score", "stars")
_WORDY = "token_seq"


@dataclass(frozen=True, kw_only=True)
class RecBoleSource:
    """Reads RecBole atomic files: interactions, items, users, and a knowledge graph with its links to items."""

    name: ClassVar[str] = "recbole"

    @classmethod
    def recognises(cls, url: str) -> bool:
        """Whether it is an .inter file, or a folder that holds one."""
        path = Path(url)
        return not is_remote(url) and ((path.is_file() and path.suffix == ".inter") or (path.is_dir() and any(path.glob("*.inter"))))

    def read(self, url: str) -> Reading:
        """Interactions with what stands beside them under the same name."""
        path = _interactions(Path(url)) if not is_remote(url) else None
        if path is None:
            raise DataError(f"{url} holds no .inter file", hint="give the folder of one data set, or its .inter file")
        table, types = _opened(path)
        collector = EventCollector()
        collect_events(table, _mapping(types, place=str(path)), collector)
        return Reading(
            log=collector.log(),
            catalogue=_catalogue(path.with_suffix(".item")),
            relations=_relations(path.with_suffix(".kg"), path.with_suffix(".link")),
            user_attributes=_users(path.with_suffix(".user")),
            quarantine=collector.quarantine(),
        )


def _interactions(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix == ".inter" else None
    found = sorted(path.glob("*.inter")) if path.is_dir() else []
    if len(found) > 1:
        raise DataError(f"{path} holds several .inter files: {', '.join(file.name for file in found)}", hint="name one of them")
    return found[0] if found else None


def _opened(path: Path) -> tuple[DelimitedTable, dict[str, str]]:
    """The table with its types taken off the header: plain name -> type."""
    file = DataFile(url=str(path), name=str(path))
    header = DelimitedTable.open(file, delimiter="\t", has_header=True).columns
    types: dict[str, str] = {}
    for column in header:
        name, colon, kind = column.rpartition(":")
        if not colon or kind not in _TYPES:
            raise DataError(f"{path}, line 1: {column!r} is not of the form name:type", hint=f"types: {', '.join(_TYPES)}, e.g. user_id:token")
        types[name] = kind
    dialect = Dialect(delimiter="\t", columns=tuple(types), has_header=True, is_quoted=False, encoding="utf-8")
    return DelimitedTable(file=file, dialect=dialect), types


def _mapping(types: dict[str, str], *, place: str) -> ColumnMapping:
    tokens = [name for name, kind in types.items() if kind == "token"]
    user = _first(tokens, "user", "uid", "session") or (tokens[0] if tokens else None)
    others = [name for name in tokens if name != user]
    item = _first(others, "item", "iid", "product", "movie") or (others[0] if others else None)
    if user is None or item is None:
        raise DataError(
            f"{place}, line 1: no user or item column of type token in {', '.join(types)}",
            hint="leanrec reads one event a line: user_id:token, item_id:token, timestamp:float",
        )
    rating = next((name for name in _RATING_NAMES if types.get(name) == "float"), None)
    timestamp = next((name for name, kind in types.items() if kind == "float" and "time" in name), None)
    return ColumnMapping(user=user, item=item, value=rating, timestamp=timestamp, kind="rate" if rating not in (None, "label") else "view")


def _first(names: list[str], *beginnings: str) -> str | None:
    return next((name for name in names if name.lower().startswith(beginnings)), None)


def _attributes(path: Path, id_beginnings: tuple[str, ...], id_name: str) -> pl.DataFrame | None:
    if not path.is_file():
        return None
    table, types = _opened(path)
    frame = whole_frame(table)
    key = _first(list(types), *id_beginnings) or next(iter(types))
    columns = [_typed(frame[name], kind) for name, kind in types.items() if name != key]
    whole = pl.DataFrame([frame[key].alias(id_name), *columns]).filter(pl.col(id_name).is_not_null())
    return whole.unique(id_name, keep="first", maintain_order=True)


def _typed(column: pl.Series, kind: str) -> pl.Series:
    if kind == "float":
        return column.cast(pl.Float64, strict=False)
    if kind == "float_seq":
        return column.str.split(" ").cast(pl.List(pl.Float64), strict=False).cast(pl.List(pl.String))
    if kind == _WORDY and not any(word in column.name.lower() for word in _TEXT_WORDS):
        return column.str.split(" ")
    whole = column.cast(pl.Int64, strict=False)
    is_figure = "year" in column.name or column.name == "age"
    return whole if is_figure and whole.null_count() <= column.null_count() + len(column) // 20 else column


def _catalogue(path: Path) -> Catalogue | None:
    frame = _attributes(path, ("item", "iid", "product", "movie"), "item_id")
    return Catalogue(frame=frame) if frame is not None else None


def _users(path: Path) -> pl.DataFrame | None:
    return _attributes(path, ("user", "uid"), "user_id")


def _relations(graph: Path, links: Path) -> Relations | None:
    """Triples; an entity that a link names is the item itself."""
    if not graph.is_file():
        return None
    table, types = _opened(graph)
    if len(types) != 3:
        raise DataError(
            f"{graph}, line 1: a knowledge graph has three columns; found {', '.join(types)}", hint="head_id:token, relation_id:token, tail_id:token"
        )
    triples = whole_frame(table).rename(dict(zip(types, ("head", "relation", "tail")))).drop_nulls()
    linked = _links(links)
    for side in ("head", "tail"):
        triples = triples.join(linked.rename({"entity": side, "item": f"{side}_item"}), on=side, how="left", maintain_order="left")
    sides = [
        expression
        for side in ("head", "tail")
        for expression in (
            pl.coalesce(f"{side}_item", side).alias(f"{side}_id"),
            pl.when(pl.col(f"{side}_item").is_null()).then(pl.lit("entity")).otherwise(pl.lit("item")).cast(NodeKind).alias(f"{side}_kind"),
        )
    ]
    return Relations(frame=triples.select(*sides, "relation").select(*RELATION_SCHEMA))


def _links(path: Path) -> pl.DataFrame:
    if not path.is_file():
        return pl.DataFrame(schema={"item": pl.String, "entity": pl.String})
    table, types = _opened(path)
    item, entity = list(types)[:2]
    return whole_frame(table).select(pl.col(item).alias("item"), pl.col(entity).alias("entity")).drop_nulls()
