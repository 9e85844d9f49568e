"""What pyproject promises, the locks hold; torch is in none of them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
LEFT_OUT = re.compile(r"torch|triton|nvidia-.*|cuda-.*")


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+)==", lock.read_text(), flags=re.MULTILINE))


COMPILED = {"llama"}
"""Extras that compile for minutes where they are installed: developers install them when they need them."""


def test_every_extra_has_a_lock_that_holds_it() -> None:
    for extra, requirements in EXTRAS.items():
        names = {re.split(r"[<>=!~\[ ]", requirement)[0] for requirement in requirements} - {"torch"}
        assert names <= pins(ROOT / "requirements" / f"{extra}.txt")
        assert extra in COMPILED or names <= pins(ROOT / "requirements" / "dev.txt")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_no_torch_and_no_address(lock: Path) -> None:
    assert not {name for name in pins(lock) if LEFT_OUT.fullmatch(name)}, "name it in TORCH_PARTS of the Makefile"
    assert "://" not in lock.read_text()
    assert pins(lock)


def test_what_torch_needs_is_locked_with_the_extra_that_brings_it() -> None:
    assert {"filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions"} <= pins(ROOT / "requirements" / "train.txt")
