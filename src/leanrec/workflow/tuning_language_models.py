"""Tuners: how each kind of language model is opened, tuned, written, and joined with an adapter that was learned before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from leanrec.artifact import MANIFEST_FILE, Artifact, Manifest
from leanrec.config import Settings
from leanrec.errors import ConfigError
from leanrec.features.language_scorer import LanguageScorer
from leanrec.features.text_encoder import TextEncoder
from leanrec.models.adapters import AdaptedModel, Bottleneck
from leanrec.models.causal_scorer import CausalConfig, CausalScorer
from leanrec.models.cross_encoder import MODEL_FOLDER, CrossEncoder
from leanrec.models.text_encoder import HuggingFaceTextEncoder
from leanrec.models.text_saving import save_language_model
from leanrec.training.causal_tuning import CausalTuningConfig, tune_decoder
from leanrec.training.contrastive import ContrastiveConfig, tune_encoder
from leanrec.training.language_tuning import ADAPTER, Tuning
from leanrec.training.progress import TrainingResult
from leanrec.training.relevance import RelevanceConfig, tune_cross_encoder
from leanrec.training.run import Run
from leanrec.workflow.tuning_language_material import Material
from leanrec.workflow.tuning_language_settings import ADAPTER_FOLDER, TUNED_FILE, WEIGHTS_FOLDER, ModelConfig, Purpose, merged

LOADED = "loaded"

Recipe = TypeVar("Recipe", ContrastiveConfig, RelevanceConfig, CausalTuningConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """What a tuning came to."""

    result: TrainingResult
    tuning: Tuning
    num_weights: int
    """How many weights were learned."""


class Tuner(Protocol):
    """A language model of one purpose."""

    purpose: Purpose
    asked: Mapping[str, Any]
    """How the model is asked, in full; any: JSON."""

    @property
    def fingerprint(self) -> str:
        """Of the model as it is."""
        ...

    @property
    def recipe(self) -> ContrastiveConfig | RelevanceConfig | CausalTuningConfig:
        """What is learned, and how."""
        ...

    @property
    def reader(self) -> TextEncoder | LanguageScorer | None:
        """The model as it is, to be asked; nothing while its head is new."""
        ...

    def tune(self, material: Material, *, run: Run) -> Tuned:
        """Tune the model, in place."""
        ...

    def join(self, folder: Path) -> None:
        """Put an adapter to work that was saved alone, with its head."""
        ...

    def write(self, draft: Path, tuned: Tuned | None) -> Manifest:
        """Write what runs, what training goes on from, and the adapter when there is one; the manifest is what the draft still lacks."""
        ...


class EncoderTuner:
    """Texts to vectors."""

    purpose: Purpose = "encoder"

    def __init__(self, source: str, model: ModelConfig, recipe: Settings, *, seed: int) -> None:  # noqa: ARG002 - nothing is drawn
        _refuse(model, "prompt", because="only a decoder is given one")
        self.recipe = _recipe(ContrastiveConfig(), recipe)
        before, named = _tuned_before(source), _named(model, "max_tokens", "pooling")
        if before is not None and before["purpose"] == self.purpose:
            _refuse(model, "max_tokens", "pooling", because=f"{source} is an encoder already")
            named = before["asked"]
        self.encoder = HuggingFaceTextEncoder.open(_plain_model(source), **named)
        self.asked: Mapping[str, Any] = {"max_tokens": self.encoder.max_tokens, "pooling": self.encoder.pooling}

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer and settings."""
        return self.encoder.fingerprint

    @property
    def reader(self) -> TextEncoder:
        """As it is."""
        return self.encoder

    def tune(self, material: Material, *, run: Run) -> Tuned:
        """On what users chose one after the other."""
        kept: list[Tuning] = []
        result = tune_encoder(self.encoder, material.histories, material.texts, config=self.recipe, run=run, keep=kept.append)
        return _tuned(result, kept[0])

    def join(self, folder: Path) -> None:
        """An encoder has no head."""
        adapted = AdaptedModel(self.encoder.network.model)
        adapted.load(LOADED, folder)
        self.encoder.replace_model(adapted.folded())

    def write(self, draft: Path, tuned: Tuned | None) -> Manifest:
        """A graph, weights as transformers reads them, the adapter."""
        if not _has_bottleneck(self.encoder.network.model):
            save_language_model(draft / WEIGHTS_FOLDER, self.encoder.network.model, tokenizer=self.encoder.tokenizer.content)
        if tuned is not None and tuned.tuning.adapted is not None:
            tuned.tuning.save_adapter(draft / ADAPTER_FOLDER, settings={"purpose": self.purpose, **self.asked})
        self.encoder.save(draft / "graph")
        return _raised(draft / "graph", draft)


class PairTuner:
    """History and candidate read together: choices (`ranker`) or stars (`ratings`)."""

    def __init__(self, source: str, model: ModelConfig, recipe: Settings, *, purpose: Purpose, seed: int) -> None:
        _refuse(model, "prompt", because="only a decoder is given one")
        self.purpose = purpose
        self.recipe = _recipe(RelevanceConfig(objective="mse") if purpose == "ratings" else RelevanceConfig(), recipe)
        if (self.recipe.objective == "mse") != (purpose == "ratings"):
            raise ConfigError(
                f"objective {self.recipe.objective!r} does not belong to {purpose}", hint="mse is for ratings; bce, pairwise, listwise for a ranker"
            )
        _tuned_before(source)
        folder = _cross_encoder_folder(source)
        self._has_learned = folder is not None
        if folder is not None:
            _refuse(model, "max_tokens", "pooling", because=f"{source} is a cross-encoder already")
            self.encoder = CrossEncoder.load(folder)
        else:
            self.encoder = CrossEncoder.open(_plain_model(source), **_named(model, "max_tokens", "pooling"), seed=seed)
        self.asked: Mapping[str, Any] = {"max_tokens": self.encoder.max_tokens, "pooling": self.encoder.network.pooling}

    @property
    def fingerprint(self) -> str:
        """Of weights, head, tokenizer and settings."""
        return self.encoder.fingerprint

    @property
    def reader(self) -> LanguageScorer | None:
        """Once its head has learned."""
        return self.encoder if self._has_learned else None

    def tune(self, material: Material, *, run: Run) -> Tuned:
        """On labelled pairs."""
        kept: list[Tuning] = []
        result = tune_cross_encoder(self.encoder, material.train, config=self.recipe, run=run, keep=kept.append)
        return _tuned(result, kept[0])

    def join(self, folder: Path) -> None:
        """The adapter and its head."""
        adapted = AdaptedModel(self.encoder.network.model)
        beside = adapted.load(LOADED, folder)
        self.encoder.network.head.load_state_dict({name.removeprefix("head."): tensor for name, tensor in beside.items()})
        self.encoder.network.model = adapted.folded()

    def write(self, draft: Path, tuned: Tuned | None) -> Manifest:
        """A graph, weights with the head, the adapter with the head."""
        if not _has_bottleneck(self.encoder.network.model):
            self.encoder.save_weights(draft / WEIGHTS_FOLDER)
        if tuned is not None and tuned.tuning.adapted is not None:
            head = {f"head.{name}": tensor for name, tensor in self.encoder.network.head.state_dict().items()}
            tuned.tuning.save_adapter(draft / ADAPTER_FOLDER, beside=head, settings={"purpose": self.purpose, **self.asked})
        self.encoder.save(draft / "graph")
        return _raised(draft / "graph", draft)


class DecoderTuner:
    """How likely a text comes after a prompt."""

    purpose: Purpose = "decoder"

    def __init__(self, source: str, model: ModelConfig, recipe: Settings, *, seed: int) -> None:  # noqa: ARG002 - nothing is drawn
        _refuse(model, "pooling", because="a decoder makes no vectors")
        self.recipe = _recipe(CausalTuningConfig(), recipe)
        adapter = self.recipe.tuning.adapter
        if adapter is not None and adapter.kind == "bottleneck":
            raise ConfigError("a bottleneck cannot be folded into the weights that a decoder is saved as", hint="take lora or dora")
        if (Path(source) / MANIFEST_FILE).is_file() and Artifact.open(Path(source)).manifest.kind == CausalScorer.kind:
            _refuse(model, "max_tokens", "prompt", because=f"{source} is a decoder that was tuned with its own")
            self.scorer = CausalScorer.load(Path(source))
        else:
            self.scorer = CausalScorer.open(source, config=CausalConfig.parse(_named(model, "max_tokens", "prompt"), where="model"))
        self.asked: Mapping[str, Any] = {"max_tokens": self.scorer.config.max_tokens, "prompt": self.scorer.config.prompt}

    @property
    def fingerprint(self) -> str:
        """Of weights, tokenizer and settings."""
        return self.scorer.fingerprint

    @property
    def reader(self) -> LanguageScorer:
        """As it is."""
        return self.scorer

    def tune(self, material: Material, *, run: Run) -> Tuned:
        """On what was chosen, said after the history."""
        examples = material.train
        told = examples.take(np.flatnonzero(examples.labels > 0))
        kept: list[Tuning] = []
        result = tune_decoder(self.scorer, *told.pairs_of(np.arange(len(told))), config=self.recipe, run=run, keep=kept.append)
        return _tuned(result, kept[0])

    def join(self, folder: Path) -> None:
        """A decoder's head is its own."""
        adapted = AdaptedModel(self.scorer.network.model)
        adapted.load(LOADED, folder)
        self.scorer.network.model = adapted.folded()

    def write(self, draft: Path, tuned: Tuned | None) -> Manifest:
        """The decoder, which is opened with torch, and the adapter."""
        if tuned is not None and tuned.tuning.adapted is not None:
            tuned.tuning.save_adapter(draft / ADAPTER_FOLDER, settings={"purpose": self.purpose, **self.asked})
        self.scorer.save(draft / "scorer")
        return _raised(draft / "scorer", draft)


def open_tuner(source: str, purpose: Purpose, model: ModelConfig, recipe: Settings, *, seed: int) -> Tuner:
    """The model that `source` names, or the folder of one that was tuned before, ready for its recipe."""
    if purpose == "encoder":
        return EncoderTuner(source, model, recipe, seed=seed)
    if purpose == "decoder":
        return DecoderTuner(source, model, recipe, seed=seed)
    return PairTuner(source, model, recipe, purpose=purpose, seed=seed)


def _tuned(result: TrainingResult, tuning: Tuning) -> Tuned:
    adapted = tuning.adapted
    learned = adapted.weights(ADAPTER).values() if adapted is not None else (one for one in tuning.model.parameters() if one.requires_grad)
    return Tuned(result=result, tuning=tuning, num_weights=sum(weight.numel() for weight in learned))


def _recipe(default: Recipe, changes: Settings) -> Recipe:
    """The recipe with its own defaults wherever nothing else is said."""
    return type(default).parse(merged(default.model_dump(mode="json"), changes), where="recipe")


def _tuned_before(source: str) -> Mapping[str, Any] | None:  # Any: JSON
    """How a model that was tuned before is asked; nothing for any other."""
    if not (Path(source) / TUNED_FILE).is_file():
        return None
    told: Mapping[str, Any] = json.loads(Artifact.open(Path(source)).file(TUNED_FILE).read_text(encoding="utf-8"))
    if told["purpose"] != "decoder" and not (Path(source) / WEIGHTS_FOLDER).is_dir():
        raise ConfigError(
            f"{source} holds no weights to go on from: its bottleneck cannot be folded into any", hint="name the model it was tuned from"
        )
    return told


def _plain_model(source: str) -> str:
    """Where transformers finds the model of a source."""
    weights = Path(source) / WEIGHTS_FOLDER
    inner = weights / MODEL_FOLDER
    return str(inner if inner.is_dir() else weights if weights.is_dir() else source)


def _cross_encoder_folder(source: str) -> Path | None:
    """Where a cross-encoder with its head lies, if it does."""
    for folder in (Path(source) / WEIGHTS_FOLDER, Path(source)):
        if (folder / MANIFEST_FILE).is_file() and Artifact.open(folder).manifest.kind == CrossEncoder.kind:
            return folder
    return None


def _named(model: ModelConfig, *names: str) -> dict[str, Any]:  # Any: arguments
    """Those settings that were given."""
    return {name: value for name in names if (value := getattr(model, name)) is not None}


def _refuse(model: ModelConfig, *names: str, because: str) -> None:
    """An option that cannot take effect is an error."""
    for name in names:
        if getattr(model, name) is not None:
            raise ConfigError(f"model.{name} {getattr(model, name)!r} cannot take effect: {because}", hint="leave it out")


def _has_bottleneck(model: Any) -> bool:  # Any: transformers' own classes
    return any(isinstance(module, Bottleneck) for module in model.modules())


def _raised(inner: Path, draft: Path) -> Manifest:
    """The files of an artifact moved a folder up, without its manifest, which is given back to be written anew."""
    manifest = Artifact.open(inner).manifest
    (inner / MANIFEST_FILE).unlink()
    for path in sorted(inner.iterdir()):
        path.rename(draft / path.name)
    inner.rmdir()
    return manifest
