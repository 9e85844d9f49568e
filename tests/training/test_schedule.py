import pytest

from leanrec.errors import ConfigError
from leanrec.training.schedule import learning_rate_at
from leanrec.training.training_config import TrainingConfig


@pytest.mark.parametrize("schedule", ["cosine", "step", "decay", "constant"])
def test_every_schedule_rises_over_the_warm_up_and_never_rises_again(schedule: str) -> None:
    config = TrainingConfig(max_epochs=10, warmup_epochs=2, learning_rate=0.5, schedule=schedule)
    rates = [learning_rate_at(step / 100, config) for step in range(1, 101)]
    assert rates[:20] == pytest.approx([0.5 * (step + 1) / 20 for step in range(20)])
    assert max(rates) == rates[19] == 0.5
    assert rates[19:] == sorted(rates[19:], reverse=True)


@pytest.mark.parametrize(("schedule", "half", "end"), [("cosine", 0.505, 0.01), ("decay", 0.1, 0.01), ("step", 0.2, 0.04), ("constant", 1.0, 1.0)])
def test_schedules_come_down_as_far_as_they_say(schedule: str, half: float, end: float) -> None:
    config = TrainingConfig(learning_rate=1.0, schedule=schedule, step_factor=0.2, step_shares=(0.5, 0.9))
    assert learning_rate_at(0.5, config) == pytest.approx(half)
    assert learning_rate_at(1.0, config) == pytest.approx(end)


def test_warm_up_may_last_to_the_end() -> None:
    assert learning_rate_at(1.0, TrainingConfig(max_epochs=2, warmup_epochs=2, learning_rate=0.1)) == 0.1


@pytest.mark.parametrize("settings", [{"max_epochs": 2, "warmup_epochs": 3}, {"betas": (0.9, 1.0)}, {"step_shares": (1.5,)}, {"schedule": "cosin"}])
def test_impossible_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(key for key in settings if key != "max_epochs")):
        TrainingConfig(**settings)
