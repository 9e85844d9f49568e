"""A fit that is kept: fitted and saved once, and opened from then on, so that an interrupted work goes on behind it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leanrec.artifact import MANIFEST_FILE, Artifact, writing_file
from leanrec.config import Config, Settings
from leanrec.data.dataset import Dataset
from leanrec.errors import PlugInError
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.protocol import CatalogueRecommender, LearnsFromValidation, Recommender
from leanrec.training.journal import keep_only_journals
from leanrec.training.run import Run

log = logging.getLogger(__name__)

FITTED_FOLDER, TRAINING_FOLDER, RECORD_FILE = "fitted", "training", "fitted.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFit:
    """A fitted recommender that scores its whole catalogue."""

    recommender: CatalogueRecommender
    settled: Settings
    """Its settings with what validation taught it, so that it can be fitted again without."""
    fingerprint: str
    """Of the saved recommender."""


def fit_once(name: str, settings: Settings, train: Dataset, *, valid: Dataset | None, run: Run, folder: Path) -> KeptFit:
    """The recommender fitted to `train` and saved in `folder`, opened as it will be served; not fitted again when it is there.

    What is there counts when it was fitted under the same name, settings, data and seed; anything else makes room.
    """
    made_of: dict[str, Any] = {  # Any: JSON
        "recommender": name,
        "settings": settings,
        "data": train.fingerprint,
        "valid": None if valid is None else valid.fingerprint,
        "seed": run.seed,
    }
    place, record = folder / FITTED_FOLDER, folder / RECORD_FILE
    held = json.loads(record.read_text(encoding="utf-8")) if record.is_file() and (place / MANIFEST_FILE).is_file() else {}
    if held.get("made of") != json.loads(json.dumps(made_of)):
        record.unlink(missing_ok=True)
        training = replace(run, folder=folder / TRAINING_FOLDER)
        held = {"made of": made_of, "settled": _fit(name, settings, train, valid=valid, run=training, place=place)}
        with writing_file(record) as draft:
            draft.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")
        keep_only_journals(folder / TRAINING_FOLDER)
    else:
        log.info("%s was fitted before, and is taken from %s", name, place)
    return KeptFit(
        recommender=scoring_all(opener(name).load(place), name), settled=held["settled"], fingerprint=Artifact.open(place).manifest.fingerprint
    )


def scoring_all(recommender: Recommender, name: str) -> CatalogueRecommender:
    """The recommender itself; raises `PlugInError` when it cannot score its whole catalogue."""
    if not isinstance(recommender, CatalogueRecommender):
        raise PlugInError(f"{name!r} cannot score its whole catalogue at once", hint="name a recommender with `items` and `catalogue_scores`")
    return recommender


def _fit(name: str, settings: Mapping[str, Any], train: Dataset, *, valid: Dataset | None, run: Run, place: Path) -> Settings:
    """Fit and save; the settings by which it would be fitted again."""
    recommender = build(name, settings, where=f"settings of {name}")
    if valid is None or not isinstance(recommender, LearnsFromValidation):
        scoring_all(recommender.fit(train, run=run), name).save(place)
        return dict(settings)
    scoring_all(recommender.fit(train, valid=valid, run=run), name).save(place)
    config = getattr(recommender.settled(), "config", None)
    if not isinstance(config, Config):
        raise PlugInError(f"{name!r} settles into no settings, so that it could be fitted again", hint="give it a `config`")
    return config.model_dump(mode="json", by_alias=True)
