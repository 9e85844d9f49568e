"""Make a text encoder for the running side out of a language model, and say how far it agrees with the original."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.compression.quantize_text import quantize_text
from leanrec.compression.static_text import distil_table
from leanrec.data.plain_text import readable_text
from leanrec.errors import ConfigError, MissingExtraError
from leanrec.features.item_text import ItemText
from leanrec.features.onnx_text import OnnxTextEncoder
from leanrec.features.static_text import StaticTextEncoder
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import has_text_encoder, open_text_encoder, resolve_text_encoder
from leanrec.metrics.likeness import LikenessAgreement, likeness_agreement
from leanrec.workflow.reading import read

if TYPE_CHECKING:
    from leanrec.models.text_encoder import HuggingFaceTextEncoder, Pooling

log = logging.getLogger(__name__)

Kind = Literal["onnx", "onnx-int8", "static"]
"""A language model as a graph, the same in eight bits, or a table of token vectors."""

MAX_COMPARED = 500
"""Texts on which the encoder is compared with the original."""
DEFAULT_WIDTH, DEFAULT_MAX_TOKENS = 256, 128

SAMPLE_TEXTS = (
    "Red nail polish, quick dry, 15 ml",
    "Moisturising hand cream with aloe vera",
    "Lipstick, matte, rose",
    "Cordless drill, 18 V, two batteries",
    "Set of twelve screwdrivers in a case",
    "A detective returns to the village where she grew up",
    "Thriller about a bank robbery that goes wrong",
    "Romantic comedy in Paris",
    "Wooden train for children from three years",
    "Building blocks, 500 pieces",
    "Running shoes for women, light",
    "Waterproof hiking boots",
    "Noise-cancelling headphones",
    "Acoustic guitar for beginners",
    "Organic green tea, loose leaves",
    "Dark chocolate, 85 % cocoa",
    "Leichte Laufschuhe für Damen",
    "Crème hydratante pour les mains",
    "Botas de montaña impermeables",
    "電動ドリル 18V",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeEncoder:
    """What was written, and how far it agrees with the original."""

    folder: Path
    kind: Kind
    width: int
    num_bytes: int
    fingerprint: str
    agreement: LikenessAgreement | None
    """Nothing where the original is the encoder itself."""


def make_text_encoder(
    source: str,
    *,
    to: Path,
    kind: Kind = "onnx",
    width: int | None = None,
    pooling: "Pooling | None" = None,
    max_tokens: int | None = None,
    data: str | None = None,
) -> MadeEncoder:
    """Write the running-side encoder of `source` into the folder `to`.

    `source` is a hub name, a folder, a GGUF file, a packaged model (`minilm`), `wordllama`, or the folder of an ONNX encoder made before.
    The agreement is measured on item texts of `data`, else on twenty sentences. Raises `ConfigError` for options that cannot take effect.
    """
    if width is not None and kind != "static":
        raise ConfigError(f"width {width} cannot take effect: {kind} keeps the model's own", hint="leave --width out, or take --kind static")
    original = _original(source, kind=kind, pooling=pooling, max_tokens=max_tokens, width=width)
    made = original if isinstance(original, StaticTextEncoder) else _made(original, kind=kind, width=width or DEFAULT_WIDTH, source=source)
    made.save(to)
    return MadeEncoder(
        folder=to,
        kind=kind,
        width=made.width,
        num_bytes=Artifact.open(to).num_bytes,
        fingerprint=made.fingerprint,
        agreement=None if made is original else _agreement(original, made, texts=sample_texts(data), is_same_space=kind != "static"),
    )


def _original(
    source: str, *, kind: Kind, pooling: "Pooling | None", max_tokens: int | None, width: int | None
) -> "HuggingFaceTextEncoder | OnnxTextEncoder | StaticTextEncoder":
    """What is to be turned into a running-side encoder; a table only where a table is asked for."""
    if not has_text_encoder(source):
        return _language_model(source, pooling=pooling or "mean", max_tokens=max_tokens or DEFAULT_MAX_TOKENS)
    if pooling is not None or max_tokens is not None:
        raise ConfigError(f"{source} is an encoder already: pooling and max_tokens are decided", hint="name the model that it was made from")
    finished = open_text_encoder(Path(source)) if (Path(source) / MANIFEST_FILE).is_file() else resolve_text_encoder(source)
    if isinstance(finished, OnnxTextEncoder) and not (kind == "onnx-int8" and finished.graph.precision == "int8"):
        return finished
    if isinstance(finished, StaticTextEncoder) and kind == "static" and width in (None, finished.width):
        return finished
    raise ConfigError(f"{source} cannot be made into {kind}", hint="name a language model, such as minilm, or a folder of one")


def _language_model(source: str, *, pooling: "Pooling", max_tokens: int) -> "HuggingFaceTextEncoder":
    try:
        from leanrec.models.text_encoder import HuggingFaceTextEncoder
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"reading language models needs {error.name}", hint="pip install 'leanrec[train]'") from None
    return HuggingFaceTextEncoder.open(source, pooling=pooling, max_tokens=max_tokens)


def _made(original: "HuggingFaceTextEncoder | OnnxTextEncoder", *, kind: Kind, width: int, source: str) -> OnnxTextEncoder | StaticTextEncoder:
    encoder = original if isinstance(original, OnnxTextEncoder) else OnnxTextEncoder(original.to_graph())
    if kind == "static":
        return distil_table(encoder, width=width, source=source)
    return OnnxTextEncoder(quantize_text(encoder.graph)) if kind == "onnx-int8" else encoder


def sample_texts(data: str | None) -> list[str]:
    """Distinct texts to compare on: of items of `data`, spread over the catalogue, else twenty sentences."""
    if data is None:
        return list(SAMPLE_TEXTS)
    items = read(data).catalogue.descriptions()
    texts = sorted({text for item_text in ItemText.of_items(items).texts(items) if (text := readable_text(item_text))})
    if len(texts) < len(SAMPLE_TEXTS):
        log.warning("%s says too little of its items to compare on; the agreement is measured on sentences", data)
        return list(SAMPLE_TEXTS)
    return texts[:: max(1, len(texts) // MAX_COMPARED)][:MAX_COMPARED]


def _agreement(original: TextEncoder, made: TextEncoder, *, texts: Sequence[str], is_same_space: bool) -> LikenessAgreement:
    neighbours = min(10, len(texts) // 5)
    return likeness_agreement(original.encode(texts), made.encode(texts), neighbours=neighbours, is_same_space=is_same_space)
