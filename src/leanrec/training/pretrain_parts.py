"""Parts of a pre-training that are done: each kept in a folder until the whole is written, so that nothing is done twice."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leanrec.artifact import MANIFEST_FILE, Artifact, Manifest, save_artifact

log = logging.getLogger(__name__)

PART_KIND = "pretraining-part"

MadeOf = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a part came to: figures as JSON holds them, and arrays by name."""

    figures: Mapping[str, Any]  # Any: JSON
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def kept_part(folder: Path | None, made_of: MadeOf, make: Callable[[], Part]) -> Part:
    """The part that the folder holds when it was made of the same, else a new one, which is kept there."""
    if folder is None:
        return make()
    held = held_part(folder, made_of, kind=PART_KIND)
    if held is not None:
        log.info("%s was done before", folder.name)
        return held
    part = make()
    save_artifact(folder, Manifest(kind=PART_KIND, config={"made_of": dict(made_of), "figures": dict(part.figures)}), part.arrays)
    return part


def held_part(folder: Path, made_of: MadeOf, *, kind: str) -> Part | None:
    """What an artifact of that kind holds; nothing when there is none, or one that was made of something else."""
    if not (folder / MANIFEST_FILE).is_file():
        return None
    artifact = Artifact.open(folder)
    config = artifact.manifest.config
    if artifact.manifest.kind != kind or config.get("made_of") != json.loads(json.dumps(made_of)):
        return None
    return Part(figures=config["figures"], arrays=artifact.arrays)


def forget_parts(folder: Path | None, names: tuple[str, ...]) -> None:
    """Remove what is no longer needed."""
    if folder is not None:
        for name in names:
            shutil.rmtree(folder / name, ignore_errors=True)
