"""Verbs that ask a fitted model: recommend, similar, explain."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson, TopK
from leanrec.cli.printing import print_answer, print_json, print_table

ModelFolder = Annotated[Path, typer.Argument(help="A folder that `leanrec fit` wrote.")]


def recommend(
    model: ModelFolder,
    user: Annotated[list[str] | None, typer.Option("--user", help="A user id; repeat for several.", show_default=False)] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every user on record; needs --to.")] = False,
    history: Annotated[str | None, typer.Option(help="Item ids a session has seen, oldest first, parted by commas.", show_default=False)] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="What is looked for, in plain words: 'quiet jazz, under 30 euro, no horror'.", show_default=False)
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only items that meet a condition, e.g. genre=Comedy or 'year>=1990'.", show_default=False)
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="An item id to leave out; repeat for several.", show_default=False)] = None,
    k: TopK = 10,
    include_seen: Annotated[
        bool | None,
        typer.Option(
            "--include-seen/--exclude-seen", help="Items that the user knows already; left out unless repeats were declared.", show_default=False
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write a Parquet table instead of printing.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend items to users, known or not, with the reason for each."""
    from leanrec.workflow import asking

    fitted = asking.load(model)
    wishes = asking.Wishes(
        k=k,
        filters=tuple(where or ()),
        exclude=tuple(exclude or ()),
        history=tuple(part for part in (history or "").split(",") if part),
        text=text,
        exclude_seen=None if include_seen is None else not include_seen,
    )
    if everyone or to is not None:
        num_rows = asking.recommend_to_file(fitted, None if everyone else (user or []), wishes=wishes, to=to)
        print_json({"rows": num_rows, "file": str(to)}) if as_json else typer.echo(f"{num_rows} recommendations written to {to}")
        return
    answers = asking.answer(fitted, list(user) if user else [None], wishes=wishes)
    if as_json:
        print_json([answer.to_dict() for answer in answers])
        return
    for answer in answers:
        print_answer(answer, fitted.dataset.catalogue)


def similar(
    model: ModelFolder,
    item: Annotated[str, typer.Argument(help="An item id.")],
    k: TopK = 10,
    as_json: AsJson = False,
) -> None:
    """List the items most like one item."""
    from leanrec.workflow import asking

    fitted = asking.load(model)
    answer = asking.similar(fitted, item, k=k)
    if as_json:
        print_json(answer.to_dict())
        return
    catalogue = fitted.dataset.catalogue
    rows = [(found.item_id, catalogue.title(found.item_id), f"{found.score:.4g}") for found in answer.items]
    print_table(f"Like {catalogue.title(item)}", ("item", "title", "score"), rows)


def explain(
    model: ModelFolder,
    item: Annotated[str, typer.Argument(help="The item that was, or would be, recommended.")],
    user: Annotated[str | None, typer.Option("--user", help="A user id.", show_default=False)] = None,
    history: Annotated[str | None, typer.Option(help="Item ids a session has seen, oldest first, parted by commas.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Say which item of the history speaks most for an item, computed from the model itself."""
    from leanrec.workflow import asking

    fitted = asking.load(model)
    evidence = asking.explain(fitted, item, user_id=user, history=tuple(part for part in (history or "").split(",") if part))
    if as_json:
        print_json(evidence.to_dict())
        return
    typer.echo(evidence.sentence(fitted.dataset.catalogue))
    catalogue = fitted.dataset.catalogue
    rows = [(found.item_id, catalogue.title(found.item_id), f"{found.score_drop:+.4g}") for found in evidence.strongest(10)]
    if rows:
        print_table("What the score loses without it", ("item", "title", "loss"), rows)
