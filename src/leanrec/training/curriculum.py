"""Curriculum: what is learned first. Examples come in by an order, so many of them at each point of the way."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from leanrec.config import Config

Order = Literal["length", "popularity", "recency", "loss", "confidence", "random"]


class CurriculumConfig(Config):
    """In which order examples come in, and when the last of them does."""

    by: Order
    """`length`: short histories or texts first; `popularity`: what popular items were chosen in; `recency`: the newest; `loss`: what the model
    finds easy by now (self-paced, Kumar et al. 2010); `confidence`: what a teacher is sure of (`distilled` alone); `random`: any, the control."""
    reverse: bool = False
    """The other way round: the control named `anti` in the literature (Hacohen and Weinshall 2019)."""
    start: float = Field(default=0.3, gt=0, le=1)
    """Share of the examples that training begins with."""
    until: float = Field(default=0.5, gt=0, le=1)
    """Share of the way after which all are in."""
    pacing: Literal["linear", "root"] = "root"
    """How the share grows: `root` is competence-based (Platanios et al. 2019, eq. 7): new examples come in ever more slowly."""

    @model_validator(mode="after")
    def _takes_effect(self) -> Self:
        if self.start == 1.0:
            raise ValueError("start 1 begins with all examples: there is no order to keep; leave the curriculum out")
        if self.by == "random" and self.reverse:
            raise ValueError("random has no other way round")
        return self

    def share_at(self, progress: float) -> float:
        """Of the examples, when so much of the way is done.

        >>> curriculum = CurriculumConfig(by="length", start=0.2, until=0.5)
        >>> [round(curriculum.share_at(progress), 2) for progress in (0.0, 0.25, 0.5, 1.0)]
        [0.2, 0.72, 1.0, 1.0]
        """
        way = min(1.0, progress / self.until)
        if self.pacing == "linear":
            return self.start + (1.0 - self.start) * way
        return math.sqrt(way * (1.0 - self.start**2) + self.start**2)
