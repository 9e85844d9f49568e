"""What an optimizer remembers of a weight: which numbers, how many bytes, and moments in eight bits."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from leanrec.models.widening import Widening
from leanrec.training.training_config import TrainingConfig

BLOCK = 256
"""Numbers that share a scale."""
LEAST_QUANTISED = 4096
"""Smaller weights keep their moments in float32: there is nothing to save, and norms and biases want it."""
SCALES = "_scales"
POWERS = {"first_moment": 3.0, "second_moment": 4.0}
"""A code c of n stands for (c / n)^power of its block's largest: small moments, which are most, are told apart more finely than large ones."""
GRADIENT_POWERS = {"first_moment": 1, "second_moment": 2, "sum_of_squares": 2, "momentum": 1}
"""What is remembered grows with this power of the gradient."""
LEVELS = {"first_moment": 127, "second_moment": 255}

Shapes = dict[str, tuple[tuple[int, ...], torch.dtype]]


def state_shapes(shape: tuple[int, ...], config: TrainingConfig) -> Shapes:
    """Names, shapes and types of what is remembered of a weight of that shape."""
    match config.optimizer:
        case "adamw":
            return dict.fromkeys(POWERS, (shape, torch.float32))
        case "adamw-8bit":
            if math.prod(shape) < LEAST_QUANTISED:
                return dict.fromkeys(POWERS, (shape, torch.float32))
            blocks = (-(-math.prod(shape) // BLOCK),)
            found: Shapes = {"first_moment": (shape, torch.int8), "second_moment": (shape, torch.uint8)}
            return found | {f"{name}{SCALES}": (blocks, torch.float32) for name in POWERS}
        case "adagrad":
            return {"sum_of_squares": (shape, torch.float32)}
        case "adagrad-rows":
            rows = shape if len(shape) < 2 else (shape[0],) + (1,) * (len(shape) - 1)
            return {"sum_of_squares": (rows, torch.float32)}
        case "sgd":
            return {"momentum": (shape, torch.float32)} if config.momentum else {}


def fresh_states(parameter: Tensor, config: TrainingConfig) -> dict[str, Tensor]:
    """All zero, where the weight is; moments in float32 have the weight's own type."""
    made = {}
    for name, (shape, dtype) in state_shapes(tuple(parameter.shape), config).items():
        is_moment = dtype == torch.float32 and not name.endswith(SCALES)
        made[name] = torch.zeros(shape, dtype=parameter.dtype if is_moment else dtype, device=parameter.device)
    return made


def state_bytes(parameter: Tensor, config: TrainingConfig) -> int:
    """What is remembered of a weight, before it is."""
    shapes = state_shapes(tuple(parameter.shape), config)
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes.values())


def is_quantised(states: Mapping[str, Tensor]) -> bool:
    """Whether moments stand in eight bits."""
    return f"first_moment{SCALES}" in states


def restored(states: Mapping[str, Tensor], name: str) -> Tensor:
    """A moment in float32 from its codes: blockwise, after Dettmers et al. 2022, with powers in place of their tree of exponents."""
    codes, scales = states[name].float() / LEVELS[name], states[f"{name}{SCALES}"]
    values = codes.abs().pow_(POWERS[name]).copysign_(codes)
    return values.mul_(_spread(scales, like=values))


def quantise(states: Mapping[str, Tensor], name: str, values: Tensor) -> None:
    """Write a moment as codes, rounded up or down by chance: a moment fades by less than a code in a step, and would else stand still.

    A second moment above zero never becomes zero, or a step would have no bound.
    """
    flat = values.reshape(-1)
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scales = padded.abs().amax(1)
    states[f"{name}{SCALES}"].copy_(scales)
    shares = values / _spread(scales, like=values).clamp_min(torch.finfo(torch.float32).tiny)
    codes = shares.abs().pow_(1.0 / POWERS[name]).mul_(LEVELS[name])
    codes = codes.add_(torch.rand_like(codes)).floor_().clamp_max_(LEVELS[name])
    codes = torch.where(values > 0, codes.clamp_min(1), codes) if name == "second_moment" else codes.copysign_(shares)
    states[name].copy_(codes)


def widen_states(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor], widening: Widening) -> None:
    """Write into the states of a weight that became wider what is remembered of it; by now its moments may stand in eight bits."""
    for name in wide.keys() & GRADIENT_POWERS.keys():
        known = restored(narrow, name) if is_quantised(narrow) else narrow[name]
        values = widening.of_gradients(known, shape=tuple(wide[name].shape), power=GRADIENT_POWERS[name])
        if is_quantised(wide):
            quantise(wide, name, values)
        else:
            wide[name].copy_(values)


def _spread(scales: Tensor, *, like: Tensor) -> Tensor:
    """Each number's scale."""
    return scales.repeat_interleave(BLOCK)[: like.numel()].view_as(like)
