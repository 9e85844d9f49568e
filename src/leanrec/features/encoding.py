"""Encoding: the vectors of many texts, each distinct text once, in blocks of like length that are kept on disk as they are done."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from leanrec.artifact import writing_file
from leanrec.console import ProgressBar
from leanrec.data.plain_text import readable_text
from leanrec.data.tokens import FloatArray
from leanrec.errors import ConfigError
from leanrec.features.item_text import ItemText
from leanrec.features.text_encoder import TextEncoder

if TYPE_CHECKING:  # the running side encodes without Polars
    from leanrec.data.catalogue import Catalogue

log = logging.getLogger(__name__)

BLOCK_TEXTS = 256
"""Texts in a block: the most that an interruption can cost."""
_SUFFIX = ".block.safetensors"
_CHARACTERS_BESIDE = 20
"""A text's fixed cost, in characters, for the time left."""
_Key = bytes


def encode_catalogue(encoder: TextEncoder, catalogue: "Catalogue", item_text: ItemText | None = None, *, folder: Path | None = None) -> FloatArray:
    """(N, D) vectors of a catalogue's items, in the order of rows; see `encode_texts`."""
    items = catalogue.descriptions()
    return encode_texts(encoder, (item_text or ItemText.of_items(items)).texts(items), folder=folder)


def encode_texts(encoder: TextEncoder, texts: Sequence[str], *, folder: Path | None = None, progress: str = "encoding texts") -> FloatArray:
    """(B, D) vectors of the texts; with a `folder`, what was encoded before is read from there and what is new is added.

    Kept under the encoder's fingerprint and the sha256 of each text. What is missing is sorted by length and cut into blocks of
    `BLOCK_TEXTS`; a block is on disk, whole, before the next begins. A run that was killed and started again cuts the same blocks
    from where it stood, so that it encodes nothing twice and ends with the same bytes. When a catalogue changes, only its new texts are
    encoded, in blocks of their own: their last bits may differ from those of an encoding from nothing, since a language model's
    products depend, in the last bit, on what stands in the same batch.
    """
    readable = [readable_text(text) for text in texts]
    keys = [hashlib.sha256(text.encode()).digest() for text in readable]
    place = Path(folder) / encoder.fingerprint[:24] if folder is not None else None
    known = _read_blocks(place, encoder.width) if place is not None else {}
    missing = {key: text for key, text in zip(keys, readable) if key not in known}
    order = sorted(missing, key=lambda key: (-len(missing[key]), key))
    if known:
        log.info("%d of %d texts are encoded already", len(set(keys)) - len(order), len(set(keys)))
    with ProgressBar(progress, total=sum(_cost(text) for text in missing.values())) as bar:
        for start in range(0, len(order), BLOCK_TEXTS):
            block = order[start : start + BLOCK_TEXTS]
            vectors = encoder.encode([missing[key] for key in block])
            if place is not None:
                _write_block(place, block, vectors)
            known |= dict(zip(block, vectors))
            bar.advance(sum(_cost(missing[key]) for key in block))
    return np.stack([known[key] for key in keys]) if keys else np.zeros((0, encoder.width), np.float32)


def _cost(text: str) -> int:
    return _CHARACTERS_BESIDE + min(len(text), 1000)


def _write_block(place: Path, keys: Sequence[_Key], vectors: FloatArray) -> None:
    """One file named after its keys, there whole or not at all."""
    stored = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
    with writing_file(place / f"{hashlib.sha256(stored.tobytes()).hexdigest()[:32]}{_SUFFIX}") as draft:
        draft.write_bytes(save_arrays({"keys": stored, "vectors": np.ascontiguousarray(vectors)}))


def _read_blocks(place: Path, width: int) -> dict[_Key, FloatArray]:
    """Vectors by key; a block that cannot be read is left out and will be encoded again."""
    if place.exists() and not place.is_dir():
        raise ConfigError(f"{place} is a file; vectors are kept in a folder", hint="choose another folder")
    known: dict[_Key, FloatArray] = {}
    for path in sorted(place.glob(f"*{_SUFFIX}")):
        try:
            arrays = load_arrays(path.read_bytes())
            keys, vectors = arrays["keys"], arrays["vectors"]
        except (SafetensorError, KeyError, OSError) as error:
            log.warning("%s cannot be read and is encoded again: %s", path, error)
            continue
        if vectors.shape == (len(keys), width):
            known |= {key.tobytes(): vector for key, vector in zip(keys, vectors)}
    return known
