"""The verb `pretrain`: a language model reads a shop's own texts."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson, CatalogueFile, ConfigFile, Memory, Minutes, Overrides
from leanrec.cli.printing import print_json, print_table


def pretrain(
    model: Annotated[str, typer.Argument(help="A hub name, a model's folder, a GGUF file, minilm, or smollm2.")],
    data: Annotated[str, typer.Argument(help="Events whose items and reviews are read, a catalogue, or a file with a text a line.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write; `leanrec encoder` and configurations name it.")],
    catalogue: CatalogueFile = None,
    minutes: Minutes = None,
    memory: Memory = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Let a language model read the shop's own texts, and say what that was worth on texts held out."""
    from leanrec.workflow.pretraining import pretrain_language_model, read_pretrain_settings

    budget = {"minutes": minutes, "memory_gb": memory}
    flags = [f"budget.{name}={value}" for name, value in budget.items() if value is not None]
    settings = read_pretrain_settings(config, [*(overrides or []), *flags])
    result = pretrain_language_model(model, data, to=to, settings=settings, catalogue=catalogue)
    told = result.to_dict()
    if as_json:
        print_json(told)
        return
    measures = {"untouched": "as it came, the head new", "before": "before reading", "after": "after reading", "gain": "gained"}
    shown = [name for name in measures if name != "untouched" or result.has_new_head]
    rows = [(measures[name], *(f"{told['loss'][name][key]:.4f}" for key in ("value", "low", "high"))) for name in shown]
    print_table(f"{model}: loss of a held-out token, nats ({result.objective})", ("when", "loss", "low", "high"), rows)
    figures = result.figures
    typer.echo(f"{figures['steps']} steps in {figures['cpu_seconds']:.0f} CPU-seconds. It is in {to}; next: leanrec encoder {to} --to FOLDER")
