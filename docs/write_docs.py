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
    for path in sorted(
        package.rglob("*.py"), key=lambda path: (path.parent != package, path.parent.as_posix(), path.name != "__init__.py", path.name)
    ):
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


def baselines() -> str:
    """NDCG@10 and Recall@10 of every case on every data set, with cost."""
    rows = [row for row in rows_of("baselines") if row["metric"] in ("ndcg@10", "recall@10")]
    cases = dict.fromkeys((row["case"], row["dataset"]) for row in rows)
    table = []
    for case, dataset in sorted(cases, key=lambda key: str(key[1])):
        chosen = {(row["metric"], "not masked" in str(row["protocol"])): row for row in rows if (row["case"], row["dataset"]) == (case, dataset)}
        masked, open_ = chosen[("ndcg@10", False)], chosen.get(("ndcg@10", True))
        recall = chosen[("recall@10", False)]
        table.append(
            (str(dataset), str(case), figure(recall["value"]), interval(masked), figure(open_["value"]) if open_ else "", cost(masked["cpu_seconds"]))
        )
    return markdown_table(("data", "recommender", "Recall@10", "NDCG@10 [95 %]", "NDCG@10, history not masked", "CPU-s to fit"), table)


def first_minutes() -> str:
    """Each case with its data and value."""
    return simple_table("first_minutes")


def ingest() -> str:
    """Each case with its value."""
    return simple_table("ingest")


def simple_table(name: str) -> str:
    """Case, data, metric, value and memory of every row of a benchmark."""
    rows = rows_of(name)
    table = [(str(row["case"]), str(row["dataset"] or ""), value_with_unit(row), cost(row["peak_mb"], digits=0)) for row in rows]
    return markdown_table(("case", "data", "value", "peak MB"), table)


def value_with_unit(row: Row) -> str:
    """The metric and its value in its unit."""
    return f"{row['metric']}: {row['value']:.3g} {row['unit'] or ''}".strip()


def figure(value: object) -> str:
    """A quality without its leading zero."""
    return f"{value:.4f}".lstrip("0")


def interval(row: Row) -> str:
    """A quality with its interval."""
    return f"{figure(row['value'])} [{figure(row['low'])}, {figure(row['high'])}]"


def cost(value: object, *, digits: int = 1) -> str:
    """A cost, or nothing where it was not measured."""
    return "" if value is None else f"{value:.{digits}f}"


def report(kind: str) -> str:
    """The report that the benchmark wrote, its headings one level lower."""
    path = RESULTS / f"movielens-{kind}.md"
    return re.sub(r"^#", "###", path.read_text(encoding="utf-8"), flags=re.MULTILINE).strip() if path.exists() else ""


BLOCKS: dict[str, Callable[[], str]] = {
    "tree": tree,
    "baselines": baselines,
    "first-minutes": first_minutes,
    "ingest": ingest,
    "movielens-time": lambda: report("time"),
    "movielens-leave-one-out": lambda: report("leave-one-out"),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
