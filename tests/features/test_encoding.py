"""Encoding many texts: each once, kept on disk block by block, the same bytes after any interruption."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from leanrec.data.catalogue import Catalogue
from leanrec.data.tokens import FloatArray
from leanrec.errors import ConfigError
from leanrec.features.encoding import BLOCK_TEXTS, encode_catalogue, encode_texts


class Counting:
    """An encoder whose vectors depend, as a language model's last bits do, on what stands in the same batch."""

    width = 4
    fingerprint = "f" * 64

    def __init__(self) -> None:
        self.read: list[str] = []
        self.batches = 0

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.read += texts
        self.batches += 1
        beside = np.float32(sum(map(len, texts)) * 1e-6)
        rows = [np.frombuffer(hashlib.sha256(text.encode()).digest()[:4], np.uint8) for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), 4) + beside

    def save(self, folder: Path) -> None:
        raise NotImplementedError


TEXTS = [f"text {number} " + "long " * (number % 37) for number in range(1000)]

# Reads 1000 texts and is killed in the middle: every block takes a while.
SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.features.test_encoding import TEXTS, Counting
from leanrec.features.encoding import encode_texts

class Slow(Counting):
    def encode(self, texts):
        time.sleep(0.4)
        return super().encode(texts)

encode_texts(Slow(), TEXTS, folder=Path(sys.argv[1]))
"""


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.safetensors") if not path.name.startswith(".")}


def test_vectors_come_in_the_order_of_the_texts_and_each_text_is_read_once() -> None:
    encoder = Counting()
    vectors = encode_texts(encoder, ["b", "a", "b", "", " b "])
    assert sorted(encoder.read) == ["", "a", "b"]
    assert np.array_equal(vectors[0], vectors[2])
    assert np.array_equal(vectors[0], vectors[4])
    assert not np.array_equal(vectors[0], vectors[1])
    assert encode_texts(encoder, []).shape == (0, 4)


def test_texts_of_like_length_are_read_together_longest_first() -> None:
    encoder = Counting()
    encode_texts(encoder, TEXTS)
    lengths = [len(text) for text in encoder.read]
    assert lengths == sorted(lengths, reverse=True)
    assert encoder.batches == -(-len(TEXTS) // BLOCK_TEXTS)


def test_a_killed_encoding_goes_on_where_it_stood_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = encode_texts(Counting(), TEXTS, folder=tmp_path / "whole")
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path / "killed"), root])
    deadline = time.monotonic() + 60
    while len(stored(tmp_path / "killed")) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = stored(tmp_path / "killed")
    done = len(before)
    assert 2 <= done < len(stored(tmp_path / "whole"))
    again = Counting()
    vectors = encode_texts(again, TEXTS, folder=tmp_path / "killed")
    assert vectors.tobytes() == whole.tobytes()
    assert len(again.read) == len(TEXTS) - done * BLOCK_TEXTS, "something finished was read again"
    assert stored(tmp_path / "killed") == stored(tmp_path / "whole")
    assert before.items() <= stored(tmp_path / "killed").items()


def test_a_changed_catalogue_reads_only_what_is_new(tmp_path: Path) -> None:
    first = encode_texts(Counting(), TEXTS, folder=tmp_path)
    encoder = Counting()
    vectors = encode_texts(encoder, [*TEXTS[5:], "one more", TEXTS[0]], folder=tmp_path)
    assert encoder.read == ["one more"]
    assert np.array_equal(vectors[0], first[5])
    assert np.array_equal(vectors[-1], first[0])


def test_another_encoder_shares_nothing(tmp_path: Path) -> None:
    encode_texts(Counting(), ["a"], folder=tmp_path)
    other = Counting()
    other.fingerprint = "e" * 64
    encode_texts(other, ["a"], folder=tmp_path)
    assert other.read == ["a"]


def test_a_harmed_block_is_read_again_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = encode_texts(Counting(), TEXTS, folder=tmp_path)
    before = stored(tmp_path)
    harmed = sorted(tmp_path.rglob("*.safetensors"))[0]
    harmed.write_bytes(harmed.read_bytes()[:-7])
    encoder = Counting()
    assert np.array_equal(encode_texts(encoder, TEXTS, folder=tmp_path), whole)
    assert 0 < len(encoder.read) <= BLOCK_TEXTS
    assert "cannot be read and is encoded again" in caplog.text
    assert stored(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ("f" * 24)).write_text("mine")
    with pytest.raises(ConfigError, match="is a file; vectors are kept in a folder"):
        encode_texts(Counting(), ["a"], folder=tmp_path)


def test_a_catalogue_is_encoded_by_its_rows() -> None:
    encoder = Counting()
    catalogue = Catalogue(frame=pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["One", None, "One"]}))
    vectors = encode_catalogue(encoder, catalogue)
    assert sorted(encoder.read) == ["", "One."]
    assert np.array_equal(vectors[0], vectors[2])
