"""The toy that the training tests train: an embedding and a linear layer. Run as a script, it trains in a folder until it is killed."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.histories import Histories
from leanrec.training.loop import train
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

NUM_ITEMS = 12


class ToyTask:
    """Predicts the next item; the world's rule is: after i comes i + 1."""

    def __init__(self, *, seed: int = 0, qualities: list[float] | None = None) -> None:
        torch.manual_seed(seed)
        self.module = nn.Sequential(nn.Embedding(NUM_ITEMS, 8), nn.Dropout(0.2), nn.LayerNorm(8), nn.Linear(8, NUM_ITEMS))
        self.qualities = qualities
        self.prepared: dict[str, Any] = {}
        self.seen: list[Tensor] = []
        """The table at each validation."""

    def prepare(self, *, device: torch.device, precision: str) -> None:
        self.prepared = {"device": device, "precision": precision}

    def loss(self, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(self.module(torch.from_numpy(batch.item_rows)), torch.from_numpy(batch.targets))

    def accuracy(self) -> float:
        with torch.no_grad():
            guesses = self.module.eval()(torch.arange(NUM_ITEMS)).argmax(1)
        return float((guesses == (torch.arange(NUM_ITEMS) + 1) % NUM_ITEMS).float().mean())

    def validate(self) -> float:
        self.seen.append(self.weights()["0.weight"])
        return self.accuracy() if self.qualities is None else self.qualities[len(self.seen) - 1]

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}


def toy_batches(*, first: int = 0, tokens: int = 64, seed: int = 0) -> TokenBatches:
    rng = np.random.default_rng(1)
    sequences = [(first + rng.integers(0, NUM_ITEMS) + np.arange(rng.integers(2, 12))) % NUM_ITEMS for _ in range(80)]
    return TokenBatches(Histories.of_rows(sequences, num_items=NUM_ITEMS), max_length=8, tokens=tokens, seed=seed)


class KillAt:
    """A hook that kills its own process before a step, as the power cut does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, context: Any) -> None:
        assert "torch._dynamo" not in sys.modules, "4 CPU-seconds to import, and nothing here needs it"
        if context.step == self.step:
            signal.raise_signal(signal.SIGKILL)

    def after_backward(self, context: Any) -> None:
        pass

    def after_step(self, context: Any) -> None:
        pass


@pytest.fixture
def toy() -> Callable[..., ToyTask]:
    return ToyTask


@pytest.fixture
def batches() -> Callable[..., TokenBatches]:
    return toy_batches


def main(folder: str, settings: str, kill_at: str) -> None:
    config = TrainingConfig.model_validate_json(settings)
    train(ToyTask(), toy_batches(), config, run=Run(folder=Path(folder), hooks=(KillAt(int(kill_at)),)))


if __name__ == "__main__":
    main(*sys.argv[1:])
