"""Schedules: the share of the learning rate at each point of the way, as pure functions of progress in [0, 1]."""

import math

from leanrec.training.training_config import TrainingConfig


def learning_rate_at(progress: float, config: TrainingConfig) -> float:
    """The learning rate when `progress` of the way is done: a linear rise over the warm-up, then the schedule's fall."""
    warmup = config.warmup_share
    if progress < warmup:
        return config.learning_rate * progress / warmup
    rest = min(1.0, (progress - warmup) / (1.0 - warmup)) if warmup < 1.0 else 0.0
    return config.learning_rate * _share(rest, config)


def _share(progress: float, config: TrainingConfig) -> float:
    match config.schedule:
        case "cosine":
            return cosine(progress, final=config.final_share)
        case "step":
            return steps(progress, at=config.step_shares, factor=config.step_factor)
        case "decay":
            return exponential(progress, final=config.final_share)
        case "constant":
            return 1.0


def cosine(progress: float, *, final: float) -> float:
    """Half a cosine from 1 to `final` (Loshchilov & Hutter 2017, eq. 5, without restarts).

    >>> [round(cosine(progress, final=0.0), 2) for progress in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))


def exponential(progress: float, *, final: float) -> float:
    """The same factor for each equal part of the way, from 1 to `final`.

    >>> [round(exponential(progress, final=0.01), 4) for progress in (0.0, 0.5, 1.0)]
    [1.0, 0.1, 0.01]
    """
    return float(final**progress)


def steps(progress: float, *, at: tuple[float, ...], factor: float) -> float:
    """`factor` to the power of the shares passed.

    >>> [round(steps(progress, at=(0.5, 0.75), factor=0.1), 4) for progress in (0.4, 0.5, 0.9)]
    [1.0, 0.1, 0.01]
    """
    return float(factor ** sum(progress >= share for share in at))
