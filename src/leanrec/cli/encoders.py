"""Verbs that make language models ready for the running side: encoder, and scorer."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table

Kind = Literal["onnx", "onnx-int8", "static"]
Pooling = Literal["mean", "last", "cls"]


def encoder(
    source: Annotated[str, typer.Argument(help="A hub name, a model's folder, a GGUF file, minilm, wordllama, or an ONNX encoder made before.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write; configurations name it as text_encoder.")],
    kind: Annotated[Kind, typer.Option(help="onnx (exact), onnx-int8 (a quarter of the size), static (a table, the fastest).")] = "onnx",
    width: Annotated[int | None, typer.Option(help="Columns of a static table; 256 by default.", show_default=False, min=1)] = None,
    pooling: Annotated[Pooling | None, typer.Option(help="How tokens become one vector; mean by default.", show_default=False)] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens read of a text; 128 by default.", show_default=False, min=3)] = None,
    data: Annotated[str | None, typer.Option(help="Events whose items the agreement is measured on.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a text encoder that needs no torch to run, and say how far it agrees with the original."""
    from leanrec.workflow.text_encoders import make_text_encoder

    made = make_text_encoder(source, to=to, kind=kind, width=width, pooling=pooling, max_tokens=max_tokens, data=data)
    agreement = made.agreement
    if as_json:
        settings = {"folder": str(made.folder), "kind": kind, "width": made.width, "bytes": made.num_bytes, "fingerprint": made.fingerprint}
        print_json({**settings, "agreement": agreement.to_dict() if agreement is not None else None})
        return
    rows = [("kind", made.kind), ("width", str(made.width)), ("size", f"{made.num_bytes / 1e6:.1f} MB")]
    if agreement is not None:
        rows += [
            (f"shared among the {agreement.neighbours} nearest", f"{agreement.shared_neighbours:.1%} ({agreement.num_texts} texts)"),
            ("correlation of cosines", f"{agreement.correlation:.4f}"),
        ]
        rows += [("lowest cosine", f"{agreement.lowest_cosine:.5f}")] if agreement.lowest_cosine is not None else []
    print_table(f"{source} as a text encoder", ("what", "value"), rows)
    typer.echo(f"It is in {to}; name it: text_encoder = {str(to)!r}")


def scorer(
    source: Annotated[Path, typer.Argument(help="A folder of `leanrec finetune --for ranker` or `ratings`.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write; `language-ranker` names it as scorer.")],
    data: Annotated[str | None, typer.Option(help="Events whose items the agreement is measured on.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a tuned ranker a quarter of its size, weights in eight bits, and say how far it still orders alike."""
    from leanrec.workflow.language_scorers import shrink_language_scorer

    made = shrink_language_scorer(source, to=to, data=data)
    if as_json:
        print_json({"folder": str(to), "bytes": made.num_bytes, "fingerprint": made.fingerprint, "agreement": asdict(made.agreement)})
        return
    rows = [
        ("size", f"{made.num_bytes / 1e6:.1f} MB, was {made.original_bytes / 1e6:.1f} MB"),
        ("same candidate first", f"{made.agreement.same_best:.0%} of {made.agreement.num_questions} questions"),
        ("correlation of scores", f"{made.agreement.correlation:.4f}"),
    ]
    print_table(f"{source} in eight bits", ("what", "value"), rows)
    typer.echo(f"It is in {to}; name it: scorer = {str(to)!r}")
