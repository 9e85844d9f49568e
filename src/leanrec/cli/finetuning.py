"""Verbs that tune language models: finetune, and adapt, which joins an adapter with its base."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from leanrec.cli.making import Data
from leanrec.cli.options import AsJson, CatalogueFile, ConfigFile, Overrides
from leanrec.cli.printing import print_json, print_table

Purpose = Literal["encoder", "ranker", "ratings", "decoder"]
AdapterName = Literal["lora", "dora", "bottleneck", "none"]
Model = Annotated[str, typer.Argument(help="A hub name, a model's folder, a GGUF file, minilm, smollm2, or a folder that was tuned before.")]


def finetune(
    model: Model,
    data: Data,
    purpose: Annotated[Purpose, typer.Option("--for", help="encoder: vectors; ranker: choices; ratings: stars; decoder: the next item's text.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write; configurations name it as text_encoder, or as scorer.")],
    adapter: Annotated[
        AdapterName | None, typer.Option(help="Learn a few weights beside the model; a decoder learns lora.", show_default=False)
    ] = None,
    examples: Annotated[int | None, typer.Option(help="Learn from so few labelled examples.", show_default=False, min=1)] = None,
    select: Annotated[float | None, typer.Option(help="Learn from the most helpful share of the questions.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget: minutes of the whole command.", show_default=False)] = None,
    catalogue: CatalogueFile = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Tune a language model on what people chose or rated, and report on users who were held out."""
    from leanrec.workflow.tuning_language import tune_language
    from leanrec.workflow.tuning_language_settings import read_tuning_settings

    settings = read_tuning_settings(config, overrides or (), adapter=adapter, examples=examples, select=select, minutes=minutes)
    tuned = tune_language(model, data, purpose, to=to, settings=settings, catalogue=catalogue)
    print_json(tuned.to_dict()) if as_json else _print(tuned.record, model, to)


def adapt(
    model: Annotated[str, typer.Argument(help="The base: the model that the adapter was learned beside.")],
    adapter: Annotated[Path, typer.Argument(help="An adapter's folder, or that of the tuned model that holds it.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write.")],
    as_json: AsJson = False,
) -> None:
    """Join an adapter that was learned alone with its base."""
    from leanrec.workflow.tuning_language import join_adapter

    joined = join_adapter(model, adapter, to=to)
    print_json(joined.to_dict()) if as_json else typer.echo(_next(joined.record, to))


def _print(record: Mapping[str, Any], model: str, to: Path) -> None:  # Any: JSON
    before, reference = record["before"], record["reference"]
    rows = [(name, _figure(before.get(name)), _figure(found), _figure(reference.get(name))) for name, found in record["quality"].items()]
    print_table(f"{model} for {record['purpose']}, on users who were held out", ("metric", "before", "after [95 %]", "without it"), rows)
    if "classes" in record:
        classes = [
            (name, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['pairs']:.0f}") for name, row in record["classes"].items()
        ]
        print_table("Pairs told apart", ("class", "precision", "recall", "F1", "pairs"), classes)
    cost = record["cost"]
    told = (
        ("CPU-seconds", f"{cost['cpu_seconds']:.1f}"),
        ("peak memory", f"{cost['peak_mb']:.0f} MB"),
        ("steps", str(cost["steps"])),
        ("weights learned", str(cost["trained_weights"])),
    )
    print_table("What it took", ("what", "figure"), told)
    typer.echo(_next(record, to))


def _figure(measure: Mapping[str, float | None] | None) -> str:
    if measure is None or measure["value"] is None:
        return "-"
    low, high = measure["low"], measure["high"]
    return f"{measure['value']:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low is not None else "")


def _next(record: Mapping[str, Any], to: Path) -> str:  # Any: JSON
    name = "text_encoder" if record["purpose"] == "encoder" else "scorer"
    return f"It is in {to}; name it: {name} = {str(to)!r}"
