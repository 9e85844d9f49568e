"""Reader: a language model as it is pre-trained: the network, its texts as tokens and as batches, and how it is saved."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.data.tokens import TextTokenizer
from leanrec.errors import ConfigError, DataError
from leanrec.features.text_batches import MaskedBatches, Masking, PackedBatches, TextBatch, held_out_batches
from leanrec.models.causal_network import CausalNetwork
from leanrec.models.masked_language import OpenedMasked, looks_ahead
from leanrec.models.text_encoder import check_fit
from leanrec.models.text_loading import LoadedModel, load_decoder, load_model
from leanrec.models.text_saving import save_language_model, update_with_weights
from leanrec.training.language_tuning import Tuning
from leanrec.training.pretrain_config import Objective, PretrainConfig

HELD_OUT_SEED = 0
"""The same words are hidden from every model that is compared."""

Tokens = list[list[int]]


@dataclass(kw_only=True, slots=True)
class Reader:
    """A network that gives log-likelihoods of tokens, with all that belongs to it."""

    network: nn.Module
    loaded: LoadedModel
    objective: Objective
    base: str
    """sha256 of the model's weights before anything is learned."""
    head: OpenedMasked | None
    """Of an encoder."""
    tuning: Tuning
    tokenizer: TextTokenizer
    masking: Masking | None
    """How words are hidden from an encoder."""
    config: PretrainConfig

    @property
    def has_new_head(self) -> bool:
        """Whether the head knows nothing yet."""
        return self.head is not None and self.head.has_new_head

    @property
    def head_fingerprint(self) -> str | None:
        """sha256 of the head's weights; nothing for a decoder, whose head is a part of it."""
        return _fingerprint(self.head.network.head) if self.head is not None else None

    @property
    def pad_id(self) -> int:
        """The token that fills up a row."""
        named = self.loaded.model.config.pad_token_id
        return int(named) if isinstance(named, int) and named >= 0 else self.tokenizer.pad_id

    def tokens(self, texts: Sequence[str], *, part: str) -> Tokens:
        """The tokens of the texts that have any to predict; raises `DataError` when none has."""
        read = self.tokenizer.read(texts)
        if self.masking is not None:
            found = [tokens for tokens in read if self.masking.can_hide(tokens)]
        else:
            opening, end = self.tokenizer.marks[0], self._end_id()
            found = [[*opening, *tokens, end] for tokens in read if tokens]
        if not found:
            raise DataError(f"none of the {len(texts)} texts to {part} has a token that {self.loaded.source} can predict", hint="give other texts")
        return found

    def batches(self, tokens: Tokens, *, seed: int) -> MaskedBatches | PackedBatches:
        """What is learned from."""
        size, pad_id = self.config.training.tokens, self.pad_id
        if self.masking is not None:
            return MaskedBatches(tokens, self.masking, tokens=size, pad_id=pad_id, seed=seed)
        return PackedBatches(tokens, block_tokens=self.config.max_tokens, tokens=size, pad_id=pad_id, seed=seed)

    def held_out(self, tokens: Tokens) -> list[TextBatch]:
        """What is measured on, the same for every seed."""
        size, pad_id = self.config.training.tokens, self.pad_id
        if self.masking is not None:
            return list(MaskedBatches(tokens, self.masking, tokens=size, pad_id=pad_id, seed=HELD_OUT_SEED).epoch(0))
        return held_out_batches([text[: self.config.max_tokens] for text in tokens], tokens=size, pad_id=pad_id)

    def rates(self, progress: float) -> dict[str, float]:
        """Shares of the learning rate of the weights that are trained, where they are not all of it."""
        rates = dict(self.tuning.rates(self.network, progress))
        if not self.has_new_head or self.config.body_rate == 1.0:
            return rates
        trained = (name for name, parameter in self.loaded.model.named_parameters(prefix="model") if parameter.requires_grad or name in rates)
        return {name: self.config.body_rate * rates.get(name, 1.0) for name in trained}

    def step_bytes(self, most_tokens: int) -> int:
        """What a step keeps for its gradients, about (Korthikanti et al. 2022, section 4.1, in float32), and the figures of its predictions."""
        config: Any = self.loaded.model.config  # Any: every family has a class of its own
        layers, width = int(config.num_hidden_layers), int(config.hidden_size)
        layer = most_tokens * (68 * width + 10 * int(config.num_attention_heads) * self.config.max_tokens)
        kept = layer + layers * most_tokens * 4 * width if self.config.tuning.checkpoint_gradients else layers * layer
        predicted = self.config.masked_share if self.masking is not None else 1.0
        return int(kept + 12 * predicted * most_tokens * self.loaded.model.get_input_embeddings().weight.shape[0])

    def save_into(self, draft: Path) -> None:
        """Write the model as transformers reads it, adapters folded in, and the head beside it."""
        save_language_model(draft, self.tuning.finished(), tokenizer=self.tokenizer.content)
        if self.head is not None:
            self.head.save_head(draft)

    def counts(self, tokens: Tokens) -> npt.NDArray[np.int64]:
        """(V,) how often each token stands in the texts."""
        num_tokens = int(self.loaded.model.get_input_embeddings().weight.shape[0])
        return np.bincount(np.concatenate([np.array(text, np.int64) for text in tokens]), minlength=num_tokens)

    def _end_id(self) -> int:
        named = self.loaded.model.config.eos_token_id
        first = named[0] if isinstance(named, list) and named else named
        return int(first) if isinstance(first, int) else self.tokenizer.pad_id


def open_reader(source: str, config: PretrainConfig, *, seed: int) -> Reader:
    """The language model that `source` names, ready to be pre-trained.

    Raises `ConfigError` when there is none, when it cannot do what the objective asks, or when it reads fewer tokens than `max_tokens`;
    `ArtifactError` when the folder was written by leanrec and harmed since.
    """
    folder = Path(source).expanduser()
    if (folder / MANIFEST_FILE).is_file():
        Artifact.open(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # weights that a checkpoint lacks are random
        loaded, objective = _opened(source, config)
        check_fit(loaded, max_tokens=config.max_tokens)
        head = OpenedMasked.open(source, loaded=loaded, seed=seed) if objective == "masked" else None
        network = head.network if head is not None else CausalNetwork(loaded.model, source=loaded.source)
        base = _fingerprint(loaded.model)
        tuning = Tuning(loaded.model, config.tuning)
    tokenizer = TextTokenizer(loaded.tokenizer, max_tokens=config.max_tokens if head is not None else None, has_marks=head is not None)
    masking = Masking.of_tokenizer(tokenizer, share=config.masked_share) if head is not None else None
    return Reader(
        network=network,
        loaded=loaded,
        objective=objective,
        base=base,
        head=head,
        tuning=tuning,
        tokenizer=tokenizer,
        masking=masking,
        config=config,
    )


def _opened(source: str, config: PretrainConfig) -> tuple[LoadedModel, Objective]:
    """The model, with its head where that is a part of it, and what it is trained to do."""
    if config.objective != "causal":
        loaded = load_model(source)
        if looks_ahead(loaded.model):
            return loaded, "masked"
        if config.objective == "masked":
            raise ConfigError(
                f"{source} ({loaded.model.config.model_type}) reads only what came before: it cannot fill in hidden words",
                hint="take objective causal, or give an encoder (BERT, MiniLM)",
            )
    return load_decoder(source), "causal"


def _fingerprint(module: nn.Module) -> str:
    digest = hashlib.sha256()
    update_with_weights(digest, module)
    return digest.hexdigest()
