"""Formulas: what a training needs, part by part, as arithmetic that is data; a page in the browser can read the same.

A sheet is a file of `sheets/`: constants by kind, sizes that are counted, and groups of parts, each of which has a coefficient that was
measured (`coefficients`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from leanrec.config import Config
from leanrec.errors import ConfigError, did_you_mean
from leanrec.planner.expression import Tree, evaluate, names_of, parse

SHEETS = "leanrec.planner.sheets"
"""Where the files are."""

SheetName = Literal["training"]
"""What can be foretold so far."""
Values = Mapping[str, float]


class Formula(Config):
    """A line of the file."""

    formula: str
    """Arithmetic over names that have a value by then."""
    unit: str = ""
    """Of a size; parts of memory are bytes, parts of seconds seconds of one thread of the reference machine."""
    about: str
    """What it is the size of."""


class FormulasFile(Config):
    """The whole file."""

    kinds: Mapping[str, Mapping[str, float]]
    """Kind of what is foretold (of a training: its block) -> its constants."""
    sizes: Mapping[str, Formula]
    """Name -> formula, each over those before it."""
    parts: Mapping[str, Mapping[str, Formula]]
    """Group (memory, seconds) -> its parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Formulas:
    """The formulas of a file, read once."""

    kinds: Mapping[str, Values]
    """Kind -> its constants."""
    sizes: Mapping[str, Tree]
    parts: Mapping[str, Mapping[str, Tree]]
    """Group -> its parts."""

    def values(self, inputs: Values, *, kind: str) -> Values:
        """The inputs, the constants of the kind, and every size that follows from them; raises `ConfigError` for a kind that is unknown."""
        if kind not in self.kinds:
            raise ConfigError(f"{kind!r} is unknown to plans", hint=did_you_mean(kind, self.kinds))
        known = {**inputs, **self.kinds[kind]}
        for name, tree in self.sizes.items():
            known[name] = evaluate(tree, known)
        return MappingProxyType(known)

    def shares(self, group: str, values: Values) -> Values:
        """Part -> what it comes to before its coefficient."""
        return {name: evaluate(tree, values) for name, tree in self.parts[group].items()}


@cache
def formulas(sheet: SheetName) -> Formulas:
    """Of the file of that name; raises `ConfigError` where a formula names what has no value yet, or is no arithmetic."""
    name = f"{sheet}.toml"
    text = files(SHEETS).joinpath(name).read_text(encoding="utf-8")
    return parsed(FormulasFile.parse(tomllib.loads(text), where=name))


def parsed(file: FormulasFile) -> Formulas:
    """The trees of a file."""
    sizes = {name: parse(line.formula) for name, line in file.sizes.items()}
    _require_order(sizes)
    return Formulas(
        kinds=file.kinds,
        sizes=sizes,
        parts={group: {name: parse(line.formula) for name, line in lines.items()} for group, lines in file.parts.items()},
    )


def _require_order(sizes: Mapping[str, Tree]) -> None:
    """A size is made of those before it alone, so that they are evaluated in the order of the file, here and in a browser."""
    names = list(sizes)
    for place, (name, tree) in enumerate(sizes.items()):
        later = sorted(names_of(tree) & set(names[place:]))
        if later:
            raise ConfigError(f"size {name!r} is made of {later[0]!r}, which comes later", hint=f"move it below {later[0]!r}")
