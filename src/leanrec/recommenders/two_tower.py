"""TwoTower: a tower of users and one of items, for new items and questions in words as well; needs torch to be fitted, none to answer."""

import tempfile
from copy import copy
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from leanrec.data.dataset import Dataset
from leanrec.data.holdout import Holdout, holdout_of
from leanrec.errors import MissingExtraError
from leanrec.features.batches import TokenBatches
from leanrec.features.encoding import encode_texts
from leanrec.features.item_attributes import ItemAttributes
from leanrec.features.item_text import ItemText, ItemTextConfig
from leanrec.features.spoken_attributes import SpokenAttributes, rarity_of
from leanrec.features.tabular import TabularConfig
from leanrec.features.text_opening import resolve_text_encoder
from leanrec.metrics.accuracy import parse_metric
from leanrec.metrics.ranking import TargetRanks, rank_targets
from leanrec.recommenders.bundled import ENCODER_FILE
from leanrec.recommenders.pacing import difficulty_of, paced
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.query_tower import QueryTower
from leanrec.recommenders.schedules import SCHEDULES, ScheduleName
from leanrec.recommenders.tower_scorer import TowerScorer
from leanrec.recommenders.training_questions import EventFeatures, EventProfiles, said_of
from leanrec.recommenders.vector_scorer import Encode
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.training_config import Precision, TrainingConfig

try:
    import torch

    from leanrec.models.item_embedding import ItemEmbeddingConfig
    from leanrec.models.losses import Loss, LossConfig, build_loss
    from leanrec.models.onnx_graph import write_encoder_graph
    from leanrec.models.query_vectors import QueryVectors, WordVectors
    from leanrec.models.sequence_encoder import SequenceEncoder
    from leanrec.models.two_tower import TwoTowerNetwork
    from leanrec.recommenders.next_item_task import BLOCK_QUERIES
    from leanrec.recommenders.sequential import SequentialConfig, training_figures
    from leanrec.recommenders.staged_loss import LossFor, StagedLoss, circumstances_of
    from leanrec.recommenders.trained_items import TrainedItems
    from leanrec.recommenders.two_tower_task import Questions, TwoTowerTask
    from leanrec.training.loop import train as train_task
except ModuleNotFoundError as error:
    if (error.name or "").startswith("leanrec"):
        raise
    raise MissingExtraError(f"two-tower needs {error.name}, which is not installed", hint="pip install 'leanrec[train]'") from None

VECTORS_FOLDER = "text-vectors"
"""Below the folder of a run: what was encoded before an interruption is not encoded again."""


class TwoTowerConfig(SequentialConfig):
    """The settings of `sequential`, and what else is known of users and items; defaults chosen on the validation items of Amazon Beauty."""

    items: ItemEmbeddingConfig = ItemEmbeddingConfig(id_dropout=0.1)
    """What an item's vector is made of; `id_dropout` is heeded where the catalogue says anything of its items."""
    training: TrainingConfig = TrainingConfig(
        max_epochs=14, tokens=1024, learning_rate=4e-3, warmup_epochs=1, weight_decay=0.01, clip=5.0, patience=3, validate_every=2
    )
    """For how long and how fast, and when to stop; what averaging the weights is worth was not measured on two towers."""
    interests: int = Field(default=1, ge=1, le=16)
    """Vectors that a history becomes; above 1 each attends to other events, and the best of them scores an item."""
    features: TabularConfig | None = None
    """Features of users and contexts. Left out: what suits the users' columns, and hour and weekday where clock times are known."""
    profile: bool = False
    """Whether what a history says of tastes is part of the user's vector; profiles of training take about a millisecond each."""
    profiled_events: int = Field(default=2, ge=1)
    """Newest events of each user for which a profile is computed."""
    text_encoder: str | None = None
    """Folder of an encoder that `leanrec encoder` wrote (or `wordllama`): the meaning of texts counts beside words. Left out, words alone."""
    text: ItemTextConfig = ItemTextConfig()
    """What the encoder reads of an item."""
    asked_share: float = Field(default=0.1, ge=0, le=1)
    """Questions in words, and without a history, that are trained beside each event; 0: texts are not read."""
    schedule: ScheduleName = "whole"
    """A curriculum, or a growth of batches and their loss, by name; none by default, since schedules were not measured on two towers."""
    unheeded: ClassVar[tuple[str, ...]] = ("augment", "auxiliary")
    looks_at_few: ClassVar[bool] = False

    @model_validator(mode="after")
    def _keeps_its_layers(self) -> Self:
        if self.schedule == "auto":
            raise ValueError(f"schedule 'auto' is heeded by 'sequential' and 'distilled'; here name one: whole, {', '.join(SCHEDULES)}")
        for name in ("num_layers", "width", "dimensions"):
            if self.growth is not None and getattr(self.growth, name):
                raise ValueError(f"growth.{name} is heeded by 'sequential' and 'distilled'; here batches and their loss may grow")
        return self


class TwoTower(TowerScorer[TwoTowerConfig]):
    """Two-tower retrieval (Yi et al. 2019): history, attributes, context, profile and words on one side, ids, attributes and texts on the other.

    Ids are hidden at random (`items.id_dropout`), so that an item which nobody chose is scored by its content. With `valid` the weights of
    the best epoch are kept; without it, those of the last.
    """

    name = "two-tower"
    Config = TwoTowerConfig

    training: TrainingResult
    """What the training loop reports of the last fit."""

    def settled(self) -> "TwoTower":
        """An unfitted one that trains exactly as many epochs as validation found best; it needs no validation data."""
        self.items  # noqa: B018 - raises NotFittedError
        training = self.config.training.model_copy(update={"stop_epoch": int(self.figures["epochs"])})
        return TwoTower(self.config.model_copy(update={"training": training}))

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        known = ItemAttributes.of_catalogue(train.catalogue) if self.config.uses_attributes else ItemAttributes.none(train.num_items)
        text, said = self._text_vectors(train, known, run)
        self._hides_ids = self.config.items.id_dropout > 0 and (known.matrix.shape[1] + known.vectors.shape[1] > 0 or text is not None)
        trained = TrainedItems.of(train, known, only_chosen=self._hides_ids, text=text)
        questions = self._questions(train, trained)
        batches = self._batches(train, trained, run)
        schedule = self.config.schedule_for(num_items=len(trained))
        growth = schedule.growth
        with torch.random.fork_rng():
            torch.manual_seed(run.seed)
            network = self._build(trained, questions, said)
            holdout = self._holdout(train, valid, run)

            def validate(network: TwoTowerNetwork, num_users: int) -> float:
                assert holdout is not None  # noqa: S101 - asked only where there is one
                asked = holdout if num_users == len(holdout) else holdout.take(np.arange(num_users))
                return self._quality(network, trained, questions, asked, train)

            task = TwoTowerTask(
                network,
                StagedLoss(self.config.loss, self._loss(trained, batches, run), growth),
                questions,
                num_items=len(trained),
                validate=validate,
                num_users=0 if holdout is None else len(holdout),
            )
            config = self.config.training if valid is not None else self.config.training.model_copy(update={"validate_every": 0})
            settings = {
                **self.config.model_dump(mode="json", exclude={"training"}),
                "attributes": known.fingerprint,
                "questions": questions.fingerprint,
            }
            if self._text_encoder is not None:
                settings["text encoder"] = self._text_encoder.fingerprint
            difficulty = difficulty_of(batches, schedule.curriculum, counts=trained.counts, train=train)
            supply = paced(batches, curriculum=schedule.curriculum, growth=growth, difficulty=difficulty, run=run)
            self.training = train_task(task, supply, config, run=run, settings=settings)
        self._take(network.cpu().eval(), trained, questions)
        self._write_graph(network)
        self.figures |= training_figures(self.training, metric=self.config.metric)

    def _text_vectors(self, train: Dataset, known: ItemAttributes, run: Run) -> tuple[FloatArray | None, FloatArray | None]:
        """(N, E) of the items' texts, and of what could be said of each; nothing without an encoder."""
        config = self.config
        self._text_encoder = resolve_text_encoder(config.text_encoder) if config.text_encoder is not None else None
        if self._text_encoder is None:
            return None, None
        folder = run.folder / VECTORS_FOLDER if run.folder is not None else None
        descriptions = train.catalogue.descriptions()
        self._reads = ItemText.of_items(descriptions, config.text)
        text = encode_texts(self._text_encoder, self._reads.texts(descriptions), folder=folder)
        sayings = said_of(known, title=train.catalogue.title_column, rows=np.arange(train.num_items))
        return text, encode_texts(self._text_encoder, sayings, folder=folder)

    def _questions(self, train: Dataset, trained: TrainedItems) -> Questions:
        config, known = self.config, trained.known
        spoken = None
        if config.asked_share and known.matrix.shape[1]:
            spoken = SpokenAttributes.of(trained.vocabulary, rarity=rarity_of(known.matrix))
        return Questions(
            features=EventFeatures.of(train, config.features),
            profiles=EventProfiles.of(train, newest=config.profiled_events) if config.profile else None,
            sayings=None if spoken is None else spoken.matrix(said_of(known, title=trained.title, rows=trained.rows)),
            share=config.asked_share,
        )

    def _batches(self, train: Dataset, trained: TrainedItems, run: Run) -> TokenBatches:
        config = self.config
        return TokenBatches(
            trained.histories(train),
            max_length=config.encoder.max_length,
            tokens=config.training.tokens,
            seed=run.seed,
            windows=config.older_windows,
        )

    def _build(self, trained: TrainedItems, questions: Questions, said: FloatArray | None) -> TwoTowerNetwork:
        config, width = self.config, self.config.encoder.width
        features, profiles = questions.features, questions.profiles
        hidden = config.items if self._hides_ids else config.items.model_copy(update={"id_dropout": 0.0})
        meanings = None if said is None else said[trained.rows]
        return TwoTowerNetwork(
            items=trained.embedding(hidden, width=width),
            encoder=SequenceEncoder(config.encoder, recomputes=config.recompute),
            query=QueryVectors(
                width=width,
                num_dense=0 if features is None else features.dense.shape[1],
                cardinalities=() if features is None else features.features.cardinalities,
                num_profile=0 if profiles is None else profiles.features.shape[1],
            ),
            words=None if questions.sayings is None else WordVectors(width=width, meanings=meanings, scale=config.items.scale),
            num_interests=config.interests,
            is_cosine=config.loss.temperature is not None,
        )

    def _loss(self, trained: TrainedItems, batches: TokenBatches, run: Run) -> LossFor:
        num_tokens = round(batches.num_tokens * (1 + self.config.asked_share))
        circumstances = circumstances_of(self.config.training, run.budget, num_tokens=num_tokens)

        def build(loss: LossConfig, precision: Precision) -> Loss:
            return build_loss(loss, num_items=len(trained), item_counts=trained.counts, precision=precision, **circumstances)

        return build

    def _holdout(self, train: Dataset, valid: Dataset | None, run: Run) -> Holdout | None:
        if valid is None:
            return None
        holdout = holdout_of(train, valid)
        if len(holdout) > self.config.max_queries:
            holdout = holdout.take(np.sort(run.rng().permutation(len(holdout))[: self.config.max_queries]))
        return holdout

    def _quality(self, network: TwoTowerNetwork, trained: TrainedItems, questions: Questions, holdout: Holdout, train: Dataset) -> float:
        """The mean of the metric over the validation users, as this network would answer them."""
        probe = copy(self)
        probe._take(network, trained, questions)
        ranks = []
        for start in range(0, len(holdout), BLOCK_QUERIES):
            queries = holdout.queries[start : start + BLOCK_QUERIES]
            histories = [train.items.known_rows(query.history) for query in queries]
            for place, row in enumerate(probe._score_rows(histories, queries)):
                seen = np.zeros(0, np.int64) if holdout.includes_repeats else np.unique(histories[place])
                ranks.append(rank_targets(row, holdout.targets[start + place], masked=seen)[0])
        return float(np.nanmean(parse_metric(self.config.metric).per_user(TargetRanks.of_lists(ranks))))

    def _take(self, network: TwoTowerNetwork, trained: TrainedItems, questions: Questions) -> None:
        """Everything that answering needs, from a network in evaluation mode; histories are encoded by torch until there is a graph."""
        config = self.config
        self._item_vectors = np.ascontiguousarray(trained.vectors(network.items, is_cosine=network.is_cosine))
        self._content = trained.content(network.items, width=config.encoder.width)
        self._num_interests, self._max_length, self._temperature = config.interests, config.encoder.max_length, config.loss.temperature
        self._start = network.start.detach().cpu().numpy()
        self._run_graph = _encoder_of(network)
        learnt = {f"query.{name}": array for name, array in network.query.arrays().items()}
        if network.words is not None:
            learnt |= {f"query.{name}": array for name, array in network.words.arrays().items()}
            learnt["query.rarity"] = rarity_of(trained.known.matrix)
        self._query = QueryTower(
            width=config.encoder.width,
            features=None if questions.features is None else questions.features.features,
            profiles=None if questions.profiles is None else questions.profiles.builder,
            words=None if network.words is None else self._words(learnt),
            **{name: learnt.get(f"query.{name}") for name in ("dense", "codes", "profile")},
        )

    def _write_graph(self, network: TwoTowerNetwork) -> None:
        """From now on histories are encoded as they will be once saved."""
        with tempfile.TemporaryDirectory(prefix="leanrec-") as folder:
            path = Path(folder) / ENCODER_FILE
            write_encoder_graph(network.encoder, path, interests=network.interests)
            self._open(path.read_bytes(), folder=path.parent)


def _encoder_of(network: TwoTowerNetwork) -> Encode:
    """What encodes histories with the network itself: (B, L, D) -> (B, K D)."""

    def encode(items: FloatArray) -> FloatArray:
        size, length, width = items.shape
        with torch.no_grad():
            packed = torch.from_numpy(items).to(network.start.device).reshape(size * length, width)
            hidden = network.encoder(packed, ((size, length),)).view(size, length, width)
            vectors: FloatArray = (hidden[:, -1] if network.interests is None else network.interests.newest(hidden)).float().cpu().numpy()
        return vectors

    return encode
