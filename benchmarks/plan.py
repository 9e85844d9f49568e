"""The planner's error: trainings that it never saw, foretold first and run afterwards; `make bench-plan`.

Configurations are drawn with a seed of their own, half of them foretold to add more than 500 MB. What is foretold is written down, with
a digest of formulas and coefficients, before the first of them runs; when these change, everything is foretold and run anew. Beside it
stand the memory rules of thumb that others publish.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from baselines import calibration_rows
from datasets import RESULTS
from leanrec.artifact import writing_file
from leanrec.metrics.uncertainty import bootstrap_means
from leanrec.planner.formulas import SHEETS, formulas
from leanrec.planner.training import forecast
from plan_calibration import SEED as CALIBRATION_SEED
from plan_calibration import training_of
from plan_runs import Drawn, draw, outcomes
from rows import BenchmarkRow, write_rows

SEED, RUNS = 20261201, 40
LARGE_BYTES = 500e6
FORETOLD = RESULTS / "plan" / "foretold.json"
METRICS: Mapping[str, str] = {"memory": "mape_peak_memory", "seconds": "mape_step_time"}
WORST = 5


def main() -> None:
    """Foretell, run, compare; or foretell alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--foretell", action="store_true", help="write down what is foretold, and run nothing")
    arguments = parser.parse_args()
    foretold = written_down()
    if arguments.foretell:
        return
    found = outcomes([told["configuration"] for told in foretold])
    write_rows("plan", [*calibration_rows(), *rows_of(foretold, found)], RESULTS)


def chosen() -> list[Drawn]:
    """Half of them large, half of them not, in the order they were drawn."""
    assert SEED != CALIBRATION_SEED  # noqa: S101 - held out
    drawn = draw(20 * RUNS, seed=SEED)
    is_large = [forecast("memory", training_of(one)).value > LARGE_BYTES for one in drawn]
    kept = [[one for one, large in zip(drawn, is_large, strict=True) if large is wanted][: RUNS // 2] for wanted in (True, False)]
    return [one for half in kept for one in half]


def written_down() -> list[dict[str, Any]]:  # Any: JSON
    """What is foretold, from the file; made anew where formulas or coefficients have changed since."""
    digest = hashlib.sha256(b"".join(files(SHEETS).joinpath(name).read_bytes() for name in ("training.toml", "training.json"))).hexdigest()
    known = json.loads(FORETOLD.read_text(encoding="utf-8")) if FORETOLD.is_file() else {}
    if known.get("digest") != digest:
        told = [{"configuration": one, **{group: _told(group, one) for group in METRICS}, **_rules_of_thumb(one)} for one in chosen()]
        known = {"digest": digest, "seed": SEED, "foretold": told}
        FORETOLD.parent.mkdir(parents=True, exist_ok=True)
        with writing_file(FORETOLD) as draft:
            draft.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    foretold: list[dict[str, Any]] = known["foretold"]
    return foretold


def _told(group: str, drawn: Drawn) -> dict[str, float]:
    told = forecast(group, training_of(drawn))
    return {"value": told.value, "low": told.low, "high": told.high}


def _rules_of_thumb(drawn: Drawn) -> dict[str, float]:
    """Bytes: four times the weights for Adam (`accelerate estimate-memory`), 18 a weight (DeepSpeed's estimator of ZeRO without sharding)."""
    training = training_of(drawn)
    weights = formulas("training").values(training.inputs, kind=training.block)["weights"]
    return {"accelerate": 16.0 * weights, "deepspeed": 18.0 * weights}


def rows_of(foretold: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[BenchmarkRow]:
    """The mean error of each kind, how often the interval held, the worst ones, and the rules of thumb."""
    rows = []
    for group, metric in METRICS.items():
        measured = np.array([outcome[group] for outcome in found])
        told = {end: np.array([one[group][end] for one in foretold]) for end in ("value", "low", "high")}
        errors = np.abs(told["value"] / measured - 1)
        rows.append(_mean_row("leanrec", metric, errors))
        inside = float(((told["low"] <= measured) & (measured <= told["high"])).mean())
        rows.append(BenchmarkRow(case="leanrec", metric=f"{metric}: share inside the interval of nine in ten", value=inside))
        rows += [_single_row(group, foretold[n], found[n], float(errors[n])) for n in np.argsort(-errors)[:WORST]]
    measured = np.array([outcome["memory"] for outcome in found])
    for name in ("accelerate", "deepspeed"):
        errors = np.abs(np.array([one[name] for one in foretold]) / measured - 1)
        rows.append(_mean_row(name, METRICS["memory"], errors, note="a rule of thumb over the weights alone"))
    large = float((measured > LARGE_BYTES).mean())
    return [*rows, BenchmarkRow(case="leanrec", metric="share of configurations that added over 500 MB", value=large)]


def _mean_row(case: str, metric: str, errors: Any, *, note: str | None = None) -> BenchmarkRow:  # Any: (R,) an array
    mean = bootstrap_means(errors, rng=np.random.default_rng(0)).measure()
    return BenchmarkRow.of_measure(mean, case=case, metric=metric, note=note or f"{len(errors)} held-out trainings, one thread")


def _single_row(group: str, told: Mapping[str, Any], outcome: Mapping[str, Any], error: float) -> BenchmarkRow:
    scale, unit = (1e-6, "MB") if group == "memory" else (1e3, "ms")
    figures = f"foretold {scale * told[group]['value']:.0f} {unit}, measured {scale * outcome[group]:.0f} {unit}"
    case = " ".join(f"{value}" for value in told["configuration"].values())
    return BenchmarkRow(case=f"one of the worst: {case}", metric=f"{METRICS[group]} of one", value=error, note=figures)


if __name__ == "__main__":
    main()
