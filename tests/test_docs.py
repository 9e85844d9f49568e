"""README and docs say what the code and the benchmarks say."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def write_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "docs" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_up_to_date(write_docs: ModuleType) -> None:
    assert write_docs.main(["--check"]) == 0, "run `make docs`"


def test_every_file_has_one_line_of_purpose(write_docs: ModuleType) -> None:
    rows = write_docs.tree().splitlines()[2:]
    assert all(len(line.split("|")[2].strip()) > 20 for line in rows), [line for line in rows if len(line.split("|")[2].strip()) <= 20]


def test_no_file_outgrows_the_house() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert not {name: size for name, size in sizes.items() if size > 350}
