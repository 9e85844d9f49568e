"""Write the generated parts of README and docs: the tree from docstrings, the figures from `benchmarks/results`.

`python docs/write_docs.py` writes them; with `--check` it changes nothing and fails where a document is out of date.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = ("README.md", "docs/architecture.md", "docs/movielens-100k.md")

Row = dict[str, object]


def main(arguments: Sequence[str]) -> int:
    """Rewrite every block between `<!-- begin: name -->` and `<!-- end: name -->`."""
    stale = []
    for name in DOCUMENTS:
        path = ROOT / name
        if not path.exists():
            continue
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
    if stale:
        print(("out of date: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in arguments else 0


def filled(text: str) -> str:
    """The document with every block filled anew."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- begin: {name} -->\n{BLOCKS[name]()}\n<!-- end: {name} -->"

    return re.sub(r"<!-- begin: ([\w-]+) -->\n.*?<!-- end: \1 -->", replace, text, flags=re.DOTALL)


def tree() -> str:
    """Every module with the first line of its docstring."""
    lines = ["| file | what it is for |", "|---|---|"]
    package = ROOT / "src" / "leanrec"
    for path in sorted(package.rglob("*.py"), key=lambda path: (path.parent != package, path.parent.as_posix(), path.name != "__init__.py", path.name)):
        caption = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
        name = path.relative_to(package).as_posix()
        shown = f"**{path.parent.relative_to(package).as_posix()}/**" if path.name == "__init__.py" and path.parent != package else f"`{name}`"
        lines.append(f"| {shown} | {caption} |")
    return "\n".join(lines)


def rows_of(name: str) -> list[Row]:
    """The rows that a benchmark wrote, or none when it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


BLOCKS: dict[str, Callable[[], str]] = {"tree": tree}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
