"""Sequential: a network over histories that is trained to name the next item; needs torch to be fitted, and none to answer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from leanrec.artifact import Arrays, Manifest
from leanrec.config import Config
from leanrec.data.dataset import Dataset
from leanrec.data.holdout import holdout_of
from leanrec.errors import ConfigError, MissingExtraError
from leanrec.features.augment import AugmentConfig, AugmentedBatches, ViewsConfig
from leanrec.features.batches import TokenBatches
from leanrec.features.cooccurrence import estimated_bytes
from leanrec.features.histories import Histories
from leanrec.features.item_attributes import ItemAttributes
from leanrec.metrics.accuracy import parse_metric
from leanrec.recommenders.bundled import ENCODER_FILE, WEIGHTS_PREFIX
from leanrec.recommenders.pacing import difficulty_of, paced
from leanrec.recommenders.protocol import FloatArray
from leanrec.recommenders.schedules import MANY_ITEMS, Schedule, ScheduleName, Shape, schedule_for, schedule_of
from leanrec.recommenders.vector_scorer import VectorScorer
from leanrec.training.curriculum import CurriculumConfig
from leanrec.training.growth import GrowthConfig
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.training_config import Precision, TrainingConfig

try:
    import torch

    from leanrec.models.item_embedding import ItemEmbeddingConfig
    from leanrec.models.losses import Loss, LossConfig, build_loss, choose_kind
    from leanrec.models.next_item import NextItemNetwork
    from leanrec.models.onnx_graph import write_encoder_graph
    from leanrec.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig, require_widening
    from leanrec.recommenders.next_item_task import NextItemTask, Validation, encode_last
    from leanrec.recommenders.self_supervision import AuxiliaryConfig, SelfSupervision
    from leanrec.recommenders.staged_loss import LossFor, StagedLoss, circumstances_of, require_loss_ends
    from leanrec.recommenders.trained_items import TrainedItems
    from leanrec.training.loop import train as train_task
except ModuleNotFoundError as error:
    if (error.name or "").startswith("leanrec"):
        raise
    raise MissingExtraError(f"sequential needs {error.name}, which is not installed", hint="pip install 'leanrec[train]'") from None


class SequentialConfig(Config):
    """What is trained and how; defaults chosen on the validation items of Amazon Beauty (docs/log.md)."""

    encoder: SequenceEncoderConfig = SequenceEncoderConfig(block="frequency")
    """How histories are read."""
    loss: LossConfig = LossConfig()
    """What training drives down."""
    items: ItemEmbeddingConfig = ItemEmbeddingConfig()
    """What an item's vector is made of; with `id_dropout` above 0 items that nobody chose yet are scored by their content."""
    training: TrainingConfig = TrainingConfig(
        max_epochs=14, tokens=1024, learning_rate=4e-3, warmup_epochs=1, weight_decay=0.01, clip=5.0, average=0.998, patience=3, validate_every=2
    )
    """For how long and how fast, and when to stop; the weights' average is kept, which is there sooner than the weights (docs/training.md)."""
    uses_attributes: bool = True
    """Whether attributes of the catalogue and words of the titles are part of an item's vector."""
    older_windows: bool = False
    """Whether events before the newest `encoder.max_length` are learned from too, in windows of their own."""
    augment: AugmentConfig | None = None
    """How some of the histories are changed, anew in each epoch, before their next items are learned; left out, they are read as they are."""
    auxiliary: AuxiliaryConfig | None = None
    """What is learned of the histories beside their next items; left out, nothing."""
    curriculum: CurriculumConfig | None = None
    """Which histories are learned first; left out, what `schedule` says."""
    schedule: ScheduleName = "auto"
    """A curriculum or a growth by name. `auto`: what was found best for data of that shape, which the log names; `whole`: all from the beginning."""
    growth: GrowthConfig | None = None
    """What training begins with less of, in stages of your own; left out, what `schedule` says."""
    recompute: bool = False
    """Whether what blocks make is computed twice instead of kept: less memory, about a third more time."""
    metric: str = "ndcg@10"
    """What validation looks at, for early stopping."""
    max_queries: int = Field(default=10_000, ge=1)
    """Validation users that are asked after an epoch; more are sampled by the run's seed."""

    unheeded: ClassVar[tuple[str, ...]] = ()
    """Settings that the recommender cannot follow: they are refused."""
    looks_at_few: ClassVar[bool] = True
    """Whether a step can do with the vectors of the items in its batch, as `items.sparse` wants."""

    @model_validator(mode="after")
    def _is_heeded(self) -> "SequentialConfig":
        for name in self.unheeded:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is heeded by 'sequential' alone; leave it out")
        named = schedule_of(self.schedule, num_items=MANY_ITEMS, max_length=self.encoder.max_length)
        for kind in ("curriculum", "growth"):
            if getattr(self, kind) is not None and getattr(named, kind) is not None:
                raise ValueError(f"schedule {self.schedule!r} is a {kind}, and {kind} is given as well: leave one of them out")
        growth, encoder = self.schedule_for(num_items=MANY_ITEMS).growth, self.encoder
        if growth is not None:
            ends = {"max_length": encoder.max_length, "tokens": self.training.tokens, "num_layers": encoder.num_layers, "dimensions": encoder.width}
            growth.require_ends(**ends, width=encoder.width)
            if growth.width:
                require_widening(encoder, first=growth.width[0])
            require_loss_ends(growth, self.loss, self.training.precision)
        return self

    def schedule_for(self, *, num_items: int) -> Schedule:
        """The curriculum and the stages that are given, else those of the schedule that is named; nothing for `auto`, which has to see the data."""
        named = schedule_of(self.schedule, num_items=num_items, max_length=self.encoder.max_length)
        return Schedule(curriculum=self.curriculum or named.curriculum, growth=self.growth or named.growth)

    def first_encoder(self, growth: GrowthConfig | None) -> SequenceEncoderConfig:
        """What training begins with."""
        first = {} if growth is None else {name: growth.size_at(name, 0.0) for name in ("num_layers", "width")}
        return self.encoder.model_copy(update={name: size for name, size in first.items() if size is not None})

    @model_validator(mode="after")
    def _can_be_sparse(self) -> "SequentialConfig":
        if not self.items.sparse:
            return self
        if not self.looks_at_few:
            raise ValueError("items.sparse is heeded by 'sequential' alone; leave it out")
        if self.loss.kind in ("auto", "full-softmax"):
            raise ValueError(f"items.sparse needs a loss over drawn items, not {self.loss.kind!r}: set loss.kind to sampled-softmax, (g)bce or bpr")
        if self.training.optimizer != "adagrad-rows":
            raise ValueError(f"items.sparse needs training.optimizer = 'adagrad-rows'; {self.training.optimizer!r} moves every row")
        if self.auxiliary is not None:
            raise ValueError("auxiliary compares vectors of all items, and items.sparse has those of a batch alone: leave one of them out")
        return self

    @model_validator(mode="before")
    @classmethod
    def _keep_the_other_defaults(cls, settings: Any) -> Any:  # Any: the values of a TOML table
        """Whoever changes one setting of a table keeps our defaults of the others, not those of the table's class."""
        if not isinstance(settings, Mapping):
            return settings
        ours = {name: cls.model_fields[name].default.model_dump(exclude_unset=True) for name in ("encoder", "items", "training")}
        filled = {name: {**defaults, **settings[name]} for name, defaults in ours.items() if isinstance(settings.get(name), Mapping)}
        return {**settings, **filled}


class Sequential(VectorScorer[SequentialConfig]):
    """Next-item prediction at every place of every history (SASRec, arXiv 1808.09781), over packed batches and the whole catalogue.

    With `valid` the weights of the best epoch are kept; without it, those of the last. Saved with an ONNX graph, which
    `bundled` runs without torch.
    """

    name = "sequential"
    Config = SequentialConfig

    _encoder: SequenceEncoder
    _schedule: ScheduleName
    """What `schedule` came to."""
    training: TrainingResult
    """What the training loop reports of the last fit."""

    def settled(self) -> "Sequential":
        """An unfitted one that trains exactly as many epochs as validation found best; it needs no validation data."""
        self.items  # noqa: B018 - raises NotFittedError
        training = self.config.training.model_copy(update={"stop_epoch": int(self.figures["epochs"])})
        return Sequential(self.config.model_copy(update={"training": training, "schedule": self._schedule}))

    def _learn(self, train: Dataset, *, valid: Dataset | None, run: Run) -> None:
        known = ItemAttributes.of_catalogue(train.catalogue) if self.config.uses_attributes else ItemAttributes.none(train.num_items)
        trained = TrainedItems.of(train, known, only_chosen=self._hides_ids(known))
        batches = self._batches(train, run, trained)
        schedule = self._settle_schedule(trained, batches, run)
        growth = schedule.growth
        with torch.random.fork_rng():
            torch.manual_seed(run.seed)
            network = self._build(trained, growth)
            task = NextItemTask(
                network,
                StagedLoss(self.config.loss, self._loss(trained, batches, run), growth),
                num_items=len(trained),
                validation=self._validation(train, valid, run, trained),
                beside=self._beside(batches.histories, network, run),
                growth=growth,
            )
            config = self.config.training if valid is not None else self.config.training.model_copy(update={"validate_every": 0})
            settings = {**self.config.model_dump(mode="json", exclude={"training"}), "schedule": self._schedule, "attributes": known.fingerprint}
            difficulty = self._difficulty(schedule.curriculum, batches, trained, train)
            supply = paced(batches, curriculum=schedule.curriculum, growth=growth, difficulty=difficulty, run=run)
            self.training = train_task(task, supply, config, run=run, settings=settings)
            network.encoder.grow(self.config.encoder.num_layers)  # where training stopped before it had
            network.widen(self.config.encoder.width)
        self._keep(network, trained)
        self.figures |= training_figures(self.training, metric=self.config.metric)

    def _hides_ids(self, known: ItemAttributes) -> bool:
        """Whether content is to speak for items without an id; raises `ConfigError` where there is none."""
        if not self.config.items.id_dropout:
            return False
        if not (known.matrix.shape[1] or known.vectors.shape[1]):
            raise ConfigError(
                f"items.id_dropout = {self.config.items.id_dropout:g} hides ids, and nothing else is known of the items",
                hint="set it to 0, or pass a catalogue with titles or attributes and leave uses_attributes true",
            )
        return True

    def _batches(self, train: Dataset, run: Run, trained: "TrainedItems | None" = None) -> TokenBatches:
        config = self.config
        histories = trained.histories(train) if trained is not None else Histories.of_dataset(train)
        max_length, tokens, windows = config.encoder.max_length, config.training.tokens, config.older_windows
        if config.augment is None:
            return TokenBatches(histories, max_length=max_length, tokens=tokens, seed=run.seed, windows=windows)
        _require_counting(config.augment, histories, run)
        return AugmentedBatches(histories, config.augment, max_length=max_length, tokens=tokens, seed=run.seed, windows=windows)

    def _difficulty(self, curriculum: CurriculumConfig | None, batches: TokenBatches, trained: TrainedItems, train: Dataset) -> FloatArray | None:
        """(S,) what a curriculum sorts the sequences by."""
        return difficulty_of(batches, curriculum, counts=trained.counts, train=train)

    def _settle_schedule(self, trained: TrainedItems, batches: TokenBatches, run: Run) -> Schedule:
        """What comes first in the training; what `auto` stands for is decided here, where nothing is given."""
        config = self.config
        self._schedule = config.schedule
        if self._schedule == "auto" and config.growth is None and config.curriculum is None:
            self._schedule = schedule_for(self._shape(trained, batches, run))
        return config.model_copy(update={"schedule": self._schedule}).schedule_for(num_items=len(trained))

    def _shape(self, trained: TrainedItems, batches: TokenBatches, run: Run) -> Shape:
        kind = self.config.loss.kind
        if kind == "auto":
            kind = choose_kind(len(trained), **circumstances_of(self.config.training, run.budget, num_tokens=batches.num_tokens))
        return Shape(num_items=len(trained), has_full_softmax=kind == "full-softmax")

    def _build(self, trained: TrainedItems, growth: GrowthConfig | None) -> NextItemNetwork:
        config = self.config
        first = config.first_encoder(growth)
        items = trained.embedding(config.items, width=first.width)
        hides_items = (config.augment is not None and config.augment.mask > 0) or (config.auxiliary is not None and config.auxiliary.hides_items)
        encoder = SequenceEncoder(first, recomputes=config.recompute)
        return NextItemNetwork(items, encoder, is_cosine=config.loss.temperature is not None, hides_items=hides_items)

    def _beside(self, histories: Histories, network: NextItemNetwork, run: Run) -> SelfSupervision | None:
        auxiliary = self.config.auxiliary
        if auxiliary is None:
            return None
        _require_counting(auxiliary.views, histories, run)
        beside = SelfSupervision(auxiliary, histories, max_length=self.config.encoder.max_length, seed=run.seed)
        beside.join(network)
        return beside

    def _loss(self, trained: TrainedItems, batches: TokenBatches, run: Run) -> LossFor:
        circumstances = circumstances_of(self.config.training, run.budget, num_tokens=batches.num_tokens)

        def build(loss: LossConfig, precision: Precision) -> Loss:
            return build_loss(loss, num_items=len(trained), item_counts=trained.counts, precision=precision, **circumstances)

        return build

    def _validation(self, train: Dataset, valid: Dataset | None, run: Run, trained: TrainedItems) -> Validation | None:
        if valid is None:
            return None
        holdout = holdout_of(train, valid)
        if len(holdout) > self.config.max_queries:
            holdout = holdout.take(np.sort(run.rng().permutation(len(holdout))[: self.config.max_queries]))
        return Validation(holdout, items=train.items, trained=trained, metric=parse_metric(self.config.metric))

    def _keep(self, network: NextItemNetwork, trained: TrainedItems) -> None:
        """Everything that answering needs, on the CPU."""
        self._encoder = network.cpu().eval().encoder
        self._item_vectors: FloatArray = np.ascontiguousarray(trained.vectors(network.items, is_cosine=network.is_cosine))
        self._content = trained.content(network.items, width=self.config.encoder.width) if self.config.items.id_dropout else None
        self._max_length = self.config.encoder.max_length
        self._temperature = self.config.loss.temperature

    def _encode(self, items: FloatArray) -> FloatArray:
        with torch.no_grad():
            return encode_last(self._encoder, items)

    def _manifest(self) -> Manifest:
        """With the schedule by its name, so that a loaded one can be settled too."""
        manifest = super()._manifest()
        return replace(manifest, config={**manifest.config, "schedule": self._schedule})

    def _save_parts(self, draft: Path) -> None:
        write_encoder_graph(self._encoder, draft / ENCODER_FILE)

    def _to_arrays(self) -> Arrays:
        weights = {f"{WEIGHTS_PREFIX}{name}": tensor.numpy() for name, tensor in self._encoder.state_dict().items()}
        return {**super()._to_arrays(), **weights}

    def _from_arrays(self, arrays: Arrays) -> None:
        super()._from_arrays(arrays)
        self._schedule = self.config.schedule
        weights = {name.removeprefix(WEIGHTS_PREFIX): array for name, array in arrays.items() if name.startswith(WEIGHTS_PREFIX)}
        self._encoder = SequenceEncoder(self.config.encoder)
        self._encoder.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self._encoder.eval()


def _require_counting(views: ViewsConfig, histories: Histories, run: Run) -> None:
    """Raise `BudgetError` where counting what is chosen together takes more memory than there is."""
    if views.draws_companions:
        needed = estimated_bytes(histories, window=views.window)
        run.budget.require_memory(needed, purpose=f"counting items at most {views.window} events apart", hint="make `window` smaller")


def training_figures(training: TrainingResult, *, metric: str) -> dict[str, float]:
    """What the training came to, for the manifest."""
    found = {"epochs": float(training.best_epoch), "training CPU-seconds": training.cpu_seconds}
    return found if training.best_quality is None else {**found, f"validation {metric}": training.best_quality}
