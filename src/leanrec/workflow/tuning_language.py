"""Tune a language model on what people chose or rated, and say what held-out users make of it; an adapter joined with its base."""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanrec.artifact import MANIFEST_FILE, Artifact, Manifest, refuse_foreign, save_into, writing_file, writing_folder
from leanrec.errors import ConfigError, MissingExtraError
from leanrec.evaluation.efficiency import spend
from leanrec.features.scorer_opening import open_language_scorer
from leanrec.features.text_opening import open_text_encoder
from leanrec.training.run import Run
from leanrec.workflow.estimate import Work
from leanrec.workflow.keeping import keeping_trainings
from leanrec.workflow.reading import Data, read
from leanrec.workflow.sharing import Clock
from leanrec.workflow.tuning_language_material import Material, gather
from leanrec.workflow.tuning_language_report import quality_of, reference_of
from leanrec.workflow.tuning_language_settings import ADAPTER_FOLDER, TUNED_FILE, LanguageTuningSettings, ModelConfig, Purpose, merged

if TYPE_CHECKING:
    from leanrec.workflow.tuning_language_models import Tuned, Tuner

log = logging.getLogger(__name__)

NOT_DECISIVE = ("checkpoint_minutes", "checkpoint_steps", "journal_steps", "device")
"""Settings of a training that change nothing of what comes out."""
REPORT_SHARE = 0.1
"""Of the minutes: kept free for the report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TunedLanguage:
    """What was written, and what it is worth."""

    folder: Path
    record: Mapping[str, Any]  # Any: JSON
    """What `tuned.json` holds: purpose, asked, made_of, cost, and the report."""

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """For programs."""
        return {"folder": str(self.folder), **self.record}


def tune_language(
    model: str, data: Data, purpose: Purpose, *, to: Path, settings: LanguageTuningSettings | None = None, catalogue: str | None = None
) -> TunedLanguage:
    """Tune `model` for a purpose on the events of `data`, and write it to the folder `to`; whole or not at all.

    An encoder's folder is one that `text_encoder` names; a ranker's, or a decoder's, one that `scorer` of `language-ranker` names. Beside what
    runs lie `weights`, to go on from, and `adapter` alone. Some users are held out, and the report is made on them. Interrupted, the same
    call goes on from `<to>.training`; a folder that was made of the same already is not made again.
    """
    settings, to = settings or LanguageTuningSettings(), Path(to)
    refuse_foreign(to)
    clock = Clock(budget=settings.budget)
    dataset = read(data, settings=settings.reading, catalogue=catalogue)
    tuner = _opened(model, purpose, settings)
    with keeping_trainings(to, dataset, settings.reading) as folder:
        assert folder is not None  # noqa: S101 - it is, wherever something is written
        material = gather(dataset, purpose, settings, folder=folder)
        work = _Work(tuner=tuner, material=material, made_of=_made_of(tuner, material, settings), folder=folder / purpose)
        record = record_of(to, work.made_of)
        if record is None:
            record = work.done(clock, settings)
            _publish(work.place, to, record)
        else:
            log.info("%s was tuned from the same before", to)
    return TunedLanguage(folder=to, record=record)


def join_adapter(model: str, adapter: Path, *, to: Path) -> TunedLanguage:
    """Put an adapter that was saved alone to work on its base, and write both as `tune_language` does; whole or not at all.

    `adapter` is its folder, or that of the tuned model beside which it lies. Raises `ArtifactError` when it was learned beside another base.
    """
    folder, to = Path(adapter), Path(to)
    refuse_foreign(to)
    folder = folder / ADAPTER_FOLDER if (folder / ADAPTER_FOLDER / MANIFEST_FILE).is_file() else folder
    manifest = Artifact.open(folder).manifest
    settings = dict(manifest.config.get("settings", {}))
    if "purpose" not in settings:
        raise ConfigError(f"{folder} does not say what its adapter is for", hint="name a folder that `leanrec finetune --adapter` wrote")
    purpose: Purpose = settings.pop("purpose")
    asked = ModelConfig() if (Path(model) / TUNED_FILE).is_file() else ModelConfig.parse(settings, where=str(folder))
    tuner = _opened(model, purpose, LanguageTuningSettings(model=asked))
    made_of = {"model": tuner.fingerprint, "adapter": manifest.fingerprint}
    tuner.join(folder)
    record = {"purpose": purpose, "asked": dict(tuner.asked), "made_of": made_of}
    _write(tuner, None, record, to=to)
    return TunedLanguage(folder=to, record=record)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A tuning whose parts are each done once, whatever interrupts it."""

    tuner: "Tuner"
    material: Material
    made_of: Mapping[str, Any]  # Any: JSON
    folder: Path

    @property
    def place(self) -> Path:
        """Where the tuned model waits for its report: named like a checkpoint, so that it is kept whatever stops the command."""
        return self.folder / "tuned" / "checkpoint"

    def done(self, clock: Clock, settings: LanguageTuningSettings) -> dict[str, Any]:  # Any: JSON
        """The figures before, the tuning, the figures after."""
        purpose, recipe = self.tuner.purpose, self.made_of["recipe"]
        before = self._before(recipe)
        budget = clock.budget_of([Work(others=REPORT_SHARE * 60 * (settings.budget.minutes or 0), trainings=1)])
        record = record_of(self.place, self.made_of) or self._tuned(Run(seed=settings.seed, budget=budget, folder=self.folder))
        reader = open_text_encoder(self.place) if purpose == "encoder" else open_language_scorer(self.place)
        found = quality_of(reader, self.material, purpose, recipe=recipe)
        return {**record, "before": before, "reference": reference_of(self.material, purpose), **found}

    def _before(self, recipe: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
        """Of the model as it came; nothing where its head is new."""
        path = self.folder / "before.json"
        held = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if held.get("made_of") == self.made_of:
            return dict(held["figures"])
        reader = self.tuner.reader
        figures = quality_of(reader, self.material, self.tuner.purpose, recipe=recipe)["quality"] if reader is not None else {}
        with writing_file(path) as draft:
            draft.write_text(json.dumps({"made_of": self.made_of, "figures": figures}), encoding="utf-8")
        return dict(figures)

    def _tuned(self, run: Run) -> dict[str, Any]:  # Any: JSON
        spent = spend(lambda: self.tuner.tune(self.material, run=run))
        result = spent.result.result
        cost = {
            "cpu_seconds": result.cpu_seconds,
            "seconds": result.seconds,
            "peak_mb": spent.cost.peak_mb,
            "steps": result.steps,
            "stopped_because": result.stopped_because,
            "trained_weights": spent.result.num_weights,
        }
        record = {"purpose": self.tuner.purpose, "asked": dict(self.tuner.asked), "made_of": dict(self.made_of), "cost": cost}
        _write(self.tuner, spent.result, record, to=self.place)
        return record


def record_of(folder: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:  # Any: JSON
    """What a folder says of itself, when it was made of the same; raises `ArtifactError` when it was harmed."""
    if not (folder / TUNED_FILE).is_file():
        return None
    record: dict[str, Any] = json.loads(Artifact.open(folder).file(TUNED_FILE).read_text(encoding="utf-8"))
    return record if record["made_of"] == made_of else None


def _opened(model: str, purpose: Purpose, settings: LanguageTuningSettings) -> "Tuner":
    try:
        from leanrec.workflow.tuning_language_models import open_tuner
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"tuning language models needs {error.name}", hint="pip install 'leanrec[train]'") from None
    recipe = settings.recipe
    if settings.few is not None and purpose in ("ranker", "ratings"):
        recipe = merged(recipe, {"examples": settings.few})
    return open_tuner(model, purpose, settings.model, recipe, seed=settings.seed)


def _made_of(tuner: "Tuner", material: Material, settings: LanguageTuningSettings) -> dict[str, Any]:  # Any: JSON
    """All that decides the weights that come out."""
    recipe = tuner.recipe.model_dump(mode="json", exclude={"training": set(NOT_DECISIVE)})
    found = {"model": tuner.fingerprint, "material": material.fingerprint, "recipe": recipe, "few": settings.few, "seed": settings.seed}
    made_of: dict[str, Any] = json.loads(json.dumps({**found, "purpose": tuner.purpose, "minutes": settings.budget.minutes}))
    return made_of


def _write(tuner: "Tuner", tuned: "Tuned | None", record: Mapping[str, Any], *, to: Path) -> None:  # Any: JSON
    with writing_folder(to) as draft:
        manifest = tuner.write(draft, tuned)
        _finish(draft, manifest, record)


def _publish(place: Path, to: Path, record: Mapping[str, Any]) -> None:  # Any: JSON
    """The kept folder with its report, in the place that was asked for."""
    manifest = Artifact.open(place).manifest
    with writing_folder(to) as draft:
        shutil.copytree(place, draft, dirs_exist_ok=True, ignore=lambda folder, _: [MANIFEST_FILE] if Path(folder) == place else [])
        _finish(draft, manifest, record)


def _finish(draft: Path, manifest: Manifest, record: Mapping[str, Any]) -> None:  # Any: JSON
    (draft / TUNED_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    parents = tuple(str(record["made_of"][name]) for name in ("model", "material", "adapter") if name in record["made_of"])
    metrics = {name: figure["value"] for name, figure in record.get("quality", {}).items() if figure["value"] is not None}
    save_into(draft, replace(manifest, files={}, parents=parents, metrics=metrics))
