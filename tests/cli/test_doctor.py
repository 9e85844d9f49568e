"""`leanrec doctor` measures when it is asked to, keeps what it measured, and shows it from then on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.planner.machines import measured_machine

from leanrec.cli import main
from leanrec.planner.machine import Machine, machine_file, read_machine, write_machine

Doctor = Callable[..., str]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Run `leanrec doctor`, with a cache folder of its own, and say what it printed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["doctor", *arguments])
        printed = capsys.readouterr()
        return printed.out if stopped.value.code == 0 else f"{stopped.value.code}: {printed.err}"

    return run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A measuring that takes no time; what it was asked."""
    asked: list[dict[str, Any]] = []

    def calibrate(**arguments: Any) -> Machine:
        asked.append(arguments)
        return measured_machine(calibrated=arguments["now"].date())

    monkeypatch.setattr("leanrec.planner.calibrate.calibrate", calibrate)
    return asked


def test_without_a_calibration_it_says_how_to_make_one(doctor: Doctor, calls: list[dict[str, Any]]) -> None:
    assert json.loads(doctor("--json"))["calibration"] is None
    assert "leanrec doctor --calibrate" in doctor()
    assert calls == []
    assert read_machine(machine_file()) is None


def test_what_is_measured_is_shown_and_kept(doctor: Doctor, calls: list[dict[str, Any]], tmp_path: Path) -> None:
    printed = doctor("--calibrate")
    for told in ("What it does", "matrix products, float32 1 thread", "71.0 GFLOPS", "12.3 ms for 1054 tokens"):
        assert told in printed
    (asked,) = calls
    assert asked["folder"] == tmp_path / "leanrec", "where it is kept"
    assert asked["now"].date() == datetime.now(UTC).date()
    assert read_machine(machine_file()) == measured_machine(calibrated=asked["now"].date())


def test_what_is_kept_is_shown_with_its_date(doctor: Doctor, calls: list[dict[str, Any]]) -> None:
    write_machine(machine_file(), measured_machine())
    assert "2026-07-01 by leanrec 0.1.0" in doctor()
    assert json.loads(doctor("--json"))["calibration"] == measured_machine().model_dump(mode="json")
    assert calls == []


def test_measuring_again_replaces_what_was_kept_and_prints_json(doctor: Doctor, calls: list[dict[str, Any]]) -> None:
    write_machine(machine_file(), measured_machine(cores=64))
    assert json.loads(doctor("--calibrate", "--json"))["calibration"]["cores"] == 2
    kept = read_machine(machine_file())
    assert kept is not None and kept.cores == 2


def test_a_damaged_calibration_is_an_error_that_measuring_again_mends(doctor: Doctor, calls: list[dict[str, Any]]) -> None:
    machine_file().parent.mkdir(parents=True)
    machine_file().write_text("{")
    refused = doctor()
    assert refused.startswith("1: ") and "measure again: leanrec doctor --calibrate" in refused
    assert "What it does" in doctor("--calibrate")
