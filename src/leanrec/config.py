"""Settings: frozen models with unknown keys refused, read from TOML, and the `Budget`."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leanrec.errors import BudgetError, ConfigError, did_you_mean

Settings = dict[str, Any]  # Any: a TOML table holds values of every type


class Config(BaseModel):
    """Parent of every configuration: frozen, checked at once, unknown keys refused.

    The string under a field is its help on the command line and in the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def parse(cls, settings: Mapping[str, Any], *, where: str = "configuration") -> Self:
        """A checked configuration from a table; raises `ConfigError` naming `where` and the key."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise _config_error(error, cls, where) from None

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise _config_error(error, type(self), type(self).__name__) from None

    # Nested settings are checked by the outer call, so that an error names the whole path of its key.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # the mark that pydantic looks for


class Budget(Config):
    """What may be spent; `None` leaves a side unbounded. The same fields serve every verb."""

    minutes: float | None = Field(default=None, gt=0)
    """Wall-clock minutes that fitting may take."""
    memory_gb: float | None = Field(default=None, gt=0)
    """Main memory that fitting may hold, in gigabytes (1e9 bytes)."""

    device_memory_gb: float | None = Field(default=None, gt=0)
    """Memory of an accelerator that training may hold, in gigabytes (1e9 bytes); without an accelerator there is none to hold."""

    def require_memory(self, needed_bytes: int, *, purpose: str, hint: str, on_device: bool = False) -> None:
        """Raise `BudgetError` when `purpose` needs more than the budget's memory, or than what it allows of an accelerator's."""
        allowed, where = (self.device_memory_gb, "device memory") if on_device else (self.memory_gb, "memory")
        if allowed is not None and needed_bytes > allowed * 1e9:
            raise BudgetError(f"{purpose} needs about {needed_bytes / 1e9:.1f} GB of {where}; the budget allows {allowed:g} GB", hint=hint)


def read_toml(path: Path) -> Settings:
    """The tables of a TOML file; raises `ConfigError` with file and line when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file at {path}", hint="check the path, or leave the option out") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="see https://toml.io for the format") from None


def apply_overrides(settings: Mapping[str, Any], overrides: Sequence[str]) -> Settings:
    """A copy of `settings` with `a.b=value` overrides applied; values are read as TOML, else as text.

    >>> apply_overrides({"split": {"valid_days": 7}}, ["split.valid_days=14", "name=shop"])
    {'split': {'valid_days': 14}, 'name': 'shop'}
    """
    result: Settings = {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {override!r} is not of the form key=value", hint="write --set split.valid_days=7")
        *path, last = key.strip().split(".")
        table = result
        for part in path:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {override!r}: {part!r} holds a value, not a table", hint="check the key")
            table = inner
        table[last] = _toml_value(text)
    return result


def toml_of(tables: Mapping[str, Any], *, path: str = "") -> str:
    """Nested tables as TOML text, what is None left out; `read_toml` gives them back.

    >>> print(toml_of({"recommender": "ease", "configs": {"ease": {"decay": 0.5}}}))
    recommender = "ease"
    <BLANKLINE>
    [configs.ease]
    decay = 0.5
    <BLANKLINE>
    """
    values = {name: value for name, value in tables.items() if value is not None and not isinstance(value, Mapping)}
    text = "".join(f"{name} = {toml_value(value)}\n" for name, value in values.items())
    if path and text:
        text = f"[{path}]\n{text}"
    below = (toml_of(value, path=f"{path}.{name}" if path else name) for name, value in tables.items() if isinstance(value, Mapping))
    return "\n".join(part for part in (text, *below) if part)


def toml_value(value: Any) -> str:  # Any: a JSON value that is no table
    """A value as TOML writes it."""
    return f"[{', '.join(map(toml_value, value))}]" if isinstance(value, list | tuple) else json.dumps(value, ensure_ascii=False)


def _toml_value(text: str) -> Any:  # Any: whatever TOML holds
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _config_error(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{where}: unknown key {key!r}", hint=did_you_mean(key.split(".")[-1], _known_keys(model, first["loc"])))
    if first["type"] == "missing":
        return ConfigError(f"{where}: {key!r} is missing", hint=f"add it; known keys: {', '.join(model.model_fields)}")
    named = f"{key} = {first.get('input')!r}" if key else repr(first.get("input"))  # no key: what its settings are together
    return ConfigError(f"{where}: {named} is not allowed: {first['msg']}", hint="correct the value and run again")


def _known_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return list(model.model_fields)
