"""RecBole's SASRec, run by RecBole's own interpreter: the cost of one pass over the training targets.

    .cache/peers/recbole/bin/python benchmarks/peers/recbole_sasrec.py --passes 1 [--fraction .1] [--dataset beauty]

It prints one JSON object: peer, versions, dataset, threads, allocator, recipe (SASRec as RecBole ships it: width 64, two blocks, two heads, inner
width 256, the full softmax `CE`, batches of 2048; the last 50 items), gemm_seconds, pass_cpu_seconds (a list, one value a pass, by RecBole's own
`Trainer._train_epoch`; evaluation and data preparation are not in it), timed_batches, batches_of_a_pass (where fewer were timed than a pass has, a
pass is scaled up from them: every batch but the last has the same padded shape), targets_of_a_pass (RecBole makes a sample of each, with its own
padded history), peak_mb.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import recbole
import torch
from leave_one_out import WORK, LeaveOneOut, allocator, batches_of, gemm_seconds, peak_mb, read_leave_one_out, start_again_pinned
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender.sasrec import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

SEED = 0
WARM_UP_BATCHES = 1
SETTINGS = {
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "TIME_FIELD": "timestamp",
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "MAX_ITEM_LIST_LENGTH": 50,
    "train_neg_sample_args": None,
    "eval_args": {"split": {"LS": "valid_and_test"}, "group_by": "user", "order": "TO", "mode": "full"},
    "use_gpu": False,
    "worker": 0,
    "seed": SEED,
    "show_progress": False,
}
WRITTEN = (
    *("hidden_size", "n_layers", "n_heads", "inner_size", "hidden_dropout_prob", "attn_dropout_prob", "loss_type", "train_batch_size"),
    *("learner", "learning_rate", "MAX_ITEM_LIST_LENGTH"),
)


def main() -> None:
    """Time passes and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("beauty", "ml-1m"), default="beauty")
    parser.add_argument("--passes", type=int, required=True, help="time this many passes and print JSON")
    parser.add_argument("--fraction", type=float, default=1.0, help="time this part of each pass and scale it up")
    parser.add_argument("--allocator", choices=("keeping", "system"), default="keeping", help="whether freed memory is kept for the next batch")
    arguments = parser.parse_args()
    start_again_pinned(keep_memory=arguments.allocator == "keeping")
    sys.argv = sys.argv[:1]  # RecBole reads the command line too
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    print(json.dumps(timed(arguments.dataset, passes=arguments.passes, fraction=arguments.fraction)))


def timed(dataset: str, *, passes: int, fraction: float) -> dict[str, Any]:
    """CPU-seconds of passes of RecBole's SASRec with RecBole's own settings."""
    split = read_leave_one_out(dataset)
    folder = _written(split, WORK / "recbole-work")
    os.chdir(folder)  # RecBole leaves its logs and checkpoints where it is run
    config = Config(model="SASRec", dataset=dataset, config_dict={**SETTINGS, "data_path": str(folder)})
    init_seed(config["seed"], config["reproducibility"])
    train, _, _ = data_preparation(config, create_dataset(config))
    trainer = Trainer(config, SASRec(config, train.dataset))
    num_batches = len(train)
    timed_batches = batches_of(fraction, num_batches)
    trainer._train_epoch(_First(train, WARM_UP_BATCHES), 0)
    seconds = []
    for number in range(passes):
        began = time.process_time()
        trainer._train_epoch(_First(train, timed_batches), number)
        seconds.append((time.process_time() - began) * num_batches / timed_batches)
    versions = {"recbole": recbole.__version__, "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
    return {
        "peer": "recbole",
        "versions": versions,
        "dataset": split.dataset,
        "threads": torch.get_num_threads(),
        "allocator": allocator(),
        "recipe": {"model": "SASRec", **{name: config[name] for name in WRITTEN}},
        "gemm_seconds": gemm_seconds(),
        "pass_cpu_seconds": seconds,
        "timed_batches": timed_batches,
        "batches_of_a_pass": num_batches,
        "targets_of_a_pass": len(train.dataset),
        "peak_mb": peak_mb(),
    }


class _First:
    """The first batches of RecBole's loader."""

    def __init__(self, loader: Any, num_batches: int) -> None:
        self.loader, self.num_batches = loader, num_batches
        self.shuffle = loader.shuffle

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(iter(self.loader), self.num_batches)

    def __len__(self) -> int:
        return self.num_batches


def _written(split: LeaveOneOut, folder: Path) -> Path:
    """The sequences as RecBole's atomic file; an item's place in its sequence is its time."""
    name = "beauty" if split.dataset == "amazon14-beauty" else split.dataset
    (folder / name).mkdir(parents=True, exist_ok=True)
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    lines += [f"{user}\t{item}\t{place}" for user, items in enumerate(split.sequences) for place, item in enumerate(items)]
    (folder / name / f"{name}.inter").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
