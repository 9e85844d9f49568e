"""ItemText: what a language model is told of an item, from the fields of its row; the same code for whole catalogues and for new items."""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field, field_validator, model_validator

from leanrec.config import Config
from leanrec.data.description import DescribedValue, ItemDescription
from leanrec.data.plain_text import plain_text
from leanrec.errors import ConfigError, DataError, did_you_mean

TITLE = "title"
"""Names the title in fields and templates, whatever its column is called."""

_WEB_ADDRESS = re.compile(r"https?://\S+$")
_CLOSED = (".", "!", "?", "。", "！", "？", "؟", "।", ":")
_SAMPLE = 2000


class ItemTextConfig(Config):
    """Which fields of an item's row are read, and in what order."""

    fields: tuple[str, ...] = ()
    """Columns in the order they are read. Empty: title, columns of several values, texts from short to long; no ids, no figures."""
    template: str = ""
    """A sentence with columns in braces, e.g. "{title} by {brand}. {categories}"; in place of `fields`."""
    with_title: bool = True
    """Whether the title is read when neither fields nor template name what is."""
    max_characters: int = Field(default=4000, ge=1)
    """A text is cut here; encoders cut at tokens, far earlier."""

    @field_validator("template")
    @classmethod
    def _names_columns(cls, template: str) -> str:
        _named_columns(template)
        return template

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> "ItemTextConfig":
        if self.template and self.fields:
            raise ValueError("a template names its columns itself; leave fields out")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemText:
    """A way to put an item into words; made by `of_items`, `config` names every field, so that an item added later reads like the rest."""

    config: ItemTextConfig

    @classmethod
    def of_items(cls, items: Sequence[ItemDescription], config: ItemTextConfig | None = None) -> "ItemText":
        """The way that `config` asks for, its fields chosen by what the items hold where it names none.

        Raises `DataError` when a field is named that no item has.
        """
        config = config or ItemTextConfig()
        known = {name for item in items for name in item.attributes} | {TITLE}
        for name in (*config.fields, *_named_columns(config.template)):
            if name not in known:
                raise DataError(f"item text: no item has a column {name!r}", hint=did_you_mean(name, known))
        if config.template or config.fields:
            return cls(config=config)
        title = (TITLE,) if config.with_title and any(item.title for item in items) else ()
        return cls(config=config.model_copy(update={"fields": title + _telling_columns(items)}))

    def text(self, item: ItemDescription) -> str:
        """What is read of one item; empty when its row says nothing."""
        values = {name: self._value(item, name) for name in self._fields(item)}
        if self.config.template:
            whole = self.config.template.format_map(values) if any(values.values()) else ""
        else:
            whole = " ".join(text if text.endswith(_CLOSED) else f"{text}." for text in values.values() if text)
        return plain_text(whole[: self.config.max_characters])

    def texts(self, items: Sequence[ItemDescription]) -> list[str]:
        """What is read of each item."""
        return [self.text(item) for item in items]

    def _fields(self, item: ItemDescription) -> tuple[str, ...]:
        """Those decided on; where nothing was, what this item would choose."""
        named = (*self.config.fields, *_named_columns(self.config.template))
        return named or ((TITLE,) if self.config.with_title else ()) + _telling_columns([item])

    def _value(self, item: ItemDescription, name: str) -> str:
        value = item.attributes.get(name) if name != TITLE or TITLE in item.attributes else item.title
        return _spoken(value) if value is not None else ""


def _spoken(value: DescribedValue) -> str:
    """Text as it is, several texts with commas, figures without a needless fraction."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, list):
        return ", ".join(dict.fromkeys(text for entry in value if (text := plain_text(entry))))
    return f"{value:.12g}"


def _telling_columns(items: Sequence[ItemDescription]) -> tuple[str, ...]:
    """Columns of several values, then texts, each from short to long; ids and addresses tell a reader nothing."""
    texts: dict[str, list[str]] = {}
    several: set[str] = set()
    for item in items[:: max(1, len(items) // _SAMPLE)]:
        for name, value in item.attributes.items():
            if not isinstance(value, float):
                texts.setdefault(name, []).append(_spoken(value))
            if isinstance(value, list):
                several.add(name)
    told = {name: found for name, column in texts.items() if (found := [text for text in column if text]) and not _is_code(found)}
    return tuple(sorted(told, key=lambda name: (name not in several, sum(map(len, told[name])) / len(told[name]), name)))


def _is_code(texts: Sequence[str]) -> bool:
    """Article numbers and addresses: one run of Latin characters each, and almost every item has its own."""
    runs = sum(text.isascii() and " " not in text for text in texts)
    addresses = sum(_WEB_ADDRESS.match(text) is not None for text in texts)
    return 2 * addresses > len(texts) or (len(texts) > 1 and runs > 0.9 * len(texts) and len(set(texts)) > 0.9 * len(texts))


def _named_columns(template: str) -> tuple[str, ...]:
    """The columns in braces; raises `ConfigError` for a template that cannot be read."""
    try:
        parts = [(name, form, turn) for _, name, form, turn in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigError(f"template {template!r} cannot be read: {error}", hint='write columns in braces: "{title} by {brand}"') from None
    if any(not name or form or turn or not re.fullmatch(r"[^.\[\]]+", name) for name, form, turn in parts) or (template and not parts):
        raise ConfigError(f"template {template!r} names no plain column in braces", hint='write columns in braces: "{title} by {brand}"')
    return tuple(name for name, _, _ in parts)
