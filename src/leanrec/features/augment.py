"""Augmentation: views of histories for training: parts of them, with events hidden, shuffled, replaced or added by what is chosen together."""

import hashlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field, model_validator

from leanrec.config import Config
from leanrec.features.augment_draws import Draws, Uniform
from leanrec.features.augment_views import Bools, View, hidden, inserted, kept, reordered, some_of, substituted, window_of
from leanrec.features.batches import Batch, TokenBatches
from leanrec.features.cooccurrence import followed_counts
from leanrec.features.histories import Histories, Rows
from leanrec.features.item_weights import ItemWeights, keep_strongest

OPERATIONS = ("crop", "mask", "reorder", "substitute", "insert")
"""What can be done to a history, in the order it is done to a batch; insert is last, since what it adds stands for no event."""
SHORTEST = 2
"""Events that a history needs to be changed at all."""
DISTANCE_POWER = 0.5
"""Items d events apart count d^-this, as `cooccurrence` counts them."""


class ViewsConfig(Config):
    """What may be done to a history to see it another way; each history takes one of the operations that have a share, drawn anew each time.

    Crop, mask and reorder are those of CL4SRec (Xie et al. 2022), substitute and insert those of CoSeRec (Liu et al. 2021).
    """

    crop: float = Field(default=0.0, ge=0, lt=1)
    """Share of the events that are left out around a part without gaps."""
    mask: float = Field(default=0.0, ge=0, lt=1)
    """Share of the events of which nobody sees what they are."""
    reorder: float = Field(default=0.0, ge=0, le=1)
    """Share of the events, without gaps, that change places with each other."""
    substitute: float = Field(default=0.0, ge=0, lt=1)
    """Share of the events at which another item is read that is often chosen together with theirs."""
    insert: float = Field(default=0.0, ge=0, lt=1)
    """Share of the events before which such an item is added."""
    companions: int = Field(default=10, ge=1)
    """How many items often chosen together with one are drawn from."""
    window: int = Field(default=5, ge=1)
    """Items at most this many events apart are chosen together."""

    @model_validator(mode="after")
    def _does_something(self) -> "ViewsConfig":
        if not self.operations:
            raise ValueError(f"no operation has a share, so nothing would change; give one to {', '.join(OPERATIONS)}")
        if not self.draws_companions:
            for name in ("companions", "window"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is heeded by substitute and insert alone; give one of them a share")
        return self

    @property
    def operations(self) -> tuple[str, ...]:
        """Those that have a share."""
        return tuple(name for name in OPERATIONS if getattr(self, name))

    @property
    def draws_companions(self) -> bool:
        """Whether it has to be known what is chosen together."""
        return self.substitute > 0 or self.insert > 0


class AugmentConfig(ViewsConfig):
    """How the histories themselves are changed before the next items are learned from them."""

    share: float = Field(default=0.5, gt=0, le=1)
    """Share of the histories that are changed in an epoch; not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Companions:
    """For each item those that are most often chosen together with it, for how often they are chosen at all."""

    offsets: Rows
    """(N + 1,) where each item's begin."""
    item_rows: Rows
    """(C,)"""

    @classmethod
    def of(cls, histories: Histories, *, window: int, number: int) -> "Companions":
        """The `number` strongest links c(a, b) / sqrt(n_b) of each item, counted before and after it alike."""
        forward = followed_counts(histories, window=window, distance_power=DISTANCE_POWER)
        counts = np.bincount(histories.item_rows, minlength=histories.num_items)
        rarity = sp.diags_array(np.maximum(counts, 1) ** -0.5).astype(np.float32)
        links: ItemWeights = keep_strongest([((forward + forward.T) @ rarity).tocsr()], max_entries=number).weights
        return cls(offsets=links.offsets, item_rows=links.columns.astype(np.int64))

    def drawn(self, item_rows: Rows, draws: Uniform) -> tuple[Rows, Bools]:
        """(T,) a companion of each item, and which have any; the item itself where there is none."""
        counts = np.diff(self.offsets)[item_rows]
        has_any = counts > 0
        places = self.offsets[item_rows] + np.floor(draws * counts).astype(np.int64)
        found = item_rows.copy()
        found[has_any] = self.item_rows[places[has_any]]
        return found, has_any


class Augmentation:
    """Views of the sequences of batches, decided by (seed, epoch, sequence): the same in any batch, and after an interruption."""

    def __init__(self, config: ViewsConfig, histories: Histories, *, max_length: int, seed: int, share: float = 1.0) -> None:
        """Of batches of these histories; `share` of the sequences are changed."""
        self.config, self.max_length, self.seed, self.share = config, max_length, seed, share
        self._histories = histories
        self._companions = Companions.of(histories, window=config.window, number=config.companions) if config.draws_companions else None

    def within(self, max_length: int) -> "Augmentation":
        """The same, for histories of at most that many events."""
        other = copy(self)
        other.max_length = max_length
        return other

    def changed(self, batch: Batch) -> "AugmentedBatch":
        """The batch with some of its histories changed; what is read at an event still asks for the event that comes next."""
        whole = View.of_batch(batch)
        view = self.view(whole, draws=self.draws(batch.epoch, "history"))
        packed, places = view.packed(), view.next_places()
        return AugmentedBatch(
            item_rows=view.item_rows[packed.events],
            targets=self._histories.item_rows[places[packed.events]],
            places=places[packed.events],
            groups=packed.groups,
            user_rows=batch.user_rows[packed.sequences],
            epoch=batch.epoch,
            position=batch.position,
            whole=whole.take(packed.sequences),
        )

    def draws(self, epoch: int, view: str) -> Draws:
        """What a view of an epoch is made of."""
        return Draws(seed=self.seed, epoch=epoch, view=view)

    def view(self, whole: View, *, draws: Draws) -> View:
        """Some sequences changed, each by one operation."""
        names = self.config.operations
        is_changed = (draws.of("change", whole.keys) < self.share) & (whole.lengths >= SHORTEST)
        choice = np.floor(draws.of("operation", whole.keys) * len(names)).astype(np.int64)
        view = whole
        for number, name in enumerate(names):
            is_asked = is_changed & (choice == number)
            if is_asked.any():
                view = self._operations[name](view, is_asked, draws)
        return view

    @property
    def _operations(self) -> dict[str, Callable[[View, Bools, Draws], View]]:
        return {"crop": self._crop, "mask": self._mask, "reorder": self._reorder, "substitute": self._substitute, "insert": self._insert}

    def _crop(self, view: View, is_asked: Bools, draws: Draws) -> View:
        is_within = window_of(view, share=1 - self.config.crop, least=1, draws=draws.of("crop", view.keys))
        return kept(view, is_within | ~is_asked[view.sequences])

    def _mask(self, view: View, is_asked: Bools, draws: Draws) -> View:
        return hidden(view, self._chosen(view, is_asked, draws, name="mask"))

    def _reorder(self, view: View, is_asked: Bools, draws: Draws) -> View:
        is_within = window_of(view, share=self.config.reorder, least=2, draws=draws.of("window", view.keys))
        return reordered(view, is_within & is_asked[view.sequences], draws=draws.of("order", view.places))

    def _substitute(self, view: View, is_asked: Bools, draws: Draws) -> View:
        chosen = self._chosen(view, is_asked, draws, name="substitute")
        companions, has_any = self._drawn(view, draws)
        return substituted(view, chosen & has_any, companions=companions)

    def _insert(self, view: View, is_asked: Bools, draws: Draws) -> View:
        chosen = self._chosen(view, is_asked, draws, name="insert")
        companions, has_any = self._drawn(view, draws)
        return inserted(view, chosen & has_any, companions=companions, max_length=self.max_length)

    def _chosen(self, view: View, is_asked: Bools, draws: Draws, *, name: str) -> Bools:
        is_chosen = some_of(view, share=getattr(self.config, name), draws=draws.of(name, view.places))
        return is_chosen & is_asked[view.sequences]

    def _drawn(self, view: View, draws: Draws) -> tuple[Rows, Bools]:
        """Companions of what stands at each event, whether it is read or hidden."""
        assert self._companions is not None  # noqa: S101 - counted where an operation draws from them
        return self._companions.drawn(self._histories.item_rows[view.places], draws.of("companion", view.places))


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentedBatch(Batch):
    """A batch of which some histories were changed."""

    whole: View
    """What would have been read of the same histories, in the same order."""

    def _part(self, start: int, stop: int, lengths: Rows) -> "AugmentedBatch":
        part = Batch._part(self, start, stop, lengths)
        assert isinstance(part, AugmentedBatch)  # noqa: S101 - a part is of the batch's own kind
        return replace(part, whole=self.whole.take(np.arange(start, stop)))


class AugmentedBatches(TokenBatches):
    """Batches of histories of which a share is changed, anew in each epoch: the same sequences, batch for batch, as without."""

    def __init__(self, histories: Histories, augment: AugmentConfig, *, max_length: int, tokens: int, seed: int = 0, windows: bool = False) -> None:
        super().__init__(histories, max_length=max_length, tokens=tokens, seed=seed, windows=windows)
        self._augmentation = Augmentation(augment, histories, max_length=max_length, seed=seed, share=augment.share)

    @property
    def fingerprint(self) -> str:
        """sha256 of the histories and of how they are changed."""
        return hashlib.sha256(f"{super().fingerprint} {self._augmentation.config.model_dump_json()}".encode()).hexdigest()

    def resized(self, *, max_length: int | None, tokens: int | None) -> Self:
        """The same sequences, cut to their newest `max_length` targets, in batches of `tokens`; what is None stays."""
        resized = super().resized(max_length=max_length, tokens=tokens)
        resized._augmentation = self._augmentation.within(resized.max_length)
        return resized

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in their order, the first `start` left out."""
        for batch in super().epoch(epoch, start=start):
            yield self._augmentation.changed(batch)
