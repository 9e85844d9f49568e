"""Open a text encoder by folder or name: what configurations name; loads no torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.data.packaged import is_at_hand, packaged_files, packaged_model
from leanrec.errors import ArtifactError, ConfigError
from leanrec.features.onnx_text import OnnxTextEncoder
from leanrec.features.static_text import StaticTextEncoder
from leanrec.features.text_encoder import TextEncoder

_OPENERS: dict[str, Callable[[Path], TextEncoder]] = {OnnxTextEncoder.kind: OnnxTextEncoder.load, StaticTextEncoder.kind: StaticTextEncoder.load}
LANGUAGE_MODEL_FILE = "config.json"
"""In a folder with a manifest it marks a language model that leanrec pre-trained: torch reads it, and an encoder can be made of it."""
_TABLE_NAME = "wordllama"
_MAKE = "make one: leanrec encoder {source} --to FOLDER, then name FOLDER"


def open_text_encoder(folder: Path) -> TextEncoder:
    """The encoder saved in a folder; raises `ArtifactError` when it holds something else or was harmed."""
    kind = Artifact.open(Path(folder)).manifest.kind
    opener = _OPENERS.get(kind)
    if opener is None:
        raise ArtifactError(f"{folder} holds a {kind!r}, not a text encoder ({', '.join(sorted(_OPENERS))})", hint=_MAKE.format(source="MODEL"))
    return opener(Path(folder))


def resolve_text_encoder(name: str) -> TextEncoder:
    """The encoder that a configuration names: the folder of one, or `wordllama` when that package or its wheel is at hand.

    Raises `ConfigError` with the next step for anything else.
    """
    if (Path(name) / MANIFEST_FILE).is_file():
        return open_text_encoder(Path(name))
    model = packaged_model(name)
    if model is not None and model.package == _TABLE_NAME:
        return _word_llama(name)
    source = name if name and (model is not None or Path(name).exists()) else "MODEL"
    found = f"{name} is a folder without a {MANIFEST_FILE}" if Path(name).is_dir() and name else f"there is no text encoder at {name!r}"
    raise ConfigError(f"{found}; a text encoder is a folder that `leanrec encoder` wrote, or {_TABLE_NAME!r}", hint=_MAKE.format(source=source))


def has_text_encoder(name: str) -> bool:
    """Whether `resolve_text_encoder` would find something of that name."""
    model = packaged_model(name)
    is_saved = (Path(name) / MANIFEST_FILE).is_file() and not (Path(name) / LANGUAGE_MODEL_FILE).is_file()
    return is_saved or (model is not None and model.package == _TABLE_NAME and is_at_hand(name))


def _word_llama(name: str) -> StaticTextEncoder:
    """The table of the `wordllama` package: 32000 tokens, 256 wide."""
    files = packaged_files(name)
    try:
        table = load_arrays(files["table.safetensors"])["embedding.weight"]
    except (SafetensorError, KeyError) as error:
        raise ArtifactError(f"the table of {name} cannot be read: {error}", hint=f"obtain {_TABLE_NAME} again") from None
    return StaticTextEncoder(table.astype(np.float16, copy=False), files["tokenizer.json"].decode(), source=_TABLE_NAME)
