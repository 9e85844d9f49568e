"""Encoding a catalogue with MiniLM: items per CPU-second, beside sentence-transformers in turn on one thread, and how far the vectors differ.

The peer lives in an environment of its own (`benchmarks/peers/build.sh sbert`). Every part is a process of its own, pinned to one core.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baselines import calibration_rows
from datasets import RESULTS, ROOT, read_dataset, require_datasets
from leanrec.compression.quantize_text import quantize_text
from leanrec.compression.static_text import distil_table
from leanrec.data.packaged import WHEELS_VARIABLE, packaged_files
from leanrec.features.encoding import encode_texts
from leanrec.features.item_text import ItemText
from leanrec.features.onnx_text import OnnxTextEncoder
from leanrec.features.text_encoder import TextEncoder
from leanrec.features.text_opening import open_text_encoder
from leanrec.metrics.likeness import likeness_agreement
from processes import json_of
from rows import BenchmarkRow, write_rows

Table = dict[str, Any]
"""JSON."""

DATASET = "amazon14-beauty"
NUM_TEXTS = 3000
NUM_ROUNDS = 3
MAX_TOKENS = 256
"""What sentence-transformers reads of a text with this model."""
WARM_UP = 64
PEER = "sentence-transformers"
PEER_PYTHON = ROOT / ".cache" / "peers" / "sbert" / "bin" / "python"
KINDS: Mapping[str, str] = {
    "torch": "torch, batches by tokens",
    "onnx": "ONNX Runtime, float32",
    "onnx-int8": "ONNX Runtime, int8 weights, one scale a channel",
    "static": "a table of 256 columns distilled from it",
}


def main() -> None:
    """Make the encoders, time all in turn and write the rows; or time one of ours and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", nargs=4, metavar=("KIND", "FOLDER", "TEXTS", "VECTORS"), help="encode once and print the CPU-seconds")
    parser.add_argument("--texts", type=int, default=NUM_TEXTS, help="texts, spread over the catalogue")
    arguments = parser.parse_args()
    os.environ.setdefault(WHEELS_VARIABLE, str(ROOT / ".cache" / "wheels"))
    if arguments.time is not None:
        print(json.dumps(timed(*arguments.time)))
        return
    require_datasets([DATASET])
    if not PEER_PYTHON.exists():
        sys.exit("The peer is not built; run: sh benchmarks/peers/build.sh sbert")
    with tempfile.TemporaryDirectory(prefix="leanrec-") as place:
        rows = encoding_rows(Path(place), num_texts=arguments.texts)
    write_rows("text_encoding", [*calibration_rows(), *rows], RESULTS)


def encoding_rows(place: Path, *, num_texts: int) -> list[BenchmarkRow]:
    """Everything in turn, `NUM_ROUNDS` times, on the same texts."""
    texts = sample_texts(num_texts)
    (place / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    make_encoders(place)
    found: dict[str, list[Table]] = {name: [] for name in (*KINDS, PEER)}
    for _ in range(NUM_ROUNDS):
        for name, tables in found.items():
            tables.append(json_of([*_command(name, place), str(place / "texts.json"), str(place / f"{name}.npy")]))
            print(f"{name:22} {len(texts) / tables[-1]['cpu_seconds']:8.1f} items a CPU-second", file=sys.stderr, flush=True)
    return _rows(found, {name: np.load(place / f"{name}.npy") for name in found}, num_texts=len(texts))


def sample_texts(num_texts: int) -> list[str]:
    """Item texts spread over the catalogue."""
    items = read_dataset(DATASET).catalogue.descriptions()
    texts = ItemText.of_items(items).texts(items)
    return texts[:: max(1, len(texts) // num_texts)][:num_texts]


def make_encoders(place: Path) -> None:
    """The model's own files for the peer and for torch, and the encoders made from them."""
    from leanrec.models.text_encoder import HuggingFaceTextEncoder

    (place / "minilm").mkdir()
    for name, content in packaged_files("minilm").items():
        (place / "minilm" / name).write_bytes(content)
    _name_pooling(place / "minilm")
    exact = OnnxTextEncoder(HuggingFaceTextEncoder.open(place / "minilm", max_tokens=MAX_TOKENS).to_graph())
    exact.save(place / "onnx")
    OnnxTextEncoder(quantize_text(exact.graph)).save(place / "onnx-int8")
    distil_table(exact).save(place / "static")


def _name_pooling(folder: Path) -> None:
    """What sentence-transformers reads beside the model: pooling by the mean, length 1, 256 tokens."""
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [{"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"} for n, (path, kind) in enumerate(steps)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": MAX_TOKENS, "do_lower_case": False}))
    for path in ("1_Pooling", "2_Normalize"):
        (folder / path).mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}))


def timed(kind: str, folder: str, texts_file: str, vectors_file: str) -> Table:
    """CPU-seconds of encoding as a catalogue is encoded, after a short warm-up; loading is not in it."""
    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    encoder = _opened(kind, Path(folder))
    encoder.encode(texts[:WARM_UP])
    began = time.process_time()
    vectors = encode_texts(encoder, texts)
    spent = time.process_time() - began
    np.save(vectors_file, vectors)
    return {"cpu_seconds": spent, "bytes": sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())}


def _opened(kind: str, folder: Path) -> TextEncoder:
    if kind != "torch":
        return open_text_encoder(folder)
    import torch

    from leanrec.models.text_encoder import HuggingFaceTextEncoder

    torch.set_num_threads(1)
    return HuggingFaceTextEncoder.open(folder, max_tokens=MAX_TOKENS)


def _command(name: str, place: Path) -> list[str]:
    if name == PEER:
        return [str(PEER_PYTHON), str(Path(__file__).resolve().parent / "peers" / "sbert_encode.py"), str(place / "minilm")]
    return [sys.executable, __file__, "--time", name, str(place / ("minilm" if name == "torch" else name))]


def _rows(found: Mapping[str, Sequence[Table]], vectors: Mapping[str, Any], *, num_texts: int) -> list[BenchmarkRow]:
    peer = found[PEER]
    protocol = f"{num_texts} item texts, one thread on one core, {NUM_ROUNDS} rounds in turn, at most {MAX_TOKENS} tokens"
    common: Table = {"dataset": DATASET, "protocol": protocol}
    theirs = f"{json.dumps(peer[0]['versions'])}; default batches of {peer[0]['batch_size']}, sorted by length; allocator {peer[0]['allocator']}"
    rows = [_speed_row([num_texts / table["cpu_seconds"] for table in peer], case="speed, peer", peer=PEER, note=theirs, **common)]
    for name, note in KINDS.items():
        speeds = [num_texts / table["cpu_seconds"] for table in found[name]]
        ratios = [their["cpu_seconds"] / our["cpu_seconds"] for their, our in zip(peer, found[name], strict=True)]
        rows.append(_speed_row(speeds, case=f"speed, {name}", note=note, bytes=found[name][0]["bytes"], **common))
        rows.append(
            BenchmarkRow.of_range(ratios, case=f"times the peer, {name}", metric="items per CPU-second, ours / theirs", unit="x", peer=PEER, **common)
        )
        is_same_space = name != "static"
        agreement = likeness_agreement(vectors[PEER], vectors[name], is_same_space=is_same_space)
        figures = {f"shared among the {agreement.neighbours} nearest": agreement.shared_neighbours, "correlation of cosines": agreement.correlation}
        if is_same_space:
            figures |= {"largest difference": float(np.abs(vectors[name] - vectors[PEER]).max()), "lowest cosine": agreement.lowest_cosine or 0.0}
        rows += [BenchmarkRow(case=f"vectors, {name}", metric=metric, value=value, peer=PEER, **common) for metric, value in figures.items()]
    return rows


def _speed_row(speeds: Sequence[float], **others: Any) -> BenchmarkRow:  # Any: keys of a row
    return BenchmarkRow.of_range(speeds, metric="items per CPU-second", unit="1/s", **others)


if __name__ == "__main__":
    main()
