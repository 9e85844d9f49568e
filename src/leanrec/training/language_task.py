"""LanguageTask: what the tuning of every language model shares: where batches go, how products are made, which weights learn how fast."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from leanrec.data.tokens import TokenBatch
from leanrec.errors import ConfigError
from leanrec.training.language_tuning import Tuning
from leanrec.training.training_config import Precision


class LanguageTask:
    """Parent of the tasks of tuning, each of which adds its `loss`; validation is what the caller measures."""

    def __init__(self, network: nn.Module, tuning: Tuning, *, validate: Callable[[], float] | None = None) -> None:
        self.module = network
        self._tuning, self._validate = tuning, validate

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Where batches go, and whether products are made in bfloat16."""
        self._device, self._is_mixed = device, precision == "bfloat16"

    def rates(self, progress: float) -> Mapping[str, float]:
        """The share of the learning rate of each weight, by layer."""
        return self._tuning.rates(self.module, progress)

    def validate(self) -> float:
        """What the caller measures; raises `ConfigError` where it measures nothing."""
        if self._validate is None:
            raise ConfigError("there is nothing to validate on", hint="set validate_every to 0")
        return self._validate()

    def _mixed(self) -> AbstractContextManager[object]:
        """Within it products are made in bfloat16 where that was decided; one for a whole batch, so that weights are cast once."""
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._is_mixed)

    def _given(self, *arrays: np.ndarray) -> list[Tensor]:
        return [torch.from_numpy(array).to(self._device) for array in arrays]

    def _in_order(self, parts: Sequence[Tensor], texts: Sequence[TokenBatch]) -> Tensor:
        """What was made of texts of like length, in the order of the batch."""
        order = torch.cat([torch.from_numpy(batch.rows) for batch in texts]).argsort().to(self._device)
        return torch.cat(list(parts))[order]
