"""Ten million events, read, cleaned, sorted and indexed: CPU-seconds and peak memory beside the Arrow bytes of the table.

Each case runs in a process of its own, so that its peak (VmHWM) is its own; pandas does the same beside it. Two threads at most.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from rows import BenchmarkRow, write_rows

RESULTS = Path(__file__).resolve().parent / "results"
NUM_EVENTS, NUM_USERS, NUM_ITEMS = 10_000_000, 300_000, 50_000
SEED = 5
THREADS = "2"
LIMIT = 3.0
CASES = {"parquet": "clean", "csv": "clean", "csv, 1 % repeated, 0.1 % unusable": "dirty"}
STAGES = ("read", "clean", "sort and index")


def main() -> None:
    """Generate the tables, measure every case, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=NUM_EVENTS)
    parser.add_argument("--measure", choices=("leanrec", "pandas"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_leanrec(options.path) if options.measure == "leanrec" else measure_pandas(options.path)))
        return
    with TemporaryDirectory() as folder:
        rows = [row for case in CASES for row in case_rows(case, Path(folder), options.events)]
    write_rows("ingest", rows, RESULTS)


def case_rows(case: str, folder: Path, num_events: int) -> list[BenchmarkRow]:
    """Our rows and the peer's for one kind of file."""
    path = folder / f"{CASES[case]}.{case.split(',')[0]}"
    num_bytes = written(path, num_events=num_events, is_dirty=CASES[case] == "dirty")
    rows = []
    for peer in (None, "pandas"):
        found = measured(path, peer or "leanrec")
        shared = {"case": case, "dataset": f"synthetic, {num_events:,} events", "bytes": num_bytes, "peer": peer, "seeds": 1}
        shared |= {"cpu_seconds": found["cpu_seconds"], "peak_mb": found["peak_mb"]}
        note = f"limit {LIMIT:g}" if peer is None else "read, drop duplicates, factorise, sort"
        rows.append(BenchmarkRow(metric="peak memory / Arrow bytes", value=found["peak_mb"] * 1e6 / num_bytes, unit="ratio", note=note, **shared))
        rows.append(BenchmarkRow(metric="CPU time", value=found["cpu_seconds"], unit="s", note=found["note"], **shared))
    return rows


def written(path: Path, *, num_events: int, is_dirty: bool) -> int:
    """Write a table of that many events in order of time; returns the bytes it takes as Arrow columns of text and numbers."""
    rng = np.random.default_rng(SEED)
    activity = rng.lognormal(0.0, 1.2, NUM_USERS)
    popularity = 1.0 / np.arange(1, NUM_ITEMS + 1) ** 0.9
    table = pl.DataFrame(
        {
            "user_id": pl.Series(rng.choice(NUM_USERS, num_events, p=activity / activity.sum())).cast(pl.String).str.zfill(8),
            "item_id": pl.Series(rng.choice(NUM_ITEMS, num_events, p=popularity / popularity.sum())).cast(pl.String).str.zfill(6),
            "event": pl.Series(rng.choice(3, num_events, p=(0.8, 0.15, 0.05))).replace_strict({0: "view", 1: "cart", 2: "buy"}),
            "timestamp": 1_600_000_000 + np.sort(rng.integers(0, 30_000_000, num_events)),
            "value": rng.normal(20, 5, num_events).round(2),
        }
    ).with_columns(user_id="u" + pl.col("user_id"), item_id="i" + pl.col("item_id"))
    if is_dirty:
        repeated = table.sample(fraction=0.01, seed=SEED)
        unusable = rng.random(table.height) < 0.001
        table = pl.concat([table.with_columns(item_id=pl.when(pl.Series(~unusable)).then("item_id")), repeated])
    if path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path)
    return sum(arrow_bytes(series) for series in table.get_columns())


def arrow_bytes(series: pl.Series) -> int:
    """Bytes of a column as Arrow holds it: text and its 4-byte offsets, or the numbers."""
    if series.dtype == pl.String:
        return int(series.str.len_bytes().sum()) + 4 * (len(series) + 1)
    return len(series) * series.to_numpy().itemsize


def measured(path: Path, side: str) -> dict[str, float | str]:
    """What one side needs for one file, in a fresh process with pinned threads."""
    pinned = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), THREADS)
    command = [sys.executable, __file__, "--measure", side, "--path", str(path)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **pinned})
    return json.loads(finished.stdout.splitlines()[-1])


def measure_leanrec(path: Path) -> dict[str, float | str]:
    """Read, clean, cross to rows, sort, and index the histories, in this process."""
    from leanrec.data.clean import clean
    from leanrec.data.dataset import Dataset
    from leanrec.data.sources.opening import read
    from leanrec.features.histories import Histories

    began = [time.process_time()]
    reading = read(str(path))
    began.append(time.process_time())
    cleaned = clean(reading)
    log, catalogue, removed = cleaned.log, cleaned.catalogue, [f"{step.name} {step.removed}" for step in cleaned.steps if step.removed]
    del reading, cleaned
    began.append(time.process_time())
    dataset = Dataset.build(log, catalogue=catalogue)
    del log
    histories = Histories.of_dataset(dataset)
    began.append(time.process_time())
    parts = [f"{stage} {end - start:.1f} CPU-s" for stage, (start, end) in zip(STAGES, pairwise(began), strict=True)]
    note = f"{', '.join(parts)}; {len(histories.item_rows)} events, {dataset.num_users} users, {dataset.num_items} items; removed: {removed}"
    return {"cpu_seconds": time.process_time(), "peak_mb": peak_mb(), "note": note}


def measure_pandas(path: Path) -> dict[str, float | str]:
    """The same by pandas as most would write it."""
    import pandas as pd

    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    frame = frame.dropna(subset=["user_id", "item_id"]).drop_duplicates()
    frame["user_row"], users = pd.factorize(frame["user_id"])
    frame["item_row"], items = pd.factorize(frame["item_id"])
    frame = frame.sort_values(["user_row", "timestamp"], kind="stable")
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(frame["user_row"]))])
    note = f"{offsets[-1]} events, {len(users)} users, {len(items)} items"
    return {"cpu_seconds": time.process_time(), "peak_mb": peak_mb(), "note": note}


def peak_mb() -> float:
    """The most memory this process ever held, in megabytes (1e6 bytes)."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
