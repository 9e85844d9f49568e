"""Library: a folder of model versions, and a small file that says which one answers.

models/<name>/<version>/    what `leanrec fit` wrote
models/<name>/current       {"version": ..., "previous": [...]}, replaced in one step
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leanrec.artifact import MANIFEST_FILE, Artifact, writing_file
from leanrec.errors import ArtifactError, ConfigError, did_you_mean

CURRENT_FILE = "current"
MAX_PREVIOUS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlace:
    """Where the version of a model that should answer lies, and a signature that changes when another one should."""

    name: str
    folder: Path
    signature: tuple[int | str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version in a library."""

    name: str
    version: str
    recommender: str
    is_current: bool
    leanrec_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pointer:
    version: str
    previous: tuple[str, ...] = ()


def places(folders: Sequence[Path]) -> list[ModelPlace]:
    """Every model that the folders offer: each folder is one model, or a library of several.

    Raises `ArtifactError` for a folder that is neither, and `ConfigError` when two models have one name.
    """
    found = [place for folder in folders for place in _places_in(Path(folder))]
    names = [place.name for place in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"several models are named {', '.join(twice)}", hint="rename a folder: a model is named after its folder")
    return found


def publish(folder: Path, library: Path, *, name: str | None = None) -> Version:
    """Copy a model folder into the library as a new version and let it answer."""
    artifact = Artifact.open(Path(folder), kind="model")
    chosen = _checked_name(name or Path(folder).resolve().name)
    version = artifact.manifest.fingerprint[:12]
    target = Path(library) / chosen / version
    if not target.exists():
        draft = target.with_name(f".{version}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft)
        draft.rename(target)
    return promote(library, name=chosen, version=version)


def promote(library: Path, *, name: str, version: str) -> Version:
    """Let a version answer; raises `ConfigError` when the library does not hold it, `ArtifactError` when it is harmed."""
    _require_name(library, name)
    known = _version_names(library / name)
    if version not in known:
        raise ConfigError(f"model {name!r} has no version {version!r}", hint=did_you_mean(version, known))
    Artifact.open(library / name / version, kind="model")
    pointer = _read_pointer(library / name)
    if pointer is None or pointer.version != version:
        previous = () if pointer is None else (pointer.version, *pointer.previous)
        _write_pointer(library / name, _Pointer(version=version, previous=previous[:MAX_PREVIOUS]))
    return _version(library, name, version)


def rollback(library: Path, *, name: str) -> Version:
    """Let the version answer that answered before; raises `ConfigError` when there is none."""
    _require_name(library, name)
    pointer = _read_pointer(library / name)
    remaining = [version for version in (pointer.previous if pointer else ()) if version in _version_names(library / name)]
    if not remaining:
        raise ConfigError(f"model {name!r} has no version to go back to", hint="leanrec models list shows what there is")
    _write_pointer(library / name, _Pointer(version=remaining[0], previous=tuple(remaining[1:])))
    return _version(library, name, remaining[0])


def versions(library: Path) -> list[Version]:
    """All versions of all models, by name."""
    names = sorted(path.name for path in Path(library).iterdir() if path.is_dir() and not path.name.startswith(".")) if Path(library).is_dir() else []
    found = [_version(Path(library), name, version) for name in names for version in _version_names(Path(library) / name)]
    if not found:
        raise ArtifactError(f"{library} holds no models", hint="leanrec models publish MODEL --to FOLDER puts one there")
    return found


def _places_in(folder: Path) -> list[ModelPlace]:
    manifest = folder / MANIFEST_FILE
    if manifest.is_file():
        state = manifest.stat()
        name = folder.resolve().name
        return [ModelPlace(name=name, folder=folder, signature=(state.st_ino, state.st_mtime_ns, state.st_size))]
    found = []
    for current in sorted(folder.glob(f"*/{CURRENT_FILE}")) if folder.is_dir() else []:
        pointer = _read_pointer(current.parent)
        if pointer is not None:
            found.append(ModelPlace(name=current.parent.name, folder=current.parent / pointer.version, signature=(pointer.version,)))
    if not found:
        raise ArtifactError(f"{folder} is neither a model nor a folder of models", hint="leanrec fit DATA --to MODEL makes a model")
    return found


def _read_pointer(folder: Path) -> _Pointer | None:
    path = folder / CURRENT_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _Pointer(version=_checked_name(content["version"]), previous=tuple(map(str, content["previous"])))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}", hint="leanrec models promote writes it again") from None


def _write_pointer(folder: Path, pointer: _Pointer) -> None:
    with writing_file(folder / CURRENT_FILE) as draft:
        draft.write_text(json.dumps({"version": pointer.version, "previous": list(pointer.previous)}) + "\n", encoding="utf-8")


def _version_names(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST_FILE}") if not path.parent.name.startswith("."))


def _version(library: Path, name: str, version: str) -> Version:
    pointer = _read_pointer(library / name)
    content = json.loads((library / name / version / MANIFEST_FILE).read_text(encoding="utf-8"))
    return Version(
        name=name,
        version=version,
        recommender=str(content["config"].get("recommender", "")),
        is_current=pointer is not None and pointer.version == version,
        leanrec_version=content["leanrec_version"],
    )


def _require_name(library: Path, name: str) -> None:
    if not (Path(library) / _checked_name(name)).is_dir():
        names = [path.name for path in Path(library).iterdir() if path.is_dir()] if Path(library).is_dir() else []
        raise ConfigError(f"{library} holds no model named {name!r}", hint=did_you_mean(name, names))


def _checked_name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise ConfigError(f"{name!r} cannot name a model or version", hint="use letters, digits, - and _")
    return name
