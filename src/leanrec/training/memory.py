"""The memory of a training, foretold from the sizes of its weights before anything begins."""

import torch
from torch import nn

from leanrec.config import Budget
from leanrec.errors import BudgetError
from leanrec.training.hardware import available_memory_bytes
from leanrec.training.optimizer_states import state_bytes
from leanrec.training.sparse_gradients import with_sparse_gradient
from leanrec.training.training_config import TrainingConfig
from leanrec.training.weights import frozen_names, weights_of

HINT = "make the model narrower or its item table smaller (hashed, low-rank), lower `tokens`, or choose optimizer sgd"


def training_memory_bytes(module: nn.Module, config: TrainingConfig, *, step_bytes: int = 0) -> int:
    """Weights, the copy kept of the best, gradients, optimizer states, averages with their swap, and `step_bytes` for a step.

    Sparse gradients, which hold the rows that a step looked at, are left out.
    """
    everything = sum(tensor.nbytes for tensor in weights_of(module).values())
    kept = sum(tensor.nbytes for tensor in weights_of(module, without=frozen_names(module)).values())
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    trainable, remembered = sum(parameter.nbytes for parameter in trained), sum(state_bytes(parameter, config) for parameter in trained)
    sparse = with_sparse_gradient(module)
    gradients = sum(parameter.nbytes for parameter in trained if id(parameter) not in sparse)
    averages = (2 if config.average else 0) * trainable
    return everything + kept + gradients + averages + remembered + step_bytes


def require_training_memory(
    module: nn.Module, config: TrainingConfig, budget: Budget, *, device: torch.device, step_bytes: int, grown: nn.Module | None = None
) -> None:
    """Raise `BudgetError` when the training exceeds the budget, of main or of device memory, or what the device has free.

    `grown` has the weights that a module which grows ends with.
    """
    largest = module if grown is None else grown
    needed = training_memory_bytes(largest, config, step_bytes=step_bytes)
    purpose = f"training {sum(parameter.numel() for parameter in largest.parameters()):,} weights with {config.optimizer}"
    budget.require_memory(needed, purpose=purpose, hint=HINT, on_device=device.type != "cpu")
    present = sum(tensor.nbytes for tensor in weights_of(module).values() if tensor.device.type == device.type)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory_bytes()
    if free is not None and needed - present > free:
        raise BudgetError(f"{purpose} needs about {(needed - present) / 1e9:.1f} GB more memory; {free / 1e9:.1f} GB are free", hint=HINT)
