"""The verb pretrain: from files of every kind to a folder that other verbs open, in words people understand."""

import json
from pathlib import Path

import pytest
from tests.training.readers import save_encoder, shop_texts

from leanrec.cli import main
from leanrec.errors import DataError
from leanrec.features.text_opening import resolve_text_encoder
from leanrec.workflow.pretraining import PretrainSettings, pretrain_language_model

QUICK = ("pretraining.max_tokens=16", "pretraining.training.max_epochs=1", "corpus.near_duplicates=1", "corpus.held_out=0.3")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("bert"))


def run(verb: str, *arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([verb, *map(str, arguments)])
    assert stopped.value.code == code


def quick(*further: str) -> list[str]:
    return [word for setting in (*QUICK, *further) for word in ("--set", setting)]


def save_events(folder: Path) -> Path:
    texts = shop_texts(120)
    rows = [f"u{n % 30},i{n},{10**9 + n},{text},it was a red film {text}\n" for n, text in enumerate(texts)]
    path = folder / "orders.csv"
    path.write_text("user_id,item_id,timestamp,title,said\n" + "".join(rows))
    return path


def test_items_of_a_shop_are_read_and_the_folder_becomes_a_text_encoder(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pretrain", model, save_events(tmp_path), "--to", tmp_path / "read", *quick())
    printed = capsys.readouterr().out
    for promise in ("before reading", "after reading", "gained", "CPU-seconds", f"leanrec encoder {tmp_path / 'read'}"):
        assert promise in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.csv", "read"]
    run("encoder", tmp_path / "read", "--to", tmp_path / "encoder", "--max-tokens", 16, "--json")
    opened = resolve_text_encoder(str(tmp_path / "encoder"))
    assert json.loads(capsys.readouterr().out)["fingerprint"] == opened.fingerprint
    assert opened.encode(["red nail polish"]).shape == (1, 16)


def test_reviews_are_read_where_their_column_is_named(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("pretrain", model, save_events(tmp_path), "--to", tmp_path / "read", *quick("columns.review=said"), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["objective"] == "masked"
    assert told["loss"]["after"]["low"] < told["loss"]["after"]["value"] < told["loss"]["after"]["high"]
    manifest = json.loads((tmp_path / "read" / "manifest.json").read_text())
    assert manifest["config"]["texts"]["num_read"] == 240


@pytest.mark.parametrize("kind", ["lines", "json", "catalogue"])
def test_files_of_texts_and_catalogues_are_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path, texts = tmp_path / ("shop.txt" if kind == "lines" else "shop.jsonl"), shop_texts(120)
    key = "title" if kind == "catalogue" else "text"
    rows = (f"{text}\n" if kind == "lines" else json.dumps({"item_id": f"i{n}", key: text}) + "\n" for n, text in enumerate(texts))
    path.write_text("".join(rows))
    further = ("texts=catalogue",) if kind == "catalogue" else ()
    run("pretrain", model, path, "--to", tmp_path / "read", *quick(*further), "--json")
    assert json.loads((tmp_path / "read" / "manifest.json").read_text())["config"]["texts"]["num_read"] == 120


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["--set", "pretraining.objective=causal"], "cannot"),
        (["--set", "pretraining.epochs=3"], "unknown key 'epochs'"),
        (["--set", "corpus.held_out=2"], "corpus.held_out = 2 is not allowed"),
        (["--set", "corpus.min_words=90"], "too few texts"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_left(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], words: str
) -> None:
    events = save_events(tmp_path)
    run("pretrain", model, events, "--to", tmp_path / "read", *settings, code=1)
    printed = capsys.readouterr().err
    assert words in printed
    assert "hint:" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_events_without_texts_are_refused_with_what_to_give(model: Path, tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"u{n},i{n},{10**9 + n}\n" for n in range(20)))
    with pytest.raises(DataError, match="come without texts"):
        pretrain_language_model(str(model), str(tmp_path / "bare.csv"), to=tmp_path / "read")


def test_a_list_of_texts_is_data_too(model: Path, tmp_path: Path) -> None:
    settings = PretrainSettings.parse(
        {"pretraining": {"max_tokens": 16, "control": False, "training": {"max_epochs": 1}}, "corpus": {"near_duplicates": 1, "held_out": 0.3}}
    )
    result = pretrain_language_model(str(model), shop_texts(120), to=tmp_path / "read", settings=settings)
    assert result.folder == tmp_path / "read"
    assert result.figures["epochs"] == 1
