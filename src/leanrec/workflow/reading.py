"""Read anything into a data set: a path, a URL, a frame, or a data set that is one already; cleaned and counted."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from leanrec.data.clean import Cleaned, CleaningStep, clean
from leanrec.data.dataset import Dataset
from leanrec.data.identity_file import read_identities
from leanrec.data.inspection import Inspection, inspect_data
from leanrec.data.sources.columns import MappingGuess
from leanrec.data.sources.frames import guess_frame, read_frame
from leanrec.data.sources.opening import guess_columns
from leanrec.data.sources.opening import read as read_source
from leanrec.data.sources.protocol import Reading
from leanrec.errors import ConfigError
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)

Data = Any  # Any: a path, a URL, a Dataset, or any frame that speaks Arrow, which has no common parent


def read(data: Data, *, settings: RunSettings | None = None, catalogue: str | None = None, beside: Path | str | None = None) -> Dataset:
    """A clean data set; raises `DataError` naming file, place, what is allowed and what to do.

    Rows that were set aside go to `<beside>.quarantine.parquet`, when `beside` names what is being written.
    """
    if isinstance(data, Dataset):
        if settings is not None and settings.identities is not None:
            raise ConfigError("identities cannot be applied to a data set that is built already", hint="give the path or the frame of the events")
        return data
    cleaned = read_clean(data, settings=settings, catalogue=catalogue)
    if beside is not None:
        _keep_quarantine(cleaned, Path(beside))
    return dataset_of(cleaned)


def read_clean(data: Data, *, settings: RunSettings | None = None, catalogue: str | None = None) -> Cleaned:
    """What was read, after cleaning, with every step counted."""
    settings = settings or RunSettings()
    reading = _reading(data, settings=settings, catalogue=catalogue)
    if settings.identities is None:
        return clean(reading, settings.cleaning)
    linked, report = read_identities(settings.identities).applied(reading)
    (log.warning if report.num_shared or report.num_conflicts else log.info)("identities: %s", report.describe())
    step = CleaningStep(name="identities", rows_before=len(reading.log), changed=report.num_events, note=report.describe())
    cleaned = clean(linked, settings.cleaning)
    return replace(cleaned, steps=(step, *cleaned.steps))


def dataset_of(cleaned: Cleaned) -> Dataset:
    """Cross from ids to rows."""
    return Dataset.build(cleaned.log, catalogue=cleaned.catalogue, relations=cleaned.relations, user_attributes=cleaned.user_attributes)


def inspect(data: Data, *, to: Path, settings: RunSettings | None = None, catalogue: str | None = None) -> Inspection:
    """Statistics of the data, with an HTML report at `to`; rows set aside stand beside it in `<to>.quarantine.parquet`."""
    return write_inspection(read_clean(data, settings=settings, catalogue=catalogue), to)


def write_inspection(cleaned: Cleaned, to: Path) -> Inspection:
    """The same for data that are clean already. Raises `MissingExtraError` without matplotlib."""
    from leanrec.data.inspection_page import write_page

    inspection = inspect_data(cleaned)
    write_page(inspection, to)
    _keep_quarantine(cleaned, Path(to))
    return inspection


def _keep_quarantine(cleaned: Cleaned, beside: Path) -> None:
    """Nothing that was set aside is lost."""
    if len(cleaned.quarantine):
        place = beside.with_name(f"{beside.name}.quarantine.parquet")
        cleaned.quarantine.save(place)
        log.warning("%d rows were set aside; %s has each with file, line and reason", len(cleaned.quarantine), place)


def _reading(data: Data, *, settings: RunSettings, catalogue: str | None) -> Reading:
    if isinstance(data, str | Path):
        _show(lambda: guess_columns(str(data), columns=settings.columns), settings)
        return read_source(str(data), columns=settings.columns, catalogue=catalogue)
    _show(lambda: guess_frame(data, settings.columns), settings)
    return read_frame(data, settings.columns)


def _show(guess: Callable[[], MappingGuess | None], settings: RunSettings) -> None:
    """What the columns were taken for, before anything is read by it."""
    if settings.columns is not None and {"user", "item"} <= set(settings.columns.stated):
        return
    found = guess()
    if found is not None:
        log.info("%s", found.describe())
