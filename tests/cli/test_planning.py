"""`leanrec plan`: from data and from numbers, as a table, as JSON and as settings that `leanrec fit` runs and compares itself with."""

import json
import logging
from pathlib import Path

import polars as pl
import pytest

from leanrec.cli import main
from leanrec.config import read_toml
from leanrec.data.world import World, WorldConfig
from leanrec.workflow.planning import comparing
from leanrec.workflow.settings import RunSettings

NUMBERS = ("--users", "20k", "--items", "12k", "--history", "9")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True)
def unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine was measured to do is no part of a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_numbers_become_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", *NUMBERS, "--minutes", "30", "--to", tmp_path / "plan.toml") == 0
    printed = capsys.readouterr().out
    assert "taken" in printed and "smallest" in printed and "20000 users, 12000 items" in printed
    assert run("plan", *NUMBERS, "--minutes", "30", "--to", tmp_path / "plan.toml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["demand"] == {"users": 20000, "items": 12000, "history": 9.0}
    assert RunSettings.parse(read_toml(tmp_path / "plan.toml")).configs["sequential"] == told["configs"]["sequential"]


def test_replicas_are_planned_where_traffic_is_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traffic = ("--qps", 1500, "--p95-ms", 12, "--request-ms", 2.2, "--deviation-ms", 1.1, "--to", tmp_path / "plan.toml")
    assert run("plan", *NUMBERS, *traffic) == 0
    assert "replicas, a process and a core each" in " ".join(capsys.readouterr().out.split())
    assert run("plan", *NUMBERS, *traffic, "--json") == 0
    assert json.loads(capsys.readouterr().out)["serving"]["p95_ms"] <= 12
    assert run("plan", *NUMBERS, "--qps", 5) == 1
    assert "--p95-ms, --request-ms, --deviation-ms is missing" in " ".join(capsys.readouterr().err.split())


def test_what_lies_beyond_what_was_measured_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--users", "10M", "--items", "20M", "--history", "100", "--to", tmp_path / "plan.toml") == 0
    assert "Drawn out past what was measured: 20M items, measured up to" in " ".join(capsys.readouterr().out.split())


def test_a_plan_of_data_is_fitted_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World.generate(WorldConfig(num_users=80, num_items=60), seed=5)
    frame = world.log.frame.filter(pl.col("event") == "click").with_columns(pl.from_epoch("timestamp", time_unit="us"))
    frame.select(pl.col("user_id").alias("who"), "item_id", "timestamp").write_csv(tmp_path / "orders.csv")
    named = ["--set", "columns.user=who", "--set", "seed=3"]
    assert run("plan", tmp_path / "orders.csv", *named, "--minutes", "30", "--to", tmp_path / "plan.toml") == 0
    kept = RunSettings.parse(read_toml(tmp_path / "plan.toml"))
    assert kept.columns is not None
    assert (kept.columns.user, kept.seed, kept.budget.minutes) == ("who", 3, 30.0)
    narrow = ["--set", "configs.sequential.encoder.width=32", "--set", "configs.sequential.training.max_epochs=2"]
    assert run("fit", tmp_path / "orders.csv", "--config", tmp_path / "plan.toml", *narrow, "--to", tmp_path / "model") == 0
    assert "the fit left its plan: " in capsys.readouterr().err  # it was told to train a narrower network, for two epochs
    assert (tmp_path / "model").is_dir()


def test_a_fit_says_whether_it_kept_to_its_plan(caplog: pytest.LogCaptureFixture) -> None:
    wide = {"memory_gb": {"value": 1, "low": 0, "high": 1e3}, "minutes": {"value": 1, "low": 0, "high": 1e3}}
    late = {**wide, "minutes": {"value": 9, "low": 8, "high": 10}}
    with caplog.at_level(logging.INFO):
        with comparing(RunSettings.parse({"plan": wide}).plan):
            pass
        assert "the fit kept to its plan" in caplog.text
        with comparing(RunSettings.parse({"plan": late}).plan):
            pass
    assert "the fit left its plan: " in caplog.text and "less than the 9 [8, 10] that was foretold" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--users", "20k"), "--items, --history is missing"),
        (("--users", "-5", "--items", "10", "--history", "3"), "'-5' is below zero"),
        (("--users", "many", "--items", "10", "--history", "3"), "'many' is no number"),
        (("--users", "20k", "--items", "12k", "--history", "0"), "history = 0"),
        ((*NUMBERS, "--minutes", "0.001"), "the budget holds no network"),
        ((*NUMBERS, "--to", "plan.json"), "plan.json is no TOML file"),
        ((*NUMBERS, "--set", "configs.sequential.encoder.width=32"), "configs is given, and a plan chooses it"),
        ((*NUMBERS, "--set", "recommender=ease"), "recommender = 'ease' is given, and a plan chooses it"),
        (("orders.csv", "--users", "3"), "--users is stated, and data are given"),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", *arguments) == 1
    assert said in capsys.readouterr().err
