"""RecTools' SASRec, run by RecTools' own interpreter: the cost of a pass, or its recommended recipe's way to quality.

    .cache/peers/rectools/bin/python benchmarks/peers/rectools_sasrec.py --passes 1 [--fraction .1] [--dataset beauty]
    .cache/peers/rectools/bin/python benchmarks/peers/rectools_sasrec.py --trajectory [--dataset beauty] [--minutes 60]

`--passes` prints one JSON object: peer, versions, dataset, threads, allocator, recipe (SASRecModel at width 64, two blocks, the last 50 items, all
else RecTools' default, so the full softmax), gemm_seconds, pass_cpu_seconds (a list, one value a pass; evaluation and data preparation are not in
it), timed_batches, batches_of_a_pass (where fewer were timed than a pass has, a pass is scaled up from them: every batch but the last has the same
padded shape), targets_of_a_pass, peak_mb.

`--trajectory` trains eSASRec as RecTools recommends it until the CPU-minutes are spent, and goes on from the last complete epoch when started again.
It writes, after each measurement, `.cache/peers/rectools-<dataset>/trajectory.json`, and when done the same as
`benchmarks/results/peers/rectools-<dataset>.json`: peer, versions, dataset, threads, allocator, protocol, recipe, recommended_in, seed, gemm_seconds,
budget_cpu_seconds, finished, epoch_batches, peak_mb, restarts, and points, each with cpu_seconds (of training so far, evaluation left out), epoch,
batches, loss, gemm_seconds (what the machine did just then: a busy neighbour core makes CPU-seconds longer), valid and test (ndcg@10, recall@10, by
our own NumPy code from the model's scores).
"""

import argparse
import json
import logging
import platform
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning
import rectools
import torch
from leave_one_out import (
    PROTOCOL,
    RESULTS,
    WORK,
    LeaveOneOut,
    Part,
    allocator,
    batches_of,
    gemm_seconds,
    measured,
    peak_mb,
    read_leave_one_out,
    start_again_pinned,
    write_json,
)
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet
from rectools.models.nn.transformers.ligr import LiGRLayers

SEED = 0
WARM_UP_BATCHES = 2
CPU_SECONDS_BETWEEN_POINTS = {"amazon14-beauty": 100.0, "ml-1m": 300.0}
"""At the end of an epoch or within it; asking all users takes as long as training for a minute."""
MAX_EPOCHS = 100_000
RECOMMENDED_IN = (
    "RecTools' README names eSASRec (SASRecModel with LiGRLayers and sampled_softmax) its strongest recipe; settings: the table 'Hyperparameters "
    "for all datasets' of github.com/blondered/transformer_benchmark, the code of the authors' paper (RecSys 2025), and its configs/paper/loo (key "
    "padding mask; for Beauty they say a width of 256, the table 64, four times cheaper: the table's is taken); what neither names is RecTools' "
    "default (batches of 128, Adam .9 / .98)"
)
RECOMMENDED: Mapping[str, Mapping[str, Any]] = {
    "beauty": {"n_factors": 64, "n_blocks": 1, "n_heads": 1, "dropout_rate": 0.2, "session_max_len": 50},
    "ml-1m": {"n_factors": 64, "n_blocks": 2, "n_heads": 1, "dropout_rate": 0.1, "session_max_len": 200},
}
OF_ALL = {"loss": "sampled_softmax", "n_negatives": 256, "lr": 0.001, "batch_size": 128, "use_key_padding_mask": True}
OUR_SIZE = {"n_factors": 64, "n_blocks": 2, "session_max_len": 50}


def main() -> None:
    """Time passes, or follow the trajectory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=tuple(RECOMMENDED), default="beauty")
    parser.add_argument("--passes", type=int, help="time this many passes and print JSON")
    parser.add_argument("--fraction", type=float, default=1.0, help="time this part of each pass and scale it up")
    parser.add_argument("--allocator", choices=("keeping", "system"), default="keeping", help="whether freed memory is kept for the next batch")
    parser.add_argument("--trajectory", action="store_true", help="train the recommended recipe, measuring quality on the way")
    parser.add_argument("--minutes", type=float, default=60.0, help="CPU-minutes of training of the trajectory")
    arguments = parser.parse_args()
    if (arguments.passes is None) != arguments.trajectory:
        parser.error("say either --passes n or --trajectory")
    start_again_pinned(keep_memory=arguments.allocator == "keeping")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if arguments.trajectory:
        follow(arguments.dataset, budget=60 * arguments.minutes)
    else:
        print(json.dumps(timed(arguments.dataset, passes=arguments.passes, fraction=arguments.fraction)))


def timed(dataset: str, *, passes: int, fraction: float) -> dict[str, Any]:
    """CPU-seconds of passes of a SASRec of our size, with RecTools' default loss and batches."""
    split = read_leave_one_out(dataset)
    recipe = dict(OUR_SIZE)
    model, loader = _built(recipe, split)
    num_batches = len(loader)
    timed_batches = batches_of(fraction, num_batches)
    seconds = [_PassClock.of(model, loader, num_batches=timed_batches) * num_batches / timed_batches for _ in range(passes)]
    return {
        **_who(split),
        "recipe": _written(model, recipe),
        "gemm_seconds": gemm_seconds(),
        "pass_cpu_seconds": seconds,
        "timed_batches": timed_batches,
        "batches_of_a_pass": num_batches,
        "targets_of_a_pass": split.num_targets,
        "peak_mb": peak_mb(),
    }


class _PassClock(Callback):
    """CPU-seconds of a number of batches, from the fetching of the first one; a few go before it unclocked."""

    def __init__(self, num_batches: int, warm_up: int) -> None:
        self.last = warm_up + num_batches
        self.warm_up = warm_up
        self.began = self.ended = time.process_time()

    @classmethod
    def of(cls, model: SASRecModel, loader: Any, *, num_batches: int) -> float:
        """Seconds of this many batches; a whole pass is clocked from its start."""
        clock = cls(num_batches, WARM_UP_BATCHES if num_batches + WARM_UP_BATCHES <= len(loader) else 0)
        _trainer(clock, max_epochs=1, limit_train_batches=clock.last).fit(model.lightning_model, loader)
        return clock.ended - clock.began

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002  # Lightning's name and arguments
        self.began = time.process_time()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if batch_idx + 1 == self.warm_up:
            self.began = time.process_time()
        if batch_idx + 1 == self.last:
            self.ended = time.process_time()


def follow(dataset: str, *, budget: float) -> None:
    """Train the recommended recipe until the budget of CPU-seconds is spent; an interrupted run goes on from its last epoch."""
    split = read_leave_one_out(dataset)
    recipe = {**OF_ALL, **RECOMMENDED[dataset], "transformer_layers_type": LiGRLayers, "item_net_block_types": (IdEmbeddingsItemNet,)}
    model, loader = _built(recipe, split)
    folder = WORK / f"rectools-{dataset}"
    about = {
        **_who(split),
        "protocol": PROTOCOL,
        "recipe": _written(model, recipe),
        "recommended_in": RECOMMENDED_IN,
        "seed": SEED,
        "gemm_seconds": gemm_seconds(),
        "budget_cpu_seconds": budget,
        "epoch_batches": len(loader),
    }
    journey = _Journey(about, budget=budget, split=split, model=model, folder=folder, result=RESULTS / f"rectools-{dataset}.json")
    checkpoint = folder / "last.ckpt"
    resumes = checkpoint.is_file()
    if resumes:
        model.lightning_model.is_fitted = True  # else RecTools draws the weights anew when training starts
        torch.manual_seed(SEED + int(checkpoint.stat().st_mtime))
    trainer = _trainer(journey, max_epochs=MAX_EPOCHS)
    trainer.fit(model.lightning_model, loader, ckpt_path=str(checkpoint) if resumes else None)


class _Journey(Callback):
    """Counts the CPU-seconds of training, measures on the way, keeps a checkpoint of each epoch, and stops when the budget is spent."""

    def __init__(self, about: dict[str, Any], *, budget: float, split: LeaveOneOut, model: SASRecModel, folder: Path, result: Path) -> None:
        self.about, self.budget, self.model, self.folder, self.result = about, budget, model, folder, result
        ids = model.data_preparator.item_id_map.external_ids
        rows = {item: row for row, item in enumerate(ids.tolist())}
        self.parts = {name: _in_rows(part, rows) for name, part in (("valid", split.valid), ("test", split.test))}
        self.seconds_between_points = CPU_SECONDS_BETWEEN_POINTS[split.dataset]
        self.spent = 0.0
        self.batches = 0
        self.restarts = 0
        self.points: list[dict[str, Any]] = []
        self.losses: list[float] = []
        self.began: float | None = None
        self.is_finished = False

    def state_dict(self) -> dict[str, Any]:
        """What travels in the checkpoint."""
        return {"spent": self.spent, "batches": self.batches, "restarts": self.restarts, "points": self.points}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.spent, self.batches, self.points = state_dict["spent"], state_dict["batches"], list(state_dict["points"])
        self.restarts = state_dict["restarts"] + 1

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002  # Lightning's name and arguments
        if self.spent >= self.budget:
            self._finish(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002
        self.began = time.process_time()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.batches += 1
        self._clock()
        self.losses.append(float(outputs["loss"]))
        if self._is_due() or self.spent >= self.budget:
            self._measure(trainer)
        if self.spent >= self.budget:
            self._finish(trainer)
        self.began = time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002
        self._clock()
        if self.is_finished:
            return
        if self._is_due():
            self._measure(trainer)
        self.folder.mkdir(parents=True, exist_ok=True)
        trainer.save_checkpoint(self.folder / "draft.ckpt")
        (self.folder / "draft.ckpt").replace(self.folder / "last.ckpt")

    def _is_due(self) -> bool:
        return self.spent - (self.points[-1]["cpu_seconds"] if self.points else 0.0) >= self.seconds_between_points

    def _clock(self) -> None:
        if self.began is not None:
            self.spent += time.process_time() - self.began
        self.began = None

    def _measure(self, trainer: Trainer) -> None:
        if self.points and self.points[-1]["batches"] == self.batches:
            return
        quality = {name: measured(part, self._scores) for name, part in self.parts.items()}
        loss = float(np.mean(self.losses)) if self.losses else None
        self.losses = []
        point = {
            "cpu_seconds": self.spent,
            "epoch": self.batches / self.about["epoch_batches"],
            "batches": self.batches,
            "loss": loss,
            "gemm_seconds": gemm_seconds(),
            **quality,
        }
        self.points.append(point)
        self._write(self.folder / "trajectory.json")
        print(json.dumps(point), flush=True)
        trainer.lightning_module.train()

    def _scores(self, histories: Sequence[list[int]]) -> np.ndarray:
        """(B, N) by RecTools' own collation and network; the padding item can win nothing."""
        network, preparator = self.model.torch_model, self.model.data_preparator
        network.eval()
        with torch.no_grad():
            items = network.item_model.get_all_embeddings()
            batch = preparator._collate_fn_recommend([(history, None, None) for history in histories])
            users = network.encode_sessions(batch, items)[:, -1, :]
            scores = (users @ items.T).numpy()
        scores[:, : preparator.n_item_extra_tokens] = -np.inf
        return scores

    def _finish(self, trainer: Trainer) -> None:
        self.is_finished = True
        trainer.should_stop = True
        for path in (self.folder / "trajectory.json", self.result):
            self._write(path)

    def _write(self, path: Path) -> None:
        written = {**self.about, "finished": self.is_finished, "restarts": self.restarts, "peak_mb": peak_mb(), "points": self.points}
        write_json(written, path)


def _in_rows(part: Part, rows: Mapping[int, int]) -> Part:
    """The part in RecTools' own item rows; items that it never saw in training are left out of histories, and are -1 as targets."""
    histories = [[rows[item] for item in history if item in rows] for history in part.histories]
    return Part(histories=histories, targets=[rows.get(item, -1) for item in part.targets])


def _built(recipe: Mapping[str, Any], split: LeaveOneOut) -> tuple[SASRecModel, Any]:
    """An untrained model as RecTools builds it, and its own loader of training batches."""
    pytorch_lightning.seed_everything(SEED)
    model = SASRecModel(**recipe, epochs=1, deterministic=False, dataloader_num_workers=0, recommend_torch_device="cpu")
    model._build_model_from_dataset(_rectools_dataset(split))
    return model, model.data_preparator.get_dataloader_train()


def _rectools_dataset(split: LeaveOneOut) -> Dataset:
    lengths = [len(items) for items in split.train]
    order = np.concatenate([np.arange(length) for length in lengths])
    frame = pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(len(lengths)), lengths),
            Columns.Item: np.concatenate([np.array(items) for items in split.train]),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2000-01-01") + pd.to_timedelta(order, unit="s"),
        }
    )
    return Dataset.construct(frame)


def _trainer(callback: Callback, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(accelerator="cpu", devices=1, callbacks=[callback], **quiet, **settings)


def _who(split: LeaveOneOut) -> dict[str, Any]:
    versions = {"rectools": rectools.__version__, "torch": torch.__version__, "lightning": pytorch_lightning.__version__}
    return {
        "peer": "rectools",
        "versions": {**versions, "numpy": np.__version__, "python": platform.python_version()},
        "dataset": split.dataset,
        "threads": torch.get_num_threads(),
        "allocator": allocator(),
    }


def _written(model: SASRecModel, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe in words, with the defaults that matter."""
    defaults = {name: getattr(model, name) for name in ("n_heads", "dropout_rate", "loss", "n_negatives", "lr", "batch_size", "use_key_padding_mask")}
    named = {name: value.__name__ if isinstance(value, type) else value for name, value in recipe.items() if name != "item_net_block_types"}
    written = {"model": "SASRecModel", **defaults, **named}
    return {name: value for name, value in written.items() if not (name == "n_negatives" and written["loss"] == "softmax")}


if __name__ == "__main__":
    main()
