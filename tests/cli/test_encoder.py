"""The verb encoder: folders that configurations can name, a plain word about agreement, and errors with the next step."""

import json
from pathlib import Path

import pytest
from tests.models.language_models import save_model

from leanrec.cli import main
from leanrec.features.text_opening import resolve_text_encoder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bert"), family="bert")


def run(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["encoder", *map(str, arguments)])
    assert stopped.value.code == code


@pytest.mark.parametrize("kind", ["onnx", "onnx-int8", "static"])
def test_every_kind_is_written_and_opens_by_its_folder(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    width = ["--width", 8] if kind == "static" else []
    run(model, "--to", tmp_path / "made", "--kind", kind, "--max-tokens", 16, *width, "--json")
    report = json.loads(capsys.readouterr().out)
    opened = resolve_text_encoder(str(tmp_path / "made"))
    assert report["kind"] == kind
    assert report["fingerprint"] == opened.fingerprint
    assert report["width"] == opened.width == (8 if kind == "static" else 16)
    assert report["agreement"]["num_texts"] == 20
    if kind == "onnx":
        assert report["agreement"]["lowest_cosine"] > 0.9999


def test_a_made_encoder_is_made_smaller_and_people_read_how_far_they_agree(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, "--to", tmp_path / "exact", "--max-tokens", 16)
    run(tmp_path / "exact", "--to", tmp_path / "small", "--kind", "onnx-int8")
    printed = capsys.readouterr().out
    for promise in ("lowest cosine", "correlation of cosines", "MB", f"text_encoder = '{tmp_path / 'small'}'"):
        assert promise in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--width", "8"], "width 8 cannot take effect: onnx keeps the model's own"),
        (["--kind", "static", "--width", "99", "--max-tokens", "16"], "width 99 is not allowed; the encoder's vectors have 16 components"),
        (["--max-tokens", "99"], "max_tokens 99 is not allowed"),
    ],
)
def test_options_that_cannot_take_effect_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    run(model, "--to", tmp_path / "made", *arguments, code=1)
    printed = capsys.readouterr()
    assert message in printed.err
    assert "hint:" in printed.err
    assert not (tmp_path / "made").exists()


def test_what_an_encoder_was_made_with_cannot_be_changed(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, "--to", tmp_path / "exact", "--max-tokens", 16)
    run(tmp_path / "exact", "--to", tmp_path / "other", "--pooling", "cls", code=1)
    assert "pooling and max_tokens are decided" in capsys.readouterr().err


def test_without_transformers_the_extra_is_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    run(model, "--to", tmp_path / "made", code=1)
    assert "pip install 'leanrec[train]'" in capsys.readouterr().err


def test_the_items_of_a_shop_can_be_what_is_compared(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "orders.csv").write_text(
        "user_id,item_id,timestamp,title\n" + "".join(f"u{n % 9},i{n},{n + 10**9},red nail {n}\n" for n in range(60))
    )
    run(model, "--to", tmp_path / "made", "--max-tokens", 16, "--data", tmp_path / "orders.csv", "--json")
    assert json.loads(capsys.readouterr().out)["agreement"]["num_texts"] == 60
