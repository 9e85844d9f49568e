"""Identity files: a table of ids and persons, in any format that events come in."""

import polars as pl

from leanrec.data.identities import Identities, IdentitiesConfig
from leanrec.data.sources.files import files_at
from leanrec.data.sources.named_tables import whole_frame
from leanrec.data.sources.opened_tables import opened_table
from leanrec.errors import DataError


def read_identities(config: IdentitiesConfig) -> Identities:
    """The identities that a configuration names; raises `DataError` naming the file, what is wrong and what to do."""
    files = files_at(config.file)
    if len(files) != 1:
        raise DataError(f"{config.file} holds {len(files)} files; identities stand in one", hint="name the file itself")
    return Identities.of_frame(_frame(config.file), conflicts=config.conflicts, max_ids=config.max_ids, place=config.file)


def _frame(url: str) -> pl.DataFrame:
    with opened_table(files_at(url)[0], has_header=True) as table:
        return whole_frame(table)
