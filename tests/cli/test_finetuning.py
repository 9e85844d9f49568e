"""The verbs finetune and adapt: tables for people, JSON for programs, and errors with the next step."""

import json
from pathlib import Path

import pytest
from tests.models.language_models import save_model

from leanrec.cli import main

TITLES = ("red nail polish", "polish", "red nail", "a drill", "drill of the film", "film")
QUICK = ("model.max_tokens=24", "held_out_share=0.3", "examples.others=2", "recipe.training.max_epochs=1", "recipe.pairs=8")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    lines = [f"u{user},i{(user + 2 * n) % 6},{10**9 + 10 * user + n},{TITLES[(user + 2 * n) % 6]}" for user in range(20) for n in range(3)]
    path.write_text("user_id,item_id,timestamp,title\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bert"), family="bert")


def run(*arguments: object, code: int = 0) -> None:
    quick = [word for setting in QUICK for word in ("--set", setting)] if arguments[0] == "finetune" else []
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments[:3]), *quick, *map(str, arguments[3:])])
    assert stopped.value.code == code


def test_people_read_before_after_cost_and_what_to_do_next(model: Path, orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("finetune", model, orders, "--for", "ranker", "--to", tmp_path / "ranker", "--adapter", "lora")
    printed = capsys.readouterr().out
    for promise in ("question_auc", "log_loss", "precision", "CPU-seconds", "peak memory", f"scorer = '{tmp_path / 'ranker'}'"):
        assert promise in printed
    run("adapt", model, tmp_path / "ranker", "--to", tmp_path / "joined", "--json")
    assert json.loads(capsys.readouterr().out)["purpose"] == "ranker"
    run("adapt", tmp_path / "ranker", tmp_path / "ranker", "--to", tmp_path / "wrong", code=1)
    assert "learned beside another model" in capsys.readouterr().err


def test_programs_read_the_same_as_json(model: Path, orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("finetune", model, orders, "--for", "encoder", "--to", tmp_path / "encoder", "--json")
    report = json.loads(capsys.readouterr().out)
    assert set(report["quality"]) == set(report["before"]) == {"recall@10", "ndcg@10"}
    assert report["cost"]["trained_weights"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--for", "ranker", "--set", "recipe.tuning.rank=3"], "recipe: unknown key 'tuning.rank'"),
        (["--for", "ranker", "--select", "2"], "recipe: select.share = 2"),
        (["--for", "encoder", "--select", "0.5"], "recipe: unknown key 'select'"),
        (["--for", "ranker", "--set", "model.prompt=of {history}"], "model.prompt 'of {history}' cannot take effect"),
        (["--for", "ratings"], "no item that has a text was rated"),
        (["--for", "decoder"], "cannot predict words"),
        (["--for", "ranker", "--set", "retriever=popularty"], "popularty"),
    ],
)
def test_what_cannot_take_effect_is_refused_and_nothing_is_left(
    model: Path, orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    run("finetune", model, orders, "--to", tmp_path / "made", *arguments, code=1)
    printed = capsys.readouterr()
    assert message in printed.err
    assert "hint:" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_without_transformers_the_extra_is_named(
    model: Path, orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    run("finetune", model, orders, "--for", "ranker", "--to", tmp_path / "made", code=1)
    assert "pip install 'leanrec[train]'" in capsys.readouterr().err
