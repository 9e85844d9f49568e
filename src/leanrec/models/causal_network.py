"""CausalNetwork: a decoder and its head as a module that says how likely tokens are, after a prefix that is read once."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leanrec.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefix:
    """What a decoder keeps of a prompt: keys and values of its tokens, and its last hidden vector."""

    cache: Any  # Any: transformers' own class, which differs by family
    last: Tensor
    """(D,)"""
    length: int
    """P, its tokens."""


class CausalNetwork(nn.Module):
    """A decoder with its head. Padding stands at the end of each row."""

    def __init__(self, model: Any, *, source: str = "the model") -> None:  # Any: transformers' own class
        """Raises `ConfigError` for a model that looks at later tokens, or whose predictions are more than head times hidden vector."""
        super().__init__()
        self.model = model
        self.train(model.training)
        self._check(source)

    def forward(self, ids: Tensor, mask: Tensor, is_target: Tensor) -> Tensor:
        """(M,) the log-likelihood of each token where `is_target` (B, T) holds, row after row; never of a row's first token.

        The head is applied to those places only: with a large vocabulary it costs as much as many layers.
        """
        hidden = self._trunk(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state  # (B, T, D)
        is_next = is_target[:, 1:].bool()
        return self._told(hidden[:, :-1][is_next], ids[:, 1:][is_next])

    def log_likelihoods(self, ids: Tensor, mask: Tensor, is_target: Tensor) -> Tensor:
        """(B,) the sum over the targets of each row."""
        return _by_row(self(ids, mask, is_target), is_target[:, 1:])

    def prefix(self, ids: Tensor) -> Prefix:
        """What is kept of a prompt (P,)."""
        out = self._trunk(input_ids=ids[None], use_cache=True)
        return Prefix(cache=out.past_key_values, last=out.last_hidden_state[0, -1], length=len(ids))

    def log_likelihoods_after(self, prefix: Prefix, ids: Tensor, mask: Tensor) -> Tensor:
        """(B,) the sum over all tokens of each row, read after the prefix, which stays as it is; without gradients."""
        first = nn.functional.log_softmax(self._logits(prefix.last), dim=-1)[ids[:, 0]]  # (B,)
        if ids.shape[1] == 1:
            return first
        cache = copy.deepcopy(prefix.cache)
        cache.batch_repeat_interleave(len(ids))
        seen = torch.cat([mask.new_ones(len(ids), prefix.length), mask[:, :-1]], dim=1)  # (B, P + T - 1)
        hidden = self._trunk(input_ids=ids[:, :-1], attention_mask=seen, past_key_values=cache, use_cache=True).last_hidden_state
        is_next = mask[:, 1:].bool()
        return first + _by_row(self._told(hidden[is_next], ids[:, 1:][is_next]), is_next)

    def _told(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return -nn.functional.cross_entropy(self._logits(hidden), targets, reduction="none")

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.model.get_output_embeddings()(hidden)
        return logits.float()

    @property
    def _trunk(self) -> Any:  # Any: transformers' own class
        return self.model.base_model

    def _check(self, source: str) -> None:
        device = next(self.model.parameters()).device
        ids = torch.tensor([[1, 2, 3, 0], [1, 2, 3, 1]], device=device)
        with torch.no_grad():
            hidden = self._trunk(input_ids=ids, use_cache=False).last_hidden_state
            if not torch.allclose(hidden[0, :3], hidden[1, :3], atol=1e-3, rtol=1e-2):
                raise ConfigError(
                    f"{source} looks at later tokens, as an encoder: it cannot say what comes next",
                    hint="give a decoder (Llama, Qwen, SmolLM2); encoders rank as a cross-encoder",
                )
            if not torch.allclose(self._logits(hidden), self.model(input_ids=ids, use_cache=False).logits.float(), atol=1e-2, rtol=1e-2):
                raise ConfigError(
                    f"{source} ({self.model.config.model_type}) bends its predictions after its head; leanrec knows no such model",
                    hint="give a decoder whose head is the last step (Llama, Qwen, SmolLM2)",
                )


def _by_row(told: Tensor, is_next: Tensor) -> Tensor:
    """(B,) the sums of (M,) figures that lie row after row where (B, T) holds."""
    rows = torch.arange(len(is_next), device=told.device).repeat_interleave(is_next.bool().sum(1))
    return torch.zeros(len(is_next), dtype=told.dtype, device=told.device).index_add(0, rows, told)
