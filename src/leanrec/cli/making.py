"""Verbs that make: data, inspect, fit, prove, and the demonstration of them all."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson, CatalogueFile, ConfigFile, IdentitiesFile, Memory, Minutes, Overrides, settings_of
from leanrec.cli.printing import print_json

Data = Annotated[str, typer.Argument(help="A file, folder or URL of events: CSV, Parquet, JSON lines, MovieLens, RecBole, Amazon, sequences.txt.")]
Wheels = Annotated[Path | None, typer.Option("--wheels", help="A folder that holds the recbole wheel.", show_default=False)]


def data(
    name: Annotated[str, typer.Argument(help="A public data set, e.g. movielens-100k; `leanrec list sets` names them.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write.")],
    wheels: Wheels = None,
    as_json: AsJson = False,
) -> None:
    """Obtain a public data set."""
    from leanrec.data.sources.public import obtain

    folder = obtain(name, to=to, wheels=wheels)
    if as_json:
        print_json({"name": name, "folder": str(folder), "files": sorted(path.name for path in folder.iterdir())})
    else:
        typer.echo(f"{name} is in {folder}; next: leanrec prove {folder}")


def inspect(
    source: Data,
    to: Annotated[Path, typer.Option("--to", help="The HTML report to write.")] = Path("inspection.html"),
    catalogue: CatalogueFile = None,
    identities: IdentitiesFile = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Read and clean events, and write a report with plots of what is there and what cleaning did."""
    from leanrec.cli.results import print_inspection
    from leanrec.workflow.reading import inspect as inspect_data

    inspection = inspect_data(source, to=to, settings=settings_of(config, overrides, identities=identities), catalogue=catalogue)
    if as_json:
        print_json({**inspection.to_dict(), "report": str(to)})
    else:
        print_inspection(inspection, report=to)


def fit(
    source: Data,
    to: Annotated[Path | None, typer.Option("--to", help="The model folder to write; NAME-model beside you by default.", show_default=False)] = None,
    recommender: Annotated[str | None, typer.Option(help="Take this recommender without a competition.", show_default=False)] = None,
    catalogue: CatalogueFile = None,
    identities: IdentitiesFile = None,
    minutes: Minutes = None,
    memory: Memory = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Fit a recommender to events: the one that proves best for its cost, or one named by hand."""
    from leanrec.cli.results import print_fit
    from leanrec.workflow.fitting import fit as fit_model
    from leanrec.workflow.fitting import model_folder

    settings = settings_of(config, overrides, minutes=minutes, memory=memory, identities=identities)
    folder = to or model_folder(source)
    model = fit_model(source, recommender=recommender, settings=settings, catalogue=catalogue, to=folder)
    if as_json:
        print_json({"model": str(folder), "recommender": model.name, "proof": dict(model.proof)})
    else:
        print_fit(model, folder)


def prove(
    source: Data,
    to: Annotated[Path, typer.Option("--to", help="The folder for report.json, report.md and the plot.")] = Path("proof"),
    catalogue: CatalogueFile = None,
    identities: IdentitiesFile = None,
    minutes: Minutes = None,
    memory: Memory = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Run every recommender on the same split and show what each step bought and cost."""
    from leanrec.cli.results import print_proof
    from leanrec.workflow.proving import prove as prove_data

    report = prove_data(
        source, settings=settings_of(config, overrides, minutes=minutes, memory=memory, identities=identities), catalogue=catalogue, to=to
    )
    if as_json:
        print_json({**report.to_dict(), "report": str(to)})
    else:
        print_proof(report, to)


def demo(
    to: Annotated[Path, typer.Option("--to", help="The folder to work in.")] = Path("demo"),
    wheels: Wheels = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after printing; do not start the server.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 8000,
) -> None:
    """Show the main job on MovieLens-100K: read, clean, split, fit, prove, recommend, serve."""
    from leanrec.cli.demonstration import demonstrate, open_page

    models = demonstrate(to, wheels=wheels)
    if no_serve:
        typer.echo(f"See it in a browser: leanrec serve {' '.join(map(str, models))}")
    else:
        open_page(models, port=port)
