"""sentence-transformers encodes a list of texts, run by its own interpreter, with its default settings.

    .cache/peers/sbert/bin/python benchmarks/peers/sbert_encode.py MODEL_FOLDER TEXTS.json VECTORS.npy

It prints one JSON object: cpu_seconds of `encode` after a short warm-up (loading is not in it), versions, allocator, batch_size, max_tokens.
"""

import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
from leave_one_out import allocator, start_again_pinned
from sentence_transformers import SentenceTransformer

WARM_UP = 64


def main() -> None:
    """Encode once and say what it cost."""
    folder, texts_file, vectors_file = sys.argv[1:]
    start_again_pinned(keep_memory=True)
    torch.set_num_threads(1)
    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    model = SentenceTransformer(folder, device="cpu")
    model.encode(texts[:WARM_UP], show_progress_bar=False)
    began = time.process_time()
    vectors = model.encode(texts, show_progress_bar=False)
    spent = time.process_time() - began
    np.save(vectors_file, vectors)
    versions = {"sentence-transformers": sentence_transformers.__version__, "torch": torch.__version__, "python": platform.python_version()}
    print(json.dumps({"cpu_seconds": spent, "versions": versions, "allocator": allocator(), "batch_size": 32, "max_tokens": model.max_seq_length}))


if __name__ == "__main__":
    main()
