"""HuggingFaceTextEncoder: any encoder or decoder that transformers reads, from a folder, a GGUF file, a package or the hub, as texts to vectors."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from leanrec.data.text_graph import TextGraph
from leanrec.data.tokens import FloatArray, TextTokenizer, token_batches
from leanrec.errors import ConfigError
from leanrec.models.text_export import text_network_graph
from leanrec.models.text_loading import LoadedModel, load_model
from leanrec.models.text_saving import update_with_weights

Pooling = Literal["mean", "last", "cls"]
"""How the vectors of tokens become one: their mean, the last one (decoders that were trained so), the first one."""
Precision = Literal["float32", "bfloat16", "float16"]

MAX_BATCH_TOKENS = 2048


class TextNetwork(nn.Module):
    """A language model with pooling: tokens and mask (B, T) -> vectors (B, D) of length 1."""

    def __init__(self, model: nn.Module, *, pooling: Pooling) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling
        self.train(model.training)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Padding stands at the end of each row."""
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (B, T, D)
        return nn.functional.normalize(pooled(hidden.float(), mask, pooling=self.pooling), dim=-1)


def pooled(hidden: Tensor, mask: Tensor, *, pooling: Pooling) -> Tensor:
    """One vector a text (B, D) from those of its tokens (B, T, D); padding stands at the end of each row."""
    if pooling == "cls":
        return hidden[:, 0]
    share = mask.to(hidden.dtype)  # (B, T)
    if pooling == "last":
        # A token is the last when the one after it is none.
        share = share - nn.functional.pad(share[:, 1:], (0, 1))
    return (share / share.sum(1, keepdim=True)).unsqueeze(1).matmul(hidden).squeeze(1)


class HuggingFaceTextEncoder:
    """Texts to vectors by a language model in torch: for making; `save` writes what the running side needs."""

    def __init__(self, loaded: LoadedModel, *, pooling: Pooling = "mean", max_tokens: int = 128, device: torch.device | str = "cpu") -> None:
        """Raises `ConfigError` when tokenizer and model do not belong together, or `max_tokens` is more than the model reads."""
        check_fit(loaded, max_tokens=max_tokens)
        self.source = loaded.source
        self.pooling = pooling
        self.tokenizer = TextTokenizer(loaded.tokenizer, max_tokens=max_tokens)
        self.device = torch.device(device)
        self.network = TextNetwork(loaded.model, pooling=pooling).eval().to(self.device)
        self._config: Any = loaded.model.config  # Any: every family has a class of its own

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        pooling: Pooling = "mean",
        max_tokens: int = 128,
        precision: Precision = "float32",
        device: torch.device | str = "cpu",
    ) -> Self:
        """From a hub name, a folder, a GGUF file, a wheel, or a packaged model such as `minilm`.

        Raises `ConfigError` naming what to provide when the model is not there, and `MissingExtraError` without transformers or gguf.
        """
        loaded = load_model(str(source), dtype=getattr(torch, precision))
        return cls(loaded, pooling=pooling, max_tokens=max_tokens, device=device)

    @property
    def width(self) -> int:
        """D, the length of a vector."""
        return int(self._config.hidden_size)

    @property
    def max_tokens(self) -> int:
        """A text is cut here, what marks beginning and end included."""
        return self.tokenizer.max_tokens or 0

    @property
    def pad_id(self) -> int:
        """The token that fills up a row of a batch."""
        named = self._config.pad_token_id
        return int(named) if isinstance(named, int) and named >= 0 else self.tokenizer.pad_id

    def replace_model(self, model: nn.Module) -> None:
        """Read with another model of the same tokenizer from now on, such as the tuned one."""
        self.network.model = model
        self.network.eval().to(self.device)
        self.__dict__.pop("fingerprint", None)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer and settings."""
        digest = hashlib.sha256(f"{self.pooling} {self.max_tokens} {self.pad_id} ".encode())
        digest.update(self.tokenizer.content.encode())
        update_with_weights(digest, self.network)
        return digest.hexdigest()

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(B, D) float32 of length 1 each; zeros for a text that holds nothing to read."""
        return self.encode_tokens(self.tokenizer.read(texts))

    def encode_tokens(self, tokens: Sequence[Sequence[int]]) -> FloatArray:
        """(B, D) as `encode`, of texts that are split into tokens already."""
        vectors = np.zeros((len(tokens), self.width), np.float32)
        with torch.inference_mode():
            for batch in token_batches(tokens, max_batch_tokens=MAX_BATCH_TOKENS, pad_id=self.pad_id):
                ids, mask = torch.from_numpy(batch.ids).to(self.device), torch.from_numpy(batch.mask).to(self.device)
                vectors[batch.rows] = self.network(ids, mask).cpu().numpy()
        return vectors

    def to_graph(self) -> TextGraph:
        """What the running side needs: the network as a float32 graph, its tokenizer, and how much of a text it reads."""
        graph = text_network_graph(self.network, pad_id=self.pad_id)
        return TextGraph(
            graph=graph, tokenizer=self.tokenizer.content, width=self.width, max_tokens=self.max_tokens, pad_id=self.pad_id, source=self.source
        )

    def save(self, folder: Path) -> None:
        """Write what the running side needs as an artifact; complete or not at all."""
        self.to_graph().save(folder)


def check_fit(loaded: LoadedModel, *, max_tokens: int) -> None:
    """Raises `ConfigError` when tokenizer and model do not belong together, or `max_tokens` is more than the model reads."""
    config: Any = loaded.model.config  # Any: every family has a class of its own
    rows = int(loaded.model.get_input_embeddings().weight.shape[0])
    highest = max(TextTokenizer(loaded.tokenizer).vocabulary.values(), default=-1)
    if highest >= rows:
        raise ConfigError(
            f"the tokenizer of {loaded.source} names token {highest}; the model knows {rows}",
            hint="give the tokenizer.json that belongs to the model",
        )
    limit = getattr(config, "max_position_embeddings", None)
    if not 3 <= max_tokens <= (limit or max_tokens):
        raise ConfigError(f"max_tokens {max_tokens} is not allowed for {loaded.source}; it reads 3 to {limit}", hint="choose a number between")
