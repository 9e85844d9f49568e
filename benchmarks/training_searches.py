"""Searches behind the training benchmark: `leanrec tune` on fixed recipes, and as long on schedules around the best of them.

Each search has a process of its own on one thread. What it tried and the best it found are written to `benchmarks/results/training`; the
benchmark reads the recipes from there. A fixed recipe is found, and committed, before a schedule is tried.
"""

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accuracy import LONG_HISTORIES
from datasets import RESULTS, ROOT, read_dataset, require_datasets
from leanrec.config import Settings, read_toml
from leanrec.training.search_space import merged
from leanrec.workflow.searching import BEST_FILE, TRIALS_FILE, SearchSettings, tune

CACHE = ROOT / ".cache" / "training-searches"
FOUND = RESULTS / "training"
RECIPE = "sequential"
SHIPPED: Settings = {"schedule": "auto", "training": {"average": 0.998}}
"""What is a default now, and was none when fixed recipes were searched."""
FIXED_SPACE: Settings = {
    "encoder.block": {"choices": ["transformer", "frequency"]},
    "encoder.num_layers": {"low": 1, "high": 3},
    "encoder.width": {"choices": [48, 64, 96]},
    "encoder.dropout": {"low": 0.3, "high": 0.6},
    "loss.kind": {"choices": ["auto", "sampled-softmax"]},
    "training.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "training.weight_decay": {"low": 1e-3, "high": 0.1, "log": True},
    "training.tokens": {"choices": [512, 1024, 2048]},
    "training.max_epochs": {"low": 8, "high": 20},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchCase:
    """What is searched, on which data, for how long."""

    dataset: str
    base: Mapping[str, Any]
    space: Settings
    minutes: float


def cases() -> Mapping[str, SearchCase]:
    """By name: of the fixed recipe of each kind of data."""
    long_space = {name: wanted for name, wanted in FIXED_SPACE.items() if name != "encoder.block"}
    long_space |= {
        "encoder.num_layers": {"low": 1, "high": 2},
        "encoder.width": {"choices": [48, 64]},
        "encoder.dropout": {"low": 0.1, "high": 0.4},
        "training.tokens": {"choices": [1024, 2048, 4096]},
        "training.max_epochs": {"low": 6, "high": 10},
    }
    long_base = merged(LONG_HISTORIES, {"schedule": "whole", "training": {"max_epochs": 8}})
    return {
        "amazon-fixed": SearchCase(dataset="amazon14-beauty", base={"schedule": "whole"}, space=FIXED_SPACE, minutes=30),
        "ml-1m-fixed": SearchCase(dataset="ml-1m", base=long_base, space=long_space, minutes=14),
    }


def main() -> None:
    """Search, and keep what was found; interrupted, the same call goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=tuple(cases()))
    for name in parser.parse_args().names:
        search(name, cases()[name])


def search(name: str, case: SearchCase) -> None:
    """Tune, and write the trials and the best settings."""
    require_datasets([case.dataset])
    settings = SearchSettings.parse(
        {
            "budget": {"minutes": case.minutes},
            "split": {"kind": "leave-one-out"},
            "configs": {RECIPE: dict(case.base)},
            "search": {"space": {"settings": case.space}},
        },
        where=name,
    )
    outcome = tune(read_dataset(case.dataset), recommender=RECIPE, to=CACHE / name, settings=settings)
    FOUND.mkdir(parents=True, exist_ok=True)
    for written, suffix in ((BEST_FILE, "toml"), (TRIALS_FILE, "trials.json")):
        shutil.copyfile(CACHE / name / written, FOUND / f"{name}.{suffix}")
    print(f"{name}: {outcome.best.quality:.4f} of {len(outcome.trials)} trials, {dict(outcome.best.settings)}")


def found(name: str) -> Settings:
    """The settings of the recipe that a search found best, with what has become a default since: nothing changes on the way, nothing is averaged."""
    settings: Settings = read_toml(FOUND / f"{name}.toml")["configs"][RECIPE]
    return merged({"schedule": "whole", "training": {"average": 0.0}}, settings)


if __name__ == "__main__":
    main()
