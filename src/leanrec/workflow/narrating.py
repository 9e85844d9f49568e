"""Tell people about items of a fitted model in checked words: one, some or all of the catalogue, going on where a run stopped."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from leanrec.artifact import Artifact
from leanrec.console import ProgressBar
from leanrec.data.ids import ItemId
from leanrec.data.profile import UserProfile
from leanrec.data.snapshot import Snapshot
from leanrec.errors import ConfigError
from leanrec.explaining.blurb_file import BlurbFile, BlurbWriter, told_of
from leanrec.explaining.facts import FactRecord
from leanrec.explaining.generators import open_generator
from leanrec.explaining.narrate import Narration, Narrator, NarratorConfig
from leanrec.recommenders.model import SNAPSHOT_FOLDER

log = logging.getLogger(__name__)

TEMPLATE = "template"
MAX_PRINTED = 1000
"""So many texts may be asked for without a file to put them in."""


def narrator(generator: str = TEMPLATE, *, model: str = "", key_variable: str = "", tries: int = 3) -> Narrator:
    """A narrator by the generator's name; `template` asks none. See `open_generator`."""
    if generator == TEMPLATE:
        return Narrator()
    return Narrator(open_generator(generator, model=model, key_variable=key_variable), NarratorConfig(tries=tries))


def blurbs(model: Path, items: Sequence[ItemId], *, by: Narrator, out: Path | None = None) -> Iterator[Mapping[str, Any]]:
    """A line for each item, all of the catalogue where none is named, as each is told.

    With `out`, lines are added to that file, and those that stand there already, made of the same facts, are not made again. Raises
    `UnknownIdError` for an item that the model does not have.
    """
    records = _records(model, items)
    if out is None and len(records) > MAX_PRINTED:
        raise ConfigError(f"{len(records)} texts need a file", hint="name items, or write them with --out blurbs.jsonl")
    file = BlurbFile.open(out) if out is not None else BlurbFile(path=Path(), told={})
    with ProgressBar("telling", total=len(records)) as bar:
        if out is None:
            for line, _ in told_of(by, records, file=file):
                yield line
                bar.advance()
            return
        with BlurbWriter(out) as writer:
            for line, is_new in told_of(by, records, file=file):
                if is_new:
                    writer.add(line)
                yield line
                bar.advance()


def summaries(profiles: Sequence[UserProfile], *, by: Narrator | None = None) -> list[Narration]:
    """Each profile in words."""
    narrator = by or Narrator()
    return [narrator.summary(profile) for profile in profiles]


def _records(model: Path, items: Sequence[ItemId]) -> list[tuple[ItemId, FactRecord]]:
    snapshot = Snapshot.load(Artifact.open(Path(model), kind="model").folder / SNAPSHOT_FOLDER)
    rows = [snapshot.items.row(item_id) for item_id in items] if items else range(len(snapshot.items.ids))
    described = snapshot.descriptions()
    return [(described[row].item_id, FactRecord.of_item(described[row])) for row in rows]
