"""`leanrec runs` prints tables or JSON of what journals tell, and writes plots and exports."""

import json
from pathlib import Path

import pytest
from tests.training.journals import write_journal

from leanrec.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return int(stopped.value.code or 0)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_journal(tmp_path / "shop" / "trainings" / "fixed")
    write_journal(tmp_path / "shop" / "trainings" / "grown", quality=0.2, rate=0.3, ends=False)
    return tmp_path / "shop"


def test_the_list_shows_differences_figures_and_ends(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", "list", shop) == 0
    printed = capsys.readouterr().out
    for told in ("learning_rate=0.1", "learning_rate=0.3", "2023-11-14", "0.11", "unfinished"):
        assert told in printed
    assert run("runs", "list", shop, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["epochs"], each["outcome"]) for each in told] == [
        ("shop/trainings/fixed", 2, "ended"),
        ("shop/trainings/grown", 2, "unfinished"),
    ]


def test_a_comparison_shows_differing_settings_and_the_cost_ratio(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", "compare", shop / "trainings" / "fixed", shop / "trainings" / "grown") == 0
    printed = capsys.readouterr().out
    assert "learning_rate" in printed
    assert "the same, first = 1" in printed
    assert "betas" not in printed, "settings that are the same are left out"
    assert run("runs", "compare", shop, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["differing"] == {"learning_rate": [0.1, 0.3]}
    assert [each["cpu_ratio"] for each in told["runs"]] == [1.0, 0.5]


def test_a_plot_is_written_where_it_is_asked_for(shop: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'leanrec[data]'")
    assert run("runs", "plot", shop, "--to", tmp_path / "runs.svg") == 0
    assert (tmp_path / "runs.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_an_export_says_what_went_where(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install 'leanrec[track]'")
    assert run("runs", "export", shop, "--to", f"tensorboard:{tmp_path / 'events'}") == 0
    assert "2 trainings are in tensorboard:" in capsys.readouterr().out
    assert len(list((tmp_path / "events").rglob("events.out.tfevents.*"))) == 2


def test_a_folder_without_trainings_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", "list", tmp_path) == 1
    assert "no training has written a journal" in capsys.readouterr().err
