"""SelfSupervision: losses beside the next-item loss: views of a history that say the same, and items that are hidden from it."""

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from leanrec.config import Config
from leanrec.features.augment import SHORTEST, Augmentation, AugmentedBatch, ViewsConfig
from leanrec.features.augment_draws import Draws
from leanrec.features.augment_views import Bools, View, hidden, kept, some_of, window_of
from leanrec.features.batches import Batch
from leanrec.features.histories import Histories
from leanrec.models.losses import Loss
from leanrec.models.next_item import NextItemNetwork
from leanrec.models.self_supervised import HiddenItemHead, contrastive_loss

HEAD = "hidden_item_head"
"""The name of the head among the network's parts."""

_HEEDED_BY = {"views": ("contrastive",), "masked_share": ("masked",), "segment_share": ("segment",), "temperature": ("contrastive", "segment")}


class AuxiliaryConfig(Config):
    """Weights of the losses beside the next-item loss, whose own weight is 1; no default was measured."""

    contrastive: float = Field(default=0.0, ge=0)
    """Two views of the same history are told from those of the other histories of a batch (CL4SRec, Xie et al. 2022, whose weight is 0.1);
    where memory runs out and a batch is read in pieces, from those of the piece."""
    masked: float = Field(default=0.0, ge=0)
    """Hidden items are named from what came before and the one event after (masked items of S3-Rec, Zhou et al. 2020, for networks that read
    forward only)."""
    segment: float = Field(default=0.0, ge=0)
    """A hidden part of a history is told from those of others by the rest of it (segments of S3-Rec)."""
    views: ViewsConfig = ViewsConfig(crop=0.4, mask=0.3, reorder=0.5)
    """How `contrastive` changes a history."""
    masked_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the events that `masked` hides, at most: never the newest, and no two that follow each other."""
    segment_share: float = Field(default=0.4, gt=0, lt=1)
    """Share of the events in the part that `segment` hides."""
    temperature: float = Field(default=0.2, gt=0)
    """Cosines of views are divided by this."""

    @model_validator(mode="after")
    def _does_something(self) -> "AuxiliaryConfig":
        weights = ("contrastive", "masked", "segment")
        if not any(getattr(self, name) for name in weights):
            raise ValueError(f"no loss has a weight, so nothing would be learned; give one to {', '.join(weights)}")
        for name, losses in _HEEDED_BY.items():
            if getattr(self, name) != type(self).model_fields[name].default and not any(getattr(self, loss) for loss in losses):
                raise ValueError(f"{name} is heeded by {' and '.join(losses)} alone; give it a weight")
        return self

    @property
    def hides_items(self) -> bool:
        """Whether a network has to read events of which it does not see what they are."""
        return self.masked > 0 or self.segment > 0 or (self.contrastive > 0 and self.views.mask > 0)


class SelfSupervision:
    """What is lost, beside the next items, on the histories of a batch; (seed, epoch, sequence) decide what is hidden."""

    def __init__(self, config: AuxiliaryConfig, histories: Histories, *, max_length: int, seed: int) -> None:
        self.config = config
        self._histories = histories
        self._augmentation = Augmentation(config.views, histories, max_length=max_length, seed=seed)

    def join(self, network: NextItemNetwork) -> None:
        """Add what the network needs to be trained so."""
        if self.config.masked:
            network.add_module(HEAD, HiddenItemHead(network.encoder.config.width))

    def loss(self, network: NextItemNetwork, vectors: Tensor, batch: Batch, next_item: Loss) -> Tensor:
        """The weighted sum of the losses, a scalar; 0 where no history is long enough. `vectors` (N, D) are of all items."""
        whole = batch.whole if isinstance(batch, AugmentedBatch) else View.of_batch(batch)
        whole = whole.take(np.flatnonzero(whole.lengths >= SHORTEST))
        config, total = self.config, vectors.new_zeros(())
        if not len(whole):
            return total
        if config.contrastive:
            total = total + config.contrastive * self._contrastive(network, vectors, whole, batch.epoch)
        if config.segment:
            total = total + config.segment * self._segment(network, vectors, whole, batch.epoch)
        if config.masked:
            total = total + config.masked * self._masked(network, vectors, whole, batch.epoch, next_item)
        return total

    def _contrastive(self, network: NextItemNetwork, vectors: Tensor, whole: View, epoch: int) -> Tensor:
        draw = self._augmentation.draws
        return self._told_apart(network, vectors, [self._augmentation.view(whole, draws=draw(epoch, name)) for name in ("first", "second")])

    def _segment(self, network: NextItemNetwork, vectors: Tensor, whole: View, epoch: int) -> Tensor:
        draws = self._augmentation.draws(epoch, "segment")
        is_within = window_of(whole, share=self.config.segment_share, least=1, draws=draws.of("window", whole.keys))
        return self._told_apart(network, vectors, [hidden(whole, is_within), kept(whole, is_within)])

    def _masked(self, network: NextItemNetwork, vectors: Tensor, whole: View, epoch: int, next_item: Loss) -> Tensor:
        is_hidden = hidden_for_later(whole, share=self.config.masked_share, draws=self._augmentation.draws(epoch, "masked"))
        (read,) = _read(network, vectors, [hidden(whole, is_hidden)])
        asked = torch.from_numpy(np.flatnonzero(is_hidden) + 1).to(vectors.device)
        answers: Tensor = getattr(network, HEAD)(read[asked])
        return next_item(answers, vectors, torch.from_numpy(whole.item_rows[is_hidden]).to(vectors.device))

    def _told_apart(self, network: NextItemNetwork, vectors: Tensor, views: Sequence[View]) -> Tensor:
        """By what the network says at the newest event of both views of each history."""
        owners = torch.from_numpy(np.searchsorted(self._histories.offsets, views[0].keys, side="right"))
        first, second = (
            read[torch.from_numpy(view.newest).to(read.device)] for view, read in zip(views, _read(network, vectors, views), strict=True)
        )
        return contrastive_loss(first, second, temperature=self.config.temperature, owners=owners.to(vectors.device))


def hidden_for_later(whole: View, *, share: float, draws: Draws) -> Bools:
    """(T,) events to be hidden, each followed by one that is not: what is read there has seen what came before and after."""
    order = draws.of("mask", whole.places)
    order[whole.newest] = 1.0  # chosen last, and so never
    is_chosen = some_of(whole, share=share, draws=order)
    is_after_chosen = np.append(False, is_chosen[:-1])
    is_hidden: Bools = is_chosen & ~is_after_chosen
    return is_hidden


def _read(network: NextItemNetwork, vectors: Tensor, views: Sequence[View]) -> list[Tensor]:
    """(T, D) of each view, in the order of its own events; all are read at once."""
    packs = [view.packed() for view in views]
    rows = np.concatenate([view.item_rows[pack.events] for view, pack in zip(views, packs, strict=True)])
    groups = tuple(group for pack in packs for group in pack.groups)
    read = network(torch.from_numpy(rows).to(vectors.device), vectors, groups).split([len(pack.events) for pack in packs])
    return [part[torch.from_numpy(np.argsort(pack.events)).to(part.device)] for part, pack in zip(read, packs, strict=True)]
