"""A calibration is kept as JSON, found again, told in words, and refused when it is damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.planner.machines import measured_machine

from leanrec.errors import ArtifactError, ConfigError
from leanrec.planner.machine import Machine, machine_file, read_machine, write_machine


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "machine.json"
    write_machine(path, measured_machine())
    assert read_machine(path) == measured_machine()
    assert json.loads(path.read_text())["calibrated"] == "2026-07-01"
    write_machine(path, measured_machine(cores=4))
    assert read_machine(path) == measured_machine(cores=4)
    assert [file.name for file in path.parent.iterdir()] == ["machine.json"]


def test_no_calibration_is_none(tmp_path: Path) -> None:
    assert read_machine(tmp_path / "machine.json") is None


def without_cores(text: str) -> str:
    content = json.loads(text)
    del content["cores"]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (lambda text: text[:40], "Unterminated|Expecting|delimiter"),
        (lambda text: "[]\n[", "Extra data"),
        (lambda text: "[1, 2]", "no calibration"),
        (without_cores, "'cores' is missing"),
        (lambda text: text.replace('"cores": 2', '"cores": 0'), "cores = 0 is not allowed"),
        (lambda text: text.replace('"cores"', '"kernels"'), "machine.json"),
    ],
    ids=["cut", "two documents", "a list", "a figure is missing", "no cores", "an unknown key"],
)
def test_a_damaged_calibration_is_refused_and_says_how_to_make_another(tmp_path: Path, damaged: Callable[[str], str], said: str) -> None:
    path = tmp_path / "machine.json"
    write_machine(path, measured_machine())
    path.write_text(damaged(path.read_text()))
    with pytest.raises(ArtifactError, match=said) as refused:
        read_machine(path)
    assert str(path) in refused.value.message
    assert refused.value.hint == "measure again: leanrec doctor --calibrate"


def test_a_calibration_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no calibration"):
        read_machine(tmp_path)


@pytest.mark.parametrize("changed", [{"bandwidth_gb_s": 0}, {"core_share": 1.5}, {"gemm_gflops": {"float64 1 thread": 1}}, {"cores": 0}])
def test_a_figure_that_nothing_measures_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changed))):
        measured_machine(**changed)


def test_it_is_kept_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert machine_file() == tmp_path / "leanrec" / "machine.json"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at_home = tmp_path / "home" / ".cache" / "leanrec" / "machine.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert machine_file() == at_home
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert machine_file() == at_home


def test_people_read_every_figure_with_its_unit() -> None:
    told = measured_machine().describe()
    assert told["measured on"] == "2026-07-01 by leanrec 0.1.0"
    assert told["matrix products, float32 all threads"] == "140.0 GFLOPS"
    assert told["training step, transformer of width 32"] == "12.3 ms for 1054 tokens"
    assert told["disk, reading"] == "900 MB/s (may come from memory)"
    assert told["core share while measuring"] == "99%"


def test_a_busy_machine_is_told_that_it_was() -> None:
    busy: Machine = measured_machine(core_share=0.5)
    assert not busy.is_quiet
    assert busy.describe()["core share while measuring"] == "50%; the machine was busy, speeds are too low"
