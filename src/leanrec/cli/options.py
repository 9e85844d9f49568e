"""Options that several verbs share, each with its help."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanrec.workflow.settings import RunSettings

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
    float | None, typer.Option(help="Budget: gigabytes of memory; what is foreseen to hold more is left out or refused.", show_default=False)
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
