"""Verbs of trainings that were: list, compare, plot and export what their journals tell."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from leanrec.training.journal_reading import TrainingRun
    from leanrec.workflow.runs import Comparison

MOST_SHOWN = 4
"""Differing settings in a line of the list; `compare` shows all."""

Places = Annotated[
    list[Path], typer.Argument(help="Models, NAME.training of a command under way, or any folders with trainings below; several are taken together.")
]

runs = typer.Typer(help="List, compare, plot and export trainings, from their journals.", no_args_is_help=True, rich_markup_mode=None)


@runs.callback()
def runs_group() -> None:
    """What trainings came to, from their journals."""


@runs.command(name="list")
def list_trainings(places: Places, as_json: AsJson = False) -> None:
    """List trainings, the oldest first: in which settings they differ, what they came to, what they cost, how they ended."""
    from leanrec.training.journal_reading import differing
    from leanrec.workflow.runs import list_runs

    found = list_runs(places)
    if as_json:
        print_json([{"name": name, **run.to_dict()} for name, run in found.items()])
        return
    names = differing(list(found.values()))
    columns = ("training", "began (UTC)", "settings that differ", "epochs", "steps", "best quality", "CPU-seconds", "ended")
    print_table("Trainings", columns, [_line(name, run, names) for name, run in found.items()])


@runs.command()
def compare(places: Places, as_json: AsJson = False) -> None:
    """Put trainings side by side: settings that differ, figures, and the cost of being as good as the first one at its best."""
    from leanrec.workflow.runs import compare_runs

    found = compare_runs(places)
    if as_json:
        print_json(found.to_dict())
    else:
        print_comparison(found)


@runs.command()
def plot(
    places: Places,
    to: Annotated[Path, typer.Option("--to", help="The file to draw: .svg, .png or .pdf.")],
) -> None:
    """Draw quality and loss against CPU-seconds."""
    from leanrec.workflow.runs import plot as plot_trainings

    typer.echo(f"The plot is in {plot_trainings(places, to=to)}")


@runs.command()
def export(
    places: Places,
    to: Annotated[str, typer.Option("--to", help="tensorboard:FOLDER, mlflow:sqlite:///FILE or wandb:PROJECT (offline unless WANDB_MODE=online).")],
    experiment: Annotated[str | None, typer.Option(help="The experiment of MLflow; leanrec by default.", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written from now on, until the trainings end or Ctrl-C.")] = False,
) -> None:
    """Show trainings in TensorBoard, MLflow or Weights & Biases; done twice, they are there once."""
    from leanrec.workflow.runs import export_runs

    num_shown = export_runs(places, to=to, experiment=experiment, follow=follow, told=_say if follow else None)
    typer.echo(f"{num_shown} {'training is' if num_shown == 1 else 'trainings are'} in {to}")


def print_comparison(found: "Comparison") -> None:
    """Two tables: settings that differ, and figures; a column for each training."""
    names = tuple(found.runs)
    if found.settings:
        print_table("Settings that differ", ("setting", *names), [(name, *map(_shown, values)) for name, values in found.settings.items()])
    else:
        typer.echo("All settings are the same.")
    told = list(found.runs.values())
    figures: dict[str, Sequence[Any]] = {
        "began (UTC)": [_when(run) for run in told],
        "data": [run.data[:12] for run in told],
        "device": [run.device for run in told],
        "epochs": [len(run.epochs) for run in told],
        "steps": [run.num_steps for run in told],
        "best epoch": [run.best.epoch if run.best is not None else None for run in told],
        "best quality": [run.best_quality for run in told],
        "CPU-seconds": [run.cpu_seconds for run in told],
        "CPU-seconds to the best of the first": found.cpu_seconds_to_first,
        "the same, first = 1": found.cpu_ratios,
        "ended": [run.ended for run in told],
    }
    print_table("Figures", ("figure", *names), [(name, *map(_shown, values)) for name, values in figures.items()])


def _line(name: str, run: "TrainingRun", differing: Sequence[str]) -> tuple[str, ...]:
    from leanrec.training.journal_reading import flat

    figures = (len(run.epochs), run.num_steps, run.best_quality, run.cpu_seconds, run.ended)
    return (name, _when(run), _settings(flat(run.settings), differing), *map(_shown, figures))


def _settings(table: Mapping[str, Any], names: Sequence[str]) -> str:  # Any: the values of a TOML table
    told = [f"{name}={_shown(table.get(name))}" for name in names[:MOST_SHOWN]]
    more = len(names) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])]) or "-"


def _when(run: "TrainingRun") -> str:
    return datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _say(name: str, run: "TrainingRun") -> None:
    quality = "" if run.best_quality is None else f", best quality {run.best_quality:.4f}"
    typer.echo(f"{name}: step {run.num_steps}, {len(run.epochs)} epochs{quality}, {run.ended}", err=True)
