"""Schedules tried on Beauty with one seed, around the best fixed recipe: as much search for them as the fixed recipe had.

What is learned here decides which schedules the benchmark runs with every seed; each stands in its rows, whatever came of it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import require_datasets
from leanrec.config import Settings
from leanrec.training.search_space import merged
from processes import run_alone
from rows import BenchmarkRow
from training_curves import METRIC, Outcome, measure, place_of, read_outcome
from training_searches import found

DATASET, SEED = "amazon14-beauty", 0
RELATIVE_COST = "CPU-seconds of all epochs, over the fixed recipe's"
AVERAGED: Settings = {"training": {"average": 0.998}}


def growth(*at: float, **stages: Any) -> Settings:  # Any: the values of a TOML table
    """A change of the recipe: stages of their own."""
    return {"growth": {"at": list(at), **{name: list(values) for name, values in stages.items()}}}


def rivals(until: float, few: int = 256, **others: Any) -> Settings:  # Any: as above
    """Few rivals until then, all of them afterwards."""
    return growth(until, num_negatives=(few, "all"), **others)


def screened(fixed: Settings) -> Mapping[str, Settings]:
    """What was tried, by name."""
    width, layers = fixed["encoder"]["width"], fixed["encoder"]["num_layers"]
    tried = {
        "fixed": {},
        "256 rivals until .6": rivals(0.6),
        "256 rivals until .3": rivals(0.3),
        "256 rivals until .3, dropout .48": {**rivals(0.3), "encoder": {"dropout": 0.48}},
        "256 rivals until .3, weights averaged": {**rivals(0.3), **AVERAGED},
        "fixed, weights averaged": AVERAGED,
        "256 rivals until .2, weights averaged": {**rivals(0.2), **AVERAGED},
        "256 rivals until .1, weights averaged": {**rivals(0.1), **AVERAGED},
        "256 rivals until .2, one layer until .4, weights averaged": {
            **growth(0.2, 0.4, num_negatives=(256, "all", "all"), num_layers=(1, 1, layers)),
            **AVERAGED,
        },
        "256 rivals and half the width until .2, weights averaged": {**rivals(0.2, width=(width // 2, width)), **AVERAGED},
        "random subset, weights averaged": {"curriculum": {"by": "random"}, **AVERAGED},
        "one layer, weights averaged": {"encoder": {"num_layers": 1}, **AVERAGED},
        "short histories first, weights averaged": {"curriculum": {"by": "length"}, **AVERAGED},
        "long histories first, weights averaged": {"curriculum": {"by": "length", "reverse": True}, **AVERAGED},
        "popular items first, weights averaged": {"curriculum": {"by": "popularity"}, **AVERAGED},
        "self-paced, weights averaged": {"curriculum": {"by": "loss"}, **AVERAGED},
        "self-paced until .8, weights averaged": {"curriculum": {"by": "loss", "until": 0.8}, **AVERAGED},
        "self-paced and 256 rivals until .1, weights averaged": {"curriculum": {"by": "loss"}, **rivals(0.1), **AVERAGED},
        "few events of a history at first, weights averaged": {**growth(0.2, 0.5, max_length=(12, 25, 50)), **AVERAGED},
        "256 rivals until .1 that become harder, weights averaged": {
            **growth(0.05, 0.1, num_negatives=(256, 256, "all"), popularity_power=(0.0, 0.5, 0.5)),
            **AVERAGED,
        },
    }
    return {name: merged(fixed, change) for name, change in tried.items()}


def screened_rows(published: Sequence[BenchmarkRow] = ()) -> list[BenchmarkRow]:
    """Best validation and what all epochs cost; of schedules without an outcome what was published."""
    tried = screened(found("amazon-fixed"))
    fixed = read_outcome(DATASET, tried["fixed"], SEED)
    made = []
    for name, config in tried.items():
        case = f"screened: {name}"
        if published and not place_of(DATASET, config, SEED).is_file():
            made += [row for row in published if row.case == case]
        else:
            made += _screened(case, read_outcome(DATASET, config, SEED), fixed)
    return made


def _screened(case: str, outcome: Outcome, fixed: Outcome) -> list[BenchmarkRow]:
    common: dict[str, Any] = {  # Any: keys of a row
        "case": case,
        "dataset": DATASET,
        "split": "leave-one-out, validation",
        "protocol": "history masked",
        "seeds": 1,
        "cpu_seconds": float(outcome.cpu_seconds[-1]),
        "peak_mb": outcome.peak_mb,
    }
    best = f"epoch {int(outcome.qualities.argmax()) + 1} of {len(outcome.qualities)} is best"
    return [
        BenchmarkRow(metric=METRIC, value=float(outcome.qualities.max()), note=best, **common),
        BenchmarkRow(metric=RELATIVE_COST, value=float(outcome.cpu_seconds[-1] / fixed.cpu_seconds[-1]), **common),
    ]


def main() -> None:
    """Run what is not kept yet; or one, by its name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help="run one of them")
    one = parser.parse_args().one
    require_datasets([DATASET])
    tried = screened(found("amazon-fixed"))
    if one is not None:
        outcome = measure(DATASET, tried[one], SEED)
        print(f"{one:42} {outcome.qualities.max():.4f} in {outcome.cpu_seconds[-1]:.1f} CPU-s of training", file=sys.stderr, flush=True)
        return
    for name, config in tried.items():
        if not place_of(DATASET, config, SEED).is_file():
            run_alone(__file__, "--one", name)


if __name__ == "__main__":
    main()
