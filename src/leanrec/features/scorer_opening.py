"""Open a language scorer by folder: whatever wrote it is found by the kind that its manifest names; loads torch only for what needs it."""

from pathlib import Path
from typing import Any

from leanrec import registry
from leanrec.artifact import MANIFEST_FILE, Artifact
from leanrec.errors import ArtifactError, ConfigError, MissingExtraError, PlugInError
from leanrec.features.language_scorer import LanguageScorer

_NEXT = "name a folder that a fine-tuned cross-encoder or decoder was saved in"


def open_language_scorer(folder: str | Path) -> LanguageScorer:
    """The scorer saved in a folder.

    Raises `ConfigError` when there is no such folder, `ArtifactError` when it holds something else or was harmed, and
    `MissingExtraError` when opening it needs a package that is not installed.
    """
    if not str(folder) or not (Path(folder) / MANIFEST_FILE).is_file():
        raise ConfigError(f"there is no language scorer at {str(folder)!r}", hint=_NEXT)
    kind = Artifact.open(Path(folder)).manifest.kind
    known = registry.names("leanrec.scorers")
    if kind not in known:
        raise ArtifactError(f"{folder} holds a {kind!r}, not a language scorer ({', '.join(known)})", hint=_NEXT)
    scorer: LanguageScorer = _class_of(kind).load(Path(folder))
    return scorer


def _class_of(kind: str) -> Any:  # Any: a class of LanguageScorer with `load`
    try:
        return registry.find("leanrec.scorers", kind)
    except PlugInError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and not str(missing.name).startswith("leanrec"):
            raise MissingExtraError(f"opening a {kind!r} needs {missing.name}", hint="pip install 'leanrec[llm]'") from None
        raise
