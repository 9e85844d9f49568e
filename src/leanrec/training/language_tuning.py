"""Tuning: which weights of a language model are learned, and how fast; the same for every recipe."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from torch import Tensor, nn

from leanrec.config import Config
from leanrec.errors import ConfigError
from leanrec.models.adapters import AdaptedModel, AdapterConfig, is_adapter_weight
from leanrec.training.training_config import TrainingConfig

ADAPTER = "tuned"
_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")


class TuningConfig(Config):
    """What of a language model is learned."""

    adapter: AdapterConfig | None = None
    """A few weights beside the frozen model; left out: the model's own weights."""
    trained_layers: int | None = Field(default=None, ge=1)
    """So many of the topmost layers are learned, the rest and the token table stay; left out: all."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """The learning rate of each layer is this part of the layer's above it (Howard and Ruder 2018, section 3.2)."""
    unfreeze: float = Field(default=0.0, ge=0, le=1)
    """Share of the way over which the layers wake one after the other, the topmost first (same, section 3.3); 0: all at once."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of the model's layers while it is tuned. None by default: a tuning of few passes hardly needs it, and on a CPU it is a quarter of the time."""
    checkpoint_gradients: bool = False
    """Compute the layers twice instead of keeping what they gave: less memory, a third more time."""


def _counts_pairs(training: TrainingConfig) -> TrainingConfig:
    if training.tokens != TrainingConfig.model_fields["tokens"].default:
        raise ValueError("tokens does not bound batches of pairs; set pairs for the size of a batch, max_batch_tokens for what is read at once")
    return training


PairTraining = Annotated[TrainingConfig, AfterValidator(_counts_pairs)]
"""The settings of the loop where batches are so many pairs, not so many tokens."""


class Tuning:
    """A language model made ready for training."""

    def __init__(self, model: Any, config: TuningConfig) -> None:  # Any: transformers' own classes
        """Changes `model` in place; raises `ConfigError` for settings that cannot take effect together."""
        self.config, self.model = config, model
        self.num_layers = int(getattr(model.config, "num_hidden_layers", 0))
        self._check()
        self.adapted = AdaptedModel(model) if config.adapter is not None else None
        if self.adapted is not None and config.adapter is not None:
            self.adapted.add(ADAPTER, config.adapter)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(self._is_learned(name))
        _set_dropout(model, config.dropout)
        if config.checkpoint_gradients:
            _compute_layers_twice(model)

    def rates(self, module: nn.Module, progress: float) -> Mapping[str, float]:
        """The share of the learning rate of each trained weight of the model, by its name in `module`, which holds the model."""
        if self.config.layer_decay == 1.0 and self.config.unfreeze == 0.0:
            return {}
        prefix = next(f"{path}." if path else "" for path, part in module.named_modules() if part is self.model)
        return {
            name: self._rate(name.removeprefix(prefix), progress)
            for name, _ in module.named_parameters()
            if name.startswith(prefix) and self._is_learned(name.removeprefix(prefix))
        }

    def finished(self) -> nn.Module:
        """The model as it is used from now on: adapters folded into a copy, or the model itself."""
        if self.config.checkpoint_gradients:
            getattr(self.model, "activation_checkpointing_disable", self.model.gradient_checkpointing_disable)()
        return self.adapted.folded() if self.adapted is not None else self.model

    def save_adapter(self, folder: Path, *, beside: dict[str, Tensor] | None = None, settings: Mapping[str, Any] | None = None) -> None:
        """What was learned alone, as `AdaptedModel.save`; raises `ConfigError` when the model's own weights were."""
        if self.adapted is None:
            raise ConfigError("the model's own weights were learned: there is no adapter to save", hint="set tuning.adapter.kind to lora")
        self.adapted.save(ADAPTER, folder, beside=beside, settings=settings)

    def _is_learned(self, name: str) -> bool:
        return self._is_trained(name) and (self.adapted is None or is_adapter_weight(name))

    def _is_trained(self, name: str) -> bool:
        if self.config.trained_layers is None:
            return True
        return self._height(name) > self.num_layers - self.config.trained_layers

    def _rate(self, name: str, progress: float) -> float:
        height = self._height(name)
        below = self.num_layers - height if height <= self.num_layers else 0
        is_awake = progress >= self.config.unfreeze * below / max(1, self.num_layers)
        return float(self.config.layer_decay**below) if is_awake else 0.0

    def _height(self, name: str) -> int:
        """0 for the token table, then the layers from 1 up; what stands above them counts as above all."""
        found = _LAYER.search(name)
        if found is not None:
            return int(found[1]) + 1
        return 0 if "embed" in name or "wte" in name or "wpe" in name else self.num_layers + 1

    def _check(self) -> None:
        config = self.config
        if config.trained_layers is not None and config.trained_layers > self.num_layers:
            raise ConfigError(f"trained_layers {config.trained_layers} is more than the model has: {self.num_layers}", hint="choose fewer, or none")
        if (config.layer_decay < 1 or config.unfreeze > 0) and not any(_LAYER.search(name) for name, _ in self.model.named_parameters()):
            raise ConfigError(
                f"layer_decay and unfreeze cannot take effect: no layers are found in {self.model.config.model_type}", hint="leave both out"
            )


def _set_dropout(model: nn.Module, share: float) -> None:
    """Of the model's own layers; adapters have a setting of theirs."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout) and "lora_" not in name and ".dropout." not in f".{name}":
            module.p = share
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = share


def _compute_layers_twice(model: Any) -> None:  # Any: transformers' own classes
    if hasattr(model, "activation_checkpointing_enable"):  # the older name warns since transformers 5.23
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
