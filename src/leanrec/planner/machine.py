"""Machine: what this machine was measured to do, kept as JSON; `calibrate` makes it, plans rest on it."""

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat

from leanrec.artifact import writing_file
from leanrec.config import Config
from leanrec.errors import ArtifactError, ConfigError

MACHINE_FILE = "machine.json"
QUIET_SHARE = 0.9
"""A measuring thread that got less of its core shared it: the figures are then too low."""

Product = Literal["float32 1 thread", "float32 all threads", "bfloat16 1 thread", "bfloat16 all threads"]
"""A matrix product that was timed: its precision, and on how many threads."""


class StepTime(Config):
    """How long a training step of a tiny `sequential` takes, on one thread and in float32."""

    block: str
    """What its encoder is made of."""
    width: int = Field(ge=1)
    """Numbers in a vector."""
    num_layers: int = Field(ge=1)
    """Blocks, one after the other."""
    max_length: int = Field(ge=1)
    """Events of a history that are read at most."""
    num_items: int = Field(ge=1)
    """Items that each token is scored against."""
    tokens: PositiveFloat
    """Events in a step, the median."""
    seconds: PositiveFloat
    """Wall-clock time of a step, the median: forward, backward and the move of the weights, without cutting the batch."""
    num_steps: int = Field(ge=1)
    """Steps that were timed."""


class Machine(Config):
    """A machine's measured speeds; every figure is the median of several tries."""

    calibrated: date
    """The day of the measuring."""
    leanrec_version: str
    """What measured."""
    cores: int = Field(ge=1)
    """That this process may use."""
    memory_gb: PositiveFloat
    """Main memory in gigabytes (1e9 bytes), or what a container is allowed of it."""
    bandwidth_gb_s: PositiveFloat
    """Bytes read and written a second, in gigabytes, while all cores copy an array much larger than the caches."""
    thread_bandwidth_gb_s: PositiveFloat
    """The same while one core copies alone, as most of our trainings do."""
    gemm_gflops: Mapping[Product, PositiveFloat]
    """Products of square matrices, in 1e9 operations a second; bfloat16 is absent where torch is not installed."""
    disk_write_mb_s: PositiveFloat
    """A file written until the disk has it (fsync), in megabytes (1e6 bytes) a second."""
    disk_read_mb_s: PositiveFloat
    """The file read again. The system was asked to forget it first, but may not have: the figure can be that of memory."""
    step_seconds: tuple[StepTime, ...] = ()
    """Training steps of tiny models; none where torch is not installed."""
    core_share: float = Field(gt=0, le=1)
    """Share of its core that a measuring thread got. Well below 1, something else was running, and all speeds are too low."""

    @property
    def is_quiet(self) -> bool:
        """Whether the machine had little else to do while it was measured."""
        return self.core_share >= QUIET_SHARE

    def describe(self) -> dict[str, str]:
        """What was measured -> the figure with its unit, for people."""
        products = {f"matrix products, {name}": f"{speed:.1f} GFLOPS" for name, speed in self.gemm_gflops.items()}
        steps = {
            f"training step, {step.block} of width {step.width}": f"{1e3 * step.seconds:.1f} ms for {step.tokens:.0f} tokens"
            for step in self.step_seconds
        }
        return {
            "measured on": f"{self.calibrated.isoformat()} by leanrec {self.leanrec_version}",
            "cores": str(self.cores),
            "memory": f"{self.memory_gb:.1f} GB",
            "copying, 1 thread": f"{self.thread_bandwidth_gb_s:.1f} GB/s",
            "copying, all threads": f"{self.bandwidth_gb_s:.1f} GB/s",
            **products,
            "disk, writing": f"{self.disk_write_mb_s:.0f} MB/s",
            "disk, reading": f"{self.disk_read_mb_s:.0f} MB/s (may come from memory)",
            **steps,
            "core share while measuring": f"{self.core_share:.0%}" + ("" if self.is_quiet else "; the machine was busy, speeds are too low"),
        }


def machine_file() -> Path:
    """Where this user's calibration is kept: `leanrec/machine.json` in `XDG_CACHE_HOME`, else in `~/.cache`."""
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = stated if stated.is_absolute() else Path.home() / ".cache"  # the XDG specification: a relative path is not heeded
    return folder / "leanrec" / MACHINE_FILE


def write_machine(path: Path, machine: Machine) -> None:
    """Keep a calibration, in place of an older one."""
    with writing_file(path) as draft:
        draft.write_text(machine.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_machine(path: Path) -> Machine | None:
    """The calibration kept at `path`, nothing where there is none; raises `ArtifactError` for a file that is no calibration."""
    if not path.exists():
        return None
    try:
        return Machine.parse(json.loads(path.read_bytes()), where=path.name)
    except (ValueError, TypeError, OSError) as error:
        reason = error.message if isinstance(error, ConfigError) else error
        raise ArtifactError(
            f"{path} is no calibration that this leanrec can read: {reason}", hint="measure again: leanrec doctor --calibrate"
        ) from None
