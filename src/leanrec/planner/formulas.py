"""Formulas: what a training needs, part by part, as arithmetic that is data; a page in the browser reads the same file."""

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

FORMULAS_FILE = "formulas.toml"

Group = Literal["memory", "seconds"]
"""Bytes that a training holds at most above the process; seconds of one step."""
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

    blocks: Mapping[str, Mapping[str, float]]
    """Kind of block -> its constants."""
    sizes: Mapping[str, Formula]
    """Name -> formula, each over those before it."""
    memory: Mapping[str, Formula]
    seconds: Mapping[str, Formula]


@dataclass(frozen=True, kw_only=True, slots=True)
class Formulas:
    """The formulas of the file, read once."""

    blocks: Mapping[str, Values]
    """Kind of block -> its constants."""
    sizes: Mapping[str, Tree]
    parts: Mapping[Group, Mapping[str, Tree]]

    def values(self, inputs: Values, *, block: str) -> Values:
        """The inputs, the constants of the block, and every size that follows from them; raises `ConfigError` for a block that is unknown."""
        if block not in self.blocks:
            raise ConfigError(f"block {block!r} is unknown", hint=did_you_mean(block, self.blocks))
        known = {**inputs, **self.blocks[block]}
        for name, tree in self.sizes.items():
            known[name] = evaluate(tree, known)
        return MappingProxyType(known)

    def shares(self, group: Group, values: Values) -> Values:
        """Part -> what it comes to before its coefficient."""
        return {name: evaluate(tree, values) for name, tree in self.parts[group].items()}


@cache
def formulas() -> Formulas:
    """Of the file beside this one; raises `ConfigError` where a formula names what has no value yet, or is no arithmetic."""
    text = files("leanrec.planner").joinpath(FORMULAS_FILE).read_text(encoding="utf-8")
    return parsed(FormulasFile.parse(tomllib.loads(text), where=FORMULAS_FILE))


def parsed(file: FormulasFile) -> Formulas:
    """The trees of a file."""
    groups: Mapping[Group, Mapping[str, Formula]] = {"memory": file.memory, "seconds": file.seconds}
    sizes = {name: parse(line.formula) for name, line in file.sizes.items()}
    _require_order(sizes)
    parts = {group: {name: parse(line.formula) for name, line in lines.items()} for group, lines in groups.items()}
    return Formulas(blocks=file.blocks, sizes=sizes, parts=parts)


def _require_order(sizes: Mapping[str, Tree]) -> None:
    """A size is made of those before it alone, so that they are evaluated in the order of the file, here and in a browser."""
    names = list(sizes)
    for place, (name, tree) in enumerate(sizes.items()):
        later = sorted(names_of(tree) & set(names[place:]))
        if later:
            raise ConfigError(f"size {name!r} is made of {later[0]!r}, which comes later", hint=f"move it below {later[0]!r}")
