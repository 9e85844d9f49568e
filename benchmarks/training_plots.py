"""Plots of the training benchmark: validation against CPU-seconds, a line a case, the mean over its seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from training_curves import Outcome


def draw_curves(cases: Mapping[str, Sequence[Outcome]], *, title: str, path: Path) -> None:
    """Mean curves, least and most of the seeds behind them, and the fixed recipe's best (the first case) as a line."""
    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    axes = figure.subplots()
    highest = 0.0
    for number, (name, outcomes) in enumerate(cases.items()):
        costs = np.mean([outcome.cpu_seconds for outcome in outcomes], axis=0)
        table = np.stack([outcome.qualities for outcome in outcomes])
        axes.plot(costs, table.mean(axis=0), marker="o", markersize=3, linewidth=1.4, label=name, color=f"C{number}")
        axes.fill_between(costs, table.min(axis=0), table.max(axis=0), alpha=0.12, color=f"C{number}")
        highest = highest or float(table.mean(axis=0).max())
    axes.axhline(highest, color="#999999", linewidth=1, linestyle="--")
    axes.set_title(title)
    axes.set_xlabel("CPU-seconds of training, looks left out")
    axes.set_ylabel("NDCG@10, validation")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    with rc_context({"svg.hashsalt": title}):  # the same curves, the same file
        figure.savefig(path, metadata={"Date": None})
