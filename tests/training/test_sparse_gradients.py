"""Sparse gradients: the rows that were looked at move as if all had been, and the others rest."""

import copy

import pytest
import torch
from torch import Tensor, nn

from leanrec.errors import ConfigError
from leanrec.training.memory import training_memory_bytes
from leanrec.training.optimizer import Optimizer
from leanrec.training.sparse_gradients import clip, settle, with_sparse_gradient
from leanrec.training.training_config import TrainingConfig

ROWS = (torch.tensor([3, 0, 3]), torch.tensor([0, 9, 9, 4]), torch.tensor([5]))


class Table(nn.Module):
    def __init__(self, *, sparse: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(10, 4, sparse=sparse)
        self.layer = nn.Linear(4, 2)

    def forward(self, rows: Tensor) -> Tensor:
        return self.layer(self.table(rows)).square().sum()


def pair() -> tuple[Table, Table]:
    return Table(sparse=False), Table(sparse=True)


def test_steps_are_those_of_dense_gradients_added_up_and_clipped() -> None:
    config = TrainingConfig(optimizer="adagrad-rows", learning_rate=0.1)
    outcomes = []
    for net in pair():
        optimizer = Optimizer(net, config)
        for first, second in zip(ROWS, reversed(ROWS), strict=True):
            (net(first) / 2).backward()
            (net(second) / 2).backward()
            settle(net.parameters())
            clip(net.parameters(), 0.05)
            optimizer.step()
            optimizer.zero_grad()
        outcomes.append([*net.parameters(), *optimizer.tensors().values()])
    for dense, sparse in zip(*outcomes, strict=True):
        torch.testing.assert_close(dense, sparse)


def test_clipping_is_that_of_torch_to_the_bit() -> None:
    dense, sparse = pair()
    theirs = copy.deepcopy(dense)
    for net in (dense, sparse, theirs):
        net(ROWS[1]).backward()
    settle(sparse.parameters())
    nn.utils.clip_grad_norm_(theirs.parameters(), 0.01)
    clip(dense.parameters(), 0.01)
    clip(sparse.parameters(), 0.01)
    for ours, wanted, few in zip(dense.parameters(), theirs.parameters(), sparse.parameters(), strict=True):
        assert torch.equal(ours.grad, wanted.grad)
        torch.testing.assert_close(few.grad.to_dense(), wanted.grad)
    clip(dense.parameters(), None)
    assert torch.equal(dense.table.weight.grad, theirs.table.weight.grad)


def test_rows_that_nobody_looked_at_neither_move_nor_decay() -> None:
    net = Table(sparse=True)
    before = net.table.weight.detach().clone()
    optimizer = Optimizer(net, TrainingConfig(optimizer="adagrad-rows", weight_decay=0.5))
    net(torch.tensor([2, 7, 7])).backward()
    optimizer.step()
    moved = (net.table.weight.detach() != before).any(1)
    assert moved.nonzero().flatten().tolist() == [2, 7]
    numbers = net.table.weight.grad.to_dense()[7] + 0.5 * before[7]
    torch.testing.assert_close(optimizer.tensors()["0/sum_of_squares"][7], numbers.square().mean()[None])


@pytest.mark.parametrize("name", ["adamw", "adamw-8bit", "adagrad", "sgd"])
def test_an_optimizer_that_moves_all_rows_says_so(name: str) -> None:
    net = Table(sparse=True)
    net(ROWS[0]).backward()
    with pytest.raises(ConfigError, match=rf"'{name}' follows no sparse gradients, as table.weight has"):
        Optimizer(net, TrainingConfig(optimizer=name)).step()


def test_a_gradient_of_few_rows_is_not_counted_as_one_of_all() -> None:
    dense, sparse = pair()
    assert with_sparse_gradient(sparse) == {id(sparse.table.weight)}
    config = TrainingConfig(optimizer="adagrad-rows", average=0.9)
    assert training_memory_bytes(dense, config) - training_memory_bytes(sparse, config) == 10 * 4 * 4
