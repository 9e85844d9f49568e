"""Estimate: how long a competition will take and how much memory, said before it starts.

Work is counted from the data (events, pairs, items, users asked, tokens trained on) and multiplied by what a unit of it took on the
reference machine, then scaled by how fast this machine multiplies matrices. A graphics card is not counted on.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from leanrec import registry
from leanrec.config import Settings
from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.errors import MissingExtraError
from leanrec.recommenders.building import build
from leanrec.recommenders.fusion_config import FusionConfig, Member
from leanrec.recommenders.linear import closed_form_bytes

REFERENCE_GEMM_SECONDS = 0.0025
"""One product of 512 x 512 float32 matrices, one thread, on the reference machine."""
FIXED_SECONDS = 0.4
"""Timing single queries, bootstrap and saving, for each rung."""
PROCESS_BYTES = 200_000_000
"""What Python with its libraries holds before any data."""
MAX_HISTORY = 500
"""Events of one user that count towards pairs."""
BYTES_PER_EVENT = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitSeconds:
    """Seconds per unit of work of one recommender, at its default settings."""

    event: float = 0.0
    pair: float = 0.0
    row: float = 0.0
    """Each user and each item."""
    cubed_item: float = 0.0
    query: float = 0.0
    score: float = 1.3e-8
    """Each item scored for each user asked."""


# Measured on MovieLens-100K and Amazon Beauty.
UNIT_SECONDS = {
    "popularity": UnitSeconds(event=1e-7),
    "popularity-recent": UnitSeconds(event=1e-7),
    "popularity-category": UnitSeconds(event=2e-7, score=5e-8),
    "rules": UnitSeconds(event=1e-7, score=5e-8),
    "cooccurrence": UnitSeconds(event=8e-7, score=3.6e-8),
    "item-knn": UnitSeconds(pair=4.5e-8, row=1e-5, score=3.5e-8),
    "ease": UnitSeconds(pair=1.5e-8, cubed_item=1.08e-11, score=3.5e-8),
    "als": UnitSeconds(event=1.9e-5, row=2.7e-4, query=4e-4, score=1.3e-8),
    "bpr": UnitSeconds(event=1.6e-5, score=2e-8),
    "biased-mf": UnitSeconds(event=1.3e-5, score=2e-8),
    "sequential": UnitSeconds(query=6e-4),  # and its training, below
    "two-tower": UnitSeconds(query=7e-4),  # the same
}
TRAINED = ("sequential", "two-tower")
"""The recommenders that are trained in epochs, which minutes can bound."""
SECONDS_PER_TOKEN = 3.0e-5
"""Each event of a training epoch, at the default 2 layers, width 64 and 50 events: Amazon Beauty's 131 000 take 7 s with the softmax."""
LENGTH_POWER = 0.3
"""Longer histories cost more for each event: MovieLens-1M at 200 events takes 31 s an epoch."""
SECONDS_PER_SCORE = {"float32": 3.7e-9, "bfloat16": 1.9e-9}
"""The full softmax, for each token and item at width 64."""
MAX_FULL_ITEMS, SAMPLED_ITEMS = 100_000, 1_200
"""Above so many items negatives are sampled, which costs as much as so many items."""
FEWEST_EPOCHS = 2
"""A training that minutes cut shorter than this is not worth beginning."""
TORCH_BYTES = 350_000_000
"""What importing torch and a training step add, whatever the data."""
BYTES_PER_ITEM_TRAINED = 2_000.0 + 6 * 4 * 64
"""Buffers of the softmax; weights, gradient, two moments, the best weights and the vectors, at width 64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The counts that cost depends on."""

    num_events: int
    num_users: int
    num_items: int
    num_pairs: float
    """Sum over users of the squared number of their events."""
    num_asked: int
    """Users asked, validation and test together."""
    lengths: npt.NDArray[np.int64]
    """(U,) acts of each user."""

    @classmethod
    def of_dataset(cls, dataset: Dataset, *, num_asked: int) -> "Shape":
        """Counted in one pass."""
        user_rows = dataset.column("user_row")
        lengths = np.minimum(np.bincount(user_rows, minlength=dataset.num_users), MAX_HISTORY)
        return cls(
            num_events=len(dataset),
            num_users=dataset.num_users,
            num_items=dataset.num_items,
            num_pairs=float((lengths.astype(np.float64) ** 2).sum()),
            num_asked=num_asked,
            lengths=np.bincount(user_rows[is_act(dataset)], minlength=dataset.num_users),
        )

    def num_tokens(self, max_length: int | None) -> int:
        """Targets of a training epoch, each history cut to its newest `max_length + 1` events."""
        targets = np.maximum(self.lengths - 1, 0)
        return int((targets if max_length is None else np.minimum(targets, max_length)).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a recommender takes on this machine."""

    others: float
    """Seconds beside its trainings, asking included."""
    trainings: int = 0
    """Trainings in epochs, which minutes can bound."""
    training_seconds: float = 0.0
    """Of one of them, when nothing ends it early."""
    least_seconds: float = 0.0
    """Of one of them, cut to its fewest epochs; 0 for an optional member of a fusion."""
    num_bytes: float = 0.0
    """The most that the process will hold."""

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.others + self.trainings * self.training_seconds

    @property
    def shortest(self) -> float:
        """Seconds of all of it with every training cut to its fewest epochs."""
        return self.others + self.trainings * self.least_seconds

    @property
    def words(self) -> str:
        """How long it takes, as a refusal says it."""
        return f"{'at least' if self.least_seconds else 'about'} {self.shortest:.1f} s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a competition will take, rung by rung."""

    work_of: Mapping[str, Work]
    """Each rung that is ours and can be fitted here, in order."""
    final_of: Mapping[str, Work]
    """The same rungs, fitted to everything after they were chosen."""
    unknown: tuple[str, ...] = ()
    """Rungs of others, which nothing is known about."""

    @property
    def seconds(self) -> float:
        """All rungs together, one after the other."""
        return sum(work.seconds for work in self.work_of.values())

    @property
    def memory_bytes(self) -> float:
        """The most that the process will hold."""
        return max((work.num_bytes for work in self.work_of.values()), default=0.0)

    def describe(self) -> str:
        """One line for people."""
        note = f"; nothing is known of {', '.join(self.unknown)}" if self.unknown else ""
        duration = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        return f"{len(self.work_of)} rungs will take about {duration} and {self.memory_bytes / 1e9:.1f} GB of memory{note}"


def estimate(dataset: Dataset, rungs: Sequence[str], *, num_asked: int, configs: Mapping[str, Settings] | None = None) -> Estimate:
    """What fitting each rung to `dataset` and asking `num_asked` users will take on this machine.

    Of the settings in `configs` only the length of trainings and the members of a fusion are heeded. A rung that cannot be fitted
    here for want of a package is left out.
    """
    known = [name for name in rungs if name in (*UNIT_SECONDS, "fusion") and _is_installed(name)]
    counting = _Counting(Shape.of_dataset(dataset, num_asked=num_asked), configs=configs or {}, slowness=_slowness())
    return Estimate(
        work_of={name: counting.work(name) for name in known},
        final_of={name: counting.work(name, is_final=True) for name in known},
        unknown=tuple(name for name in rungs if name not in known and _is_installed(name)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Training:
    """One training in epochs."""

    epochs: int
    epoch_seconds: float


@dataclass(frozen=True)
class _Counting:
    """Turns counts into seconds and bytes."""

    shape: Shape
    configs: Mapping[str, Settings]
    slowness: float
    has_fast_bfloat16: bool = field(default_factory=lambda: multiplies_bfloat16_fast())

    def work(self, name: str, *, is_final: bool = False) -> Work:
        """In the competition; or once chosen, when nobody is asked, but what learns from validation is fitted once more."""
        if name == "fusion":
            return self._fusion_work(is_final=is_final)
        asked = 0.0 if is_final else self._answer_seconds(name)
        fits = 2 if is_final and name in TRAINED else 1
        return self._summed([Member(name=name, config=self.configs.get(name, {}))], fits=fits, asked=asked)

    def _fusion_work(self, *, is_final: bool) -> Work:
        config = FusionConfig.parse(self.configs.get("fusion", {}))
        members = [member for member in config.members if member.name in UNIT_SECONDS and _is_installed(member.name)]
        asked = 0.0 if is_final else sum(self._answer_seconds(member.name) for member in members)
        rehearsals = 0 if config.is_weighted else 1
        return self._summed(members, fits=rehearsals + (2 if is_final else 1), asked=asked)

    def _summed(self, members: Sequence[Member], *, fits: int, asked: float) -> Work:
        """Each member fitted so many times."""
        trained = [self._training(member) for member in members if member.name in TRAINED]
        needed = any(member.name in TRAINED and not member.is_optional for member in members)
        others = FIXED_SECONDS + asked + fits * sum(self._fit_seconds(member.name) for member in members)
        held = max((self._fit_bytes(member.name) for member in members), default=0.0)
        return Work(
            others=self.slowness * others,
            trainings=fits * len(trained),
            training_seconds=self.slowness * sum(training.epochs * training.epoch_seconds for training in trained),
            least_seconds=needed * self.slowness * sum(min(training.epochs, FEWEST_EPOCHS) * training.epoch_seconds for training in trained),
            num_bytes=PROCESS_BYTES + BYTES_PER_EVENT * self.shape.num_events + held,
        )

    def _training(self, member: Member) -> _Training:
        settings = build(member.name, member.config).config.model_dump()  # type: ignore[attr-defined]  # found by name, so that torch stays out
        encoder, training = settings["encoder"], settings["training"]
        tokens = self.shape.num_tokens(None if settings["older_windows"] else encoder["max_length"]) * (1 + settings.get("asked_share", 0.0))
        scored = self.shape.num_items if self.shape.num_items <= MAX_FULL_ITEMS else SAMPLED_ITEMS
        score = SECONDS_PER_SCORE["bfloat16" if self.has_fast_bfloat16 else "float32"]
        token = SECONDS_PER_TOKEN * encoder["num_layers"] / 2 * (encoder["max_length"] / 50) ** LENGTH_POWER
        epochs = min(training["max_epochs"], training["stop_epoch"] or training["max_epochs"])
        read, asked = _beside(settings["auxiliary"])
        return _Training(epochs=epochs, epoch_seconds=tokens * encoder["width"] / 64 * ((1 + read) * token + (1 + asked) * scored * score))

    def _fit_seconds(self, name: str) -> float:
        unit, shape = UNIT_SECONDS[name], self.shape
        rows = shape.num_users + shape.num_items
        return unit.event * shape.num_events + unit.pair * shape.num_pairs + unit.row * rows + unit.cubed_item * float(shape.num_items) ** 3

    def _answer_seconds(self, name: str) -> float:
        unit = UNIT_SECONDS[name]
        return self.shape.num_asked * (unit.query + unit.score * self.shape.num_items)

    def _fit_bytes(self, name: str) -> float:
        num_items, num_users = self.shape.num_items, self.shape.num_users
        if name in TRAINED:
            return TORCH_BYTES + BYTES_PER_ITEM_TRAINED * num_items
        if name == "ease":
            return float(closed_form_bytes(num_items))
        return 4.0 * 64 * (num_users + num_items) if name in ("als", "bpr", "biased-mf") else 12.0 * 200 * num_items


def _beside(auxiliary: Settings | None) -> tuple[float, float]:
    """How often events are read, and the share of them that is asked for, beside their next items."""
    if auxiliary is None:
        return 0.0, 0.0
    asked = auxiliary["masked_share"] if auxiliary["masked"] else 0.0
    read = 2.0 * (auxiliary["contrastive"] > 0) + (1.0 + auxiliary["segment_share"]) * (auxiliary["segment"] > 0) + 1.0 * (auxiliary["masked"] > 0)
    return read, asked


def _is_installed(name: str) -> bool:
    try:
        registry.find("leanrec.recommenders", name)
    except MissingExtraError:
        return False
    return True


def multiplies_bfloat16_fast(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions for bfloat16; no where the system does not say."""
    if not processor.is_file():
        return False
    flags = processor.read_text(encoding="utf-8", errors="replace").split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _slowness() -> float:
    """How many times longer this machine takes for a matrix product than the reference, the median of seven."""
    matrix = np.random.default_rng(0).random((512, 512), dtype=np.float32)
    with threadpool_limits(limits=1):
        times = [_timed_product(matrix) for _ in range(7)]
    return float(np.median(times)) / REFERENCE_GEMM_SECONDS


def _timed_product(matrix: np.ndarray) -> float:
    began = time.perf_counter()
    _ = matrix @ matrix
    return time.perf_counter() - began
