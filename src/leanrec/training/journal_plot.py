"""The plot of trainings: quality on validation against what it cost, and the loss behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leanrec.errors import ConfigError, MissingExtraError
from leanrec.training.journal_reading import TrainingRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
MOST_NAMED = 12
"""More trainings than these are drawn without a legend, which would cover them."""

Curve = tuple[str, Sequence[float], Sequence[float]]


def plot_runs(runs: Mapping[str, TrainingRun], path: Path) -> None:
    """Draw each training's quality (left) and loss (right) by epoch against CPU-seconds, in the format of the suffix.

    Raises `ConfigError` for another suffix, and when no training has ended an epoch; `MissingExtraError` without matplotlib.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path.name} says no format that plots are written in", hint=f"end it with {', '.join(FORMATS)}")
    drawn = {"quality, validation": _curves(runs, "quality"), "loss": _curves(runs, "loss")}
    panels = {label: curves for label, curves in drawn.items() if curves}
    if not panels:
        raise ConfigError("no training has ended an epoch, so that there is nothing to draw", hint="wait, or look with `leanrec runs list`")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("the plot of trainings needs matplotlib", hint="pip install 'leanrec[data]'") from None
    figure = Figure(figsize=(5.0 * len(panels), 4.2), layout="constrained")
    both = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (label, curves) in zip(both, panels.items()):
        _draw(axes, curves, names=list(runs), label=label)
    if 1 < len(runs) <= MOST_NAMED:
        both[-1].legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def _curves(runs: Mapping[str, TrainingRun], figure: str) -> list[Curve]:
    """CPU-seconds and figure of each training that has any."""
    curves: list[Curve] = []
    for name, run in runs.items():
        told = [(epoch.cpu_seconds, value) for epoch in run.epochs if (value := getattr(epoch, figure)) is not None]
        if told:
            curves.append((name, [cost for cost, _ in told], [value for _, value in told]))
    return curves


def _draw(axes: "Axes", curves: Sequence[Curve], *, names: Sequence[str], label: str) -> None:
    for name, costs, values in curves:
        axes.plot(costs, values, marker="o", markersize=3, linewidth=1.2, label=name, color=f"C{names.index(name) % 10}")
    axes.set_xlabel("CPU-seconds of training")
    axes.set_ylabel(label)
    axes.grid(visible=True, alpha=0.3)
