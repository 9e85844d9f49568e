"""A budget of minutes is for the whole command: what cannot be cut comes first, and trainings share the rest."""

import pytest

from leanrec.config import Budget
from leanrec.data.world import World, WorldConfig
from leanrec.errors import BudgetError
from leanrec.workflow.estimate import Estimate, Work, estimate
from leanrec.workflow.sharing import Clock, plan, require_within

QUICK = Work(others=10.0, num_bytes=1e9)
TRAINED = Work(others=5.0, trainings=1, training_seconds=300.0, least_seconds=20.0, num_bytes=2e9)
FUSED = Work(others=20.0, trainings=2, training_seconds=300.0, num_bytes=2e9)
TRAINED_AGAIN = Work(others=1.0, trainings=2, training_seconds=300.0, least_seconds=20.0)
FUSED_AGAIN = Work(others=15.0, trainings=3, training_seconds=300.0)

FORESEEN = Estimate(
    work_of={"quick": QUICK, "trained": TRAINED, "fused": FUSED}, final_of={"quick": QUICK, "trained": TRAINED_AGAIN, "fused": FUSED_AGAIN}
)


class Stopped(Clock):
    """A clock on which no time passes."""

    @property
    def seconds_left(self) -> float | None:
        return None if self.budget.minutes is None else self.budget.minutes * 60


def minutes_of(minutes: float | None, *, fits_to_everything: bool = False) -> tuple[list[str], float | None]:
    planned = plan(FORESEEN, Stopped(budget=Budget(minutes=minutes)), fits_to_everything=fits_to_everything)
    return sorted(planned.refused), planned.training_budget.minutes


def test_without_minutes_nothing_is_bounded() -> None:
    assert minutes_of(None) == ([], None)


def test_trainings_share_evenly_what_other_work_leaves() -> None:
    assert minutes_of(5) == ([], pytest.approx((300 - 35) / 3 / 60))
    assert minutes_of(5, fits_to_everything=True) == ([], pytest.approx((300 - 35 - 15) / 6 / 60))


def test_a_training_that_would_be_cut_too_short_is_refused_and_leaves_its_share() -> None:
    assert minutes_of(1.5) == (["trained"], pytest.approx((90 - 30) / 2 / 60))
    assert minutes_of(1) == (["trained"], pytest.approx((60 - 30) / 2 / 60))


def test_what_the_minutes_do_not_hold_is_refused_with_figures_and_the_first_never_is() -> None:
    planned = plan(FORESEEN, Stopped(budget=Budget(minutes=0.25)), fits_to_everything=False)
    assert planned.refused["trained"] == "it would take at least 25.0 s; the budget of 0.25 minutes allows 5.0 s more"
    assert planned.refused["fused"] == "it would take about 20.0 s; the budget of 0.25 minutes allows 5.0 s more"
    assert sorted(plan(FORESEEN, Stopped(budget=Budget(minutes=1e-5)), fits_to_everything=True).refused) == ["fused", "trained"]


def test_memory_is_held_by_one_rung_at_a_time() -> None:
    planned = plan(FORESEEN, Stopped(budget=Budget(memory_gb=1.5)), fits_to_everything=True)
    assert sorted(planned.refused) == ["fused", "trained"]
    assert "would hold about 2 GB; the budget allows 1.5 GB" in planned.refused["fused"]


def test_a_named_recommender_is_refused_only_when_its_shortest_training_is_too_long() -> None:
    require_within(Budget(minutes=1), FORESEEN, name="trained")
    with pytest.raises(BudgetError, match=r"fitting trained would take at least 41\.0 s; the budget allows 0\.5 minutes"):
        require_within(Budget(minutes=0.5), FORESEEN, name="trained")
    require_within(Budget(minutes=0.5), FORESEEN, name="unheard of")


def test_a_training_is_estimated_by_its_tokens_items_and_epochs() -> None:
    dataset = World.generate(WorldConfig(num_users=40, num_items=30), seed=0).dataset

    def work(**config: object) -> Work:
        return estimate(dataset, ["sequential"], num_asked=0, configs={"sequential": config}).work_of["sequential"]

    short, long = work(training={"max_epochs": 4}), work(training={"max_epochs": 8})
    assert long.training_seconds / long.least_seconds == pytest.approx(4, rel=1e-6)
    assert short.training_seconds / short.least_seconds == pytest.approx(2, rel=1e-6)
    cut, whole = work(encoder={"max_length": 2}), work(encoder={"max_length": 2}, older_windows=True)
    assert whole.training_seconds / whole.others > cut.training_seconds / cut.others


def test_questions_beside_the_histories_are_counted_and_two_towers_can_be_bounded_by_minutes() -> None:
    dataset = World.generate(WorldConfig(num_users=40, num_items=30), seed=0).dataset
    foreseen = estimate(dataset, ["sequential", "two-tower"], num_asked=0, configs={"two-tower": {"asked_share": 0.5}})
    plain, asked = foreseen.work_of["sequential"], foreseen.work_of["two-tower"]
    assert asked.training_seconds == pytest.approx(1.5 * plain.training_seconds, rel=1e-6)
    assert 0 < asked.least_seconds < asked.training_seconds
    assert foreseen.final_of["two-tower"].trainings == 2


def test_what_is_learned_beside_the_next_items_is_counted() -> None:
    dataset = World.generate(WorldConfig(num_users=40, num_items=30), seed=0).dataset

    def seconds(auxiliary: dict[str, float] | None) -> float:
        work = estimate(dataset, ["sequential"], num_asked=0, configs={"sequential": {"auxiliary": auxiliary}}).work_of["sequential"]
        return work.training_seconds / work.others  # how slow the machine is just now cancels out

    ways: list[dict[str, float]] = [{"masked": 0.1}, {"contrastive": 0.1}, {"contrastive": 0.1, "segment": 0.1, "masked": 0.1}]
    found = [seconds(None), *(seconds(way) for way in ways)]
    assert found == sorted(found)
    assert len(set(found)) == 4
    assert found[-1] < 6 * found[0]


def test_a_fusion_is_estimated_by_its_members() -> None:
    dataset = World.generate(WorldConfig(num_users=40, num_items=30), seed=0).dataset
    with_it = {"members": [{"name": "cooccurrence"}, {"name": "sequential", "is_optional": True}]}
    foreseen = estimate(dataset, ["fusion"], num_asked=10, configs={"fusion": with_it})
    assert (foreseen.work_of["fusion"].trainings, foreseen.final_of["fusion"].trainings) == (2, 3)
    assert foreseen.work_of["fusion"].shortest == foreseen.work_of["fusion"].others
    without = estimate(dataset, ["fusion"], num_asked=10, configs={"fusion": {"members": [{"name": "cooccurrence"}]}})
    assert without.work_of["fusion"].trainings == 0
