"""The verb `distill`: from a fitted model to a small one."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson, ConfigFile, Overrides, settings_of
from leanrec.cli.printing import print_json, print_table


def distill(
    model: Annotated[Path, typer.Argument(help="A folder that `leanrec fit` wrote; its recommender teaches.")],
    to: Annotated[Path, typer.Option("--to", help="The model folder to write.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Make a small model that answers almost like a large one; the student's settings are configs.distilled."""
    from leanrec.workflow.distilling import distil

    made = distil(model, to=to, settings=settings_of(config, overrides))
    if as_json:
        sizes = {"teacher_bytes": made.teacher_bytes, "student_bytes": made.student_bytes}
        print_json({"model": str(to), "recommender": made.model.name, "teacher": made.teacher, **sizes})
        return
    rows = [(f"teacher ({made.teacher})", f"{made.teacher_bytes / 1e6:.1f} MB"), ("student", f"{made.student_bytes / 1e6:.1f} MB")]
    print_table("Distilled", ("recommender", "size"), rows)
    typer.echo(f"The student is in {to}; what it lost or gained, only a proof says: leanrec prove with rungs = ['{made.teacher}', 'distilled']")
