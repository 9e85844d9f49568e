"""The verb `blurb`: items in words that say nothing their record does not hold."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table

Generator = Annotated[
    str,
    typer.Option(help="template, smollm2, a model's folder, a GGUF file or hub name, llama:PATH, or the URL of an OpenAI-compatible endpoint."),
]
EndpointModel = Annotated[str, typer.Option("--model-name", help="Which model of an endpoint.", show_default=False)]
KeyVariable = Annotated[str, typer.Option(help="The environment variable that holds the key of an endpoint.", show_default=False)]


def blurb(
    model: Annotated[Path, typer.Argument(help="A folder that `leanrec fit` wrote.")],
    items: Annotated[list[str] | None, typer.Argument(help="Item ids; all of the catalogue where none is named.", show_default=False)] = None,
    generator: Generator = "template",
    model_name: EndpointModel = "",
    key_variable: KeyVariable = "",
    tries: Annotated[int, typer.Option(help="Texts asked for before the template speaks.", min=1, max=20)] = 3,
    out: Annotated[Path | None, typer.Option(help="Add the texts to this file, a line each; run again, it goes on.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Tell people about items in words that were checked against what is known of them."""
    from leanrec.workflow.narrating import blurbs, narrator

    by = narrator(generator, model=model_name, key_variable=key_variable, tries=tries)
    lines = blurbs(model, items or [], by=by, out=out)
    if out is not None:
        counts = Counter(line["source"] for line in lines)
        print_json({"file": str(out), **counts}) if as_json else typer.echo(f"{counts.total()} texts in {out}: {dict(counts)}")
        return
    told = list(lines)
    if as_json:
        print_json(told)
        return
    print_table("Items in words", ("item", "words", "source", "refused"), [_row(line) for line in told])


def _row(line: Mapping[str, object]) -> tuple[str, ...]:
    refused = line["refused"]
    return str(line["item_id"]), str(line["text"]), str(line["source"]), str(len(refused) if isinstance(refused, list) else 0)
