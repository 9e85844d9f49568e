"""Plots of an inspection as inline SVG that takes its colours from the page, so light and dark both read well."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from leanrec.data.distributions import Distribution
from leanrec.data.inspection import Activity, Inspection
from leanrec.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ACCENT, _SOFT = "#010203", "#040506", "#070809"
_PAGE_COLOURS = {_INK: "currentColor", _ACCENT: "var(--accent)", _SOFT: "var(--line)"}
"""Stand-ins that matplotlib can draw -> what the page's style sheet says."""
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _SOFT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _SOFT,
    "axes.axisbelow": True,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A picture with the words that say the same."""

    title: str
    summary: str
    """What the picture shows, in a sentence; it is also the alternative text."""
    svg: str
    rows: tuple[tuple[str, str], ...]
    """The figures behind it."""


def plots_of(inspection: Inspection) -> list[Plot]:
    """Every plot that the data allow; raises `MissingExtraError` without matplotlib."""
    plots = [_histories(inspection), _long_tail(inspection)]
    if inspection.activity is not None:
        plots.append(_activity(inspection.activity))
    if len(inspection.event_kinds) > 1:
        plots.append(_kinds(inspection))
    if inspection.values is not None:
        plots.append(_values(inspection.values))
    plots += [_text_lengths(name, spread) for name, spread in list(inspection.text_lengths.items())[:4] if spread.low < spread.high]
    if inspection.filled:
        plots.append(_filled(inspection))
    return plots


def _histories(inspection: Inspection) -> Plot:
    spread = inspection.history_lengths
    summary = f"Half of the users have at most {spread.median:g} events; one in ten has more than {spread.p90:.0f}, the busiest {spread.high:g}."
    with _drawing("histories") as (axes, result):
        _bars(axes, spread)
        axes.set_xlabel("events of a user (logarithmic)")
        axes.set_ylabel("users")
    return Plot(title="History lengths", summary=summary, svg=_svg(result, "histories", summary), rows=_quantile_rows(spread))


def _long_tail(inspection: Inspection) -> Plot:
    spread, shares = inspection.item_counts, inspection.head_shares
    summary = (
        f"The most popular tenth of the items holds {shares['top 10 %']:.0%} of all events (Gini {inspection.popularity_gini:.2f}); "
        f"half of the items have at most {spread.median:g} events."
    )
    with _drawing("tail") as (axes, result):
        items, events = [100.0 * share for share, _ in inspection.tail_curve], [100.0 * share for _, share in inspection.tail_curve]
        axes.plot((0, 100), (0, 100), color=_SOFT, linewidth=1.2)
        axes.fill_between(items, events, color=_ACCENT, alpha=0.2, linewidth=0)
        axes.plot(items, events, color=_ACCENT, linewidth=1.8)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 101)
        axes.set_xlabel("% of items, the most popular first")
        axes.set_ylabel("% of events")
    rows = (*((f"events on the {name} of items", f"{share:.1%}") for name, share in shares.items()), *_quantile_rows(spread))
    return Plot(title="The long tail", summary=summary, svg=_svg(result, "tail", summary), rows=rows)


def _activity(activity: Activity) -> Plot:
    days = [date.fromisoformat(start) for start in activity.starts]
    peak = max(range(len(days)), key=lambda place: activity.counts[place])
    summary = f"Events a {activity.period} from {days[0]} to {days[-1]}; most, {activity.counts[peak]:,}, in the {activity.period} of {days[peak]}."
    with _drawing("activity", width=9.2) as (axes, result):
        days.append(days[-1] + (days[-1] - days[-2] if len(days) > 1 else timedelta(days=1)))
        counts = [*activity.counts, activity.counts[-1]]
        axes.fill_between(days, counts, step="post", color=_ACCENT, alpha=0.25, linewidth=0)  # type: ignore[arg-type]  # dates are a unit that matplotlib converts
        axes.step(days, counts, where="post", color=_ACCENT, linewidth=1.6)  # type: ignore[arg-type]  # dates, as above
        axes.set_ylabel(f"events a {activity.period}")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
    rows = tuple((start, f"{count:,}") for start, count in zip(activity.starts, activity.counts))
    return Plot(title="Activity over time", summary=summary, svg=_svg(result, "activity", summary), rows=rows)


def _kinds(inspection: Inspection) -> Plot:
    kinds = inspection.event_kinds
    total = max(1, sum(kinds.values()))
    summary = "Kinds of events: " + ", ".join(f"{kind} {count / total:.1%}" for kind, count in kinds.items()) + "."
    with _drawing("kinds", height=0.9 + 0.34 * len(kinds)) as (axes, result):
        _lying_bars(axes, list(kinds), [float(count) for count in kinds.values()])
        axes.set_xlabel("events")
    return Plot(
        title="Kinds of events",
        summary=summary,
        svg=_svg(result, "kinds", summary),
        rows=tuple((kind, f"{count:,}") for kind, count in kinds.items()),
    )


def _values(spread: Distribution) -> Plot:
    summary = f"{spread.count:,} events carry a value: median {spread.median:g}, from {spread.low:g} to {spread.high:g}."
    with _drawing("values") as (axes, result):
        _bars(axes, spread)
        axes.set_xlabel("value (rating, quantity, seconds)")
        axes.set_ylabel("events")
    return Plot(title="Values", summary=summary, svg=_svg(result, "values", summary), rows=_quantile_rows(spread))


def _text_lengths(name: str, spread: Distribution) -> Plot:
    summary = f"Half of the texts in {name} have at most {spread.median:g} characters; the longest has {spread.high:g}."
    key = "text-" + re.sub(r"\W+", "-", name)
    with _drawing(key) as (axes, result):
        _bars(axes, spread)
        axes.set_xlabel(f"characters of {name}")
        axes.set_ylabel("items")
    return Plot(title=f"Text lengths: {name}", summary=summary, svg=_svg(result, key, summary), rows=_quantile_rows(spread))


def _filled(inspection: Inspection) -> Plot:
    filled = dict(list(inspection.filled.items())[:16])
    gaps = [f"{name} {share:.1%}" for name, share in filled.items() if share < 1]
    summary = f"Filled for only some items: {', '.join(gaps)}." if gaps else "Every catalogue column is filled for every item."
    with _drawing("filled", height=0.9 + 0.34 * len(filled)) as (axes, result):
        _lying_bars(axes, list(filled), [100.0 * share for share in filled.values()])
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the items in the catalogue that have a value")
    rows = tuple((name, f"{share:.1%}") for name, share in filled.items())
    return Plot(title="Catalogue columns", summary=summary, svg=_svg(result, "filled", summary), rows=rows)


def _bars(axes: "Axes", spread: Distribution) -> None:
    lefts, rights = spread.edges[:-1], spread.edges[1:]
    widths = [(right - left) * 0.92 for left, right in zip(lefts, rights)]
    axes.bar(lefts, spread.counts, width=widths, align="edge", color=_ACCENT)
    if spread.is_logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks([tick for power in range(7) for tick in (10**power, 2 * 10**power, 5 * 10**power) if lefts[0] <= tick <= rights[-1]])
        axes.xaxis.set_major_formatter(_short)


def _lying_bars(axes: "Axes", names: Sequence[str], figures: Sequence[float]) -> None:
    axes.barh(names, figures, color=_ACCENT, height=0.62)
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def _quantile_rows(spread: Distribution) -> tuple[tuple[str, str], ...]:
    figures = {"lowest": spread.low, "10 % below": spread.p10, "median": spread.median, "mean": spread.mean, "90 % below": spread.p90}
    return tuple((name, f"{figure:,.4g}") for name, figure in {**figures, "99 % below": spread.p99, "highest": spread.high}.items())


@contextmanager
def _drawing(name: str, *, width: float = 4.5, height: float = 2.7) -> Iterator[tuple["Axes", io.StringIO]]:
    """Axes to draw on; the SVG text stands in the buffer when the block ends."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter
    except ImportError:
        raise MissingExtraError("the report's plots need matplotlib", hint="pip install 'leanrec[data]'") from None
    with rc_context({**_STYLE, "svg.hashsalt": name}):  # type: ignore[dict-item]  # the stubs list every key as a literal
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.tick_params(length=0)
        result = io.StringIO()
        yield axes, result
        for axis in (axes.yaxis, axes.xaxis):
            if axis.get_label_text() in ("events", "users", "items") or axis.get_label_text().startswith("events a "):
                axis.set_major_formatter(FuncFormatter(_short))
        figure.savefig(result, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})


def _short(value: float, _: object) -> str:
    """A count as an axis shows it.

    >>> _short(1500, None), _short(2_000_000, None)
    ('1.5k', '2M')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"


def _svg(result: io.StringIO, name: str, summary: str) -> str:
    """The drawing as an element of the page: page colours, ids of its own, scaled to its column, with its words."""
    text = result.getvalue()
    text = text[text.index("<svg") :]
    for colour, page_colour in _PAGE_COLOURS.items():
        text = text.replace(colour, page_colour)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\1{name}-", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    alternative = summary.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{alternative}">', text, count=1)
