"""The pairs of the distillation benchmark: who teaches, who learns, and what stands beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import ROOT

CACHE = ROOT / ".cache" / "language" / "distillation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """Several networks and classic members, fused with given weights."""

    dataset: str
    ensemble: Mapping[str, Any]
    """Settings of the networks."""
    num_networks: int
    network: Mapping[str, Any]
    """Settings of each network."""
    others: Mapping[str, float]
    """Weights of the members beside the networks, which have 1; by validation."""

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the fusion."""
        members = [{"name": name, "weight": weight} for name, weight in self.others.items()]
        return {"members": [{"name": "ensemble", "config": dict(self.ensemble), "weight": 1.0}, *members]}

    @property
    def cache(self) -> Path:
        """Where its fits and those of its students are kept."""
        return CACHE if self.dataset == "amazon14-beauty" else CACHE / self.dataset


ON_BEAUTY = Teacher(
    dataset="amazon14-beauty",
    ensemble={"num_fits": 3},
    num_networks=3,
    network={},
    others={"cooccurrence": 0.5, "ease": 0.1, "item-knn": 0.1, "popularity-category": 0.1},
)
"""The members of the default fusion, with three networks in place of one; weights by validation on 4000 users."""
GRU_64 = {"encoder": {"block": "gru", "width": 64, "num_layers": 1, "dropout": 0.3}}
ON_MOVIES = Teacher(
    dataset="ml-latest-small",
    ensemble={"num_fits": 5, "config": GRU_64},
    num_networks=5,
    network=GRU_64,
    others={"cooccurrence": 3.0, "ease": 0.3, "item-knn": 0.3},
)
"""610 users: the graph knows more than any network, and a teacher may be asked about histories that nobody had."""


ON_ARTISTS = Teacher(
    dataset="lastfm-2k",
    ensemble={"num_fits": 5},
    num_networks=5,
    network={},
    others={"cooccurrence": 0.3, "ease": 0.1, "item-knn": 0.3},
)
"""1882 listeners whose events have no order in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A student with its control; both are told the same of their network."""

    name: str
    teacher: Teacher
    network: Mapping[str, Any]
    student: Mapping[str, Any]
    """Settings of `distilled` besides."""
    control: Mapping[str, Any]
    """Settings of `sequential` besides."""
    seeds: int = 1


PAIRS = (
    Pair(
        name="gru, width 48",
        teacher=ON_BEAUTY,
        network={"encoder": {"block": "gru", "width": 48, "num_layers": 1, "dropout": 0.3}},
        student={"questions": {"shortened": 0}, "training": {"max_epochs": 14, "warmup_epochs": 1, "validate_every": 2}},
        control={},
        seeds=3,
    ),
    Pair(
        name="gru, width 64, longer",
        teacher=ON_BEAUTY,
        network=GRU_64,
        student={
            "questions": {"shortened": 0},
            "distillation": {"share": 0.8},
            "training": {"max_epochs": 22, "warmup_epochs": 1, "validate_every": 2, "patience": None},
        },
        control={},
        seeds=3,
    ),
    Pair(
        name="gru, width 48, invented histories",
        teacher=ON_MOVIES,
        network={"encoder": {"block": "gru", "width": 48, "num_layers": 1, "dropout": 0.3}},
        student={"questions": {"shortened": 2, "mixed": 2}, "training": {"max_epochs": 8, "warmup_epochs": 1, "validate_every": 1}},
        control={},
        seeds=3,
    ),
    Pair(
        name="gru, width 48, no order",
        teacher=ON_ARTISTS,
        network={"encoder": {"block": "gru", "width": 48, "num_layers": 1, "dropout": 0.3}},
        student={"questions": {"shortened": 0}, "training": {"max_epochs": 14, "warmup_epochs": 1, "validate_every": 2}},
        control={},
        seeds=3,
    ),
)
TEACHERS = (ON_BEAUTY, ON_MOVIES, ON_ARTISTS)
