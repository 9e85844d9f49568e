"""Tiny language models with random weights, saved as transformers saves them: a family each, one vocabulary."""

import os
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel, PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

WHEELS = Path(os.environ.get("LEANREC_WHEELS") or "nowhere")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "nail", "polish", "drill", "film", "in", "paris", "a", "of", "the")
FAMILIES = ("bert", "llama", "qwen3")
TEXTS = ("red nail polish", "a drill", "film in paris of the red nail in a drill", "polish", "film in paris")
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 32}


def save_model(folder: Path, *, family: str, num_words: int = len(WORDS), rows: int | None = None) -> Path:
    """A whole model in a folder; `rows` of the embedding may differ from the number of words."""
    torch.manual_seed(1)
    sizes = {**SIZES, "vocab_size": rows or num_words, "pad_token_id": 0}
    if family == "bert":
        model = BertModel(BertConfig(**sizes))
    elif family == "llama":
        model = LlamaModel(LlamaConfig(**sizes, num_key_value_heads=1))
    else:
        model = Qwen3Model(Qwen3Config(**sizes, num_key_value_heads=1, head_dim=8))
    model.save_pretrained(folder)
    tokenizer(num_words, has_marks=family == "bert").save_pretrained(folder)
    return folder


def tokenizer(num_words: int = len(WORDS), *, has_marks: bool = True) -> PreTrainedTokenizerFast:
    """Words by spaces, between [CLS] and [SEP] as BERT has them."""
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS[:num_words])}, unk_token="[UNK]"))  # noqa: S106 - a word
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    if has_marks:
        words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")  # noqa: S106
