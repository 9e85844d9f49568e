"""Plans: the largest network that a budget holds, what binds, settings that a fit reads as they are, and demands that cannot be."""

import tomllib

import numpy as np
import pytest

from leanrec.config import Budget
from leanrec.data.truth import WorldConfig
from leanrec.data.world import World
from leanrec.errors import BudgetError, ConfigError
from leanrec.models.losses import MAX_FULL_ITEMS
from leanrec.planner.candidates import EPOCHS, LENGTHS, MOST_FULL_ITEMS, Candidate, Interval, candidates
from leanrec.planner.choice import choose, lacking
from leanrec.planner.demand import Demand
from leanrec.planner.formulas import formulas
from leanrec.planner.plan import Foretold, plan
from leanrec.recommenders.building import build
from leanrec.recommenders.vector_scorer import MAX_TOKENS
from leanrec.workflow.settings import RunSettings

SHOP = Demand(users=20_000, items=12_000, history=9.0)
FILMS = Demand(users=6_000, items=3_700, history=165.0)


def test_candidates_rise_and_have_no_longer_histories_than_there_are() -> None:
    sizes = [one.size for one in candidates(SHOP)]
    assert sizes == sorted(sizes)
    assert {one.training.max_length for one in candidates(SHOP)} == {LENGTHS[0]}
    assert {one.training.max_length for one in candidates(FILMS)} == set(LENGTHS)


def test_what_is_foretold_is_what_the_recommender_makes_of_the_settings() -> None:
    for one in candidates(FILMS):
        config, training = build("sequential", one.settings).config, one.training  # type: ignore[attr-defined]  # found by name
        encoder = (config.encoder.block, config.encoder.width, config.encoder.num_layers, config.encoder.num_heads, config.encoder.max_length)
        assert encoder == (training.block, training.width, training.num_layers, training.num_heads, training.max_length)
        assert (config.training.tokens, config.training.optimizer) == (training.tokens, training.optimizer)
        assert (config.training.max_epochs, config.training.average > 0) == (EPOCHS, training.is_averaged)
        assert config.loss.kind == training.loss


def test_what_is_assumed_of_losses_and_validation_is_theirs() -> None:
    assert MAX_FULL_ITEMS == MOST_FULL_ITEMS
    sizes = formulas("training").values(candidates(FILMS)[0].training.model_copy(update={"asked": 10**6}).inputs, kind="frequency")
    assert sizes["looked_tokens"] == MAX_TOKENS


def test_the_largest_that_a_budget_holds_is_taken_and_what_binds_is_said() -> None:
    known = candidates(FILMS)
    free = choose(known, Budget())
    assert free.chosen is known[-1] and free.binding == "" and free.next_larger is None
    middle = known[len(known) // 2]
    bound = choose(known, Budget(minutes=middle.minutes.high))
    assert bound.chosen.minutes.high <= middle.minutes.high
    assert bound.next_larger is not None and bound.chosen.size < bound.next_larger.size
    assert "min are allowed" in bound.binding and "of memory" not in bound.binding
    assert all(lacking(one, Budget(minutes=middle.minutes.high)) for one in known[known.index(bound.chosen) + 1 :])


def test_more_budget_never_takes_a_smaller_network() -> None:
    known = candidates(FILMS)
    sizes = [choose(known, Budget(minutes=minutes)).chosen.size for minutes in (10, 30, 100, 300, 1000, 3000)]
    assert sizes == sorted(sizes)


def test_a_budget_that_holds_nothing_says_what_the_smallest_needs() -> None:
    with pytest.raises(BudgetError, match="holds no network: the smallest may need") as error:
        plan(SHOP, Budget(minutes=0.001, memory_gb=0.1))
    assert "raise the budget" in str(error.value.hint)


def test_a_plan_is_settings_that_a_fit_reads() -> None:
    made = plan(SHOP, Budget(minutes=30, memory_gb=4))
    settings = RunSettings.parse(tomllib.loads(made.toml()))
    assert settings.recommender == "sequential"
    assert settings.budget == Budget(minutes=30, memory_gb=4)
    assert settings.plan == Foretold.of(made.choice.chosen)
    build("sequential", settings.configs["sequential"])
    assert "Errors there" in made.toml() and "nothing was measured" in made.toml()


def test_a_demand_is_counted_from_data() -> None:
    dataset = World.generate(WorldConfig(num_users=60, num_items=30), seed=0).dataset
    demand = Demand.of_dataset(dataset)
    lengths = np.array(demand.lengths)
    assert demand.items == 30 and demand.users == len(lengths) <= 60
    assert demand.history == pytest.approx(lengths.mean())
    assert demand.read(10) == pytest.approx(np.minimum(lengths - 1, 10).mean())
    assert Demand(users=60, items=30, history=8.0).read(50) == 7.0


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"users": 1, "items": 10, "history": 5}, "users = 1"),
        ({"users": 10, "items": -3, "history": 5}, "items = -3"),
        ({"users": 10, "items": 10, "history": 1}, "history = 1"),
        ({"users": 10, "items": 1_000_000, "history": 5}, "50 events for 1000000 items"),
        ({"users": 10, "items": 10}, "'history' is missing"),
    ],
)
def test_a_demand_that_cannot_be_is_refused(stated: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Demand.parse(stated)


def test_where_a_fit_left_its_plan_is_said_with_how_far() -> None:
    told = Foretold(memory_gb=Interval(value=1.0, low=0.9, high=1.2), minutes=Interval(value=10, low=4, high=14))
    assert told.compare(memory_gb=1.0, minutes=9) == []
    memory, minutes = told.compare(memory_gb=1.5, minutes=2)
    assert memory == "1.5 GB, 50% more than the 1 [0.9, 1.2] that was foretold"
    assert minutes == "2 min, 80% less than the 10 [4, 14] that was foretold"


def test_what_lies_beyond_what_was_measured_is_said() -> None:
    assert plan(SHOP, Budget()).beyond == ""
    large = plan(Demand(users=10_000_000, items=20_000_000, history=100.0), Budget())
    assert large.beyond.startswith("20M items, measured up to ") and " and 1B events, measured up to " in large.beyond
    assert large.beyond in large.toml()


def test_a_candidate_is_foretold_for_both_fits_and_their_looks() -> None:
    one: Candidate = candidates(SHOP)[0]
    epochs = SHOP.users * 8.0 / one.training.tokens
    assert one.minutes.value == pytest.approx(28 * epochs * one.step.value / 0.9 / 60)
    assert one.minutes.low < one.minutes.value < one.minutes.high
