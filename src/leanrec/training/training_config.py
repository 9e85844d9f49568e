"""TrainingConfig: how a model is trained; free of torch, so that any config can hold one."""

from typing import Literal, Self

from pydantic import Field, model_validator

from leanrec.config import Config

Precision = Literal["float32", "bfloat16", "float16"]


class TrainingConfig(Config):
    """Settings of the training loop. Epochs are counted from 1 wherever people read them."""

    max_epochs: int = Field(default=200, ge=1)
    """Passes over the data at most."""
    stop_epoch: int | None = Field(default=None, ge=1)
    """Stop after this epoch, though the schedule is laid out for `max_epochs`: what a validation found best, done again without one."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest learning rate of the schedule."""
    tokens: int = Field(default=4096, ge=1)
    """Real tokens in a batch, about."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before a step: the steps of larger batches in the memory of small ones."""
    patience: int | None = Field(default=10, ge=1)
    """Validations without a better figure after which training stops; absent: never. Means nothing without validation."""
    validate_every: int = Field(default=1, ge=0)
    """Epochs between validations; 0: none, and the last weights are kept."""
    optimizer: Literal["adamw", "adamw-8bit", "adagrad", "adagrad-rows", "sgd"] = "adamw"
    """AdamW (Loshchilov & Hutter 2019), Adagrad (Duchi et al. 2011), or SGD with momentum; to save memory AdamW with moments in eight bits
    (Dettmers et al. 2022), which takes longer a step, or Adagrad with one sum for each row of a matrix."""
    weight_decay: float = Field(default=0.0, ge=0)
    """L2 pull towards zero of every matrix; biases and norms are left alone. Decoupled in AdamW, in the gradient elsewhere."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Decays of AdamW's first and second moment."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD."""
    clip: float | None = Field(default=1.0, gt=0)
    """Longest gradient, all parameters together; absent: not clipped."""
    schedule: Literal["cosine", "step", "decay", "constant"] = "cosine"
    """How the learning rate falls after warm-up: half a cosine, in steps, exponentially, or not."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs in which the learning rate rises linearly; under a time budget, the same share of the time."""
    final_share: float = Field(default=0.01, gt=0, le=1)
    """Share of the learning rate left at the end of `cosine` and `decay`."""
    step_shares: tuple[float, ...] = (0.5, 0.75)
    """Shares of the way after warm-up at which `step` multiplies the learning rate by `step_factor`."""
    step_factor: float = Field(default=0.1, gt=0, le=1)
    """What `step` multiplies by."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the running average of the weights that is validated and kept; 0: the weights themselves are."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the large products; `auto`: bfloat16 where the hardware multiplies it fast. float16 is for CUDA devices: the loss is scaled so that its
    gradients do not vanish, a step whose scaled gradients are infinite is skipped, and the softmax over all items stays in float32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto`: a CUDA device when there is one."""
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    """Minutes between checkpoints; another is written at every validation."""
    checkpoint_steps: int | None = Field(default=None, ge=1)
    """Steps between checkpoints, besides those by the clock."""
    journal_steps: int = Field(default=50, ge=1)
    """Steps between lines of the journal."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.warmup_epochs > self.max_epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs:g} is more than max_epochs {self.max_epochs}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas {self.betas} are not in [0, 1)")
        if not all(0 < share < 1 for share in self.step_shares):
            raise ValueError(f"step_shares {self.step_shares} are not in (0, 1)")
        return self

    @property
    def last_epoch(self) -> int:
        """The epoch after which training ends in any case."""
        return min(self.max_epochs, self.stop_epoch or self.max_epochs)

    @property
    def warmup_share(self) -> float:
        """The share of the way that is warm-up."""
        return self.warmup_epochs / self.max_epochs
