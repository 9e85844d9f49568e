"""The report of an inspection: one HTML file that needs nothing beside it, readable in light and dark and without eyes."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from leanrec.artifact import writing_file
from leanrec.data.inspection import Inspection
from leanrec.data.inspection_plots import Plot, plots_of

_STYLE = """
:root {
  color-scheme: light dark;
  --accent: #2563a8; --line: #d5dae1; --card: #ffffff; --page: #f4f6f8; --ink: #1c2733; --quiet: #556270; --warn: #9a4a00;
}
@media (prefers-color-scheme: dark) {
  :root { --accent: #6cb0f5; --line: #35404c; --card: #1b232c; --page: #11171d; --ink: #e4e9ee; --quiet: #a3b0bd; --warn: #f0a35e; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 36px 0 12px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 4px 0 10px; }
.quiet { color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 20px 0 0; padding: 0; }
.card, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; margin: 0; min-width: 0; }
.card dt { color: var(--quiet); font-size: 13px; }
.card dd { margin: 2px 0 0; font-size: 19px; font-weight: 600; overflow-wrap: anywhere; }
.card.long dd { font-size: 15px; font-weight: 500; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 14px; }
figure.wide { grid-column: 1 / -1; }
figure svg { display: block; width: 100%; height: auto; margin-top: 6px; }
figcaption p { font-size: 13.5px; color: var(--quiet); margin: 2px 0 0; }
details { margin-top: 8px; font-size: 13.5px; }
summary { cursor: pointer; color: var(--accent); }
.scroll { overflow-x: auto; }
details .scroll { max-height: 260px; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; font-size: 13px; color: var(--quiet); }
.number { text-align: right; white-space: nowrap; }
ul.notes { margin: 0; padding-left: 20px; }
ul.notes li { margin: 5px 0; }
ul.notes strong { color: var(--warn); }
"""


def write_page(inspection: Inspection, to: Path, *, title: str = "What is in the data") -> None:
    """Write the report to one HTML file; complete or not at all. Raises `MissingExtraError` without matplotlib."""
    text = page_of(inspection, title=title)
    with writing_file(Path(to)) as draft:
        draft.write_text(text, encoding="utf-8")


def page_of(inspection: Inspection, *, title: str = "What is in the data") -> str:
    """The report as HTML text."""
    plots = plots_of(inspection)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="quiet">Written by <code>leanrec inspect</code>, after cleaning.</p>
<dl class="cards">{_cards(inspection)}</dl>
<h2>What to know before fitting</h2>
<ul class="notes">{"".join(f"<li>{note}</li>" for note in _notes(inspection))}</ul>
<h2>What cleaning did</h2>
{_cleaning(inspection)}
<h2>Plots</h2>
<div class="plots">{"".join(_figure(plot) for plot in plots)}</div>
</main>
</body>
</html>
"""


def _cards(inspection: Inspection) -> str:
    cards = []
    for name, figure in inspection.headline():
        kind = "card long" if len(figure) > 22 else "card"
        cards.append(f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(figure)}</dd></div>')
    return "".join(cards)


def _notes(inspection: Inspection) -> list[str]:
    """What the figures mean for a recommender, in plain words."""
    notes = []
    if inspection.time_quality == "none":
        notes.append("<strong>No time is known.</strong> Splits by time and recommenders that use order are refused or see file order only.")
    elif inspection.time_quality == "order":
        notes.append("<strong>Only the order of events is true.</strong> Leave-one-out works; splits by clock time are refused.")
    if inspection.history_lengths.median < 3:
        notes.append("<strong>Most users have fewer than three events.</strong> Expect popularity and item similarity to be hard to beat.")
    if inspection.head_shares["top 1 %"] > 0.5:
        notes.append("<strong>One item in a hundred holds more than half of all events.</strong> Judge recommenders on the tail as well.")
    if inspection.items_without_events:
        share = inspection.items_without_events / max(1, inspection.catalogue_items)
        notes.append(f"{inspection.items_without_events:,} items of the catalogue ({share:.0%}) have no events: only content can recommend them.")
    if inspection.items_without_catalogue:
        notes.append(
            f"<strong>{inspection.items_without_catalogue:,} items with events are not in the catalogue</strong> and are known by their id only."
        )
    if not inspection.catalogue_items:
        notes.append("There is no catalogue: items are known by their id only. Add one with titles and categories to explain and to filter.")
    if inspection.bots:
        user, why = next(iter(inspection.bots.items()))
        notes.append(f"<strong>{len(inspection.bots)} users act like machines</strong>, e.g. {escape(user)}: {escape(why)}.")
    return notes or ["Nothing stands out."]


def _cleaning(inspection: Inspection) -> str:
    rows = [(step.name, f"{step.rows_before:,}", f"{step.removed:,}", f"{step.changed:,}", step.note) for step in inspection.cleaning]
    steps = _table(("step", "rows before", "removed", "changed", "note"), rows)
    if not inspection.quarantine:
        return f'<div class="card scroll">{steps}<p class="quiet">No row was set aside.</p></div>'
    reasons = _table(
        ("reason for setting rows aside", "rows"), [(reason, f"{count:,}") for reason, count in list(inspection.quarantine.items())[:20]]
    )
    return f'<div class="card scroll">{steps}<br>{reasons}<p class="quiet">The rows stand beside this page, in a quarantine.parquet.</p></div>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns with figures stand to the right."""
    body = [[escape(cell) for cell in row] for row in rows]
    is_number = [
        bool(body) and all(row[place].replace(",", "").replace(".", "").rstrip("%").isdigit() for row in body) for place in range(len(header))
    ]
    kinds = [' class="number"' if number else "" for number in is_number]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(header, kinds))
    lines = "".join("<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds)) + "</tr>" for row in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _figure(plot: Plot) -> str:
    kind = ' class="wide"' if plot.title == "Activity over time" else ""
    table = _table(("", "figure"), plot.rows)
    return (
        f"<figure{kind}><figcaption><h3>{escape(plot.title)}</h3><p>{escape(plot.summary)}</p></figcaption>{plot.svg}"
        f'<details><summary>The figures</summary><div class="scroll" tabindex="0">{table}</div></details></figure>'
    )


def _is_figure(text: str) -> bool:
    return text.replace(",", "").replace(".", "").rstrip("%").isdigit()
