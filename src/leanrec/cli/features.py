"""Verbs of features: suggest what to make of the columns and events of a data set."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from leanrec.cli.options import AsJson, CatalogueFile, ConfigFile, Overrides, settings_of
from leanrec.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from leanrec.evaluation.feature_worth import Spread
    from leanrec.workflow.suggesting import Suggestions

features = typer.Typer(
    help="Suggest features: what to make of columns and events, and what each is worth.", no_args_is_help=True, rich_markup_mode=None
)


@features.callback()
def features_group() -> None:
    """What to make of columns and events, and what each is worth."""


@features.command()
def suggest(
    source: Annotated[str, typer.Argument(help="A file, folder or URL of events, as `leanrec fit` takes it.")],
    catalogue: CatalogueFile = None,
    outcome: Annotated[
        Literal["auto", "clicks", "ratings", "acts"],
        typer.Option(help="Judge by clicks on what was shown, by high ratings, by which item came next, or by the first of them that the log tells."),
    ] = "auto",
    moments: Annotated[int, typer.Option(min=1000, help="Moments to judge by, drawn at random where there are more.")] = 20_000,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Propose a transform for every column, judge each on the newest events, and print those worth keeping as TOML."""
    from leanrec.workflow.suggesting import suggest as suggest_features

    found = suggest_features(source, settings=settings_of(config, overrides), catalogue=catalogue, outcome=outcome, max_moments=moments)
    if as_json:
        print_json(found.to_dict())
    else:
        print_suggestions(found)


def print_suggestions(found: "Suggestions") -> None:
    """A table of what each feature is worth, and the TOML of those to keep."""
    from leanrec.workflow.suggesting import to_toml

    kept = {feature.name for feature in found.config.features}
    keeps = {each.name: "yes" if each.is_useful else "as a part" for each in found.tried if each.name in kept}
    rows = [(each.name, each.kind, _spread(each.information), _spread(each.importance), keeps.get(each.name, "")) for each in found.tried]
    share = f"{100 * found.positive_share:.0f} % of the {found.num_reported} newest moments"
    typer.echo(f"Judged by: {found.outcome} ({share}).")
    print_table("What each feature is worth", ("feature", "kind", "information alone (nats)", "AUC lost without it", "keep"), rows)
    for column, reason in found.skipped.items():
        typer.echo(f"Nothing is made of {column}: {reason}.")
    typer.echo(f"AUC of all of them {_spread(found.auc_of_all)} (newest moments, draws of users)")
    if found.auc_of_kept is None:
        typer.echo("None is missed beyond the noise; bring more events, or more columns.")
        return
    typer.echo(f"AUC of those to keep {_spread(found.auc_of_kept)}\n")
    typer.echo(to_toml(found.config))


def _spread(spread: "Spread") -> str:
    return f"{spread.value:.4f} [{spread.low:.4f}, {spread.high:.4f}]"
