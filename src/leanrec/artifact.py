"""Artifact: the one saved form of everything, a folder with a manifest and safetensors arrays.

Opening gives the manifest and NumPy arrays; the class that owns the kind builds itself from them. Never pickle.
A folder is written under a temporary name and renamed, so a reader sees the old one or the new one, never half.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from leanrec.errors import ArtifactError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
ARRAYS_FILE = "arrays.safetensors"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What an artifact is, where it came from and what it was measured at."""

    kind: str
    """The registered name of the class that owns it, or the noun (`dataset`, `model`)."""
    config: Mapping[str, Any] = field(default_factory=dict)  # Any: the values of a TOML table
    parents: tuple[str, ...] = ()
    """Fingerprints of the data and artifacts it was made from."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None
    leanrec_version: str = field(default_factory=lambda: version("leanrec"))
    format_version: int = FORMAT_VERSION
    files: Mapping[str, str] = field(default_factory=dict)
    """File name below the folder -> sha256 of its bytes."""

    @property
    def fingerprint(self) -> str:
        """sha256 over the manifest, which holds the hash of every file: names the whole content."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """The manifest as it stands on disk, its own fingerprint included."""
        return json.dumps({**self._content(), "fingerprint": self.fingerprint}, indent=2, sort_keys=True) + "\n"

    def _content(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "config": dict(self.config),
            "parents": list(self.parents),
            "metrics": dict(self.metrics),
            "seed": self.seed,
            "leanrec_version": self.leanrec_version,
            "format_version": self.format_version,
            "files": dict(self.files),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """An opened folder: its manifest and its arrays by name."""

    folder: Path
    manifest: Manifest
    arrays: Arrays

    @classmethod
    def open(cls, folder: Path, *, kind: str | None = None) -> Self:
        """Read and verify a folder.

        Raises `ArtifactError` when it is missing, damaged, edited, of a newer format, or not of `kind`.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        if kind is not None and manifest.kind != kind:
            raise ArtifactError(f"{folder} holds a {manifest.kind!r}, not a {kind!r}", hint="name the right folder")
        contents = {name: _read_verified(folder, name, digest) for name, digest in manifest.files.items() if name == ARRAYS_FILE}
        for name, digest in manifest.files.items():
            if name not in contents:
                _verify_file(folder, name, digest)
        return cls(folder=folder, manifest=manifest, arrays=_parse_arrays(folder, contents.get(ARRAYS_FILE)))

    def file(self, name: str) -> Path:
        """The path of a file that the manifest names; raises `ArtifactError` when it names none such."""
        if name not in self.manifest.files:
            raise ArtifactError(f"{self.folder} holds no {name!r}; it holds {sorted(self.manifest.files)}", hint="was it saved by another version?")
        return self.folder / name

    @property
    def num_bytes(self) -> int:
        """Bytes on disk, manifest included."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def save_artifact(folder: Path, manifest: Manifest, arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Write manifest and arrays as one folder, replacing what was there; complete or not at all."""
    with writing_folder(folder) as draft:
        save_into(draft, manifest, arrays)


def save_into(draft: Path, manifest: Manifest, arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Write arrays and manifest into a folder that may hold other files; the manifest hashes them all."""
    if arrays:
        (draft / ARRAYS_FILE).write_bytes(save_arrays({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    paths = sorted(path for path in draft.rglob("*") if path.is_file())
    files = {path.relative_to(draft).as_posix(): file_sha256(path) for path in paths}
    (draft / MANIFEST_FILE).write_text(_with_files(manifest, files).to_json(), encoding="utf-8")


@contextmanager
def writing_folder(folder: Path) -> Iterator[Path]:
    """A draft folder that takes the place of `folder` when the block ends well, and vanishes when it fails."""
    folder = Path(folder)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.draft")
    refuse_foreign(folder)
    try:
        draft.mkdir(parents=True)
        yield draft
        _replace_folder(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """A draft path that takes the place of the file `path` when the block ends well, and vanishes when it fails."""
    path = Path(path)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_files(manifest: Manifest, files: Mapping[str, str]) -> Manifest:
    fields = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    return Manifest(**{**fields, "files": dict(files)})


def refuse_foreign(folder: Path) -> None:
    """Raise `ArtifactError` for a place that holds somebody's work: replacing is for empty folders and our own."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST_FILE).exists()):
        raise ArtifactError(f"{folder} exists and was not written by leanrec; nothing was overwritten", hint="choose another folder")


def _replace_folder(draft: Path, folder: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    retired = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.old")
    folder.rename(retired)
    draft.rename(folder)
    shutil.rmtree(retired)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise ArtifactError(f"no leanrec artifact at {folder}: it has no {MANIFEST_FILE}", hint="name a folder that leanrec wrote")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stated, format_version = content.pop("fingerprint"), content["format_version"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}", hint="make the artifact again") from None
    if not isinstance(format_version, int) or format_version > FORMAT_VERSION:
        raise ArtifactError(
            f"{folder} has format {format_version}; this leanrec ({version('leanrec')}) reads up to {FORMAT_VERSION}",
            hint="install a newer leanrec",
        )
    try:
        manifest = Manifest(**{**content, "parents": tuple(content["parents"])})
    except (TypeError, KeyError) as error:
        raise ArtifactError(f"{path} is damaged: {error}", hint="make the artifact again") from None
    if manifest.fingerprint != stated:
        raise ArtifactError(f"{path} was edited: its fingerprint does not match its content", hint="make the artifact again")
    return manifest


def _read_verified(folder: Path, name: str, digest: str) -> bytes:
    _verify_file(folder, name, digest)
    return (folder / name).read_bytes()


def _verify_file(folder: Path, name: str, digest: str) -> None:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file():
        raise ArtifactError(f"{folder} is incomplete: {name} is missing", hint="copy the whole folder again")
    if file_sha256(path) != digest:
        raise ArtifactError(f"{path} is damaged: its sha256 does not match the manifest", hint="copy or make the artifact again")


def _parse_arrays(folder: Path, content: bytes | None) -> Arrays:
    if content is None:
        return {}
    try:
        return load_arrays(content)
    except SafetensorError as error:
        raise ArtifactError(f"{folder / ARRAYS_FILE} cannot be read: {error}", hint="make the artifact again") from None
