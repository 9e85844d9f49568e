"""Verbs about leanrec itself: what is installed, and what this machine is."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

import typer

from leanrec import registry
from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table
from leanrec.errors import MissingExtraError

_PACKAGES = {
    "core": ("numpy", "scipy", "polars", "fsspec", "safetensors", "pydantic", "typer", "rich", "threadpoolctl", "onnxruntime", "tokenizers"),
    "data": ("implicit", "matplotlib", "pyarrow"),
    "train": ("torch", "transformers", "onnx", "onnxscript", "lightgbm", "scikit-learn"),
    "llm": ("accelerate", "gguf"),
}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")

What = Literal["recommenders", "sources", "sets"]


def list_names(
    what: Annotated[What, typer.Argument(help="recommenders, sources or sets (public data sets).")] = "recommenders", as_json: AsJson = False
) -> None:
    """List what can be named: recommenders, sources, public data sets."""
    rows = _descriptions(what)
    if as_json:
        print_json([{"name": name, "what": text} for name, text in rows])
    else:
        print_table(what, ("name", "what it is"), rows)


def doctor(as_json: AsJson = False) -> None:
    """Show what this machine and this installation have, and what is missing."""
    findings = {**_machine(), **{f"{extra}: {name}": _installed(name) for extra, names in _PACKAGES.items() for name in names}}
    lacking = {extra: [name for name in names if _installed(name) == "missing"] for extra, names in _PACKAGES.items() if extra != "core"}
    missing = [name for names in lacking.values() for name in names]
    extras = ",".join(extra for extra, names in lacking.items() if names)
    if as_json:
        print_json({**findings, "missing": missing})
        return
    print_table("This machine", ("what", "found"), findings.items())
    typer.echo(f"Missing: {', '.join(missing)}; install with: pip install 'leanrec[{extras}]'" if missing else "All extras are installed.")


def _descriptions(what: What) -> list[tuple[str, str]]:
    if what == "sets":
        from leanrec.data.sources.public import PUBLIC_SETS

        return [(known.name, known.description) for known in PUBLIC_SETS.values()]
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
