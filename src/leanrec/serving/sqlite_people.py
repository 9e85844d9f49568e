"""What the SQLite store keeps of people besides their events: what they corrected, and which ids are one person."""

import sqlite3
from collections.abc import Sequence

from leanrec.data.ids import UserId
from leanrec.data.profile import Correction
from leanrec.serving.store import Linked

MAX_LINKED = 50
"""Ids of one person; more are a device that many share."""


def group_of(connection: sqlite3.Connection, user_id: UserId) -> tuple[UserId, ...]:
    """All ids of a person, the one that stands for them first; only the id itself for one that is not linked."""
    found = connection.execute("SELECT user_id FROM links WHERE anonymous_id = ?", (user_id,)).fetchone()
    person = user_id if found is None else found[0]
    others = connection.execute("SELECT anonymous_id FROM links WHERE user_id = ? ORDER BY rowid", (person,)).fetchall()
    return (person, *(other for (other,) in others))


def put_link(connection: sqlite3.Connection, anonymous_id: UserId, user_id: UserId) -> Linked:
    """Join two ids; those that were joined to the first come along."""
    joined, others = group_of(connection, anonymous_id), group_of(connection, user_id)
    if joined[0] == others[0]:
        return "linked"
    if joined[0] != anonymous_id:
        return "taken"
    if len(joined) + len(others) > MAX_LINKED:
        return "full"
    connection.executemany("INSERT OR REPLACE INTO links (anonymous_id, user_id) VALUES (?, ?)", [(other, others[0]) for other in joined])
    return "linked"


def erase_links(connection: sqlite3.Connection, group: Sequence[UserId]) -> None:
    """Part all ids of a person."""
    connection.executemany("DELETE FROM links WHERE anonymous_id = ?", [(user_id,) for user_id in group])


def read_corrections(connection: sqlite3.Connection, group: Sequence[UserId]) -> tuple[Correction, ...]:
    """What the ids of a person said, the oldest first; of two words on one value the later one."""
    found: dict[tuple[str, str], Correction] = {}
    for attribute, value, verdict in connection.execute(
        f"SELECT attribute, value, verdict FROM corrections WHERE user_id IN ({places(group)}) ORDER BY number",  # noqa: S608 - question marks only
        group,
    ):
        found[attribute, value] = Correction(attribute=attribute, value=value, verdict=verdict)
    return tuple(found.values())


def put_corrections(connection: sqlite3.Connection, group: Sequence[UserId], corrections: Sequence[Correction]) -> None:
    """Replace all that the ids of a person said; it is kept under the first."""
    connection.executemany("DELETE FROM corrections WHERE user_id = ?", [(user_id,) for user_id in group])
    rows = [(group[0], one.attribute, one.value, one.verdict) for one in corrections]
    connection.executemany("INSERT OR REPLACE INTO corrections (user_id, attribute, value, verdict) VALUES (?, ?, ?, ?)", rows)


def delete_correction(connection: sqlite3.Connection, group: Sequence[UserId], attribute: str, value: str) -> bool:
    """Take back one word; whether there was one."""
    rows = [(user_id, attribute, value) for user_id in group]
    return connection.executemany("DELETE FROM corrections WHERE user_id = ? AND attribute = ? AND value = ?", rows).rowcount > 0


def places(values: Sequence[str]) -> str:
    """Question marks for as many values."""
    return ", ".join("?" * len(values))
