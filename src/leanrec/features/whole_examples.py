"""WholeExamples: what batches of a language model's examples share where an example is heard of as a whole: a pair, a question, a prompt."""

from abc import ABC, abstractmethod
from copy import copy
from typing import Self

from leanrec.features.histories import FloatArray, Rows


class WholeExamples(ABC):
    """Parent of batches that a curriculum can cut from a part of their examples; each has one place, where its newest loss is kept."""

    _places: Rows
    """(S,) which of all examples these are; rising."""

    @property
    def num_examples(self) -> int:
        """S, examples that these batches are cut from."""
        return len(self._places)

    @property
    def num_places(self) -> int:
        """As many as examples."""
        return len(self._places)

    def taking(self, examples: Rows) -> Self:
        """Batches of these examples alone; rising."""
        taken = copy(self)
        taken._places = self._places[examples]
        taken._keep(examples)
        return taken

    def example_losses(self, target_losses: FloatArray) -> FloatArray:
        """(S,) of each example, from the newest loss of every one of them; NaN where none was heard of."""
        return target_losses[self._places]

    @abstractmethod
    def _keep(self, examples: Rows) -> None:
        """Let go of everything that belongs to other examples, in a copy."""
