"""A table of token vectors: texts are weighted sums of its rows, whatever they hold."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from leanrec.artifact import Manifest, save_artifact
from leanrec.errors import ArtifactError, ConfigError
from leanrec.features.static_text import StaticTextEncoder
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import has_text_encoder, open_text_encoder, resolve_text_encoder

WORDS = {"[UNK]": 0, "[PAD]": 1, "red": 2, "nail": 3, "polish": 4}
TABLE = np.array([[0, 0], [0, 0], [3, 0], [0, 4], [1, 0]], np.float32)


def tokenizer() -> str:
    words = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))  # noqa: S106 - a word, not a secret
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens(["[UNK]", "[PAD]"])
    return words.to_str()


def encoder(**settings: int) -> StaticTextEncoder:
    return StaticTextEncoder(TABLE, tokenizer(), **settings)


def test_a_text_is_the_sum_of_its_tokens_brought_to_length_one() -> None:
    vectors = encoder().encode(["red nail", "nail nail", "polish"])
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 1], [1, 0]], atol=1e-6)
    assert vectors.dtype == np.float32
    assert isinstance(encoder(), TextEncoder)


def test_texts_that_say_nothing_are_zeros() -> None:
    assert not encoder().encode(["", "   ", "\x00\x1f\n", "unheard"]).any()
    assert encoder().encode([]).shape == (0, 2)


def test_tokens_past_the_limit_are_not_read() -> None:
    np.testing.assert_allclose(encoder(max_tokens=1).encode(["red nail"]), [[1, 0]])


def test_a_vector_depends_on_its_text_alone() -> None:
    together = encoder().encode(["red nail polish", "nail", "red " * 40_000])
    assert np.array_equal(together[:1], encoder().encode(["red nail polish"]))


def test_a_saved_table_says_the_same_and_keeps_its_name(tmp_path: Path) -> None:
    encoder(max_tokens=7).save(tmp_path / "table")
    opened = open_text_encoder(tmp_path / "table")
    assert isinstance(opened, StaticTextEncoder)
    assert opened.fingerprint == encoder(max_tokens=7).fingerprint != encoder().fingerprint
    assert np.array_equal(opened.encode(["red nail"]), encoder().encode(["red nail"]))
    assert resolve_text_encoder(str(tmp_path / "table")).fingerprint == opened.fingerprint


def test_a_tokenizer_with_more_tokens_than_the_table_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"names token 4; the table has 4 rows\ngive the tokenizer"):
        StaticTextEncoder(TABLE[:4], tokenizer())


def test_a_tokenizer_that_is_none_is_refused() -> None:
    with pytest.raises(ArtifactError, match="the tokenizer cannot be read"):
        StaticTextEncoder(TABLE, json.dumps({"model": "none"}))


def test_a_folder_of_something_else_is_refused_with_the_next_step(tmp_path: Path) -> None:
    save_artifact(tmp_path / "other", Manifest(kind="popularity"))
    with pytest.raises(ArtifactError, match=r"holds a 'popularity', not a text encoder.*\n.*leanrec encoder MODEL --to FOLDER"):
        open_text_encoder(tmp_path / "other")


@pytest.mark.parametrize("name", ["", "nowhere", "minilm", "."])
def test_a_name_that_is_no_encoder_is_refused_with_the_next_step(name: str) -> None:
    with pytest.raises(ConfigError, match="leanrec encoder") as refused:
        resolve_text_encoder(name)
    assert name in str(refused.value)


def test_a_package_that_is_not_at_hand_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEANREC_WHEELS", str(tmp_path))
    monkeypatch.setattr("leanrec.data.packaged._installed", lambda _: None)
    with pytest.raises(ConfigError, match="package wordllama, which is not installed\npip install wordllama"):
        resolve_text_encoder("wordllama")
    assert not has_text_encoder("wordllama")


def test_a_wheel_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wordllama-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="is not a wheel of wordllama"):
        resolve_text_encoder(str(tmp_path / "wordllama-1.0-py3-none-any.whl"))


@pytest.mark.skipif(
    not list(Path(os.environ.get("LEANREC_WHEELS") or "nowhere").glob("wordllama-*.whl")), reason="LEANREC_WHEELS names no folder with wordllama"
)
def test_the_published_table_puts_like_beside_like() -> None:
    assert has_text_encoder("wordllama")
    published = resolve_text_encoder("wordllama")
    lipstick, lips, drill, arabic = published.encode(["red lipstick", "lip gloss, rose", "cordless drill 18 V", "أحمر شفاه"])
    assert published.width == 256
    assert lipstick @ lips > lipstick @ drill + 0.1
    assert np.linalg.norm(arabic) == pytest.approx(1, abs=1e-5)
