"""Tiny language models with random weights that rank: they know the words of given texts, and their scores differ."""

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from tests.models.language_models import SIZES
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

from leanrec.models.causal_scorer import CausalConfig, CausalScorer
from leanrec.models.cross_encoder import CrossEncoder
from leanrec.models.text_loading import LoadedModel

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MAX_TOKENS = 96


def random_cross_encoder(texts: Iterable[str], *, seed: int = 0) -> CrossEncoder:
    """Its head is large, so that no two pairs score alike."""
    words = _words(texts)
    torch.manual_seed(seed)
    sizes = {**SIZES, "max_position_embeddings": MAX_TOKENS, "vocab_size": len(words)}
    model = BertModel(BertConfig(**sizes, initializer_range=0.3)).eval()
    scorer = CrossEncoder(LoadedModel(model=model, tokenizer=_tokenizer(words, has_marks=True), source="random"), max_tokens=MAX_TOKENS)
    with torch.no_grad():
        scorer.network.head.weight.normal_()
    return scorer


def random_causal_scorer(texts: Iterable[str], *, seed: int = 0) -> CausalScorer:
    """A decoder with its head."""
    words = _words([*texts, "chose"])
    torch.manual_seed(seed)
    sizes = {**SIZES, "max_position_embeddings": 256, "vocab_size": len(words), "num_key_value_heads": 1, "initializer_range": 0.3}
    model = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    config = CausalConfig(prompt="chose {history}", max_tokens=256, max_candidate_tokens=32)
    return CausalScorer(LoadedModel(model=model, tokenizer=_tokenizer(words, has_marks=False), source="random"), config=config)


def saved(scorer: CrossEncoder | CausalScorer, folder: Path) -> str:
    """The folder, as a setting names it."""
    scorer.save(folder)
    return str(folder)


def _words(texts: Iterable[str]) -> list[str]:
    return [*MARKS, *sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text.lower())})]


def _tokenizer(words: list[str], *, has_marks: bool) -> str:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106 - a word
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if has_marks:
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    content: str = tokenizer.to_str()
    return content
