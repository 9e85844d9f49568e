"""Schedules against the best fixed recipe: CPU-seconds to its best validation, on Beauty, Toys and MovieLens-1M; `make bench-training`.

The fixed recipes are those that `training_searches.py` found. Schedules were tried on Beauty with one seed; those named here, and the
controls, are run with every seed. Each run has a process of its own on one thread and is kept under `.cache/training`, so that an
interrupted benchmark goes on. Test users are never asked. With `--kept` cases without outcomes keep the rows that were published: a
ratio stands as it is, since a case and its fixed recipe were measured on one machine.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines import calibration_rows
from datasets import RESULTS, require_datasets
from leanrec.config import Settings
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.training.search_space import merged
from processes import run_alone
from rows import BenchmarkRow, read_rows, write_rows
from training_curves import METRIC, FloatArray, Outcome, measure, place_of, read_outcome
from training_plots import draw_curves
from training_screen import AVERAGED, RELATIVE_COST, rivals, screened_rows
from training_searches import SHIPPED, found

SEEDS: Mapping[str, int] = {"amazon14-beauty": 5, "amazon14-toys": 5, "ml-1m": 3}
FIXED = "fixed"
OTHERS: Mapping[str, tuple[Settings, str]] = {
    "default": (SHIPPED, "what ships: schedule auto, weights averaged"),
    "weights averaged": ({"schedule": "whole", **AVERAGED}, "all from the beginning, weights averaged"),
    "few rivals first": ({**rivals(0.1), **AVERAGED}, "finalist: 256 rivals for a tenth of the way, weights averaged"),
    "few rivals for longer": ({**rivals(0.2), **AVERAGED}, "finalist: 256 rivals for a fifth of the way, weights averaged"),
    "self-paced": ({"curriculum": {"by": "loss"}, **AVERAGED}, "finalist: what the network finds easy by now first, weights averaged"),
    "random subset": ({"curriculum": {"by": "random"}, **AVERAGED}, "control: a growing part of the histories, whichever; weights averaged"),
    "one layer": ({"encoder": {"num_layers": 1}, **AVERAGED}, "control: one layer, weights averaged"),
}
"""What ships, finalists and controls, as changes of the fixed recipe."""
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "weights averaged": ("ml-1m",),
    "few rivals first": ("ml-1m",),
    "few rivals for longer": ("amazon14-toys", "ml-1m"),
    "self-paced": ("amazon14-beauty", "amazon14-toys"),
}
"""Where a case is not run: on MovieLens-1M the default is all from the beginning, and the fixed recipe's loss looks at a few drawn items as it is;
for longer it was no finalist on Beauty; on Beauty and Toys self-paced is the default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One way to train the recipe of a data set."""

    name: str
    dataset: str
    config: Settings
    note: str

    @property
    def seeds(self) -> range:
        """0 and on."""
        return range(SEEDS[self.dataset])

    @property
    def is_run(self) -> bool:
        """Whether there are outcomes of all seeds."""
        return all(place_of(self.dataset, self.config, seed).is_file() for seed in self.seeds)

    def outcomes(self) -> list[Outcome]:
        """Of every seed."""
        return [read_outcome(self.dataset, self.config, seed) for seed in self.seeds]


def recipe_of(dataset: str) -> Settings:
    """The best fixed recipe of that kind of data."""
    return found("ml-1m-fixed" if dataset == "ml-1m" else "amazon-fixed")


def cases() -> list[Case]:
    """Fixed first, then what ships, further finalists, and the controls."""
    made = []
    for dataset in SEEDS:
        fixed = recipe_of(dataset)
        made.append(Case(name=FIXED, dataset=dataset, config=fixed, note="the best recipe that a search found"))
        for name, (changed, note) in OTHERS.items():
            if dataset not in LEFT_OUT.get(name, ()):
                made.append(Case(name=name, dataset=dataset, config=merged(fixed, changed), note=note))
    return made


def main() -> None:
    """Run what is not kept yet, then write all rows and plots; or run one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, type=int, metavar=("CASE", "SEED"), help="run one case, by its number, and keep the outcome")
    parser.add_argument("--only", help="only cases whose data set or name holds this; no rows are written")
    parser.add_argument("--kept", action="store_true", help="run nothing: cases without outcomes keep the rows that were published")
    arguments = parser.parse_args()
    if arguments.one is not None:
        number, seed = arguments.one
        _run(cases()[number], seed)
        return
    if not arguments.kept:
        _run_missing(arguments.only or "")
    if arguments.only is None:
        published = read_rows("training", RESULTS) if arguments.kept else []
        measured = (row for dataset in SEEDS for row in rows_of(dataset, published))
        write_rows("training", [*calibration_rows(), *measured, *screened_rows(published)], RESULTS)


def _run_missing(wanted: str) -> None:
    require_datasets(list(SEEDS))
    for number, case in enumerate(cases()):
        for seed in case.seeds:
            if not place_of(case.dataset, case.config, seed).is_file() and wanted in f"{case.dataset} {case.name}":
                run_alone(__file__, "--one", number, seed)


def _run(case: Case, seed: int) -> None:
    outcome = measure(case.dataset, case.config, seed)
    figures = f"{outcome.qualities.max():.4f} in {outcome.cpu_seconds[-1]:.1f} CPU-s of training"
    print(f"{case.dataset:16} {case.name:20} seed {seed}  {figures}", file=sys.stderr, flush=True)


def rows_of(dataset: str, published: Sequence[BenchmarkRow] = ()) -> list[BenchmarkRow]:
    """Every case of a data set beside its fixed recipe, and the plot of those with outcomes; the others' rows as they were published."""
    wanted = [case for case in cases() if case.dataset == dataset]
    here = {case.name: case.outcomes() for case in wanted if case.is_run or not published}
    if FIXED in here:
        place = f"training-{dataset}.svg" if len(here) == len(wanted) else f"training-{dataset}-{'-'.join(here).replace(' ', '-')}.svg"
        draw_curves(here, title=dataset, path=RESULTS / place)
    rows = []
    for case in wanted:
        if case.name in here and FIXED in here:
            rows += _case_rows(case, here[case.name], here[FIXED])
        else:
            rows += [row for row in published if (row.dataset, row.case) == (dataset, case.name)]
    return rows


def _case_rows(case: Case, outcomes: Sequence[Outcome], fixed: Sequence[Outcome]) -> list[BenchmarkRow]:
    common: dict[str, Any] = {  # Any: keys of a row
        "case": case.name,
        "dataset": case.dataset,
        "split": "leave-one-out, validation",
        "protocol": "history masked",
        "seeds": len(outcomes),
        "cpu_seconds": float(np.mean(_costs(outcomes))),
        "peak_mb": max(outcome.peak_mb for outcome in outcomes),
    }
    best = [float(outcome.qualities.max()) for outcome in outcomes]
    quality = bootstrap_means(np.mean([outcome.valid for outcome in outcomes], axis=0), rng=np.random.default_rng(0)).measure()
    rows = [BenchmarkRow.of_measure(quality, metric=METRIC, note=f"{case.note}; seeds: {', '.join(f'{value:.4f}' for value in best)}", **common)]
    if case.name != FIXED:
        gain = np.mean([ours.valid - theirs.valid for ours, theirs in zip(outcomes, fixed, strict=True)], axis=0)
        paired = bootstrap_means(gain, rng=np.random.default_rng(0)).measure()
        rows.append(BenchmarkRow.of_measure(paired, metric=f"{METRIC} less that of the fixed recipe", note="paired by user", **common))
        rows.append(_early_row(outcomes, fixed, common))
        rows.append(BenchmarkRow(metric=RELATIVE_COST, value=float(np.mean(_costs(outcomes)) / np.mean(_costs(fixed))), **common))
    rows += _ratio_rows(outcomes, fixed, common)
    return rows


def _costs(outcomes: Sequence[Outcome]) -> list[float]:
    """CPU-seconds of all epochs, of each seed."""
    return [float(outcome.cpu_seconds[-1]) for outcome in outcomes]


def _early_row(outcomes: Sequence[Outcome], fixed: Sequence[Outcome], common: Mapping[str, Any]) -> BenchmarkRow:
    """What is gained at half of the CPU-seconds that the fixed recipe needs for its best; seeds drawn anew, in pairs, for the interval."""
    gains = [early_gain([outcomes[n] for n in drawn], [fixed[n] for n in drawn]) for drawn in _resampled(len(outcomes))]
    low, high = np.quantile(gains, (0.025, 0.975))
    metric = f"{METRIC} at half of the fixed recipe's CPU-seconds, less its own there"
    return BenchmarkRow(metric=metric, value=early_gain(outcomes, fixed), low=float(low), high=float(high), note="paired by seed", **common)


def early_gain(outcomes: Sequence[Outcome], fixed: Sequence[Outcome]) -> float:
    """The mean curve less that of the fixed recipe, half-way to the latter's best."""
    costs, qualities = mean_curve(fixed)
    half = costs[qualities.argmax()] / 2
    return float(np.interp(half, *mean_curve(outcomes)) - np.interp(half, costs, qualities))


def _ratio_rows(outcomes: Sequence[Outcome], fixed: Sequence[Outcome], common: Mapping[str, Any]) -> list[BenchmarkRow]:
    """CPU-seconds to the fixed recipe's best, over its own; seeds drawn anew, in pairs, for the interval."""
    value = ratio_of(outcomes, fixed)
    num_seeds = len(outcomes)
    draws = np.array([ratio_of([outcomes[n] for n in drawn], [fixed[n] for n in drawn]) for drawn in _resampled(num_seeds)])
    share = float(np.isfinite(draws).mean())
    rows = [BenchmarkRow(metric="share of draws of seeds that reach the fixed recipe's best", value=share, **common)]
    if np.isfinite(value):
        low, high = np.quantile(draws, (0.025, 0.975), method="nearest")
        bounds = {"low": float(low) if np.isfinite(low) else None, "high": float(high) if np.isfinite(high) else None}
        note = None if np.isfinite(high) else "no upper bound: in some draws of seeds the fixed recipe's best is not reached"
        rows.insert(0, BenchmarkRow(metric="cpu_ratio_to_fixed", value=value, note=note, **bounds, **common))
    return rows


def ratio_of(outcomes: Sequence[Outcome], fixed: Sequence[Outcome]) -> float:
    """CPU-seconds until the mean curve first stands at the best of the fixed one's, over that one's own; infinite where it never does."""
    costs, qualities = mean_curve(outcomes)
    fixed_costs, fixed_qualities = mean_curve(fixed)
    best = int(fixed_qualities.argmax())
    reached = np.flatnonzero(qualities >= fixed_qualities[best])
    return float(costs[reached[0]] / fixed_costs[best]) if len(reached) else float("inf")


def mean_curve(outcomes: Sequence[Outcome]) -> tuple[FloatArray, FloatArray]:
    """(E,) CPU-seconds and (E,) qualities, epoch by epoch, over the seeds."""
    return np.mean([outcome.cpu_seconds for outcome in outcomes], axis=0), np.mean([outcome.qualities for outcome in outcomes], axis=0)


def _resampled(num_seeds: int) -> list[tuple[int, ...]]:
    """Every draw of so many seeds with replacement: 3125 of five, 27 of three."""
    return list(itertools.product(range(num_seeds), repeat=num_seeds))


if __name__ == "__main__":
    main()
