"""A machine as it could have been measured, for tests that are not to measure one."""

from datetime import date
from typing import Any

from leanrec.planner.machine import Machine, StepTime

STEP = StepTime(block="transformer", width=32, num_layers=2, max_length=50, num_items=150, tokens=1054.0, seconds=0.0123, num_steps=98)


def measured_machine(**changed: Any) -> Machine:
    """A quiet machine of two cores."""
    figures: dict[str, Any] = {
        "calibrated": date(2026, 7, 1),
        "leanrec_version": "0.1.0",
        "cores": 2,
        "memory_gb": 8.2,
        "bandwidth_gb_s": 20.5,
        "thread_bandwidth_gb_s": 12.5,
        "gemm_gflops": {"float32 1 thread": 71.0, "float32 all threads": 140.0},
        "disk_write_mb_s": 250.0,
        "disk_read_mb_s": 900.0,
        "step_seconds": (STEP,),
        "core_share": 0.99,
    }
    return Machine(**{**figures, **changed})
