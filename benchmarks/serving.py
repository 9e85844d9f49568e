"""Serving: latency under open-loop load, memory and start-up time; kills that must lose no event; swaps that must fail no request."""

import argparse
import json
import logging
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np

from leanrec.data.sources.public import obtain
from leanrec.recommenders.model import Model
from leanrec.serving.library import promote, publish
from leanrec.workflow.fitting import fit
from leanrec.workflow.settings import RunSettings
from load import LoadPlan
from rows import BenchmarkRow, write_rows

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RATES = (100, 300, 500)
EVENTS_PER_SECOND = 50
SECONDS = 20.0
NUM_STARTS = 5
KILL_ROUNDS = 20
KILL_EVENTS = 10_000
NUM_SWAPS = 1000
FUSION = RunSettings(configs={"fusion": {"members": [{"name": "cooccurrence"}, {"name": "ease"}]}})
CORES = sorted(os.sched_getaffinity(0))

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server process on the first core."""

    url: str
    process: subprocess.Popen[str]
    start_seconds: float

    def resident_mb(self, which: str = "VmRSS") -> float:
        """Memory that is resident now, or at most so far (`VmHWM`)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(which)) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run all cases and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, help="folder that holds the recbole wheel")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each load lasts")
    parser.add_argument("--only", choices=("load", "kill", "swap"), help="one part; the other rows are not written")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    rows: list[BenchmarkRow] = []
    with TemporaryDirectory() as place:
        folder = Path(place)
        models = dict(_models(folder, arguments.wheels))
        small = next(iter(models.values()))
        if arguments.only in (None, "load"):
            rows += calibrated()
            rows += [row for name, model in models.items() for row in under_load(name, model, seconds=arguments.seconds, folder=folder)]
        if arguments.only in (None, "kill"):
            rows += killed(small, folder=folder)
        if arguments.only in (None, "swap"):
            rows += swapped(small, folder=folder)
    write_rows("serving", rows, RESULTS)


def calibrated() -> list[BenchmarkRow]:
    """What the machine itself takes away while both cores are busy, as server and sender are: no program could answer within a pause."""
    command = [sys.executable, str(Path(__file__).with_name("load.py")), "--calibrate"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_on_core(core)) for core in (0, -1)]
    first, _ = (json.loads(process.communicate()[0]) for process in both)
    common = {"case": "calibration", "protocol": "two processes do nothing but read the clock, one on each core, for 5 s"}
    return [
        BenchmarkRow(metric="time taken away from the server's core", value=first["share_lost"], unit="share", **common),
        BenchmarkRow(metric="longest pause", value=first["longest_ms"], unit="ms", **common),
        BenchmarkRow(metric="pauses of 5 ms or more", value=first["num_long"] / 5, unit="per second", **common),
    ]


def under_load(name: str, model: Path, *, seconds: float, folder: Path) -> list[BenchmarkRow]:
    """Start-up time, memory, and latency at each rate beside events; no result is cached anywhere."""
    common = {"dataset": name, "protocol": "one process on one core, load from another core, open loop, Poisson arrivals"}
    starts = []
    for _ in range(NUM_STARTS):
        with _serving(model, store=folder / f"{name}.starts.sqlite3") as server:
            starts.append(server.start_seconds)
            memory_at_start = server.resident_mb()
    rows = [
        BenchmarkRow(case="start", metric="ready after", value=statistics.median(starts), low=min(starts), high=max(starts), unit="s", **common),
        BenchmarkRow(case="start", metric="resident memory", value=memory_at_start, unit="MB", **common),
    ]
    snapshot = Model.load(model).dataset
    for rate in RATES:
        with _serving(model, store=folder / f"{name}.{rate}.sqlite3") as server:
            before = server.cpu_seconds()
            plan = LoadPlan(
                url=server.url,
                user_ids=snapshot.users.ids,
                item_ids=snapshot.items.ids,
                requests_per_second=rate,
                events_per_second=EVENTS_PER_SECOND,
                seconds=seconds,
            )
            result = _load(plan)
            cpu_ms = (server.cpu_seconds() - before) * 1000 / ((rate + EVENTS_PER_SECOND) * (seconds + plan.warm_up_seconds))
            case = f"{rate} requests/s beside {EVENTS_PER_SECOND} events/s"
            note = f"sender late by {result['late_ms']:.1f} ms at p99; load average {os.getloadavg()[0]:.1f}"
            common_load = {**common, "case": case, "peak_mb": server.resident_mb("VmHWM"), "note": note}
            for what in ("recommend", "event"):
                times = np.array(result[f"{what}_ms"])
                rows += [
                    BenchmarkRow(metric=f"{what} p{part}", value=float(np.percentile(times, part)), unit="ms", **common_load) for part in (50, 95, 99)
                ]
            rows.append(BenchmarkRow(metric="failed requests", value=float(result["num_failed"]), unit="requests", **common_load))
            rows.append(BenchmarkRow(metric="processor time per request", value=cpu_ms, unit="ms", **common_load))
            rows.append(BenchmarkRow(metric="resident memory", value=server.resident_mb(), unit="MB", **common_load))
            log.info("%s %s: %s", name, case, {row.metric: round(row.value, 2) for row in rows[-9:]})
    return rows


def killed(model: Path, *, folder: Path) -> list[BenchmarkRow]:
    """Kill the server in the middle of 10 000 events, round after round; count what was acknowledged and is gone."""
    lost = doubled = acknowledged_before_kill = 0
    rng = random.Random(0)  # noqa: S311 - when to kill is no secret
    for number in range(KILL_ROUNDS):
        store = folder / f"kill{number}.sqlite3"
        acknowledged: set[str] = set()
        batches = [[_event(f"{number}-{first + n}", first + n) for n in range(5)] for first in range(0, KILL_EVENTS, 5)]
        with _serving(model, store=store) as server:
            threads = [threading.Thread(target=_storm, args=(server.url, batches, acknowledged)) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.05, 1.2))
            server.process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
        before = set(acknowledged)
        with _serving(model, store=store) as server:
            _storm(server.url, [[_event(f"{number}-{first + n}", first + n) for n in range(1000)] for first in range(0, KILL_EVENTS, 1000)], set())
            lost += len(before - _stored_before(store, before))
        stored = _ids(store)
        doubled += len(stored) - len(set(stored))
        lost += len(before - set(stored))
        acknowledged_before_kill += len(before)
        log.info("kill %d: %d acknowledged, %d lost so far", number, len(before), lost)
    common = {"case": "kill -9", "protocol": f"{KILL_ROUNDS} rounds, {KILL_EVENTS} events each, 8 senders, all sent again after the restart"}
    return [
        BenchmarkRow(metric="acknowledged before the kill", value=float(acknowledged_before_kill), unit="events", **common),
        BenchmarkRow(metric="acknowledged events lost", value=float(lost), unit="events", **common),
        BenchmarkRow(metric="events counted twice", value=float(doubled), unit="events", **common),
    ]


def swapped(model: Path, *, folder: Path) -> list[BenchmarkRow]:
    """Swap between two versions a thousand times while four senders ask without pause."""
    library = folder / "library"
    other = folder / "other"
    loaded = Model.load(model)
    fit(loaded.dataset, recommender="cooccurrence", to=other)
    versions = [publish(folder_of, library, name="shop").version for folder_of in (model, other)]
    failed: list[int] = []
    answered: list[float] = []
    stop = threading.Event()
    with _serving(library, "--watch-seconds", "0.001", store=folder / "swaps.sqlite3") as server:
        threads = [threading.Thread(target=_ask, args=(server.url, loaded.dataset.users.ids, stop, failed, answered)) for _ in range(4)]
        for thread in threads:
            thread.start()
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for number in range(NUM_SWAPS):
                promote(library, name="shop", version=versions[number % 2])
                while client.get("/ready").json()["models"]["shop"] != versions[number % 2]:
                    time.sleep(0.002)
        stop.set()
        for thread in threads:
            thread.join()
        memory = server.resident_mb()
    common = {"case": "swaps under load", "dataset": "movielens-100k", "protocol": f"{NUM_SWAPS} swaps, 4 senders without pause"}
    return [
        BenchmarkRow(metric="failed requests", value=float(len(failed)), unit="requests", **common),
        BenchmarkRow(metric="answered requests", value=float(len(answered)), unit="requests", **common),
        BenchmarkRow(metric="recommend p99", value=float(np.percentile(answered, 99)), unit="ms", **common),
        BenchmarkRow(metric="resident memory", value=memory, unit="MB", **common),
    ]


def _models(folder: Path, wheels: Path | None) -> Iterator[tuple[str, Path]]:
    data = Path(os.environ.get("LEANREC_DATA", ROOT.parent / "shared" / "data")) / "ml-1m"
    sources = {"movielens-100k": obtain("movielens-100k", to=folder / "movielens-100k", wheels=wheels), "ml-1m": data}
    for name, source in sources.items():
        if not source.is_dir():
            log.info("%s is not here; set LEANREC_DATA to the folder that holds it", name)
            continue
        fit(str(source), recommender="fusion", settings=FUSION, to=folder / f"{name}-model")
        yield name, folder / f"{name}-model"


@contextmanager
def _serving(model: Path, *options: str, store: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "leanrec", "serve", str(model), "--port", "0", "--store", str(store), "--no-access-log", *options]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_on_core(0))
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        url = line.split()[2]
        while httpx.get(f"{url}/ready").status_code != 200:
            time.sleep(0.005)
        yield Server(url=url, process=process, start_seconds=time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _load(plan: LoadPlan) -> dict[str, list[float] | float]:
    command = [sys.executable, str(Path(__file__).with_name("load.py"))]
    done = subprocess.run(command, input=json.dumps(asdict(plan)), stdout=subprocess.PIPE, text=True, check=True, preexec_fn=_on_core(-1))
    result: dict[str, list[float] | float] = json.loads(done.stdout)
    return result


def _on_core(number: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {CORES[number]})


def _event(event_id: str, number: int) -> dict[str, str]:
    return {"event_id": event_id, "user_id": f"user {number % 97}", "item_id": str(number % 500), "event": "click"}


def _storm(url: str, batches: list[list[dict[str, str]]], acknowledged: set[str]) -> None:
    """Send until all is out or the server is gone."""
    with httpx.Client(base_url=url, timeout=30) as client:
        while batches:
            try:
                batch = batches.pop()
            except IndexError:
                return
            try:
                response = client.post("/v1/events", json={"events": batch})
            except httpx.TransportError:
                return
            if response.status_code == 200:
                acknowledged.update(event["event_id"] for event in batch)


def _stored_before(store: Path, wanted: set[str]) -> set[str]:
    """Of the wanted ids those that are in the file, read beside the running server."""
    return wanted & set(_ids(store))


def _ids(store: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    found = [row[0] for row in connection.execute("SELECT event_id FROM events")]
    connection.close()
    return found


def _ask(url: str, user_ids: Sequence[str], stop: threading.Event, failed: list[int], answered: list[float]) -> None:
    rng = random.Random(threading.get_ident())  # noqa: S311 - traffic is no secret
    with httpx.Client(base_url=url, timeout=30) as client:
        while not stop.is_set():
            began = time.perf_counter()
            try:
                response = client.post("/v1/recommend", json={"user_id": rng.choice(user_ids)})
            except httpx.TransportError:
                failed.append(0)
                continue
            answered.append((time.perf_counter() - began) * 1000)
            if response.status_code != 200:
                failed.append(response.status_code)


if __name__ == "__main__":
    main()
