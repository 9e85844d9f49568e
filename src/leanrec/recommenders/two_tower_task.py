"""TwoTowerTask: what the training loop is given to train two towers: histories as they are, and questions in words or from nobody known."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from leanrec.errors import ConfigError
from leanrec.features.batches import Batch
from leanrec.models.chunked_softmax import chunk_rows, softmax_bytes
from leanrec.models.two_tower import TwoTowerNetwork
from leanrec.recommenders.next_item_task import foretold_seconds
from leanrec.recommenders.staged_loss import StagedLoss
from leanrec.recommenders.training_questions import EventFeatures, EventProfiles, batch_of_rows
from leanrec.training.training_config import Precision

UNKNOWN_SHARE = 0.1
"""Places whose features are hidden, so that a question of which nothing is known is no surprise."""
STRANGER_SHARE = 0.5
"""Questions beside the histories that have no history themselves."""
WORDLESS_SHARE = 0.25
"""Questions beside the histories that bring no words, where features can stand alone."""
FEWEST_WORDS = 0.2
"""Of what could be said of an item, from this share up to everything is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What the questions of a training are made of; each part is absent where nothing is known."""

    features: EventFeatures | None
    profiles: EventProfiles | None
    sayings: sp.csr_matrix | None
    """(n, A) what could be said of each trained item."""
    share: float
    """Questions beside the histories, for each place of a history."""

    @property
    def are_asked(self) -> bool:
        """Whether anything but a history can be asked with."""
        return self.share > 0 and (self.features is not None or self.sayings is not None)

    @property
    def fingerprint(self) -> str:
        """sha256 over all of it: what an interrupted training goes on with has to be the same."""
        digest = hashlib.sha256()
        arrays: list[np.ndarray] = [] if self.features is None else [self.features.dense, self.features.codes]
        arrays += [] if self.profiles is None else [self.profiles.rows, self.profiles.features]
        arrays += [] if self.sayings is None else [self.sayings.indptr, self.sayings.indices, self.sayings.data]
        for array in arrays:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class TwoTowerTask:
    """Every place of every history is a target; for a share of them the target is asked for again: in words, with or without the history."""

    def __init__(
        self,
        network: TwoTowerNetwork,
        loss: StagedLoss,
        questions: Questions,
        *,
        num_items: int,
        validate: Callable[[TwoTowerNetwork, int], float],
        num_users: int,
    ) -> None:
        """`validate` asks so many of the validation users, of whom there are `num_users`."""
        self.module = network
        self._num_items, self._loss, self._questions = num_items, loss, questions
        self._validate, self._num_users = validate, num_users

    @property
    def memory_bytes(self) -> int:
        """What the loss holds during a step, at most: the buffers of the full softmax."""
        num_items, width = self._num_items, self.module.encoder.config.width
        return softmax_bytes(num_items, width=width, rows=chunk_rows(num_items, precision="float32"), precision="float32")

    def prepare(self, *, device: torch.device, precision: Precision) -> None:
        """Make the loss for the precision of the large products."""
        self._device = device
        self._loss.prepare(device=device, precision=precision)

    def loss(self, batch: Batch) -> Tensor:
        """The mean loss over the places of a batch and the questions beside them, a scalar."""
        network = self.module
        vectors = network.item_vectors()  # (N, D)
        targets = torch.from_numpy(batch.targets)
        users = network.histories(self._there(torch.from_numpy(batch.item_rows)), vectors, batch.groups)  # (T, K, D)
        beside = self._beside(torch.from_numpy(batch.places))  # (T, D)
        asked = users if beside is None else users + beside[:, None]
        if self._questions.are_asked:
            chosen = torch.randperm(len(targets))[: round(self._questions.share * len(targets))]
            asked = torch.cat([asked, self._questions_beside(users, beside, chosen, targets=targets[chosen])])
            targets = torch.cat([targets, targets[chosen]])
        targets = self._there(targets)
        spoken_for = network.nearest(asked, torch.index_select(vectors, 0, targets)) if users.shape[1] > 1 else asked[:, 0]
        loss: Tensor = self._loss.now(spoken_for, vectors, targets)
        return loss

    def grow(self, progress: float) -> Mapping[str, str]:
        """Begin the loss that is due; no weights are added."""
        self._loss.begin(progress)
        return {}

    def validate(self) -> float:
        """The metric's mean over the validation users."""
        if not self._num_users:
            raise ConfigError("there is nobody to validate on", hint="pass valid=..., or set validate_every to 0")
        return self._validate(self.module, self._num_users)

    @property
    def target_losses(self) -> Tensor | None:
        """(T,) of the batch's targets, as they stood in the newest loss."""
        return self._loss.now.losses

    def validation_seconds(self) -> float | None:
        """About what a validation takes."""
        return foretold_seconds(partial(self._validate, self.module), num_users=self._num_users) if self._num_users else None

    def _there(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def _beside(self, places: Tensor) -> Tensor | None:
        """(T, D) what features and profiles say at each place; some of the features are hidden."""
        network, found = self.module, None
        features, profiles = self._questions.features, self._questions.profiles
        if features is not None:
            unknown = torch.rand(len(places)) < UNKNOWN_SHARE
            rows = torch.where(unknown, len(features.dense) - 1, places).numpy()
            dense, codes = torch.from_numpy(features.dense[rows]), torch.from_numpy(features.codes[rows])
            found = network.query.features(self._there(dense), self._there(codes))
        if profiles is not None:
            said = network.query.profiles(self._there(torch.from_numpy(profiles.features[profiles.rows[places.numpy()]])))
            found = said if found is None else found + said
        return found

    def _questions_beside(self, users: Tensor, beside: Tensor | None, chosen: Tensor, *, targets: Tensor) -> Tensor:
        """(M, K, D) of the chosen places: some without their history, most with words."""
        there = self._there(chosen)
        is_stranger = self._there(torch.rand(len(chosen)) < STRANGER_SHARE)
        asked = torch.where(is_stranger[:, None, None], self.module.start, users[there])
        if beside is not None:
            asked = asked + beside[there][:, None]
        return asked if self._questions.sayings is None else asked + self._words(self._questions.sayings, targets)[:, None]

    def _words(self, sayings: sp.csr_matrix, targets: Tensor) -> Tensor:
        """(M, D) what is said of the targets: a part of what could be, drawn anew; nothing by some where features can stand alone."""
        words = self.module.words
        assert words is not None  # noqa: S101 - only our own bug could break it
        offsets, columns, shares = map(torch.from_numpy, batch_of_rows(sayings, targets.numpy()))
        is_said = torch.ones(len(targets))
        if self._questions.features is not None:
            is_said = (torch.rand(len(targets)) >= WORDLESS_SHARE).float()
        row_of = torch.repeat_interleave(torch.arange(len(targets)), torch.diff(offsets))
        kept = shares * (torch.rand(len(shares)) < torch.rand(len(targets)).clamp_min(FEWEST_WORDS)[row_of])
        sums = torch.zeros(len(targets)).index_add(0, row_of, kept).clamp_min(1e-12)
        kept = kept / sums[row_of] * is_said[row_of]
        attributes = self.module.items.attributes
        assert attributes is not None  # noqa: S101 - without attributes nothing can be said
        found: Tensor = words(attributes.weight, columns=self._there(columns), offsets=self._there(offsets), shares=self._there(kept))
        if words.meaning is not None:
            found = found + words.meaning.rows(self._there(targets)) * self._there(is_said)[:, None]
        return found
