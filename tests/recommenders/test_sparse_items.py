"""Sparse item tables: the same training as with dense gradients, interrupted or not, and a refusal for what cannot follow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recommenders.test_sequential import sequential, world_split

from leanrec.data.split import Split
from leanrec.errors import ConfigError
from leanrec.features.batches import Batch
from leanrec.recommenders.building import build
from leanrec.recommenders.next_item_task import NextItemTask
from leanrec.recommenders.sequential import Sequential
from leanrec.training.hooks import StepContext
from leanrec.training.run import Run

DRAWN: dict[str, Any] = {"kind": "sampled-softmax", "num_negatives": 5}
VARIANTS: dict[str, dict[str, Any]] = {
    "sampled": {},
    "cosine": {"loss": {**DRAWN, "temperature": 0.1}},
    "bce": {"loss": {"kind": "bce"}},
    "gbce": {"loss": {"kind": "gbce", "num_negatives": 20}},
    "bpr": {"loss": {"kind": "bpr", "num_negatives": 2}},
    "ids alone": {"uses_attributes": False},
    "added up, averaged": {"training": {"accumulate": 2, "average": 0.9, "clip": 0.1}},
    "stages": {
        "growth": {"at": (0.5,), "dimensions": (4, 8), "num_negatives": (2, 5)},
        "training": {"max_epochs": 4},
    },
}


class _Steps:
    """Keeps the gradients' kind and the table before each step; Ctrl-C within one of them."""

    def __init__(self, stop_at: int = -1) -> None:
        self.stop_at = stop_at
        self.are_sparse: list[bool] = []
        self.moved: list[int] = []

    def before_step(self, context: StepContext) -> None:
        self._table = self._table_of(context).detach().clone()

    def after_backward(self, context: StepContext) -> None:
        gradient = self._table_of(context).grad
        assert gradient is not None
        self.are_sparse.append(gradient.is_sparse)
        self._rows = gradient.indices()[0] if gradient.is_sparse else torch.arange(len(gradient))

    def after_step(self, context: StepContext) -> None:
        if context.step == self.stop_at:
            raise KeyboardInterrupt
        moved = (self._table_of(context).detach() != self._table).any(1).nonzero().flatten()
        assert torch.isin(moved, self._rows).all()
        self.moved.append(len(moved))

    def _table_of(self, context: StepContext) -> torch.nn.Parameter:
        table = dict(context.module.named_parameters())["items.ids.weight"]
        assert isinstance(table, torch.nn.Parameter)
        return table


@pytest.fixture(scope="module")
def split() -> Split:
    return world_split()


def recommender(*, sparse: bool, training: dict[str, Any] | None = None, **others: Any) -> Sequential:
    settings = {"optimizer": "adagrad-rows", "weight_decay": 0.0, "learning_rate": 0.1, **(training or {})}
    # Attention is left out: its keys' bias has no gradient but rounding, of which Adagrad makes steps as long as any.
    return sequential(encoder={"block": "gru", "dropout": 0.0}, training=settings, items={"sparse": sparse}, **{"loss": DRAWN, **others})


def weights(fitted: Sequential) -> dict[str, torch.Tensor]:
    return {"items": torch.from_numpy(fitted._item_vectors), **fitted._encoder.state_dict()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_sparse_and_dense_gradients_end_with_the_same_weights(variant: str, split: Split) -> None:
    dense, sparse = (recommender(sparse=sparse, **VARIANTS[variant]).fit(split.train, valid=split.valid) for sparse in (False, True))
    assert dense.training.steps == sparse.training.steps > 5
    for name, weight in weights(dense).items():
        torch.testing.assert_close(weights(sparse)[name], weight, atol=1e-5, rtol=1e-5, msg=name)
    assert sparse.training.history[-1].loss == pytest.approx(dense.training.history[-1].loss, rel=1e-5)


def test_a_step_moves_the_rows_of_its_batch_alone_also_with_weight_decay(split: Split) -> None:
    hook = _Steps()
    recommender(sparse=True, loss={"kind": "bce"}, training={"tokens": 12, "weight_decay": 0.1}).fit(split.train, run=Run(hooks=(hook,)))
    assert all(hook.are_sparse)
    assert 0 < np.mean(hook.moved) < 0.8 * split.train.num_items


def test_interrupted_it_goes_on_to_the_same_bits(split: Split, tmp_path: Path) -> None:
    training = {"checkpoint_steps": 2, "average": 0.9, "weight_decay": 0.01}
    whole = recommender(sparse=True, training=training).fit(split.train, valid=split.valid)
    with pytest.raises(KeyboardInterrupt):
        recommender(sparse=True, training=training).fit(split.train, valid=split.valid, run=Run(folder=tmp_path, hooks=(_Steps(stop_at=9),)))
    resumed = recommender(sparse=True, training=training).fit(split.train, valid=split.valid, run=Run(folder=tmp_path))
    assert '"resume"' in (tmp_path / "journal.jsonl").read_text()
    assert all(torch.equal(weight, weights(whole)[name]) for name, weight in weights(resumed).items())


def test_batches_that_memory_does_not_hold_are_halved(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_few = NextItemTask._loss_of_few

    def little_memory(task: NextItemTask, batch: Batch) -> torch.Tensor:
        loss = of_few(task, batch)
        if batch.num_tokens > 24:
            loss.backward()  # half done
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return loss

    monkeypatch.setattr(NextItemTask, "_loss_of_few", little_memory)
    hook = _Steps()
    fitted = recommender(sparse=True).fit(split.train, run=Run(folder=tmp_path, hooks=(hook,)))
    assert '"halved"' in (tmp_path / "journal.jsonl").read_text()
    assert all(hook.are_sparse)
    assert fitted.training.history[-1].loss < fitted.training.history[0].loss


def test_changed_histories_with_hidden_items_are_learned_from(split: Split) -> None:
    augment = {"share": 1.0, "mask": 0.5}
    fitted = recommender(sparse=True, augment=augment).fit(split.train)
    assert np.isfinite(fitted.training.history[-1].loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": {"kind": "auto"}}, "needs a loss over drawn items, not 'auto'"),
        ({"loss": {"kind": "full-softmax"}}, "needs a loss over drawn items, not 'full-softmax'"),
        ({"training": {"optimizer": "adamw"}}, "needs training.optimizer = 'adagrad-rows'; 'adamw' moves every row"),
        ({"auxiliary": {"contrastive": 0.1}}, "auxiliary compares vectors of all items"),
    ],
)
def test_what_needs_all_rows_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recommender(sparse=True, **settings)


@pytest.mark.parametrize("name", ["distilled", "two-tower"])
def test_recommenders_that_look_at_all_items_refuse_it(name: str) -> None:
    with pytest.raises(ConfigError, match=r"items\.sparse is heeded by 'sequential' alone"):
        build(name, {"items": {"sparse": True}, "loss": DRAWN, "training": {"optimizer": "adagrad-rows"}})
