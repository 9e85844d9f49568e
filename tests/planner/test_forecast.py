"""Forecasts: sums of parts with an interval; more of anything never needs less."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanrec.errors import ConfigError
from leanrec.models.losses import DEFAULT_NEGATIVES
from leanrec.planner import training as forecasts
from leanrec.planner.coefficients import Coefficients, coefficients
from leanrec.planner.formulas import formulas
from leanrec.planner.machine import Machine, StepTime
from leanrec.planner.training import Training, forecast, speed_of

BEAUTY = Training(items=12_101, events=150_000, length=8.0)


@pytest.mark.parametrize("group", ["memory", "seconds"])
def test_a_forecast_is_the_sum_of_its_parts_within_its_interval(group: str) -> None:
    told = forecast(group, BEAUTY)
    assert told.parts.keys() == formulas("training").parts[group].keys()
    assert told.value == pytest.approx(sum(told.parts.values()))
    assert 0 < told.low < told.value < told.high


@given(
    group=st.sampled_from(["memory", "seconds"]),
    name=st.sampled_from(["items", "width", "num_layers", "tokens", "length"]),
    loss=st.sampled_from(["full-softmax", "sampled-softmax"]),
)
def test_more_of_anything_never_needs_less(group: str, name: str, loss: str) -> None:
    less = BEAUTY.model_copy(update={"loss": loss})
    more = less.model_copy(update={name: 2 * getattr(less, name)})
    assert forecast(group, more).value >= forecast(group, less).value


def test_a_faster_machine_steps_faster_and_needs_as_much_memory() -> None:
    assert forecast("seconds", BEAUTY, speed=4.0).value == pytest.approx(forecast("seconds", BEAUTY).value / 4)
    assert forecast("memory", BEAUTY, speed=4.0).value == forecast("memory", BEAUTY).value


def test_the_speed_of_a_machine_is_told_by_its_tiny_models() -> None:
    tiny = [
        StepTime(block="transformer", width=width, num_layers=2, max_length=50, num_items=200, tokens=1000, seconds=1.0, num_steps=9)
        for width in (32, 128)
    ]
    told = [forecast("seconds", forecasts._training_of(step)).value for step in tiny]
    steps = tuple(step.model_copy(update={"seconds": seconds / 3}) for step, seconds in zip(tiny, told, strict=True))
    machine = Machine(
        calibrated=date(2026, 12, 1),
        leanrec_version="0.1.0",
        cores=2,
        memory_gb=8,
        bandwidth_gb_s=10,
        thread_bandwidth_gb_s=8,
        gemm_gflops={"float32 1 thread": 50.0},
        disk_write_mb_s=100,
        disk_read_mb_s=100,
        step_seconds=steps,
        core_share=1.0,
    )
    assert speed_of(machine) == pytest.approx(3.0)
    assert speed_of(machine.model_copy(update={"step_seconds": ()})) == 1.0


def test_drawn_items_are_as_many_as_the_loss_draws() -> None:
    assert DEFAULT_NEGATIVES["sampled-softmax"] == forecasts.DEFAULT_NEGATIVES
    assert Training(items=100, events=10, length=5).inputs["num_negatives"] == 99


def test_coefficients_weigh_every_part_and_no_other() -> None:
    lacking = coefficients("training").model_dump()
    del lacking["groups"]["memory"]["weight_of"]["events"]
    with pytest.raises(ConfigError, match="memory of training weighs"):
        Coefficients.parse(lacking).require_parts("training")
