"""Causal tuning: a decoder learns to tell what somebody chooses next from a prompt that tells of what they chose."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from leanrec.config import Config
from leanrec.data.tokens import FloatArray, Ids, TokenBatch, token_batches
from leanrec.errors import DataError
from leanrec.features.whole_examples import WholeExamples
from leanrec.models.adapters import AdapterConfig
from leanrec.models.causal_scorer import CausalScorer
from leanrec.training.language_pacing import ChoiceCurriculum, paced
from leanrec.training.language_task import LanguageTask
from leanrec.training.language_tuning import PairTraining, Tuning, TuningConfig
from leanrec.training.loop import train
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig


class CausalTuningConfig(Config):
    """Which weights of a decoder are learned, and how."""

    tuning: TuningConfig = TuningConfig(adapter=AdapterConfig())
    """LoRA by default: the weights of a decoder are many."""
    training: PairTraining = TrainingConfig(
        max_epochs=1, learning_rate=5e-4, betas=(0.9, 0.999), warmup_epochs=0.05, validate_every=0, journal_steps=10
    )
    """The settings of the loop."""
    pairs: int = Field(default=8, ge=1)
    """Histories in a batch, each with what was chosen next."""
    max_batch_tokens: int = Field(default=1024, ge=1)
    """Tokens that the model reads at once, texts of like length together; memory is held for all of a batch: `pairs` and
    `tuning.checkpoint_gradients` bound it."""
    curriculum: ChoiceCurriculum | None = None
    """Which histories are learned from first: short ones, those before a popular choice, what is easy by now, or any; left out: all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptBatch:
    """Prompts with what was chosen, as tokens; those of what was chosen are the targets."""

    texts: tuple[tuple[TokenBatch, Ids], ...]
    """Tokens of like length together, and (B, T) 1 where a token is a target."""
    places: Ids
    """(B,) which of all prompts these are."""
    epoch: int
    position: int

    @property
    def num_tokens(self) -> int:
        """Places of tokens that are read, padding included."""
        return sum(int(batch.ids.size) for batch, _ in self.texts)


class PromptBatches(WholeExamples):
    """Histories and what was chosen next, in another order each epoch."""

    def __init__(self, scorer: CausalScorer, histories: Sequence[str], chosen: Sequence[str], *, config: CausalTuningConfig, seed: int) -> None:
        """Raises `DataError` when no chosen item has a text."""
        lines = scorer.prompts.lines(chosen)
        told = [(scorer.prompts.read(history), list(line)) for history, line in zip(histories, lines, strict=True) if line]
        if not told:
            raise DataError(
                "nothing that was chosen has a text: there is nothing to learn from", hint="read a catalogue with titles: --catalogue FILE"
            )
        self._tokens = [[*prompt, *line] for prompt, line in told]
        self._starts = np.array([len(prompt) for prompt, _ in told])
        self._places = np.arange(len(told))
        self._pad_id, self._config, self._seed = scorer.pad_id, config, seed

    def __len__(self) -> int:
        return max(1, round(len(self._tokens) / self._config.pairs))

    @property
    def fingerprint(self) -> str:
        """sha256 of the tokens."""
        digest = hashlib.sha256()
        for tokens, start in zip(self._tokens, self._starts.tolist(), strict=True):
            digest.update(f"{len(tokens)} {start} ".encode() + np.array(tokens, np.int64).tobytes())
        return digest.hexdigest()

    @property
    def settings(self) -> Mapping[str, int]:
        """What besides the data decides the batches."""
        return {"pairs": self._config.pairs, "max_batch_tokens": self._config.max_batch_tokens, "seed": self._seed}

    def by_length(self) -> FloatArray:
        """(S,) tokens of each prompt with what was chosen."""
        return np.array([len(tokens) for tokens in self._tokens], np.float32)

    def by_popularity(self) -> FloatArray:
        """(S,) how rarely what was chosen is chosen after these prompts: -log of how often."""
        chosen = [tuple(tokens[start:]) for tokens, start in zip(self._tokens, self._starts.tolist(), strict=True)]
        counts = Counter(chosen)
        return -np.log(np.array([counts[line] for line in chosen], np.float32))

    def _keep(self, examples: Ids) -> None:
        """The tokens of these prompts."""
        self._tokens, self._starts = [self._tokens[example] for example in examples.tolist()], self._starts[examples]

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[PromptBatch]:
        """The batches of an epoch in their order, the first `start` left out."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._tokens))
        for position, rows in enumerate(np.array_split(order, len(self))[start:], start=start + 1):
            yield PromptBatch(texts=tuple(self._texts(rows)), places=self._places[rows], epoch=epoch, position=position)

    def _texts(self, rows: Ids) -> Iterator[tuple[TokenBatch, Ids]]:
        tokens = [self._tokens[row] for row in rows]
        for batch in token_batches(tokens, max_batch_tokens=self._config.max_batch_tokens, pad_id=self._pad_id):
            starts = self._starts[rows[batch.rows]]
            yield batch, (np.arange(batch.ids.shape[1]) >= starts[:, None]).astype(np.int64) * batch.mask


class CausalTask(LanguageTask):
    """The mean loss, in nats, of the tokens of what was chosen."""

    def loss(self, batch: PromptBatch) -> Tensor:
        """A scalar."""
        with self._mixed():
            told = [self.module(*self._given(texts.ids, texts.mask, is_target)).float() for texts, is_target in batch.texts]
        self._lost = partial(self._of_each, [part.detach() for part in told], batch)
        return -torch.cat(told).mean()

    def _of_each(self, told: Sequence[Tensor], batch: PromptBatch) -> Tensor:
        """(B,) the mean over the tokens of each prompt's choice, NaN where the network was asked for none."""
        counts = (is_target[:, 1:].sum(1).tolist() for _, is_target in batch.texts)  # a first token is never predicted
        means = [-torch.stack([row.mean() for row in torch.split(part, sizes)]) for part, sizes in zip(told, counts, strict=True)]
        return self._in_order(means, [texts for texts, _ in batch.texts])


def tune_decoder(
    scorer: CausalScorer,
    histories: Sequence[str],
    chosen: Sequence[str],
    *,
    config: CausalTuningConfig,
    run: Run,
    validate: Callable[[], float] | None = None,
    keep: Callable[[Tuning], None] | None = None,
) -> TrainingResult:
    """Tune the scorer's decoder, in place, on what was `chosen` after each of the `histories`, both in words.

    With `run.folder` an interrupted tuning goes on from its checkpoint, with the same bits on a CPU. Adapters are folded into the weights;
    `keep` is called before, with what holds them.
    """
    prompts = PromptBatches(scorer, histories, chosen, config=config, seed=run.seed)
    batches = paced(prompts, config.curriculum, orders={"length": prompts.by_length, "popularity": prompts.by_popularity}, run=run)
    settings = {**config.model_dump(mode="json", exclude={"training", "curriculum"}), "scorer": scorer.fingerprint}
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        tuning = Tuning(scorer.network.model, config.tuning)
        result = train(CausalTask(scorer.network, tuning, validate=validate), batches, config.training, run=run, settings=settings)
    if keep is not None:
        keep(tuning)
    scorer.network.model = tuning.finished()
    scorer.network.eval()
    return result
