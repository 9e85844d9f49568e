"""The plot of a search: quality against CPU-seconds, trial by trial, and the line of those that no cheaper one equals."""

from collections.abc import Sequence
from pathlib import Path

from leanrec.errors import MissingExtraError
from leanrec.evaluation.ladder_plot import pareto_front
from leanrec.training.search import Trial

_BEST, _FIRST, _OTHER = "#c1121f", "#2a9d8f", "#33658a"


def plot_search(trials: Sequence[Trial], best: Trial, *, metric: str, paths: Sequence[Path]) -> None:
    """Draw trials that ran to their end, in the format of each suffix; raises `MissingExtraError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("the plot of a search needs matplotlib", hint="pip install 'leanrec[data]'") from None
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    costs, qualities = [trial.cpu_seconds or 0.0 for trial in trials], [trial.quality or 0.0 for trial in trials]
    colors = [_BEST if trial == best else _FIRST if trial.number == 0 else _OTHER for trial in trials]
    axes.scatter(costs, qualities, c=colors)
    for trial, cost, quality in zip(trials, costs, qualities, strict=True):
        if trial == best or trial.number == 0:
            name = "best" if trial == best else "as it comes"
            axes.annotate(name, (cost, quality), xytext=(6, 4), textcoords="offset points", fontsize=8)
    front = pareto_front(costs, qualities)
    axes.plot([costs[place] for place in front], [qualities[place] for place in front], color="#999999", linewidth=1, zorder=0)
    axes.set_xlabel("CPU-seconds of fitting")
    axes.set_ylabel(f"{metric}, validation")
    axes.grid(visible=True, alpha=0.3)
    for path in paths:
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
