"""How answers look on a terminal, and as JSON."""

import json
from collections.abc import Iterable, Sequence
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
    print_table(f"For {who}{cold}", ("item", "title", "score", "source", "reason"), rows)
