"""Keeping: where the trainings of a command leave checkpoints, so that it can be interrupted and called again.

`<to>.training/<data>/proof/sequential`, `.../settled/fusion/final/sequential`: one folder for each training. It goes away when the command
ends well; the journals move to `<to>/trainings`. A training that was under way goes on where it stopped; what was done before it is done
again, with the same outcome.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leanrec.data.dataset import Dataset
from leanrec.errors import ConfigError
from leanrec.training.journal import JOURNAL_FILE
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)

KEPT = ("**/checkpoint/manifest.json", "**/fitted.json", "**/lists/origin.json")
"""What is worth going on from: a training under way, a finished fit of a teacher or an ensemble, a teacher's lists."""

SUFFIX = ".training"
JOURNALS_FOLDER = "trainings"
"""In what a command wrote: the journals of its trainings. They tell how it was made and are no part of it, so its manifest names none."""


def training_folder(to: Path | str) -> Path:
    """Beside what the command writes."""
    return Path(to).with_name(f"{Path(to).name}{SUFFIX}")


@contextmanager
def keeping_trainings(to: Path | str | None, dataset: Dataset, settings: RunSettings) -> Iterator[Path | None]:
    """The folder for the trainings of one command, made by the first that needs it; `None` when nothing is written.

    Raises `ConfigError` when it keeps a training of other data, or of another split. A checkpoint of other settings is refused by
    the training itself.
    """
    if to is None:
        yield None
        return
    whole = training_folder(to)
    own = whole / _key(dataset, settings)
    _require_own(whole, own)
    try:
        yield own
    except BaseException:
        if _has_checkpoint(whole):
            log.warning("a training was under way; do the same again to go on from %s, or delete it to begin anew", whole)
        else:
            shutil.rmtree(whole, ignore_errors=True)
        raise
    move_journals(own, Path(to))
    shutil.rmtree(whole, ignore_errors=True)


def move_journals(folder: Path, made: Path) -> None:
    """From the folder of a command's trainings into what it made, in place of older ones; where nothing was trained, those stay."""
    journals = list(folder.rglob(JOURNAL_FILE))
    if not journals or not made.is_dir():
        return
    kept = made / JOURNALS_FOLDER
    shutil.rmtree(kept, ignore_errors=True)
    for journal in journals:
        place = kept / journal.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(journal, place)


def _key(dataset: Dataset, settings: RunSettings) -> str:
    """What decides the events that are learned from."""
    named = json.dumps([dataset.fingerprint, settings.split.model_dump(mode="json"), settings.seed], sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()[:12]


def _require_own(whole: Path, own: Path) -> None:
    if whole.is_dir() and not own.is_dir() and _has_checkpoint(whole):
        raise ConfigError(
            f"{whole} keeps an interrupted training of other data, another split or another seed",
            hint="use those again to go on from it, write to another place, or delete it to begin anew",
        )


def _has_checkpoint(folder: Path) -> bool:
    return any(next(folder.glob(pattern), None) is not None for pattern in KEPT)
