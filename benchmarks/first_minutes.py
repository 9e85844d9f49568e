"""The first minutes of a stranger: seconds from their CSV to the first recommendation, seconds to import, and how wrong the estimate was.

The stranger's file is the synthetic world in three sizes, with column names of its own; each command runs in a fresh process: first as after
`pip install 'leanrec[data]'`, where torch is absent and the network over histories is skipped, then, for the smaller two, with `leanrec[train]` too.
"""

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from rows import BenchmarkRow, write_rows

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = {"small shop": (500, 300), "middle shop": (3_000, 2_000), "large shop": (12_000, 6_000)}
SIZES_WITH_NETWORK = ("small shop", "middle shop")
ABSENT = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")\n'
"""A module of this text, found first, is what an installation without torch looks like."""
RUNS = 5
SEED = 11


def main() -> None:
    """Measure and write the rows."""
    rows = import_rows()
    with TemporaryDirectory() as folder:
        for name, (num_users, num_items) in SIZES.items():
            path = Path(folder) / f"orders-{num_users}.csv"
            # In a process of its own: a child's peak memory counts what its parent held when it was born.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                pool.submit(write_stranger_file, path, num_users, num_items).result()
            rows += first_recommendation_rows(name, path, without_torch(Path(folder)), how="")
            if name in SIZES_WITH_NETWORK:
                rows += first_recommendation_rows(name, path, dict(os.environ), how=", with the network")
    write_rows("first_minutes", rows, RESULTS)


def import_rows() -> list[BenchmarkRow]:
    """Seconds of `import leanrec`, less what an empty Python takes, in alternation."""
    pairs = [(seconds_of([sys.executable, "-c", "import leanrec"]), seconds_of([sys.executable, "-c", "pass"])) for _ in range(2 * RUNS)]
    gains = [loaded - empty for loaded, empty in pairs]
    return [BenchmarkRow(case="import leanrec", metric="seconds", value=statistics.median(gains), low=min(gains), high=max(gains), unit="s", seeds=1)]


def write_stranger_file(path: Path, num_users: int, num_items: int) -> None:
    """Clicks of a world as a shop might keep them."""
    import polars as pl

    from leanrec.data.world import World, WorldConfig

    world = World.generate(WorldConfig(num_users=num_users, num_items=num_items), seed=SEED)
    clicks = world.log.frame.filter(pl.col("event") == "click")
    clicks.select(customer="user_id", sku="item_id", ordered_at=pl.from_epoch("timestamp", time_unit="us")).write_csv(path)


def without_torch(folder: Path) -> dict[str, str]:
    """An environment in which torch cannot be imported."""
    (folder / "absent").mkdir(exist_ok=True)
    (folder / "absent" / "torch.py").write_text(ABSENT, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder / "absent")}


def first_recommendation_rows(name: str, path: Path, environment: dict[str, str], *, how: str) -> list[BenchmarkRow]:
    """`leanrec fit`, then `leanrec recommend`, timed as whole processes."""
    model = path.with_suffix(f".model{len(how)}")
    command = [sys.executable, "-m", "leanrec"]
    began = time.perf_counter()
    fitted = subprocess.run([*command, "fit", str(path), "--to", str(model)], capture_output=True, text=True, check=True, env=environment)
    fit_seconds = time.perf_counter() - began
    ask_seconds = seconds_of([*command, "recommend", str(model), "--user", "u00001"], environment)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    foreseen = re.search(r"take about ([\d.]+) (s|min)", fitted.stderr)
    num_events = sum(1 for _ in path.open()) - 1
    shared = {"dataset": f"{name}, {num_events} events", "split": "time", "seeds": 1, "peak_mb": usage.ru_maxrss / 1000}
    rows = [
        BenchmarkRow(case=f"CSV to first recommendation{how}", metric="seconds", value=fit_seconds + ask_seconds, unit="s", **shared),
        BenchmarkRow(case=f"leanrec recommend, fresh process{how}", metric="seconds", value=ask_seconds, unit="s", **shared),
    ]
    if foreseen is not None:
        seconds = float(foreseen.group(1)) * (60 if foreseen.group(2) == "min" else 1)
        rows.append(BenchmarkRow(case=f"estimate of the competition over the whole fit{how}", metric="ratio", value=seconds / fit_seconds, **shared))
    return rows


def seconds_of(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Wall-clock seconds of one process."""
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, env=environment)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
