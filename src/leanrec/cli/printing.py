"""How answers look on a terminal, and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

from leanrec.console import output, table
from leanrec.data.catalogue import Catalogue
from leanrec.data.query import Recommendations


def print_json(content: Any) -> None:  # Any: whatever JSON holds
    """One JSON document on standard output."""
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on standard output."""
    output().print(table(title, columns, rows))


def print_answer(answer: Recommendations, catalogue: Catalogue) -> None:
    """One list with titles, scores, sources and reasons."""
    who = f"user {answer.user_id}" if answer.user_id is not None else "an anonymous session"
    cold = " (cold: nothing was known of this user)" if answer.cold else ""
    rows = [(item.item_id, catalogue.title(item.item_id), f"{item.score:.4g}", item.source, item.reason or "-") for item in answer.items]
    if answer.understood is not None:
        typer.echo("\n".join(understood_lines(answer.understood)))
    print_table(f"For {who}{cold}", ("item", "title", "score", "source", "reason"), rows)


def understood_lines(understood: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """What was made of somebody's own words, a line for each part of it.

    >>> understood_lines({"filters": ["price<=30"], "wishes": [], "relaxed": [], "left": "rainy evening", "source": ""})
    ['understood: price<=30', 'not read: rainy evening']
    """
    wishes = [f"{wish['attribute']} {wish['value']}" for wish in understood["wishes"]]
    lines = ["understood: " + "; ".join([*understood["filters"], *wishes])] if understood["filters"] or wishes else []
    if understood["relaxed"]:
        lines.append("dropped, since nothing would be left: " + "; ".join(understood["relaxed"]))
    if understood["left"]:
        lines.append(f"read by {understood['source']}: {understood['left']}" if understood["source"] else f"not read: {understood['left']}")
    return lines or ["understood: nothing to go by"]
