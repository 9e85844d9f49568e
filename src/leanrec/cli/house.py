"""Verbs about leanrec itself: what is installed, and what this machine is."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from leanrec import registry
from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table
from leanrec.errors import MissingExtraError

if TYPE_CHECKING:
    from leanrec.planner.machine import Machine

_PACKAGES = {
    "core": ("numpy", "scipy", "polars", "fsspec", "safetensors", "pydantic", "typer", "rich", "threadpoolctl", "onnxruntime", "tokenizers"),
    "data": ("implicit", "matplotlib", "pyarrow"),
    "train": ("torch", "transformers", "onnx", "onnxscript", "lightgbm", "scikit-learn"),
    "llm": ("accelerate", "gguf"),
}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")

What = Literal["recommenders", "sources", "sets", "devices"]
Calibrates = Annotated[
    bool, typer.Option("--calibrate", help="Measure memory, matrix products, disk and training steps, a minute at most, and keep what was found.")
]


def list_names(
    what: Annotated[
        What, typer.Argument(help="recommenders, sources, sets (public data sets) or devices (CPUs, GPUs and TPUs that plans know).")
    ] = "recommenders",
    as_json: AsJson = False,
) -> None:
    """List what can be named: recommenders, sources, public data sets, devices."""
    rows = _descriptions(what)
    if as_json:
        print_json([{"name": name, "what": text} for name, text in rows])
    else:
        print_table(what, ("name", "what it is"), rows)


def doctor(calibrate: Calibrates = False, as_json: AsJson = False) -> None:
    """Show what this machine and this installation have, what is missing, and how fast the machine was measured to be."""
    measured = _measure() if calibrate else _kept_measures()
    findings = {**_machine(), **{f"{extra}: {name}": _installed(name) for extra, names in _PACKAGES.items() for name in names}}
    lacking = {extra: [name for name in names if _installed(name) == "missing"] for extra, names in _PACKAGES.items() if extra != "core"}
    missing = [name for names in lacking.values() for name in names]
    extras = ",".join(extra for extra, names in lacking.items() if names)
    if as_json:
        print_json({**findings, "missing": missing, "calibration": measured.model_dump(mode="json") if measured else None})
        return
    print_table("This machine", ("what", "found"), findings.items())
    if measured:
        print_table("What it does", ("what", "measured"), measured.describe().items())
    else:
        typer.echo("How fast it is was not measured; to measure: leanrec doctor --calibrate")
    typer.echo(f"Missing: {', '.join(missing)}; install with: pip install 'leanrec[{extras}]'" if missing else "All extras are installed.")


def _measure() -> "Machine":
    """Measured now, and kept."""
    from leanrec.planner.calibrate import calibrate
    from leanrec.planner.machine import machine_file, write_machine

    path = machine_file()
    measured = calibrate(folder=path.parent, now=datetime.now(UTC))
    write_machine(path, measured)
    return measured


def _kept_measures() -> "Machine | None":
    from leanrec.planner.machine import machine_file, read_machine

    return read_machine(machine_file())


def _descriptions(what: What) -> list[tuple[str, str]]:
    if what == "sets":
        from leanrec.data.sources.public import PUBLIC_SETS

        return [(known.name, known.description) for known in PUBLIC_SETS.values()]
    if what == "devices":
        from leanrec.planner.hardware import devices

        return [(device.name, device.describe()) for device in devices().values()]
    group: registry.Group = "leanrec.recommenders" if what == "recommenders" else "leanrec.sources"
    return [(name, _description(group, name)) for name in registry.names(group)]


def _description(group: registry.Group, name: str) -> str:
    try:
        return (registry.find(group, name).__doc__ or "").strip().split("\n")[0]
    except MissingExtraError as error:
        return str(error).replace("\n", "; ")


def _machine() -> dict[str, str]:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "leanrec": version("leanrec"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{pages * page_bytes / 1e9:.1f} GB",
        **{name: os.environ.get(name, "not set (leanrec pins its own threads)") for name in _THREAD_VARIABLES},
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
