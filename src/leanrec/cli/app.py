"""The Typer application: the verbs in the order of the story."""

from importlib.metadata import version
from typing import Annotated

import typer

from leanrec.cli.asking import explain, recommend, similar
from leanrec.cli.distilling import distill
from leanrec.cli.encoders import encoder, scorer
from leanrec.cli.features import features
from leanrec.cli.finetuning import adapt, finetune
from leanrec.cli.house import doctor, list_names
from leanrec.cli.making import data, demo, fit, inspect, prove
from leanrec.cli.planning import plan
from leanrec.cli.pretraining import pretrain
from leanrec.cli.profiles import profile
from leanrec.cli.runs import runs
from leanrec.cli.serving import keys, models, serve
from leanrec.cli.tuning import tune
from leanrec.cli.words import blurb

app = typer.Typer(
    name="leanrec",
    help="Large-model recommenders on a stated hardware budget, with the evidence. Errors show a traceback with --debug.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"leanrec {version('leanrec')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Set what all verbs share."""


for verb in (
    demo,
    data,
    inspect,
    plan,
    fit,
    prove,
    tune,
    recommend,
    similar,
    explain,
    blurb,
    profile,
    serve,
    encoder,
    pretrain,
    finetune,
    adapt,
    scorer,
    distill,
):
    app.command()(verb)
app.add_typer(runs, name="runs")
app.add_typer(models, name="models")
app.add_typer(keys, name="keys")
app.add_typer(features, name="features")
app.command(name="list")(list_names)
app.command()(doctor)
