"""Measuring: every figure is there, as often as the limit allows, and threads and folders are as they were."""

import subprocess
import sys
from collections.abc import Callable, Sequence, Sized
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from threadpoolctl import threadpool_info

from leanrec.errors import ArtifactError, ConfigError, MissingExtraError
from leanrec.planner import processor, step_times
from leanrec.planner.calibrate import CalibrationConfig, calibrate
from leanrec.planner.disk import disk_speed
from leanrec.planner.machine import Machine, StepTime, read_machine, write_machine
from leanrec.training.run import Run

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
QUICK = CalibrationConfig(limit_seconds=0.001, widths=(8,), array_mb=0.1, matrix_size=32, file_mb=0.1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """This machine, measured once and hastily."""
    pytest.importorskip("torch", reason="needs torch: pip install 'leanrec[train]'")
    return calibrate(folder=tmp_path_factory.mktemp("disk"), now=NOW, config=QUICK)


def test_a_calibration_says_what_was_measured_when_and_by_what(measured: Machine) -> None:
    assert measured.calibrated == date(2026, 7, 1)
    assert measured.leanrec_version == version("leanrec")
    assert measured.cores == processor.num_cores()
    assert set(measured.gemm_gflops) == {"float32 1 thread", "float32 all threads", "bfloat16 1 thread", "bfloat16 all threads"}


def test_a_step_of_each_width_is_timed_with_its_tokens(measured: Machine) -> None:
    (step,) = measured.step_seconds
    assert (step.block, step.width, step.num_layers, step.max_length) == ("transformer", 8, 2, 50)
    assert 0.5 * step_times.TOKENS < step.tokens < 2 * step_times.TOKENS
    assert step.num_steps > 1


def test_a_measured_machine_is_kept_and_read_again(measured: Machine, tmp_path: Path) -> None:
    write_machine(tmp_path / "machine.json", measured)
    assert read_machine(tmp_path / "machine.json") == measured


def test_without_torch_there_are_no_steps_and_no_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, settings: object) -> None:
        raise MissingExtraError(f"{name} needs torch, which is not installed", hint="pip install 'leanrec[train]'")

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(step_times, "build", build)
    machine = calibrate(folder=tmp_path, now=NOW, config=QUICK)
    assert machine.step_seconds == ()
    assert set(machine.gemm_gflops) == {"float32 1 thread", "float32 all threads"}


def test_a_planner_loads_no_torch_before_it_measures_with_it() -> None:
    loaded = "import sys, leanrec.planner.calibrate, leanrec.planner.hardware; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


def test_a_setting_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="limit_seconds = 0 is not allowed"):
        CalibrationConfig(limit_seconds=0)


# -- the median


def ticking(monkeypatch: pytest.MonkeyPatch, durations: Sequence[float]) -> list[int]:
    """A clock on which the n-th try takes the n-th duration; gives a list that grows with every try."""
    moments = [moment for number, taken in enumerate(durations) for moment in (100.0 * number, 100.0 * number + taken)]
    clock = iter(moments)
    monkeypatch.setattr(processor, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    return []


@pytest.mark.parametrize(("limit_seconds", "num_tries"), [(0.0, 3), (9.0, 5), (1e9, 25)])
def test_there_are_as_many_tries_as_the_limit_holds(limit_seconds: float, num_tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = ticking(monkeypatch, [2.0] * 40)
    assert processor.median_seconds(lambda: tries.append(1), limit_seconds=limit_seconds) == 2.0
    assert len(tries) == num_tries


def test_a_hiccup_does_not_move_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = ticking(monkeypatch, [2.0, 50.0, 1.0])
    assert processor.median_seconds(lambda: tries.append(1), limit_seconds=0.0) == 2.0


# -- what is left as it was


def num_threads() -> list[int]:
    return sorted(pool["num_threads"] for pool in threadpool_info())


def test_threads_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'leanrec[train]'")
    before, before_torch = num_threads(), torch.get_num_threads()
    for threads in (1, 3):
        assert processor.float32_gflops(16, num_threads=threads, limit_seconds=0.0) > 0
        speed = processor.bfloat16_gflops(16, num_threads=threads, limit_seconds=0.0)
        assert speed is not None and speed > 0
    assert 0 < processor.core_share(16, limit_seconds=0.001) <= 1
    assert (num_threads(), torch.get_num_threads()) == (before, before_torch)


@pytest.mark.parametrize(("seconds", "side"), [(0.001, 512), (0.1, 256), (10.0, 128)])
def test_slow_bfloat16_is_measured_on_smaller_matrices(seconds: float, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor that takes so many seconds for a product of the smallest ones, and eight times as many for twice the side."""
    pytest.importorskip("torch", reason="needs torch: pip install 'leanrec[train]'")
    sides: list[int] = []

    def timed(work: Callable[[], Sized], *, limit_seconds: float, fewest: int = 3) -> float:
        sides.append(len(work()))
        return seconds * (sides[-1] / 128) ** 3

    monkeypatch.setattr(processor, "median_seconds", timed)
    speed = processor.bfloat16_gflops(600, num_threads=1, limit_seconds=3.0)
    assert sides[-1] == side
    assert speed == pytest.approx(2 * 128**3 / seconds / 1e9), "whatever the size"


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_together_copy_the_whole_array(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []

    def copy_once(copy: object, *, limit_seconds: float) -> float:
        return 1.0

    monkeypatch.setattr(processor, "median_seconds", copy_once)
    monkeypatch.setattr("leanrec.planner.processor.np.copyto", lambda target, source: copied.append(source.nbytes))
    assert processor.copy_gb_s(4_000_000, num_threads=threads, limit_seconds=0.0) == pytest.approx(0.008)
    assert len(copied) == threads
    assert sum(copied) == 4_000_000


def test_the_memory_of_a_container_is_what_it_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "limit"
    monkeypatch.setattr(processor, "CONTAINER_LIMITS", ((limit, tmp_path / "usage"),))
    whole = processor.memory_bytes()
    limit.write_text("max\n")
    assert processor.memory_bytes() == whole
    limit.write_text("600000\n")
    assert processor.memory_bytes() == 600_000


def test_measuring_the_disk_leaves_nothing_there(tmp_path: Path) -> None:
    speed = disk_speed(tmp_path / "new", num_bytes=10_000, limit_seconds=0.0)
    assert speed.write_mb_s > 0 and speed.read_mb_s > 0
    assert list((tmp_path / "new").iterdir()) == []


def test_a_disk_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")
    with pytest.raises(ArtifactError, match=r"cannot be measured: .*\nname a folder"):
        disk_speed(tmp_path / "file", num_bytes=10, limit_seconds=0.0)


# -- how long a model is trained


@pytest.mark.parametrize(("limit_seconds", "trained"), [(2.0, [1, 3]), (1.0, [1]), (1e6, [1, step_times.MOST_EPOCHS])])
def test_epochs_are_as_many_as_the_limit_holds(limit_seconds: float, trained: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Trained:
        """In place of a recommender: three steps an epoch, 0.6 s together."""

        def __init__(self, epochs: int) -> None:
            self.epochs = epochs

        def fit(self, dataset: object, *, run: Run) -> None:
            asked.append(self.epochs)
            (watch,) = run.hooks
            assert isinstance(watch, step_times.Stopwatch)
            watch.seconds, watch.tokens = [0.3, 0.1, 0.2] * self.epochs, [1000, 1100, 1050] * self.epochs

    monkeypatch.setattr("leanrec.planner.step_times.World.generate", lambda *, seed: SimpleNamespace(dataset=SimpleNamespace(num_items=7)))
    monkeypatch.setattr(step_times, "build", lambda name, settings: Trained(settings["training"]["max_epochs"]))
    (step,) = step_times.step_times([16], limit_seconds=limit_seconds)
    assert asked == trained
    assert step == StepTime(
        block="transformer", width=16, num_layers=2, max_length=50, num_items=7, tokens=1050, seconds=0.2, num_steps=3 * trained[-1]
    )
