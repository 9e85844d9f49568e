"""Contrastive tuning: an encoder learns to bring what somebody chose close to what they chose next, among the other items of the batch."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from pydantic import Field
from torch import Tensor, nn

from leanrec.config import Config
from leanrec.data.tokens import TextTokenizer
from leanrec.features.augment_text import TextDropout
from leanrec.features.histories import Histories
from leanrec.features.history_pairs import HistoryPairs, PairBatch
from leanrec.models.text_encoder import HuggingFaceTextEncoder, TextNetwork
from leanrec.training.language_pacing import ChoiceCurriculum, paced
from leanrec.training.language_task import LanguageTask
from leanrec.training.language_tuning import PairTraining, Tuning, TuningConfig
from leanrec.training.loop import train
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig


class ContrastiveConfig(Config):
    """Pairs, temperature, and what is learned."""

    tuning: TuningConfig = TuningConfig()
    """Which weights are learned."""
    training: PairTraining = TrainingConfig(
        max_epochs=2, learning_rate=1e-4, betas=(0.9, 0.999), weight_decay=0.01, warmup_epochs=0.1, validate_every=0, journal_steps=10
    )
    """The settings of the loop."""
    pairs: int = Field(default=64, ge=2)
    """Pairs in a batch: the other items of the batch are what the next one is told from."""
    history_items: int = Field(default=3, ge=1)
    """Newest items of a history whose mean is its vector; 1: pairs of items."""
    decay: float = Field(default=0.8, gt=0, le=1)
    """What each older one counts."""
    temperature: float = Field(default=0.05, gt=0)
    """Cosines are divided by this."""
    log_q: bool = True
    """Take off how likely an item stands in a batch, so that popular ones are not pushed away (Yi et al. 2019)."""
    max_tokens: int = Field(default=64, ge=3)
    """Tokens read of an item's text while tuning."""
    text_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of a text's tokens that are left out, others each epoch, so that no word is relied on alone; not measured."""
    max_batch_tokens: int = Field(default=2048, ge=1)
    """Tokens that the model reads at once, texts of like length together; memory is held for all of a batch: `pairs` and
    `tuning.checkpoint_gradients` bound it."""
    curriculum: ChoiceCurriculum | None = None
    """Whose pairs are learned from first: of few tokens, of popular items, what is easy by now, or anybody's; left out: everybody's."""


class ContrastiveTask(LanguageTask):
    """InfoNCE over the items of a batch (van den Oord et al. 2018, eq. 4), history against next item."""

    def __init__(self, network: TextNetwork, tuning: Tuning, config: ContrastiveConfig, *, validate: Callable[[], float] | None = None) -> None:
        super().__init__(network, tuning, validate=validate)
        self._config = config

    def loss(self, batch: PairBatch) -> Tensor:
        """The mean over the histories of a batch, a scalar."""
        vectors = self._vectors(batch)  # (U, D)
        weights, is_rival, log_chances, targets = self._given(batch.weights, batch.is_rival, batch.log_chances, batch.targets)
        asked = nn.functional.normalize(weights @ vectors, dim=-1)  # (B, D)
        logits = asked @ vectors.T / self._config.temperature  # (B, U)
        if self._config.log_q:
            logits = logits - log_chances
        logits = logits.masked_fill(~is_rival, float("-inf"))
        self._lost = partial(nn.functional.cross_entropy, logits.detach(), targets, reduction="none")
        return nn.functional.cross_entropy(logits, targets)

    def _vectors(self, batch: PairBatch) -> Tensor:
        """(U, D) of length 1, in the order of the batch's items."""
        with self._mixed():
            parts = [self.module(*self._given(texts.ids, texts.mask)).float() for texts in batch.texts]
        return self._in_order(parts, batch.texts)


def tune_encoder(
    encoder: HuggingFaceTextEncoder,
    histories: Histories,
    texts: Sequence[str],
    *,
    config: ContrastiveConfig,
    run: Run,
    validate: Callable[[], float] | None = None,
    keep: Callable[[Tuning], None] | None = None,
) -> TrainingResult:
    """Tune the encoder, in place, on what users chose one after the other; `texts` of the items, by row.

    With `run.folder` an interrupted tuning goes on from its checkpoint, with the same bits on a CPU. Adapters are folded into the weights;
    `keep` is called before, with what holds them.
    """
    tokenizer = TextTokenizer(encoder.tokenizer.content, max_tokens=min(config.max_tokens, encoder.max_tokens))
    dropout = TextDropout(share=config.text_dropout, marks=tokenizer.special_ids, seed=run.seed) if config.text_dropout else None
    pairs = HistoryPairs(
        histories,
        tokenizer.read(texts),
        pairs=config.pairs,
        history_items=config.history_items,
        decay=config.decay,
        max_batch_tokens=config.max_batch_tokens,
        pad_id=encoder.pad_id,
        seed=run.seed,
        dropout=dropout,
    )
    batches = paced(pairs, config.curriculum, orders={"length": pairs.by_length, "popularity": pairs.by_popularity}, run=run)
    settings = {**config.model_dump(mode="json", exclude={"training", "curriculum"}), "encoder": encoder.fingerprint}
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        tuning = Tuning(encoder.network.model, config.tuning)
        task = ContrastiveTask(encoder.network, tuning, config, validate=validate)
        result = train(task, batches, config.training, run=run, settings=settings)
    if keep is not None:
        keep(tuning)
    encoder.replace_model(tuning.finished())
    return result
