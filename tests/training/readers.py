"""Tiny language models that can be pre-trained, and texts in their few words. Run as a script, it pre-trains in a folder until it is killed."""

import signal
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from leanrec.features.corpus import Corpus, CorpusConfig, make_corpus
from leanrec.training.pretrain import pretrain
from leanrec.training.pretrain_config import PretrainConfig
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "nail", "polish", "drill", "film", "in", "paris", "a", "of", "the", "blue")
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
TRAINING: dict[str, Any] = {"max_epochs": 3, "tokens": 128, "learning_rate": 1e-2, "patience": None, "warmup_epochs": 0.2, "device": "cpu"}


def save_encoder(folder: Path, *, has_head: bool = False) -> Path:
    torch.manual_seed(1)
    config = BertConfig(**SIZES)
    model = BertForMaskedLM(config) if has_head else BertModel(config)
    model.save_pretrained(folder)
    _tokenizer(has_marks=True).save_pretrained(folder)
    return folder


def save_decoder(folder: Path) -> Path:
    torch.manual_seed(2)
    LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=1, eos_token_id=3)).save_pretrained(folder)
    _tokenizer(has_marks=False).save_pretrained(folder)
    return folder


def _tokenizer(*, has_marks: bool) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106 - a word
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if has_marks:
        words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


def shop_texts(count: int = 240) -> list[str]:
    """Each names three things by number, in an order that never varies: `red nail polish 1`, so that there is something to learn."""
    things = ("red nail polish", "a blue drill", "the film in paris", "of the drill", "polish in paris")
    return [f"{things[n % 5]} {things[n // 5 % 5]} {things[n // 25 % 5]} {'blue ' * (n % 3)}{'red ' * (n // 3 % 5)}" for n in range(count)]


def shop_corpus(count: int = 240) -> Corpus:
    return make_corpus(shop_texts(count), CorpusConfig(min_words=2, near_duplicates=1.0, held_out=0.3))


def config_of(**settings: Any) -> PretrainConfig:
    training = {**TRAINING, **settings.pop("training", {})}
    return PretrainConfig(max_tokens=settings.pop("max_tokens", 16), training=TrainingConfig(**training), **settings)


class KillAt:
    """A hook that kills its own process before a step, as the power cut does."""

    def __init__(self, step: int) -> None:
        self.step, self.seen = step, 0

    def before_step(self, context: Any) -> None:
        self.seen += 1
        if self.seen == self.step:
            signal.raise_signal(signal.SIGKILL)

    def after_backward(self, context: Any) -> None:
        pass

    def after_step(self, context: Any) -> None:
        pass


def main(model: str, to: str, kill_at: str) -> None:
    config = config_of(training={"checkpoint_steps": 10})
    run = Run(folder=Path(to).with_name("run"), hooks=(KillAt(int(kill_at)),))
    pretrain(model, shop_corpus(), config, to=Path(to), run=run)


if __name__ == "__main__":
    main(*sys.argv[1:])
