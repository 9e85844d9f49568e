"""The served graph answers what the encoder answers, for every length and batch."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from tests.models.encoders import NAMES, WIDTH, small_encoder

from leanrec.models.onnx_graph import write_encoder_graph
from leanrec.models.sequence_encoder import SequenceEncoder


def _disagreement(encoder: SequenceEncoder, path: Path) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for length in range(1, encoder.config.max_length + 1):
        for batch in (1, 2, 3):
            items = torch.randn(batch, length, WIDTH)
            (user,) = session.run(["user"], {"items": items.numpy()})
            expected = encoder(items.view(-1, WIDTH), ((batch, length),)).view(batch, length, WIDTH)[:, -1]
            assert user.shape == (batch, WIDTH)
            worst = max(worst, (torch.from_numpy(user) - expected).abs().max().item())
    return worst


@pytest.mark.parametrize("block", NAMES)
def test_the_graph_answers_like_the_encoder(block: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoder = small_encoder(block)
    write_encoder_graph(encoder, tmp_path / "encoder.onnx")
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == [tmp_path / "encoder.onnx"]
    with torch.no_grad():
        assert _disagreement(encoder, tmp_path / "encoder.onnx") < 1e-5


def test_a_graph_for_single_events_answers_too(tmp_path: Path) -> None:
    encoder = small_encoder("transformer", max_length=1)
    write_encoder_graph(encoder, tmp_path / "encoder.onnx")
    with torch.no_grad():
        assert _disagreement(encoder, tmp_path / "encoder.onnx") < 1e-5


@pytest.mark.parametrize("is_training", [True, False])
def test_writing_changes_nothing_in_the_encoder_and_drops_nothing_in_the_graph(is_training: bool, tmp_path: Path) -> None:
    encoder = small_encoder("transformer").train(is_training)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    write_encoder_graph(encoder, tmp_path / "encoder.onnx")
    assert all(module.training == is_training for module in encoder.modules())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    with torch.no_grad():
        assert _disagreement(encoder.eval(), tmp_path / "encoder.onnx") < 1e-5


def test_the_graph_names_no_place_on_this_machine(tmp_path: Path) -> None:
    write_encoder_graph(small_encoder("transformer"), tmp_path / "encoder.onnx")
    written = (tmp_path / "encoder.onnx").read_bytes()
    assert b".py" not in written
    assert str(tmp_path).encode() not in written
