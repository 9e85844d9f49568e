"""TextDecoder: a language model that goes on with a text, one token at a time, on one cache of what it has read."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from tokenizers import Tokenizer

from leanrec.errors import ConfigError
from leanrec.models.text_loading import load_decoder

_ENDS = ("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>")
"""Tokens that end a text, by the families that have them."""
TEMPERATURE = 0.7
TOP_TOKENS = 40
"""A token is drawn among so many, the likeliest."""


@dataclass(frozen=True, kw_only=True)
class TextDecoder:
    """A decoder with its tokenizer; it goes on with a prompt as written, without marks of a chat: examples guide small models best."""

    model: Any  # Any: transformers' own classes; what is used of them: config, forward
    tokenizer: Tokenizer
    source: str
    end_ids: frozenset[int]
    max_length: int

    @classmethod
    def open(cls, source: str) -> Self:
        """The decoder that `source` names (see `load_decoder`), in float32."""
        loaded = load_decoder(source)
        tokenizer: Tokenizer = Tokenizer.from_str(loaded.tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        config = loaded.model.config
        named = [tokenizer.token_to_id(token) for token in _ENDS]
        stated = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        return cls(
            model=loaded.model,
            tokenizer=tokenizer,
            source=loaded.source,
            end_ids=frozenset(number for number in (*named, *stated) if number is not None),
            max_length=int(config.max_position_embeddings),
        )

    @torch.inference_mode()
    def generate(self, prompt: str, *, max_tokens: int, seed: int) -> str:
        """The rest of the line that the prompt begins, at most `max_tokens`; seed 0 takes the likeliest token each time, others draw.

        Raises `ConfigError` for a prompt that leaves no room for an answer.
        """
        ids = self._read(prompt)
        if len(ids) + max_tokens > self.max_length:
            raise ConfigError(
                f"the prompt has {len(ids)} tokens and the answer {max_tokens}; {self.source} reads {self.max_length}",
                hint="lower max_tokens or take a model that reads more",
            )
        rng = torch.Generator().manual_seed(seed)
        written: list[int] = []
        fresh, past = torch.tensor([ids]), None
        while len(written) < max_tokens:
            out = self.model(input_ids=fresh, past_key_values=past, use_cache=True, logits_to_keep=1)
            token = _chosen(out.logits[0, -1], rng=rng if seed else None)
            if token in self.end_ids:
                break
            written.append(token)
            if "\n" in self._words(written).lstrip():
                break
            fresh, past = torch.tensor([[token]]), out.past_key_values
        return self._words(written)

    def _words(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _read(self, prompt: str) -> list[int]:
        # What stands in the prompt is data: marks of a chat in it must not become tokens of their own.
        ids: list[int] = self.tokenizer.encode(prompt.replace("<|", "< |")).ids
        return ids


def _chosen(logits: torch.Tensor, *, rng: torch.Generator | None) -> int:
    """(V,) scores of the next token: the likeliest, or one drawn among the likeliest."""
    if rng is None:
        return int(logits.argmax())
    top = torch.topk(logits.float() / TEMPERATURE, min(TOP_TOKENS, len(logits)))
    return int(top.indices[torch.multinomial(torch.softmax(top.values, -1), 1, generator=rng)])
