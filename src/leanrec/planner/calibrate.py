"""Calibrate: measure this machine in at most about a minute, so that plans rest on what it does and not on what its vendor says."""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import Field, PositiveFloat

from leanrec.config import Config
from leanrec.console import ProgressBar
from leanrec.planner.disk import disk_speed
from leanrec.planner.machine import Machine, Product
from leanrec.planner.processor import bfloat16_gflops, copy_gb_s, core_share, float32_gflops, memory_bytes, num_cores
from leanrec.planner.step_times import step_times

SHARE_OF_MEMORY = 1 / 16
"""The most that one of the two arrays takes: a small machine is to survive its measuring."""


class CalibrationConfig(Config):
    """How thoroughly a machine is measured; the defaults take about a minute."""

    limit_seconds: PositiveFloat = 3.0
    """For the tries of one figure; three are made in any case."""
    widths: tuple[int, ...] = (32, 128)
    """Of the tiny models whose training steps are timed, each for twice the limit."""
    array_mb: PositiveFloat = 512.0
    """The array that is copied, in megabytes (1e6 bytes), a sixteenth of the memory at most: no cache holds it."""
    matrix_size: int = Field(default=1024, ge=1)
    """Rows and columns of the matrices that are multiplied; fewer in bfloat16 where that is slow."""
    file_mb: PositiveFloat = 64.0
    """The file that is written and read, in megabytes (1e6 bytes)."""


def calibrate(*, folder: Path, now: datetime, config: CalibrationConfig | None = None) -> Machine:
    """What this machine does: copying, multiplying, the disk of `folder`, training steps; on a terminal with progress.

    Wall-clock times: whatever else runs makes the machine slower in them, and `core_share` tells that it did.
    """
    config = config or CalibrationConfig()
    cores, memory, limit = num_cores(), memory_bytes(), config.limit_seconds
    num_bytes = int(min(1e6 * config.array_mb, SHARE_OF_MEMORY * memory))
    with ProgressBar("measuring memory", total=4) as bar:
        share = core_share(config.matrix_size, limit_seconds=limit / 3)
        alone, together = (copy_gb_s(num_bytes, num_threads=number, limit_seconds=limit) for number in (1, cores))
        bar.advance(description="measuring matrix products")
        products = _products(config.matrix_size, cores=cores, limit_seconds=limit)
        bar.advance(description="measuring the disk")
        disk = disk_speed(folder, num_bytes=int(1e6 * config.file_mb), limit_seconds=limit)
        bar.advance(description="measuring training steps")
        steps = step_times(config.widths, limit_seconds=2 * limit)
        bar.advance()
    return Machine(
        calibrated=now.date(),
        leanrec_version=version("leanrec"),
        cores=cores,
        memory_gb=memory / 1e9,
        bandwidth_gb_s=together,
        thread_bandwidth_gb_s=alone,
        gemm_gflops=products,
        disk_write_mb_s=disk.write_mb_s,
        disk_read_mb_s=disk.read_mb_s,
        step_seconds=steps,
        core_share=share,
    )


def _products(size: int, *, cores: int, limit_seconds: float) -> Mapping[Product, float]:
    """Each precision on one thread and on all of them."""
    speeds: dict[Product, float | None] = {
        "float32 1 thread": float32_gflops(size, num_threads=1, limit_seconds=limit_seconds),
        "float32 all threads": float32_gflops(size, num_threads=cores, limit_seconds=limit_seconds),
        "bfloat16 1 thread": bfloat16_gflops(size, num_threads=1, limit_seconds=limit_seconds),
        "bfloat16 all threads": bfloat16_gflops(size, num_threads=cores, limit_seconds=limit_seconds),
    }
    return {name: speed for name, speed in speeds.items() if speed is not None}
