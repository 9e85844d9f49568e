"""Pre-train a language model on a shop's own texts: what items say of themselves, reviews, or a file of texts."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from leanrec.artifact import MANIFEST_FILE
from leanrec.config import Budget, Config, apply_overrides, read_toml
from leanrec.data.clean import CleaningConfig
from leanrec.data.sources.catalogue_file import read_catalogue
from leanrec.data.sources.columns import ColumnMapping
from leanrec.errors import DataError, MissingExtraError
from leanrec.features.corpus import CorpusConfig, make_corpus
from leanrec.features.corpus_sources import TEXT_KEY, file_documents, is_text_file, item_documents, review_documents
from leanrec.features.item_text import ItemTextConfig
from leanrec.training.run import Run
from leanrec.workflow.keeping import move_journals, training_folder
from leanrec.workflow.reading import Data, read_clean
from leanrec.workflow.settings import RunSettings

if TYPE_CHECKING:
    from leanrec.training.pretrain import PretrainResult

log = logging.getLogger(__name__)


class PretrainSettings(Config):
    """Everything a pre-training may be told."""

    budget: Budget = Budget()
    """What may be spent."""
    texts: Literal["auto", "shop", "catalogue", "file"] = "auto"
    """What the data are. `shop`: events, whose items and reviews are read; `catalogue`: a table of items; `file`: a text a line, or in each JSON
    line; `auto`: `file` where it looks like one, else `shop`."""
    text_key: str = TEXT_KEY
    """Where a JSON line or a Parquet row of `file` has its text."""
    pretraining: dict[str, Any] = Field(default_factory=dict)  # Any: checked by PretrainConfig, which needs torch
    """Settings of the training itself, e.g. `pretraining.training.max_epochs=1`."""
    corpus: CorpusConfig = CorpusConfig()
    """Which texts are kept, and how many are held out."""
    item_text: ItemTextConfig = ItemTextConfig()
    """Which fields of an item are read."""
    columns: ColumnMapping | None = None
    """Which column of events is which; name `columns.review` to read what people wrote."""
    cleaning: CleaningConfig = CleaningConfig()
    """How events are cleaned."""
    seed: int = 0


def pretrain_language_model(
    source: str, data: Data | Sequence[str], *, to: Path | str, settings: PretrainSettings | None = None, catalogue: str | None = None
) -> "PretrainResult":
    """Let the language model that `source` names read the texts of `data`, and write it to the folder `to`; whole or not at all.

    `data` is a path, a URL, a frame of events, or a list of texts. Interrupted, the same call goes on from `<to>.training`.
    Raises `ConfigError` for a model that cannot be had or cannot learn so, `DataError` for data without texts.
    """
    settings = settings or PretrainSettings()
    try:
        from leanrec.training.pretrain import pretrain
        from leanrec.training.pretrain_config import PretrainConfig
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"pre-training needs {error.name}", hint="pip install 'leanrec[train]'") from None
    config = PretrainConfig.parse(settings.pretraining, where="pretraining")
    corpus = make_corpus(_texts(data, settings=settings, catalogue=catalogue), settings.corpus)
    log.info("%s", corpus.report.describe())
    with _keeping(Path(to)) as folder:
        return pretrain(source, corpus, config, to=Path(to), run=Run(seed=settings.seed, budget=settings.budget, folder=folder))


def read_pretrain_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> PretrainSettings:
    """Settings from a TOML file and `a.b=value` overrides; raises `ConfigError` naming file and key."""
    tables = read_toml(path) if path is not None else {}
    return PretrainSettings.parse(apply_overrides(tables, overrides), where=str(path) if path is not None else "--set")


def _texts(data: Data | Sequence[str], *, settings: PretrainSettings, catalogue: str | None) -> list[str]:
    if isinstance(data, list | tuple):
        return list(data)
    kind = settings.texts
    if kind == "auto":
        is_path = isinstance(data, str | Path)
        kind = "file" if is_path and catalogue is None and is_text_file(str(data), key=settings.text_key) else "shop"
    if kind == "file":
        return file_documents(str(data), key=settings.text_key)
    if kind == "catalogue":
        return item_documents(read_catalogue(str(data)).descriptions(), settings.item_text)
    cleaned = read_clean(data, settings=RunSettings(columns=settings.columns, cleaning=settings.cleaning), catalogue=catalogue)
    items = cleaned.catalogue.descriptions() if cleaned.catalogue is not None else []
    texts = [*item_documents(items, settings.item_text), *review_documents(cleaned.log)]
    if not any(texts):
        raise DataError(
            "the events come without texts: items have no title or description, and no column of reviews is named",
            hint="give --catalogue FILE, --set columns.review=NAME, or --set texts=file",
        )
    return texts


@contextmanager
def _keeping(to: Path) -> Iterator[Path]:
    """The folder of the trainings; it stays when one was under way."""
    folder = training_folder(to)
    try:
        yield folder
    except BaseException:
        if any(folder.glob(f"**/{MANIFEST_FILE}")):
            log.warning("a training was under way; do the same again to go on from %s, or delete it to begin anew", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    move_journals(folder, to)
    shutil.rmtree(folder, ignore_errors=True)
