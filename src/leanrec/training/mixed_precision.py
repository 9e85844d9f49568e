"""MixedPrecision: products in sixteen bits on a device, and the scale that keeps small gradients within float16."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn, optim
from torch.amp.grad_scaler import GradScaler

from leanrec.training.device import products_in
from leanrec.training.optimizer import Optimizer

log = logging.getLogger(__name__)

LEAST_SCALE = 1.0
"""Gradients that are infinite at this scale are so by themselves."""


class MixedPrecision:
    """How a step multiplies and moves: in float32, in bfloat16, or in float16 with a scaled loss (Micikevicius et al. 2018, arXiv 1710.03740).

    Float16 holds nothing below 6e-8: the loss is multiplied by a scale, so that its gradients are large enough, and they are divided by it before
    anybody reads them. Where the scale made them infinite the step is skipped and the scale halved; it doubles after 2000 good steps.
    """

    def __init__(self, optimizer: Optimizer, *, device: torch.device, precision: str) -> None:
        self._steps = _Steps(optimizer)
        self._precision, self._device = precision, device
        self._scaler = GradScaler(device.type, enabled=precision == "float16")

    def products(self) -> AbstractContextManager[object]:
        """Within it a step multiplies; on a CPU the task itself decides about bfloat16."""
        is_left = self._precision == "float32" or (self._precision == "bfloat16" and self._device.type == "cpu")
        return nullcontext() if is_left else products_in(self._precision, self._device)

    def scaled(self, loss: Tensor) -> Tensor:
        """What is to be differentiated in place of the loss; a loss in float16 could not hold its own scale."""
        return self._scaler.scale(loss.float() if loss.dtype == torch.float16 else loss)

    def unscale(self) -> None:
        """Make the gradients, which are those of the scaled loss, those of the loss."""
        self._scaler.unscale_(self._steps.as_torch)

    def step(self) -> bool:
        """Move the weights, unless the scale made a gradient infinite; false where gradients stay so at the least scale."""
        has_moved = self._scaler.step(self._steps.as_torch) is not None
        scale = LEAST_SCALE if has_moved else self._scaler.get_scale()
        self._scaler.update()
        if not has_moved:
            log.debug("a gradient was infinite at scale %g: the step is skipped", scale)
        return has_moved or scale > LEAST_SCALE

    def tensors(self) -> dict[str, Tensor]:
        """The scale and the good steps since it changed, for a checkpoint; nothing where there is none."""
        state = self._scaler.state_dict()
        return {name: torch.tensor(float(state[name]), dtype=torch.float64) for name in ("scale", "_growth_tracker") if name in state}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `tensors` gave."""
        if tensors:
            numbers = {"scale": float(tensors["scale"]), "_growth_tracker": int(tensors["_growth_tracker"])}
            self._scaler.load_state_dict({**self._scaler.state_dict(), **numbers})


class _Steps:
    """Our optimizer as torch's scaler looks at one."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    @property
    def as_torch(self) -> optim.Optimizer:
        """Itself: the scaler reads `param_groups` and calls `step`, and no more."""
        return cast(optim.Optimizer, self)

    @property
    def param_groups(self) -> list[dict[str, list[nn.Parameter]]]:
        """All weights that are moved."""
        return [{"params": self._optimizer.parameters}]

    def step(self) -> bool:
        """Move them; true, so that a skipped step can be told from one."""
        self._optimizer.step()
        return True
