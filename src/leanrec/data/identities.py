"""Identities: which ids are one person, by a table that the shop supplies; their histories become one, in order."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl
from pydantic import Field

from leanrec.config import Config
from leanrec.data.events import EventLog
from leanrec.data.ids import UserId
from leanrec.data.relations import Relations
from leanrec.data.sources.protocol import Reading
from leanrec.errors import DataError

log = logging.getLogger(__name__)

ID_COLUMN = "id"
OTHERS = ("person", "alias")
_SHOWN = 3


class IdentitiesConfig(Config):
    """A table that says which ids are one person."""

    file: str
    """CSV, JSON lines or Parquet with the columns `id` and `person` (which person an id belongs to), or `id` and `alias` (two ids of one)."""
    conflicts: Literal["refuse", "leave"] = "refuse"
    """An id that the table gives to two persons: an error that names it, or left alone, as a user of its own."""
    max_ids: int = Field(default=50, ge=2)
    """A person of more ids is a device that many share: those ids are left alone, and the log says so."""


@dataclass(frozen=True, kw_only=True)
class Identities:
    """Groups of ids, each one person."""

    groups: tuple[tuple[UserId, ...], ...]
    """Sorted ids of each person of two or more; a person's own id, where the table names one, is among them."""
    persons: Mapping[UserId, UserId]
    """Id -> the person's id, for groups whose table names persons."""
    shared: tuple[tuple[UserId, ...], ...] = ()
    """Groups that are too large to be a person, left alone."""
    conflicts: tuple[UserId, ...] = ()
    """Ids given to two persons, left alone."""

    @classmethod
    def of_frame(
        cls, frame: pl.DataFrame, *, conflicts: Literal["refuse", "leave"] = "refuse", max_ids: int = 50, place: str = "the identities"
    ) -> "Identities":
        """From a table of pairs; chains are followed, rows with an empty cell say nothing.

        Raises `DataError` when the columns are not `id` and `person` or `alias`, when no pair is there, or for a conflict that is refused.
        """
        other = _other_column(frame, place)
        pairs = _pairs(frame, other)
        if not pairs:
            raise DataError(f"{place} holds no pair of ids", hint=f"give rows with {ID_COLUMN} and {other}, or leave the table out")
        torn = _torn(pairs) if other == "person" else {}
        if torn and conflicts == "refuse":
            shown = "; ".join(f"{one!r} is {' and '.join(map(repr, persons))}" for one, persons in list(torn.items())[:_SHOWN])
            raise DataError(
                f"{place}: {len(torn)} ids belong to two persons: {shown}",
                hint="keep one row per id, or leave such ids alone with --set identities.conflicts=leave",
            )
        kept = [(one, person) for one, person in pairs if one not in torn]
        found = _components(kept)
        groups = tuple(group for group in found if len(group) <= max_ids)
        shared = tuple(group for group in found if len(group) > max_ids)
        person_of = {one: person for one, person in kept if one != person}
        persons = {} if other == "alias" else {group[0]: root for group in groups if (root := _root(group[0], person_of)) is not None}
        return cls(groups=groups, persons=persons, shared=shared, conflicts=tuple(sorted(torn)))

    def standing_for(self, known: Iterable[UserId]) -> dict[UserId, UserId]:
        """Id -> the id that stands for the person: the one the table names, else the smallest (as text) that is known, else the smallest."""
        users = set(known)
        found: dict[UserId, UserId] = {}
        for group in self.groups:
            standing = self.persons.get(group[0]) or next((one for one in group if one in users), group[0])
            found |= {one: standing for one in group if one != standing}
        return found

    def applied(self, reading: Reading) -> tuple[Reading, "IdentityReport"]:
        """What was read with one id for each person, and what that came to; rows keep their order, so that ties in time do too."""
        users = reading.log.frame["user_id"].unique().cast(pl.String).to_list()
        attributes, known = reading.user_attributes, {*users, *self.persons.values()}
        standing = self.standing_for(users)
        renamed = [one for one in users if one in standing]
        frame = reading.log.frame.with_columns(_renamed("user_id", standing).cast(pl.Categorical()))
        events = EventLog(frame=frame, time_quality=reading.log.time_quality)
        report = IdentityReport(
            num_ids=len(renamed),
            num_persons=len({standing[one] for one in renamed}),
            num_events=int(reading.log.frame["user_id"].cast(pl.String).is_in(renamed).sum()),
            num_repeated=_num_repeated(frame, {standing[one] for one in renamed})
            - _num_repeated(reading.log.frame, set(renamed) | set(standing.values())),
            num_unknown=sum(one not in known for group in self.groups for one in group),
            num_shared=len(self.shared),
            num_conflicts=len(self.conflicts),
            is_order_known=reading.log.time_quality == "exact",
        )
        return (
            replace(
                reading,
                log=events,
                user_attributes=None if attributes is None else _merged(attributes, standing),
                relations=None if reading.relations is None else _relinked(reading.relations, standing),
            ),
            report,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityReport:
    """What linking came to."""

    num_ids: int
    """Ids of the log that became another."""
    num_persons: int
    """Persons that they became."""
    num_events: int
    """Events that moved."""
    num_repeated: int
    """Events that now equal another one, once the ids are one; cleaning takes them out."""
    num_unknown: int
    """Ids of the table without an event."""
    num_shared: int
    num_conflicts: int
    is_order_known: bool
    """Whether clock times say which of two ids acted first; else positions and the order of the file do."""

    def describe(self) -> str:
        """One line for people."""
        parts = [f"{self.num_ids} ids became {self.num_persons} persons, {self.num_events} events moved"]
        parts += [f"{self.num_repeated} events are told twice"] if self.num_repeated else []
        parts += [f"{self.num_unknown} ids have no event"] if self.num_unknown else []
        parts += [f"{self.num_shared} groups are too large for a person and were left alone: shared devices?"] if self.num_shared else []
        parts += [f"{self.num_conflicts} ids of two persons were left alone"] if self.num_conflicts else []
        parts += ["no clock orders the events of linked ids: positions and the order of rows do"] if self.num_ids and not self.is_order_known else []
        return "; ".join(parts)


def _other_column(frame: pl.DataFrame, place: str) -> str:
    names = {name.strip().lower(): name for name in frame.columns}
    found = [other for other in OTHERS if other in names]
    if ID_COLUMN not in names or len(found) != 1:
        raise DataError(
            f"{place} has columns {', '.join(frame.columns) or 'none'}; id and person, or id and alias, are needed",
            hint="rename the columns: `person` says whose an id is, `alias` names another id of the same person",
        )
    return found[0]


def _pairs(frame: pl.DataFrame, other: str) -> list[tuple[UserId, UserId]]:
    names = {name.strip().lower(): name for name in frame.columns}
    columns = [frame[names[name]].cast(pl.String).str.strip_chars() for name in (ID_COLUMN, other)]
    rows = zip(*(column.to_list() for column in columns), strict=True)
    return list(dict.fromkeys((one, two) for one, two in rows if one and two))


def _torn(pairs: Sequence[tuple[UserId, UserId]]) -> dict[UserId, list[UserId]]:
    """Ids that are given to two persons or more."""
    persons: defaultdict[UserId, list[UserId]] = defaultdict(list)
    for one, person in pairs:
        if one != person:
            persons[one].append(person)
    return {one: found for one, found in persons.items() if len(found) > 1}


def _root(start: UserId, person_of: Mapping[UserId, UserId]) -> UserId | None:
    """Where a chain of `id is person` ends; `None` for a circle, in which nobody stands for the others."""
    passed = {start}
    while start in person_of:
        start = person_of[start]
        if start in passed:
            return None
        passed.add(start)
    return start


def _components(pairs: Sequence[tuple[UserId, UserId]]) -> list[tuple[UserId, ...]]:
    """Groups of two or more that pairs connect, by union and find with halved paths."""
    parent: dict[UserId, UserId] = {}

    def find(one: UserId) -> UserId:
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for one, two in pairs:
        low, high = sorted((find(one), find(two)))
        parent[high] = low
    members: defaultdict[UserId, list[UserId]] = defaultdict(list)
    for one in parent:
        members[find(one)].append(one)
    return sorted(tuple(sorted(group)) for group in members.values() if len(group) > 1)


def _renamed(column: str, standing: Mapping[UserId, UserId]) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    return text.replace(list(standing), list(standing.values())) if standing else text


def _num_repeated(frame: pl.DataFrame, users: set[UserId]) -> int:
    """Rows of these users that equal an earlier one."""
    rows = frame.filter(pl.col("user_id").cast(pl.String).is_in(list(users)))
    return rows.height - rows.n_unique()


def _merged(attributes: pl.DataFrame, standing: Mapping[UserId, UserId]) -> pl.DataFrame:
    """One row a person: the row of the id that stands for them goes first, then the rows of the others fill what it leaves open."""
    ordered = attributes.sort(pl.col("user_id").is_in(list(standing)), maintain_order=True).with_columns(_renamed("user_id", standing))
    others = [pl.col(name).drop_nulls().first() for name in attributes.columns if name != "user_id"]
    return ordered.group_by("user_id", maintain_order=True).agg(others)


def _relinked(relations: Relations, standing: Mapping[UserId, UserId]) -> Relations:
    """Friends under their persons' ids; nobody is a friend of their own."""
    ends = ("head", "tail")
    frame = relations.frame.with_columns(
        pl.when(pl.col(f"{end}_kind") == "user").then(_renamed(f"{end}_id", standing)).otherwise(pl.col(f"{end}_id")).alias(f"{end}_id")
        for end in ends
    )
    is_own = (pl.col("head_id") == pl.col("tail_id")) & (pl.col("head_kind") == "user") & (pl.col("tail_kind") == "user")
    return Relations(frame=frame.filter(~is_own).unique(maintain_order=True))
