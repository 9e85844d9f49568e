"""PretrainTask: what the training loop trains when a language model reads texts, and the loss on texts held out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from leanrec.features.text_batches import TextBatch
from leanrec.metrics.report import Measure
from leanrec.metrics.uncertainty import bootstrap_ratios
from leanrec.training.device import products_in
from leanrec.training.training_config import Precision

Rates = Callable[[float], Mapping[str, float]]
Losses = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLoss:
    """How well tokens of held-out texts are told: the mean negative log-likelihood of a token, in nats."""

    sums: Losses
    """(N,) of each text, over its predicted tokens."""
    counts: Losses
    """(N,) predicted tokens; 0 where a text is too short."""

    @property
    def mean(self) -> float:
        """Over all predicted tokens."""
        return float(self.sums.sum() / self.counts.sum())

    def measure(self, *, seed: int = 0) -> Measure:
        """The mean with its interval, texts drawn anew."""
        return bootstrap_ratios(self.sums[:, None], self.counts[:, None], rng=np.random.default_rng(seed)).measure()

    def less(self, other: "TextLoss", *, seed: int = 0) -> Measure:
        """The mean less another's on the same texts, paired, with its interval."""
        return bootstrap_ratios((self.sums - other.sums)[:, None], self.counts[:, None], rng=np.random.default_rng(seed)).measure()


class PretrainTask:
    """A network that gives the log-likelihood of tokens, and the mean loss of them; validation is on texts held out."""

    def __init__(
        self, network: nn.Module, *, is_masked: bool, held_out: Sequence[TextBatch], rates: Rates | None = None, memory_bytes: int = 0
    ) -> None:
        """`rates` gives shares of the learning rate by name at a point of the way; without it all weights have all of it."""
        self.network, self.is_masked, self.held_out = network, is_masked, held_out
        self.memory_bytes = memory_bytes
        self._rates = rates
        self._device, self._precision = torch.device("cpu"), "float32"
        self.target_losses: Tensor | None = None
        """(M,) what each predicted token of the newest batch lost, row after row."""

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.network

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Where batches go, and in what precision products are made."""
        self._device, self._precision = device, precision

    def rates(self, progress: float) -> Mapping[str, float]:
        """The share of the learning rate of each weight."""
        return self._rates(progress) if self._rates is not None else {}

    def loss(self, batch: TextBatch) -> Tensor:
        """Mean over the tokens to be predicted."""
        told = self._told(batch)
        self.target_losses = -told.detach()
        return -told.mean()

    def validate(self) -> float:
        """The mean loss on the texts held out, negative: the larger the better."""
        return -self.held_out_loss(self.held_out).mean

    @torch.no_grad()
    def held_out_loss(self, batches: Sequence[TextBatch]) -> TextLoss:
        """The loss of each text, in evaluation mode."""
        num_texts = max((int(batch.rows.max()) + 1 for batch in batches), default=0)
        sums, counts = np.zeros(num_texts), np.zeros(num_texts)
        was_training = self.network.training
        self.network.eval()
        for batch in batches:
            losses = -self._told(batch).double().cpu().numpy()
            rows = np.repeat(batch.rows, batch.is_target.sum(axis=1))
            sums += np.bincount(rows, weights=losses, minlength=num_texts)
            counts += np.bincount(rows, minlength=num_texts)
        self.network.train(was_training)
        return TextLoss(sums=sums, counts=counts)

    def _told(self, batch: TextBatch) -> Tensor:
        """(M,) log-likelihoods of the tokens to be predicted, row after row."""
        arrays = (batch.ids, batch.mask, batch.is_target) + ((batch.originals,) if self.is_masked else ())
        given = [torch.from_numpy(array).to(self._device) for array in arrays]
        with products_in(self._precision, self._device):
            told: Tensor = self.network(*given)
        return told
