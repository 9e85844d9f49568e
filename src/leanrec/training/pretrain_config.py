"""PretrainConfig: how a language model reads a shop's own texts."""

from typing import Literal, Self

from pydantic import Field, model_validator

from leanrec.config import Config
from leanrec.training.language_pacing import TextCurriculum
from leanrec.training.language_tuning import TuningConfig
from leanrec.training.training_config import TrainingConfig

Objective = Literal["masked", "causal"]

TRAINING = TrainingConfig(max_epochs=3, learning_rate=5e-4, tokens=2048, patience=None, warmup_epochs=0.2, weight_decay=0.01)


class PretrainConfig(Config):
    """What is learned of a language model, from what, and how fast."""

    objective: Literal["auto", "masked", "causal"] = "auto"
    """`masked`: hidden words from all around them (encoders); `causal`: each word from those before (decoders); `auto`: as the model reads."""
    max_tokens: int = Field(default=128, ge=4)
    """Tokens read at once: a longer text is cut here (masked), or goes on in the next block (causal)."""
    masked_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of a text's tokens that is hidden; of `masked` alone."""
    tuning: TuningConfig = TuningConfig()
    """Which weights are learned, and how fast; an adapter is folded into the weights at the end."""
    body_rate: float = Field(default=0.4, gt=0, le=1)
    """Share of the learning rate that the model has beside a new head, which has all of it; where the head is not new the model has all."""
    control: bool = True
    """Also train a new head alone for as long, to tell what reading taught the model itself; means nothing where no head is new."""
    training: TrainingConfig = TRAINING
    """The loop's settings."""
    curriculum: TextCurriculum | None = None
    """Which texts are read first: short ones, what is easy by now, or any; the control of a new head reads likewise. Left out: all of them."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.tuning.adapter is not None and self.tuning.adapter.kind == "bottleneck":
            raise ValueError("a bottleneck cannot be folded into the weights, which pre-training writes; take kind lora or dora")
        if self.training.stop_epoch is not None:
            raise ValueError("pre-training has no use for stop_epoch; set max_epochs")
        if self.objective == "causal" and self.masked_share != type(self).model_fields["masked_share"].default:
            raise ValueError("masked_share hides words from a masked reader; a causal one sees all words before")
        return self
