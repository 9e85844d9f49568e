"""LanguageTask: what the tuning of every language model shares: where batches go, how products are made, which weights learn how fast."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from leanrec.data.tokens import TokenBatch
from leanrec.errors import ConfigError
from leanrec.training.device import products_in
from leanrec.training.language_tuning import Tuning
from leanrec.training.training_config import Precision


class LanguageTask:
    """Parent of the tasks of tuning: each adds its `loss`, and says there as `_lost` what its examples lost; validation is the caller's."""

    def __init__(self, network: nn.Module, tuning: Tuning, *, validate: Callable[[], float] | None = None) -> None:
        self.module = network
        self._tuning, self._validate = tuning, validate
        self._lost: Callable[[], Tensor] | None = None

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Where batches go, and in what precision products are made."""
        self._device, self._precision = device, precision

    def rates(self, progress: float) -> Mapping[str, float]:
        """The share of the learning rate of each weight, by layer."""
        return self._tuning.rates(self.module, progress)

    @property
    def target_losses(self) -> Tensor | None:
        """(B,) what each example of the newest batch lost, in the order of its `places`; worked out when a curriculum asks."""
        return self._lost() if self._lost is not None else None

    def validate(self) -> float:
        """What the caller measures; raises `ConfigError` where it measures nothing."""
        if self._validate is None:
            raise ConfigError("there is nothing to validate on", hint="set validate_every to 0")
        return self._validate()

    def _mixed(self) -> AbstractContextManager[object]:
        """Within it products are made as was decided."""
        return products_in(self._precision, self._device)

    def _given(self, *arrays: np.ndarray) -> list[Tensor]:
        return [torch.from_numpy(array).to(self._device) for array in arrays]

    def _in_order(self, parts: Sequence[Tensor], texts: Sequence[TokenBatch]) -> Tensor:
        """What was made of texts of like length, in the order of the batch."""
        order = torch.cat([torch.from_numpy(batch.rows) for batch in texts]).argsort().to(self._device)
        return torch.cat(list(parts))[order]
