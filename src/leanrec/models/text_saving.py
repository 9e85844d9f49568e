"""Saving language models as transformers reads them, and what their weights add to a fingerprint."""

import copy
import json
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_model
from tokenizers import Tokenizer
from torch import nn


class Digest(Protocol):
    """What of `hashlib` is needed."""

    def update(self, content: bytes, /) -> None:
        """Take in further bytes."""


def update_with_weights(digest: Digest, network: nn.Module) -> None:
    """Names, types, shapes and bytes of all weights, in the order of their names."""
    for name, weight in sorted(network.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)} ".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def save_language_model(folder: Path, model: Any, *, tokenizer: str) -> None:  # Any: transformers' own classes
    """Write config.json, model.safetensors and the tokenizer into a folder; `load_model` and `load_decoder` read it.

    Not by the model's own `save_pretrained`: it refuses what came from a GGUF file, though the weights are plain floats by then.
    """
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    settings = {name: value for name, value in config.to_dict().items() if name not in ("quantization_config", "_name_or_path")}
    settings["dtype"] = str(next(model.parameters()).dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
    transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer)).save_pretrained(str(folder))
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
