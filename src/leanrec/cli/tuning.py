"""The verb `tune`: search the settings of a recommender within a budget."""

from pathlib import Path
from typing import Annotated

import typer

from leanrec.cli.options import AsJson, CatalogueFile, ConfigFile, Memory, Minutes, Overrides
from leanrec.cli.printing import print_json, print_table


def tune(
    data: Annotated[str, typer.Argument(help="Events, as for `leanrec fit`.")],
    recommender: Annotated[str, typer.Option(help="Whose settings are searched.")],
    to: Annotated[Path, typer.Option("--to", help="The folder of the search; named again, the search goes on.")],
    trials: Annotated[int | None, typer.Option(help="Trials at most; 30 where no minutes are given.", show_default=False, min=1)] = None,
    catalogue: CatalogueFile = None,
    minutes: Minutes = None,
    memory: Memory = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search recipe and schedule of a recommender on validation users, and write the best as settings for `leanrec fit`."""
    from leanrec.workflow.searching import read_search_settings
    from leanrec.workflow.searching import tune as search

    flags = {"budget.minutes": minutes, "budget.memory_gb": memory, "search.trials": trials}
    named = [f"{name}={value}" for name, value in flags.items() if value is not None]
    settings = read_search_settings(config, [*(overrides or []), *named])
    found = search(data, recommender=recommender, to=to, settings=settings, catalogue=catalogue)
    if as_json:
        best = {"settings": dict(found.best.settings), "quality": found.best.quality, "cpu_seconds": found.best.cpu_seconds}
        states = {state: sum(trial.state == state for trial in found.trials) for state in ("complete", "pruned", "failed")}
        print_json({"recommender": recommender, "metric": found.metric, "best": best, "trials": states, "folder": str(to)})
        return
    shown = {trial.number: trial for trial in (found.first, *found.front, found.best)}
    rows = [
        (
            {0: "as it comes", found.best.number: "best"}.get(trial.number, f"trial {trial.number}"),
            "-" if trial.quality is None else f"{trial.quality:.4f}",
            "-" if trial.cpu_seconds is None else f"{trial.cpu_seconds:.1f}",
            ", ".join(f"{path} {value:.4g}" if isinstance(value, float) else f"{path} {value}" for path, value in trial.settings.items()),
        )
        for trial in shown.values()
    ]
    print_table(f"{recommender}: {len(found.trials)} trials", ("trial", found.metric, "CPU-s", "settings"), rows)
    typer.echo(f"The best is in {to / 'best.toml'}; next: leanrec fit {data} --config {to / 'best.toml'}")
