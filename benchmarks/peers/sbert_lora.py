"""sentence-transformers tunes a model by LoRA on pairs of texts, run by its own interpreter.

    .cache/peers/sbert/bin/python benchmarks/peers/sbert_lora.py MODEL_FOLDER PAIRS.json PRECISION

Its model, its adapter, its loss (MultipleNegativesRankingLoss) and torch's AdamW in the plainest loop, without the trainer and what that adds.
It prints one JSON object: seconds and cpu_seconds of the steps after two to warm up, peak_mb of the process, versions.
"""

import json
import platform
import resource
import sys
import time

import peft
import sentence_transformers
import torch
from sentence_transformers.losses import MultipleNegativesRankingLoss

WARM_UP = 2

folder, pairs_file, precision = sys.argv[1:4]
with open(pairs_file, encoding="utf-8") as file:  # noqa: PTH123 - a script on its own
    given = json.load(file)
torch.set_num_threads(1)
torch.manual_seed(0)
model = sentence_transformers.SentenceTransformer(folder, device="cpu")
model.max_seq_length = given["max_tokens"]
model.add_adapter(
    peft.LoraConfig(r=given["rank"], lora_alpha=given["alpha"], target_modules=["query", "value"], bias="none", task_type="FEATURE_EXTRACTION")
)
model.train()
loss = MultipleNegativesRankingLoss(model, scale=1 / given["temperature"])
optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-3)
read = model.preprocess if hasattr(model, "preprocess") else model.tokenize
batches = given["batches"]
began, began_cpu = 0.0, 0.0
for number, batch in enumerate(batches):
    if number == WARM_UP:
        began, began_cpu = time.perf_counter(), time.process_time()
    features = [read(list(side)) for side in zip(*batch, strict=True)]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        value = loss(features, None)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - began_cpu,
            "steps": len(batches) - WARM_UP,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            "loss": float(value),
            "versions": {
                "python": platform.python_version(),
                "sentence-transformers": sentence_transformers.__version__,
                "peft": peft.__version__,
                "torch": torch.__version__,
            },
        }
    )
)
