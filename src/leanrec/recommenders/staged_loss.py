"""StagedLoss: the loss of a training, made anew for each stage of a growth: more rivals, harder ones, more digits."""

from collections.abc import Callable

import torch

from leanrec.config import Budget
from leanrec.models.losses import Circumstances, Loss, LossConfig
from leanrec.training.growth import ALL, GrowthConfig
from leanrec.training.training_config import Precision, TrainingConfig

LossFor = Callable[[LossConfig, Precision], Loss]
"""The loss of these settings, once it is known how its large products are made."""


class StagedLoss:
    """What the stages of `growth` make of the loss that the recipe ends with; without a growth, that loss."""

    def __init__(self, config: LossConfig, loss_for: LossFor, growth: GrowthConfig | None) -> None:
        self._config, self._loss_for, self._growth = config, loss_for, growth
        self._stage: int | None = None

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Where it is computed and how; the first stage begins. Raises `ConfigError` for any stage that these data cannot have."""
        self._device, self._precision, self._stage = device, precision, None
        for stage in range(1, self._num_stages):
            self._made(stage)
        self.begin(0.0)

    def begin(self, progress: float) -> None:
        """Make the loss of the stage that is due when so much of the way is done."""
        stage = self._growth.stage_at(progress) if self._growth is not None and self._num_stages > 1 else 0
        if stage != self._stage:
            self._stage, self.now = stage, self._made(stage).to(self._device)

    @property
    def _num_stages(self) -> int:
        return 1 + len(self._growth.at) if self._growth is not None and self._growth.changes_the_loss else 1

    def _made(self, stage: int) -> Loss:
        growth = self._growth
        precision = growth.precision[stage] if growth is not None and growth.precision else self._precision
        return self._loss_for(loss_of_stage(self._config, growth, stage), precision)


def circumstances_of(training: TrainingConfig, budget: Budget, *, num_tokens: int) -> Circumstances:
    """What a loss is chosen by, beside the number of items: `num_tokens` of an epoch, and what may be spent."""
    return {
        "num_tokens": num_tokens,
        "max_epochs": training.max_epochs,
        "minutes": budget.minutes,
        "memory_bytes": int(budget.memory_gb * 1e9) if budget.memory_gb is not None else None,
    }


def loss_of_stage(config: LossConfig, growth: GrowthConfig | None, stage: int) -> LossConfig:
    """The settings of the loss in a stage.

    >>> growth = GrowthConfig(at=(0.5,), num_negatives=(256, "all"))
    >>> [(at.kind, at.num_negatives) for at in (loss_of_stage(LossConfig(), growth, stage) for stage in (0, 1))]
    [('sampled-softmax', 256), ('full-softmax', None)]
    """
    if growth is None or not (growth.num_negatives or growth.popularity_power):
        return config
    changed = config.model_dump(exclude_unset=True)
    if growth.num_negatives:
        number = growth.num_negatives[stage]
        sampled = config.kind if config.kind not in ("auto", "full-softmax") else "sampled-softmax"
        changed["kind"] = "full-softmax" if number == ALL else sampled
        changed["num_negatives"] = None if number == ALL else number
    if growth.popularity_power:
        changed["popularity_power"] = growth.popularity_power[stage]
    if changed.get("kind", config.kind) == "full-softmax":
        changed.pop("popularity_power", None)
    return LossConfig.model_validate(changed)


def require_loss_ends(growth: GrowthConfig, config: LossConfig, precision: str) -> None:
    """Raise `ValueError` where the last stage has another loss than the recipe, or where a stage cannot take effect."""
    if growth.num_negatives:
        last = growth.num_negatives[-1]
        if last == ALL and config.kind not in ("auto", "full-softmax"):
            raise ValueError(f'the last stage of growth.num_negatives is "all", and the loss is {config.kind!r}: set it to "full-softmax"')
        if last != ALL and (config.kind in ("auto", "full-softmax") or config.num_negatives != last):
            raise ValueError(f"growth.num_negatives ends with {last}: set loss.kind to a sampled loss and loss.num_negatives to {last}")
    if growth.popularity_power:
        if config.kind != "sampled-softmax" and not growth.num_negatives[:-1]:
            raise ValueError("growth.popularity_power is heeded by the sampled softmax alone: set loss.kind, or growth.num_negatives")
        if config.kind not in ("auto", "full-softmax", "sampled-softmax"):
            raise ValueError(f"growth.popularity_power is heeded by the sampled softmax alone, and the loss is {config.kind!r}: leave it out")
        if config.kind == "sampled-softmax" and growth.popularity_power[-1] != config.popularity_power:
            raise ValueError(f"the last stage of growth.popularity_power is not that of the loss, {config.popularity_power:g}: make them equal")
    if growth.precision and config.kind not in ("auto", "full-softmax"):
        raise ValueError(f"growth.precision is heeded by the softmax over all items, and the loss is {config.kind!r}: leave it out")
    if growth.precision and precision not in ("auto", growth.precision[-1]):
        raise ValueError(f"the last stage of growth.precision is {growth.precision[-1]!r}, and training.precision is {precision!r}: make them equal")
