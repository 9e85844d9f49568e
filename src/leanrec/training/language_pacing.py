"""Language pacing: the batches of a language model along the curriculum of its recipe, and the curricula that a recipe can follow."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationInfo

from leanrec.features.histories import FloatArray
from leanrec.training.curriculum import CurriculumConfig, Order
from leanrec.training.paced_batches import Examples, PacedBatches
from leanrec.training.run import Run

Whole = TypeVar("Whole", bound=Examples)


def paced(
    batches: Whole, curriculum: CurriculumConfig | None, *, orders: Mapping[Order, Callable[[], FloatArray]], run: Run
) -> Whole | PacedBatches[Whole]:
    """The batches themselves where there is no curriculum; `orders` give (S,) the difficulty of each example, where the data tell it."""
    if curriculum is None:
        return batches
    difficulty = None if curriculum.by in ("loss", "random") else orders[curriculum.by]()
    return PacedBatches(batches, curriculum=curriculum, difficulty=difficulty, seed=run.seed)


def _can_follow(*orders: Order) -> AfterValidator:
    """Refuses a curriculum in any other order, and one that leaves examples out for good; for a field below `training`."""

    def checked(curriculum: CurriculumConfig, info: ValidationInfo) -> CurriculumConfig:
        if curriculum.by not in orders:
            raise ValueError(f"by {curriculum.by!r} cannot be told of these texts; known: {', '.join(orders)}")
        training = info.data.get("training")  # absent where it is refused itself
        if training is not None and (training.max_epochs - 1) / training.max_epochs < curriculum.until:
            raise ValueError(
                f"until {curriculum.until:g} comes after the last of {training.max_epochs} epochs began, and the last examples never come in: "
                "raise training.max_epochs, or lower until"
            )
        return curriculum

    return AfterValidator(checked)


ChoiceCurriculum = Annotated[CurriculumConfig, _can_follow("length", "popularity", "loss", "random")]
"""Of texts with what was chosen: whether it is popular can be told."""
TextCurriculum = Annotated[CurriculumConfig, _can_follow("length", "loss", "random")]
"""Of texts alone."""
