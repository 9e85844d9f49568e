"""Disk: how fast a file is written for good and read again, in the folder where it would lie."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.errors import ArtifactError
from leanrec.planner.processor import median_seconds

BLOCK_BYTES = 1 << 20
"""Read at a time: as large as whoever reads a whole file would take, small beside memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskSpeed:
    """Megabytes (1e6 bytes) a second."""

    write_mb_s: float
    """Until the disk has it (fsync)."""
    read_mb_s: float
    """After the system was asked to forget the file; it may not have, and the figure be that of memory."""


def disk_speed(folder: Path, *, num_bytes: int, limit_seconds: float) -> DiskSpeed:
    """Write and read a file of random bytes in `folder`, which is made; nothing is left there.

    Raises `ArtifactError` where that cannot be done. Random bytes: some file systems compress, and zeros would take no room at all.
    """
    content = np.random.default_rng(0).bytes(num_bytes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".calibration-", dir=folder) as place:
            path = Path(place) / "bytes"
            writing = median_seconds(lambda: _write(path, content), limit_seconds=limit_seconds)
            reading = median_seconds(lambda: _read(path), limit_seconds=limit_seconds)
    except OSError as error:
        raise ArtifactError(f"the disk at {folder} cannot be measured: {error}", hint="name a folder that can be written and has room") from None
    return DiskSpeed(write_mb_s=num_bytes / writing / 1e6, read_mb_s=num_bytes / reading / 1e6)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> None:
    _forget(path)
    with path.open("rb", buffering=0) as file:
        while file.read(BLOCK_BYTES):
            pass


def _forget(path: Path) -> None:
    """Ask the system to keep nothing of the file in memory, where it can be asked."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
