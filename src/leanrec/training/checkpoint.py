"""Checkpoint: a training under way as one folder, complete or not there, opened only by the training that wrote it.

Tensors stand in safetensors, counters and settings in the manifest; every file is hashed. Never pickle.
"""

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.errors import ArtifactError, ConfigError, DataError
from leanrec.training.progress import Progress

CHECKPOINT_KIND = "training-checkpoint"
CHECKPOINT_FOLDER = "checkpoint"
TENSORS_FILE = "tensors.safetensors"

Parts = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a training is made of: only the same data and the same settings may go on from its checkpoint."""

    fingerprint: str
    """Of the data."""
    settings: Mapping[str, Any]  # Any: the values of a TOML table

    @classmethod
    def of(cls, fingerprint: str, settings: Mapping[str, Any]) -> Self:
        """With the settings as JSON gives them back, so that they compare equal."""
        return cls(fingerprint=fingerprint, settings=json.loads(json.dumps(settings)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Counters, and tensors by part (`module`, `kept`, `average`, `optimizer`, `mixed`, `random`) and name."""

    progress: Progress
    parts: Parts


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, origin: Origin) -> None:
    """Take the place of the folder's checkpoint; when that fails the old one stays whole and `ArtifactError` is raised."""
    tensors = {f"{part}/{name}": tensor.to("cpu").contiguous() for part, named in checkpoint.parts.items() for name, tensor in named.items()}
    config = {"settings": origin.settings, "progress": checkpoint.progress.to_json()}
    try:
        with writing_folder(folder) as draft:
            save_file(tensors, draft / TENSORS_FILE)
            save_into(draft, Manifest(kind=CHECKPOINT_KIND, config=config, parents=(origin.fingerprint,)))
    except ArtifactError:
        raise
    except (OSError, SafetensorError) as error:
        wanted, free = sum(tensor.nbytes for tensor in tensors.values()), _free_bytes(folder)
        raise ArtifactError(
            f"no checkpoint could be written to {folder} ({wanted:,} bytes wanted, {free:,} bytes free): {error}",
            hint="an earlier one is whole: make room and train again with the same folder to go on from there",
        ) from error


def open_checkpoint(folder: Path, *, origin: Origin) -> Checkpoint | None:
    """The checkpoint of an interrupted training, `None` when there is none.

    Raises `ArtifactError` when it is damaged, `DataError` or `ConfigError` when it belongs to other data or settings.
    """
    _mend(folder)
    if not folder.exists():
        return None
    try:
        manifest = Artifact.open(folder, kind=CHECKPOINT_KIND).manifest
        _require_same_origin(folder, manifest, origin)
        progress = Progress.from_json(manifest.config["progress"])
        tensors = load_file(folder / TENSORS_FILE)
    except (ArtifactError, SafetensorError, KeyError, TypeError, OSError) as error:
        reason = error.message if isinstance(error, ArtifactError) else error
        raise ArtifactError(f"the checkpoint cannot be used: {reason}", hint=f"delete {folder} to begin anew") from None
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = tensor
    return Checkpoint(progress=progress, parts=parts)


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint: it is there or gone, even when the removal is interrupted."""
    if folder.exists():
        folder.rename(folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.draft"))
    _mend(folder)


def _require_same_origin(folder: Path, manifest: Manifest, origin: Origin) -> None:
    hint = f"train into another folder, or delete {folder} to begin anew"
    if manifest.parents != (origin.fingerprint,):
        held = ", ".join(manifest.parents)
        raise DataError(f"the checkpoint {folder} was made from data {held}; this training reads data {origin.fingerprint}", hint=hint)
    held_settings = manifest.config["settings"]
    if held_settings != origin.settings:
        names = sorted(name for name in held_settings.keys() | origin.settings.keys() if held_settings.get(name) != origin.settings.get(name))
        differences = "; ".join(f"{name} was {held_settings.get(name)!r}, now {origin.settings.get(name)!r}" for name in names)
        raise ConfigError(f"the checkpoint {folder} was made with other settings: {differences}", hint=hint)


def _mend(folder: Path) -> None:
    """Clear what a killed process left behind; the old checkpoint comes back when the new one never took its place."""
    for retired in sorted(folder.parent.glob(f".{folder.name}.*.old")):
        if not folder.exists():
            retired.rename(folder)
        else:
            shutil.rmtree(retired, ignore_errors=True)
    for draft in folder.parent.glob(f".{folder.name}.*.draft"):
        shutil.rmtree(draft, ignore_errors=True)


def _free_bytes(folder: Path) -> int:
    existing = next(parent for parent in folder.absolute().parents if parent.exists())
    return shutil.disk_usage(existing).free
