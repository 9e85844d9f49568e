"""The verb `profile`, and how a profile looks on a terminal."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table
from leanrec.cli.words import Generator
from leanrec.data.profile import Band, Recency, Rhythm, Taste, UserProfile
from leanrec.errors import ConfigError

SHOWN_TASTES = 20
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def profile(
    model: Annotated[Path, typer.Argument(help="A folder that `leanrec fit` wrote.")],
    user: Annotated[list[str], typer.Option("--user", help="A user id; repeat for several.", show_default=False)],
    words: Annotated[bool, typer.Option("--words", help="Sentences instead of tables; see `leanrec blurb` for generators.")] = False,
    generator: Generator = "template",
    as_json: AsJson = False,
) -> None:
    """Say what users' histories tell of their tastes, with how sure that is."""
    from leanrec.workflow.narrating import TEMPLATE, narrator, summaries
    from leanrec.workflow.profiling import profiles

    if generator != TEMPLATE and not words:
        raise ConfigError(f"--generator {generator} cannot take effect without --words", hint="add --words")
    found = profiles(model, user)
    if words:
        told = summaries(found, by=narrator(generator))
        print_json([one.to_dict() for one in told]) if as_json else typer.echo("\n".join(one.text for one in told))
        return
    if as_json:
        print_json([one.to_dict() for one in found])
        return
    for one in found:
        _print(one)


def _print(profile: UserProfile) -> None:
    who = f"user {profile.user_id}: {profile.num_events} events"
    shown = profile.tastes[:SHOWN_TASTES]
    more = f" (the surest {SHOWN_TASTES} of {len(profile.tastes)})" if len(profile.tastes) > len(shown) else ""
    columns = ("attribute", "value", "share", "everybody", "as often as people", "sure", "95 % of", "events", "pleased")
    print_table(f"Tastes of {who}{more}", columns, [_taste_row(taste) for taste in shown])
    if profile.bands:
        print_table("Bands: eight tenths lie between", ("figure", "from", "middle", "to", "place in the catalogue"), map(_band_row, profile.bands))
    rows = [*_recency_rows(profile.recency), *_rhythm_rows(profile.rhythm)]
    if rows:
        print_table("Times (UTC)", ("what", "value"), rows)


def _taste_row(taste: Taste) -> tuple[str, ...]:
    return (
        taste.attribute,
        taste.value,
        f"{taste.share:.0%}",
        f"{taste.base_rate:.0%}",
        f"{2**taste.strength:.1f} x",
        f"{max(taste.confidence, 1 - taste.confidence):.0%}",
        f"{taste.low:.0%}-{taste.high:.0%}",
        str(taste.support),
        "-" if taste.sentiment is None else f"{taste.sentiment:+.2f}",
    )


def _band_row(band: Band) -> tuple[str, ...]:
    return (band.attribute, f"{band.low:.4g}", f"{band.median:.4g}", f"{band.high:.4g}", f"{band.position:.0%} of items lie below")


def _recency_rows(recency: Recency | None) -> list[tuple[str, str]]:
    if recency is None:
        return []
    return [
        ("newest event", f"{recency.days_since:.1f} days ago"),
        ("known for", f"{recency.days_known:.1f} days"),
        (
            "from one event to the next",
            f"{recency.gap_days[1]:.3g} days, half of them between {recency.gap_days[0]:.3g} and {recency.gap_days[2]:.3g}",
        ),
    ]


def _rhythm_rows(rhythm: Rhythm | None) -> list[tuple[str, str]]:
    if rhythm is None:
        return []
    days = sorted(range(7), key=lambda day: -rhythm.weekdays[day])[:2]
    rows = [("most on", ", ".join(f"{_DAYS[day]} ({rhythm.weekdays[day]:.0%})" for day in days))]
    if rhythm.hours:
        hours = sorted(range(24), key=lambda hour: -rhythm.hours[hour])[:3]
        rows.append(("most at", ", ".join(f"{hour}:00 ({rhythm.hours[hour]:.0%})" for hour in sorted(hours))))
    return rows
