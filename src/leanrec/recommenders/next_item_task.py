"""NextItemTask: what the training loop is given to train: the loss of a batch of histories, and the quality on validation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from leanrec.data.holdout import Holdout
from leanrec.data.ids import IdMap
from leanrec.errors import ConfigError
from leanrec.features.batches import Batch
from leanrec.features.histories import Rows
from leanrec.metrics.accuracy import Metric
from leanrec.metrics.ranking import TargetRanks, rank_targets
from leanrec.models.chunked_softmax import chunk_rows, softmax_bytes
from leanrec.models.few_items import FewItems, LooksAtFew
from leanrec.models.next_item import NextItemNetwork
from leanrec.models.sequence_encoder import SequenceEncoder
from leanrec.models.widening import Widenings, outline
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.self_supervision import SelfSupervision
from leanrec.recommenders.staged_loss import StagedLoss
from leanrec.recommenders.trained_items import TrainedItems
from leanrec.recommenders.vector_scorer import encoded
from leanrec.training.growth import GrowthConfig
from leanrec.training.training_config import Precision


@runtime_checkable
class HearsBatches(Protocol):
    """A loss that is told of each batch before it is asked about it."""

    def hear(self, batch: Batch) -> None:
        """The batch that the next vectors and targets are of."""
        ...


BLOCK_QUERIES = 512
"""Validation users whose scores are held at once, at most."""
BLOCK_SCORES = 16_000_000
"""Scores that are held at once, 64 MB: of a million items 16 users, not 2 GB."""


class NextItemTask:
    """Every place of every history is a target; validation ranks the whole catalogue with the history taken out."""

    def __init__(
        self,
        network: NextItemNetwork,
        loss: StagedLoss,
        *,
        num_items: int,
        validation: "Validation | None" = None,
        beside: SelfSupervision | None = None,
        growth: GrowthConfig | None = None,
    ) -> None:
        """`beside` is what is learned of the histories beside their next items, `growth` says what of the network there is when."""
        self.module = network
        self._growth = growth
        self._dimensions: int | None = None
        self._beside = beside
        self._num_items = num_items
        self._loss = loss
        self._validation = validation

    @property
    def memory_bytes(self) -> int:
        """What the loss holds during a step, at most: the buffers of the full softmax; nothing of all items where a step looks at few."""
        if self.module.items.is_sparse:
            return 0
        num_items, width = self._num_items, self.grown.encoder.config.width
        return softmax_bytes(num_items, width=width, rows=chunk_rows(num_items, precision="float32"), precision="float32")

    @property
    def grown(self) -> NextItemNetwork:
        """The network that there is after the last growth: sizes, without numbers."""
        network, growth = outline(self.module), self._growth
        if growth is not None and growth.num_layers:
            network.encoder.grow(growth.num_layers[-1])
        if growth is not None and growth.width:
            network.widen(growth.width[-1])
        return network

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Make the loss for the precision of the large products."""
        self._device = device
        self._loss.prepare(device=device, precision=precision)

    def loss(self, batch: Batch) -> Tensor:
        """The mean loss over the places of a batch, a scalar."""
        if self.module.items.is_sparse:
            return self._loss_of_few(batch)
        next_item = self._loss.now
        if isinstance(next_item, HearsBatches):
            next_item.hear(batch)
        vectors = self.module.item_vectors()  # (N, D)
        beside = self._beside.loss(self.module, vectors, batch, next_item) if self._beside is not None else None
        hidden = self.module(torch.from_numpy(batch.item_rows).to(self._device), vectors, batch.groups)  # (T, D)
        loss: Tensor = next_item(*self._compared(hidden, vectors), torch.from_numpy(batch.targets).to(self._device))
        return loss if beside is None else loss + beside

    def _loss_of_few(self, batch: Batch) -> Tensor:
        """The same, where vectors are made of those items alone that the batch and its negatives name."""
        next_item = self._loss.now
        assert isinstance(next_item, LooksAtFew)  # noqa: S101 - the config refuses other losses
        item_rows, targets = (torch.from_numpy(rows).to(self._device) for rows in (batch.item_rows, batch.targets))
        few = FewItems.of(item_rows, targets=targets, negatives=next_item.negatives_for(targets, num_items=self._num_items))
        vectors = self.module.item_vectors(few.rows)  # (U, D)
        hidden = self.module(few.read, vectors, batch.groups)  # (T, D)
        return next_item.of_few(few, *self._compared(hidden, vectors))

    def _compared(self, hidden: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(T, D), (N, D) -> the first numbers of each, as many as the loss compares in this stage."""
        first = self._dimensions
        return (hidden, vectors) if first is None else (hidden[:, :first], vectors[:, :first])

    def validate(self) -> float:
        """The metric's mean over the validation users."""
        if self._validation is None:
            raise ConfigError("there is nobody to validate on", hint="pass valid=..., or set validate_every to 0")
        return self._validation.quality(self.module)

    def grow(self, progress: float) -> Mapping[str, str]:
        """Begin the stage that is due, with its loss and its layers; new weights by name, and which they copy."""
        self._loss.begin(progress)
        self._dimensions = self._growth.size_at("dimensions", progress) if self._growth is not None else None
        due = self._growth.size_at("num_layers", progress) if self._growth is not None else None
        inherited = self.module.encoder.grow(due) if due is not None else {}
        return {f"encoder.{new}": f"encoder.{old}" for new, old in inherited.items()}

    def widen(self, progress: float) -> Widenings:
        """Have the width that is due; how each weight was written anew, by its name."""
        due = self._growth.size_at("width", progress) if self._growth is not None else None
        return self.module.widen(due) if due is not None else {}

    @property
    def target_losses(self) -> Tensor | None:
        """(T,) of the batch's targets, as they stood in the newest loss."""
        return self._loss.now.losses

    def validation_seconds(self) -> float | None:
        """About what a validation takes."""
        validation = self._validation
        return None if validation is None else foretold_seconds(partial(validation.quality, self.module), num_users=len(validation))


class Validation:
    """Validation users with their true next items, asked of a network while it is trained."""

    def __init__(self, holdout: Holdout, *, items: IdMap, trained: TrainedItems, metric: Metric) -> None:
        self._trained = trained
        self._histories: Sequence[Rows] = [items.known_rows(query.history) for query in holdout.queries]
        self._targets = holdout.targets
        self._includes_repeats = holdout.includes_repeats
        self._metric = metric

    def __len__(self) -> int:
        """How many users are asked."""
        return len(self._histories)

    def quality(self, network: NextItemNetwork, num_users: int | None = None) -> float:
        """The mean of the metric over the users, or over the first of them, of a network in evaluation mode."""
        vectors, encoder = self._trained.vectors(network.items, is_cosine=network.is_cosine), network.encoder
        users = encoded(self._histories[:num_users], vectors, encode=lambda items: encode_last(encoder, items), max_length=encoder.config.max_length)
        ranks: list[Rows] = []
        block = min(BLOCK_QUERIES, max(1, BLOCK_SCORES // len(vectors)))
        for start in range(0, len(users), block):
            scores = users[start : start + block] @ vectors.T  # (B, N)
            ranks += [self._ranks(row, place) for place, row in enumerate(scores, start=start)]
        return float(np.nanmean(self._metric.per_user(TargetRanks.of_lists(ranks))))

    def _ranks(self, scores: FloatArray, place: int) -> Rows:
        seen = np.zeros(0, np.int64) if self._includes_repeats else np.unique(self._histories[place])
        masked, _ = rank_targets(scores, self._targets[place], masked=seen)
        return masked


def foretold_seconds(ask: Callable[[int], float], *, num_users: int) -> float:
    """About what asking all users takes, from a block of them."""
    few = min(BLOCK_QUERIES, num_users)
    began = monotonic()
    ask(few)
    return (monotonic() - began) * num_users / max(1, few)


def encode_last(encoder: SequenceEncoder, items: FloatArray) -> FloatArray:
    """(B, L, D) item vectors -> (B, D): what the encoder says at the last place."""
    size, length, width = items.shape
    packed = torch.from_numpy(items).to(encoder.norm.weight.device).reshape(size * length, width)
    hidden = encoder(packed, ((size, length),)).reshape(size, length, width)
    vectors: FloatArray = hidden[:, -1].float().cpu().numpy()
    return vectors
