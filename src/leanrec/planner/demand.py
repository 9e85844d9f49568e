"""Demand: what a shop has, as far as cost depends on it; counted from data, or stated before there are any."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from leanrec.config import Config
from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset


class Demand(Config):
    """Users, items and what is known of histories."""

    users: int = Field(ge=2)
    """People with a history."""
    items: int = Field(ge=2)
    """Items that can be recommended."""
    history: float = Field(gt=1)
    """Events of a user, the mean."""
    lengths: tuple[int, ...] = ()
    """Events of some users, where data tell them: then the mean of what is read is not guessed."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.users * self.history < self.items / 10:
            raise ValueError(
                f"{self.users * self.history:.0f} events for {self.items} items: not one in ten items would ever have been chosen; check the numbers"
            )
        return self

    @classmethod
    def of_dataset(cls, dataset: Dataset, *, most: int = 10_000) -> Self:
        """Counted; of more than `most` users every n-th tells the lengths."""
        acts = np.bincount(dataset.column("user_row")[is_act(dataset)], minlength=dataset.num_users)
        lengths = acts[acts > 1]
        history = float(lengths.mean()) if len(lengths) else 0.0
        told = lengths[:: max(1, len(lengths) // most)]
        return cls(users=max(len(lengths), 1), items=dataset.num_items, history=history, lengths=tuple(int(length) for length in told))

    @property
    def events(self) -> float:
        """All histories together."""
        return self.users * self.history

    def read(self, max_length: int) -> float:
        """Events that a network reads of a history, the mean: the newest `max_length` of all but the last, which is a target alone."""
        if self.lengths:
            return float(np.minimum(np.array(self.lengths) - 1, max_length).mean())
        return min(self.history - 1, float(max_length))
