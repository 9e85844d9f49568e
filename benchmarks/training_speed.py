"""Training speed beside RecTools and RecBole: the cost of a pass, interleaved on one thread, and the way to the quality that the peer reached.

The peers live in environments of their own (`benchmarks/peers/build.sh`). RecTools' trajectories take hours; they are made and committed by
`benchmarks/peers/rectools_sasrec.py --trajectory` and read from `benchmarks/results/peers/`.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accuracy import LONG_HISTORIES
from baselines import calibration_rows
from datasets import RESULTS, ROOT, read_dataset, require_datasets
from leanrec.data.split import split_leave_one_out
from leanrec.recommenders.sequential import Sequential, SequentialConfig
from leanrec.training.run import Run
from processes import json_of
from rows import BenchmarkRow, read_rows, write_rows

Table = dict[str, Any]
"""JSON, or the values of a TOML table."""

PEERS = ROOT / ".cache" / "peers"
PLACE = Path(__file__).resolve().parent / "peers"
SAME_SIZE: Table = {"uses_attributes": False, "encoder": {"block": "transformer"}, "loss": {"kind": "full-softmax"}}
"""Width 64, two blocks, the last 50 items, ids only, the softmax over all items: what the peers' SASRec is."""
OURS: Mapping[str, Table] = {"same size": SAME_SIZE, "default settings": {}}
RUNNERS = {"RecTools": ("rectools", "rectools_sasrec.py"), "RecBole": ("recbole", "recbole_sasrec.py")}
FRACTION = 0.1
"""The part of a peer's pass that is timed in each round; all its batches have one padded shape, so it is scaled up."""
NUM_ROUNDS = 3
WAY_CASES = ("way, peer", "way, leanrec", "time_to_peer_quality")
DATASETS: Mapping[str, tuple[str, Table]] = {"beauty": ("amazon14-beauty", {}), "ml-1m": ("ml-1m", dict(LONG_HISTORIES))}


def main() -> None:
    """Time passes in turn, follow our own way to the peers' quality, and write the rows; or do one part and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pass-of", choices=tuple(OURS), help="train two passes and print the CPU-seconds of the second")
    parser.add_argument("--way-to", nargs=2, metavar=("DATASET", "NDCG"), help="train until validation is as good and print the way")
    parser.add_argument("--again", choices=tuple(DATASETS), help="a trajectory has grown: measure the way to its quality again, keep all other rows")
    arguments = parser.parse_args()
    if arguments.again is not None:
        dataset = DATASETS[arguments.again][0]
        kept = [row for row in read_rows("training_speed", RESULTS) if row.dataset != dataset or row.case not in WAY_CASES]
        write_rows("training_speed", [*kept, *quality_rows([arguments.again])], RESULTS)
        return
    if arguments.pass_of is not None:
        print(json.dumps(our_pass(OURS[arguments.pass_of])))
        return
    if arguments.way_to is not None:
        print(json.dumps(our_way(arguments.way_to[0], float(arguments.way_to[1]))))
        return
    require_datasets([name for name, _ in DATASETS.values()])
    missing = [peer for peer, (folder, _) in RUNNERS.items() if not (PEERS / folder / "bin" / "python").exists()]
    if missing:
        sys.exit(f"{', '.join(missing)} is not built; run: sh benchmarks/peers/build.sh")
    write_rows("training_speed", [*calibration_rows(), *pass_rows(), *quality_rows()], RESULTS)


def pass_rows() -> list[BenchmarkRow]:
    """CPU-seconds of one pass over Beauty, ours and theirs in turn, and how many of ours one of theirs costs."""
    ours: dict[str, list[float]] = {name: [] for name in OURS}
    theirs: dict[str, list[Table]] = {peer: [] for peer in RUNNERS}
    for _ in range(NUM_ROUNDS):
        for name in OURS:
            ours[name].append(json_of([sys.executable, __file__, "--pass-of", name])["cpu_seconds"])
        for peer, (folder, script) in RUNNERS.items():
            command = [str(PEERS / folder / "bin" / "python"), str(PLACE / script), "--passes", "1", "--fraction", str(FRACTION)]
            theirs[peer].append(json_of(command))
    common: Table = {"dataset": "amazon14-beauty", "protocol": f"one pass over the targets of training, one thread, {NUM_ROUNDS} rounds in turn"}
    rows = [
        BenchmarkRow.of_range(seconds, case="pass", metric="CPU-seconds of a pass", unit="s", note=f"leanrec, {name}", **common)
        for name, seconds in ours.items()
    ]
    for peer, found in theirs.items():
        seconds = [value for entry in found for value in entry["pass_cpu_seconds"]]
        note = f"{json.dumps(found[0]['recipe'])}; {found[0]['timed_batches']} of {found[0]['batches_of_a_pass']} batches timed a round"
        rows.append(BenchmarkRow.of_range(seconds, case="pass", metric="CPU-seconds of a pass", unit="s", peer=peer, note=note, **common))
        for name, own in ours.items():
            ratios = [their / our for their, our in zip(seconds, own, strict=True)]
            case = "cost_per_pass" if name == "same size" else f"cost_per_pass, {name}"
            rows.append(
                BenchmarkRow.of_range(ratios, case=case, metric="times lower than the peer's", unit="x", peer=peer, note=f"leanrec, {name}", **common)
            )
    return rows


def quality_rows(keys: Sequence[str] = tuple(DATASETS)) -> list[BenchmarkRow]:
    """CPU-seconds of training to the best validation NDCG@10 that RecTools' recipe reached, and of ours to the same."""
    rows = []
    for key in keys:
        dataset = DATASETS[key][0]
        path = RESULTS / "peers" / f"rectools-{key}.json"
        if not path.is_file():
            print(f"no trajectory of RecTools on {dataset}: run benchmarks/peers/rectools_sasrec.py --trajectory --dataset {key}", file=sys.stderr)
            continue
        peer = json.loads(path.read_text(encoding="utf-8"))
        best = max(peer["points"], key=lambda point: point["valid"]["ndcg@10"])
        quality = best["valid"]["ndcg@10"]
        way = _published_way(dataset) or json_of([sys.executable, __file__, "--way-to", key, str(quality)])
        rows += _way_rows(dataset, peer=peer, best=best, way=way)
    return rows


def _way_rows(dataset: str, *, peer: Table, best: Table, way: Table) -> list[BenchmarkRow]:
    common: Table = {"dataset": dataset, "split": "leave-one-out, validation", "protocol": "history masked, full catalogue, every user asked"}
    quality = best["valid"]["ndcg@10"]
    spent = peer["points"][-1]["cpu_seconds"]
    theirs = f"best of {spent / 60:.0f} CPU-minutes of training, evaluation not counted; {json.dumps(peer['recipe'])}"
    rows = [
        BenchmarkRow(case="way, peer", metric="ndcg@10", value=quality, cpu_seconds=best["cpu_seconds"], peer="RecTools", note=theirs, **common),
        *(
            BenchmarkRow(
                case="way, leanrec",
                metric="ndcg@10",
                value=point["quality"],
                cpu_seconds=point["cpu_seconds"],
                note=f"epoch {point['epoch']}",
                **common,
            )
            for point in way["points"]
        ),
    ]
    reached = next((point for point in way["points"] if point["quality"] >= quality), None)
    if reached is not None:
        rows.append(
            BenchmarkRow(
                case="time_to_peer_quality",
                metric="times less CPU to the peer's best ndcg@10",
                value=best["cpu_seconds"] / reached["cpu_seconds"],
                unit="x",
                cpu_seconds=reached["cpu_seconds"],
                peer="RecTools",
                note=f"theirs {best['cpu_seconds']:.0f} CPU-s, ours {reached['cpu_seconds']:.0f}, validations counted; {quality:.4f}",
                **common,
            )
        )
    return rows


def our_pass(config: Table) -> Table:
    """CPU-seconds of the second pass: the first warms up allocator and kernels. No validation."""
    split = split_leave_one_out(read_dataset("amazon14-beauty"))
    training = SequentialConfig().training.model_copy(update={"max_epochs": 2, "warmup_epochs": 0.0})
    fitted = Sequential(SequentialConfig.parse({**config, "training": training.model_dump()}, where="pass")).fit(split.train, run=Run())
    first, second = (record.cpu_seconds for record in fitted.training.history)
    return {"cpu_seconds": second - first}


def _published_way(dataset: str) -> Table | None:
    """The learning curve that `accuracy.py` wrote, all users asked; only of histories long enough to have one."""
    if not (RESULTS / "accuracy.json").is_file():
        return None
    curve = [row for row in read_rows("accuracy", RESULTS) if row.case == "sequential, learning curve" and row.dataset == dataset]
    points = [{"epoch": str(row.note).removeprefix("epoch "), "cpu_seconds": row.cpu_seconds, "quality": row.value} for row in curve]
    return {"points": points} if points else None


def our_way(key: str, quality: float) -> Table:
    """Default settings, validated after every epoch by all users."""
    dataset, config = DATASETS[key]
    split = split_leave_one_out(read_dataset(dataset))
    settings = SequentialConfig.parse({**config, "max_queries": 1_000_000}, where="way")
    training = settings.training.model_copy(update={"validate_every": 1})
    fitted = Sequential(settings.model_copy(update={"training": training})).fit(split.train, valid=split.valid, run=Run())
    points: list[Table] = []
    for record in fitted.training.history:
        points.append({"epoch": record.epoch, "cpu_seconds": record.cpu_seconds, "quality": record.quality})
        if record.quality is not None and record.quality >= quality:
            break
    return {"points": points}


if __name__ == "__main__":
    main()
