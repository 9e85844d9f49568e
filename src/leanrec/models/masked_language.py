"""MaskedNetwork: an encoder with a head that says how likely the words are that were hidden from it."""

import logging
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from leanrec.errors import ArtifactError, ConfigError
from leanrec.models.text_loading import LoadedModel, load_masked, load_model

log = logging.getLogger(__name__)

HEAD_FILE = "masked_head.safetensors"
"""Beside the model's own files, which know nothing of it: whatever reads the folder finds an encoder as it was."""
HEAD_SPREAD = 0.02
"""Standard deviation of the weights that a new head begins with; BERT's own."""
_HEAD_NAMES: tuple[dict[str, str], ...] = (
    {"dense": "cls.predictions.transform.dense", "norm": "cls.predictions.transform.LayerNorm", "bias": "cls.predictions.bias"},
    {"dense": "lm_head.dense", "norm": "lm_head.layer_norm", "bias": "lm_head.bias"},
    {"dense": "vocab_transform", "norm": "vocab_layer_norm", "bias": "vocab_projector.bias"},
)
"""How BERT, RoBERTa and DistilBERT call the parts of their heads."""


class MaskedHead(nn.Module):
    """Dense layer, GELU, LayerNorm, then the table of token vectors and a bias for each token (Devlin et al. 2019).

    The table is the model's own and is handed in, so that head and model always share it.
    """

    def __init__(self, *, width: int, table_width: int, num_tokens: int, epsilon: float = 1e-12, seed: int = 0) -> None:
        super().__init__()
        self.dense = nn.Linear(width, table_width)
        self.norm = nn.LayerNorm(table_width, eps=epsilon)
        self.bias = nn.Parameter(torch.zeros(num_tokens))
        with torch.no_grad():
            self.dense.weight.normal_(std=HEAD_SPREAD, generator=torch.Generator().manual_seed(seed))
            self.dense.bias.zero_()

    def forward(self, hidden: Tensor, table: Tensor) -> Tensor:
        """(M, D) and (V, E) -> (M, V) logits."""
        return nn.functional.linear(self.norm(nn.functional.gelu(self.dense(hidden))), table, self.bias)

    @torch.no_grad()
    def begin_with(self, counts: npt.NDArray[np.int64]) -> None:
        """Let the bias begin at how often each token occurs, (V,) counts: a new head need not learn that first."""
        shares = (torch.from_numpy(counts).float() + 1) / (counts.sum() + len(counts))
        self.bias.copy_(shares.log() - shares.log().mean())


class MaskedNetwork(nn.Module):
    """An encoder with its masked head. Padding stands at the end of each row."""

    def __init__(self, model: Any, head: MaskedHead, *, source: str = "the model") -> None:  # Any: transformers' own class
        """Raises `ConfigError` for a model that reads only what came before, as decoders do."""
        super().__init__()
        self.model = model
        self.head = head
        self.train(model.training)
        if not looks_ahead(model):
            raise ConfigError(
                f"{source} ({model.config.model_type}) reads only what came before: it cannot fill in hidden words",
                hint="take objective causal, or give an encoder (BERT, MiniLM)",
            )

    def forward(self, ids: Tensor, mask: Tensor, is_target: Tensor, originals: Tensor) -> Tensor:
        """(M,) the log-likelihood of the original token at each place where `is_target` (B, T) holds, row after row.

        The head is applied to those places only: the vocabulary is the larger part of the work.
        """
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (B, T, D)
        places = is_target.bool()
        logits = self.head(hidden[places], self.model.get_input_embeddings().weight).float()  # (M, V)
        return -nn.functional.cross_entropy(logits, originals[places], reduction="none")


class OpenedMasked:
    """An encoder with its head, its tokenizer, and whether the head is new."""

    def __init__(self, loaded: LoadedModel, head: MaskedHead, *, has_new_head: bool) -> None:
        self.loaded, self.has_new_head = loaded, has_new_head
        self.network = MaskedNetwork(loaded.model, head, source=loaded.source)

    @classmethod
    def open(cls, source: str, *, loaded: LoadedModel | None = None, seed: int = 0) -> Self:
        """The encoder that `source` names, with the head it was saved with, else a new one from `seed`.

        `loaded` is what `load_model` gave for it, if that was done already. Raises `ConfigError` for a decoder.
        """
        loaded = loaded or load_model(source)
        head = _new_head(loaded.model, seed=seed)
        saved = _saved_head(source, loaded)
        if saved is not None:
            _fill(head, saved, source=source)
        return cls(loaded, head, has_new_head=saved is None)

    def save_head(self, folder: Path) -> None:
        """Write the head beside the model's files."""
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in self.network.head.state_dict().items()}, folder / HEAD_FILE)


@torch.no_grad()
def looks_ahead(model: Any) -> bool:  # Any: transformers' own class
    """Whether what a model says of a token depends on later ones, as an encoder's does."""
    ids = torch.tensor([[1, 2, 3, 0], [1, 2, 3, 1]], device=next(model.parameters()).device)
    hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return not torch.allclose(hidden[0, :3], hidden[1, :3], atol=1e-4, rtol=1e-3)


def _new_head(model: Any, *, seed: int) -> MaskedHead:  # Any: transformers' own class
    num_tokens, table_width = model.get_input_embeddings().weight.shape
    epsilon = float(getattr(model.config, "layer_norm_eps", 1e-12))
    return MaskedHead(width=int(model.config.hidden_size), table_width=table_width, num_tokens=num_tokens, epsilon=epsilon, seed=seed)


def _saved_head(source: str, loaded: LoadedModel) -> dict[str, Tensor] | None:
    """The head that lies beside the model, or inside it; nothing when there is none, or of a form that is not known."""
    path = Path(source).expanduser() / HEAD_FILE
    if path.is_file():
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise ArtifactError(f"{path} cannot be read: {error}", hint="copy the whole folder again, or delete the file for a new head") from None
    if not any(name.endswith("ForMaskedLM") for name in loaded.model.config.architectures or ()):
        return None
    weights = load_masked(source).model.state_dict()
    for names in _HEAD_NAMES:
        wanted = {f"{part}.{kind}": f"{names[part]}.{kind}" for part in ("dense", "norm") for kind in ("weight", "bias")} | {"bias": names["bias"]}
        if all(name in weights for name in wanted.values()):
            return {own: weights[name].clone() for own, name in wanted.items()}
    log.warning("%s has a head of a form that is not known (%s); a new one is trained", source, loaded.model.config.model_type)
    return None


def _fill(head: MaskedHead, saved: dict[str, Tensor], *, source: str) -> None:
    own = head.state_dict()
    if {name: tensor.shape for name, tensor in own.items()} != {name: tensor.shape for name, tensor in saved.items()}:
        raise ConfigError(f"the head saved with {source} does not fit its model", hint=f"give a whole copy, or delete {HEAD_FILE} for a new head")
    head.load_state_dict(saved)
