"""Options that several verbs share, each with its help."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanrec.workflow.settings import RunSettings

_UNITS = {"": 1.0, "GB": 1.0, "G": 1.0, "MB": 1e-3, "M": 1e-3, "TB": 1e3, "GIB": 2**30 / 1e9, "MIB": 2**20 / 1e9}


def gigabytes(text: str) -> float:
    """A size as people write it, in gigabytes (1e9 bytes).

    >>> gigabytes("4"), gigabytes("4GB"), gigabytes("500 mb")
    (4.0, 4.0, 0.5)
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", text)
    if found is None or found[2].upper() not in _UNITS:
        raise typer.BadParameter(f"{text!r} is no size; write gigabytes, such as 4 or 4GB, or 500MB")
    return float(found[1]) * _UNITS[found[2].upper()]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file with the settings of the run.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one setting, e.g. --set columns.user=customer or --set split.kind=leave-one-out.", show_default=False),
]
CatalogueFile = Annotated[str | None, typer.Option("--catalogue", help="A file or URL that describes the items.", show_default=False)]
Minutes = Annotated[
    float | None,
    typer.Option(help="Budget: minutes of the whole command; trainings are fitted in, what cannot be is left out or refused.", show_default=False),
]
Memory = Annotated[
    float | None,
    typer.Option(
        parser=gigabytes,
        metavar="SIZE",
        help="Budget: memory in gigabytes, or with its unit (4GB, 500MB); what is foreseen to hold more is left out or refused.",
        show_default=False,
    ),
]
IdentitiesFile = Annotated[
    str | None, typer.Option("--identities", help="A table that says which ids are one person: id,person or id,alias.", show_default=False)
]
TopK = Annotated[int, typer.Option("--k", help="Items in each list.")]


def settings_of(
    config: Path | None, overrides: list[str] | None, *, minutes: float | None = None, memory: float | None = None, identities: str | None = None
) -> "RunSettings":
    """Settings from file, overrides and flags, in that order."""
    from leanrec.workflow.settings import read_settings

    budget = {"minutes": minutes, "memory_gb": memory}
    flags = [f"budget.{name}={value}" for name, value in budget.items() if value is not None]
    flags += [f"identities.file={json.dumps(identities)}"] if identities is not None else []
    return read_settings(config, [*(overrides or []), *flags])
