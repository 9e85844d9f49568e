"""What the parts of the planner's formulas weigh: least squares over measured trainings, each error counted as a share of what was measured.

No weight is below zero (Lawson and Hanson 1974). Each run is left out in turn and foretold from the others: that is the error, and the
interval, which the coefficients carry. Held-out configurations are those of `plan.py`, drawn with another seed.
"""

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from datasets import ROOT
from leanrec.artifact import writing_file
from leanrec.planner.formulas import formulas
from leanrec.planner.training import Training
from plan_runs import MAX_VALIDATED, Drawn, draw, outcomes, shape_of

SEED, RUNS = 1, 60
PLACE = ROOT / "src" / "leanrec" / "planner" / "sheets" / "training.json"
GROUPS = ("memory", "seconds")
FloatArray = npt.NDArray[np.float64]


def training_of(drawn: Drawn) -> Training:
    """What the planner is told of a configuration: nothing that was measured."""
    num_users, length = shape_of(drawn)
    read = length - 3
    return Training(
        items=drawn["items"],
        events=num_users * length,
        length=float(read),
        tokens=min(drawn["tokens"], num_users * read),
        asked=min(MAX_VALIDATED, num_users),
        is_averaged=drawn["average"] > 0,
        **{name: drawn[name] for name in ("block", "width", "num_layers", "num_heads", "max_length", "loss", "precision", "optimizer")},
    )


def main() -> None:
    """Run what is not kept, and write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="how many")
    found = outcomes(draw(parser.parse_args().runs, seed=SEED))
    written = {
        "groups": {group: fitted(group, found) for group in GROUPS},
        "most": {name: max(getattr(training_of(outcome), name) for outcome in found) for name in ("items", "events")},
        "machine": processor(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    with writing_file(PLACE) as draft:
        draft.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    for group in GROUPS:
        print(group, {name: value for name, value in written["groups"][group].items() if name != "weight_of"})


def fitted(group: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # Any: JSON
    """Weights, and the errors of runs that were left out."""
    names = list(formulas("training").parts[group])
    table = np.array([list(_shares(group, outcome).values()) for outcome in found])
    measured = np.array([outcome[group] for outcome in found])
    told = np.array([_weights(np.delete(table, n, 0), np.delete(measured, n)) @ table[n] for n in range(len(found))])
    low, high = np.quantile(measured / told, (0.05, 0.95))
    return {
        "weight_of": {name: float(f"{weight:.4g}") for name, weight in zip(names, _weights(table, measured), strict=True)},
        "low": float(f"{low:.3g}"),
        "high": float(f"{high:.3g}"),
        "mape": float(f"{np.abs(told / measured - 1).mean():.3g}"),
        "num_runs": len(found),
    }


def processor() -> str:
    """Its name, as the system says it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _shares(group: str, outcome: Mapping[str, Any]) -> Mapping[str, float]:
    training = training_of(outcome)
    sheet = formulas("training")
    return sheet.shares(group, sheet.values(training.inputs, kind=training.block))


def _weights(table: FloatArray, measured: FloatArray) -> FloatArray:
    scale = table.max(axis=0)
    scale[scale == 0] = 1.0
    weights, _ = nnls(table / scale / measured[:, None], np.ones(len(measured)))
    return weights / scale


if __name__ == "__main__":
    main()
