import pytest
import torch
from torch import nn

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.training import memory
from leanrec.training.memory import require_training_memory, training_memory_bytes
from leanrec.training.training_config import TrainingConfig

NET = nn.Linear(10, 10, bias=False)  # 400 bytes


@pytest.mark.parametrize(
    ("settings", "copies"), [({}, 5), ({"optimizer": "adagrad"}, 4), ({"optimizer": "sgd", "momentum": 0.0}, 3), ({"average": 0.9}, 7)]
)
def test_every_copy_of_the_weights_is_counted(settings: dict[str, object], copies: int) -> None:
    assert training_memory_bytes(NET, TrainingConfig(**settings), step_bytes=7) == 400 * copies + 7


def test_too_little_memory_is_an_error_before_anything_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    with pytest.raises(BudgetError, match="100 weights with adamw"):
        require_training_memory(NET, TrainingConfig(), Budget(memory_gb=1e-6), device=cpu, step_bytes=0)
    monkeypatch.setattr(memory, "available_memory_bytes", lambda: 1599)
    with pytest.raises(BudgetError, match="are free"):
        require_training_memory(NET, TrainingConfig(), Budget(), device=cpu, step_bytes=0)
    monkeypatch.setattr(memory, "available_memory_bytes", lambda: 1600)  # the weights themselves are there already
    require_training_memory(NET, TrainingConfig(), Budget(), device=cpu, step_bytes=0)


def test_what_an_accelerator_may_hold_is_bounded_by_itself() -> None:
    with pytest.raises(BudgetError, match="GB of device memory; the budget allows 1e-06 GB"):
        require_training_memory(NET, TrainingConfig(), Budget(device_memory_gb=1e-6), device=torch.device("cuda"), step_bytes=0)
    cpu = torch.device("cpu")
    require_training_memory(NET, TrainingConfig(), Budget(device_memory_gb=1e-6), device=cpu, step_bytes=0)
