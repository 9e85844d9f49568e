"""DistillationConfig: how a student learns from a teacher's lists; free of torch, so that any config can hold it."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from leanrec.config import Config

_ONLY_LISTS = ("trust",)


class DistillationConfig(Config):
    """What is learned of a teacher's list, and how much it counts beside the next item of the log."""

    kind: Literal["list", "ranking", "regression"] = "list"
    """list: the whole catalogue's softmax against the teacher's shares; ranking: the teacher's best as positives (Tang & Wang 2018);
    regression: the teacher's scores, of the list alone."""
    share: float = Field(default=0.7, ge=0, le=1)
    """The teacher's part of the loss; the next item of the log has the rest. A question whose answer nobody knows is the teacher's alone."""
    length: int = Field(default=50, ge=1)
    """Items of a list that are learned from."""
    perplexity: float = Field(default=15.0, gt=1)
    """The scores of a list become shares by the temperature at which a list is worth so many equal items, on average."""
    position: float | None = Field(default=None, gt=0)
    """Given, an item's share also falls with its place, by e for so many places."""
    trust: Literal["always", "confident", "agreeing"] = "always"
    """Where the teacher has its whole part: everywhere; or less where its list is flat; or less where student and teacher disagree
    (importance weights after DLLM2Rec, Cui et al. 2024)."""
    features: float = Field(default=0.0, ge=0)
    """Weight of the distance (1 - cosine) of the student's item vectors to the teacher's, projected; for teachers that have item vectors."""

    @field_validator(*_ONLY_LISTS)
    @classmethod
    def _heeded(cls, value: str, info: ValidationInfo) -> str:
        if value != "always" and info.data.get("kind") not in (None, "list"):
            raise ValueError(f"kind {info.data['kind']!r} does not heed it; 'list' would")
        return value
