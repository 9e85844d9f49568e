from pathlib import Path

import pytest

from leanrec.training import hardware


def test_free_memory_is_the_least_of_system_and_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, limit, usage = tmp_path / "meminfo", tmp_path / "limit", tmp_path / "usage"
    system.write_text("MemTotal: 2000 kB\nMemAvailable: 1000 kB\n")
    limit.write_text("600000\n")
    usage.write_text("100000\n")
    monkeypatch.setattr(hardware, "MEMORY_INFORMATION", system)
    monkeypatch.setattr(hardware, "CONTAINER_LIMITS", ((limit, usage),))
    assert hardware.available_memory_bytes() == 500_000
    limit.write_text("max\n")
    assert hardware.available_memory_bytes() == 1000 * 1024


def test_a_system_that_does_not_say_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "MEMORY_INFORMATION", tmp_path / "nothing")
    monkeypatch.setattr(hardware, "CONTAINER_LIMITS", ())
    assert hardware.available_memory_bytes() is None
