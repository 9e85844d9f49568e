"""The verb `plan`: what a network over histories will need, before anything is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanrec.cli.options import AsJson, ConfigFile, Memory, Minutes, Overrides, settings_of
from leanrec.cli.printing import print_json, print_table
from leanrec.errors import ConfigError

if TYPE_CHECKING:
    from leanrec.planner.plan import Plan
    from leanrec.planner.serving import ReplicaPlan

Count = Annotated[str | None, typer.Option(metavar="NUMBER", help="How many there are: 250000, 250k or 10M.", show_default=False)]


def plan(
    source: Annotated[str | None, typer.Argument(help="Events, as for `leanrec fit`; left out, --users, --items and --history are stated.")] = None,
    users: Count = None,
    items: Count = None,
    history: Annotated[float | None, typer.Option(help="Events of a user, the mean.", show_default=False)] = None,
    qps: Annotated[float | None, typer.Option(help="Requests a second in the busiest hour: replicas are planned too.", show_default=False)] = None,
    p95_ms: Annotated[float | None, typer.Option("--p95-ms", help="Milliseconds that 95 % of them may take.", show_default=False)] = None,
    request_ms: Annotated[float | None, typer.Option(help="Milliseconds of a request alone, the mean, as measured.", show_default=False)] = None,
    deviation_ms: Annotated[float | None, typer.Option(help="Their standard deviation, as measured.", show_default=False)] = None,
    to: Annotated[Path, typer.Option("--to", help="Where the settings for `leanrec fit --config` go.")] = Path("plan.toml"),
    minutes: Minutes = None,
    memory: Memory = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Foretell memory and time of training a network over histories, and write the largest that the budget holds as settings."""
    from leanrec.planner.amounts import count
    from leanrec.planner.demand import Demand
    from leanrec.workflow.planning import demand_of, plan_within

    settings = settings_of(config, overrides, minutes=minutes, memory=memory)
    stated = {"users": users, "items": items, "history": history}
    given = {name: value for name, value in stated.items() if value is not None}
    if source is not None and given:
        raise ConfigError(f"--{next(iter(given))} is stated, and data are given: they are counted", hint="leave one of them out")
    if source is None and len(given) < len(stated):
        lacking = ", ".join(f"--{name}" for name in stated if name not in given)
        raise ConfigError(f"{lacking} is missing", hint="state users, items and history, or name a file of events: leanrec plan orders.csv")
    if source is not None:
        demand = demand_of(source, settings=settings)
    else:
        demand = Demand(users=round(count(users or "")), items=round(count(items or "")), history=history or 0.0)
    served = _replicas({"qps": qps, "p95_ms": p95_ms, "request_ms": request_ms, "deviation_ms": deviation_ms})
    made = plan_within(demand, settings, to=to)
    if as_json:
        told = {"demand": demand.model_dump(exclude={"lengths"}), "binding": made.choice.binding, "beyond": made.beyond, "file": str(to)}
        print_json({**made.settings, **told, **({} if served is None else {"serving": served.model_dump()})})
        return
    _print_plan(made)
    if served is not None:
        figures = f"95 % of the requests within {served.p95_ms:.3g} ms, each busy for {served.utilisation:.0%} of the time"
        typer.echo(f"Serving: {served.replicas} replica{'' if served.replicas == 1 else 's'}, a process and a core each: {figures}.")
    typer.echo(f"Next: leanrec fit ... --config {to}")


def _replicas(stated: dict[str, float | None]) -> "ReplicaPlan | None":
    """The fewest, where traffic is stated; raises `ConfigError` where only a part of it is."""
    from leanrec.planner.serving import Traffic, replicas_for

    given = {name: value for name, value in stated.items() if value is not None}
    if not given:
        return None
    if lacking := [f"--{name.replace('_', '-')}" for name in stated if name not in given]:
        raise ConfigError(
            f"{', '.join(lacking)} is missing", hint="replicas need --qps, --p95-ms, and --request-ms and --deviation-ms as a server was measured"
        )
    return replicas_for(Traffic.parse({"requests_s" if name == "qps" else name: value for name, value in given.items()}, where="plan"))


def _print_plan(made: "Plan") -> None:
    chosen, larger = made.choice.chosen, made.choice.next_larger
    rows = []
    for one in made.known:
        if one in (chosen, larger, made.known[0], made.known[-1]):
            training = one.training
            name = "taken" if one is chosen else "next larger" if one is larger else "smallest" if one is made.known[0] else "largest"
            shape = f"width {training.width}, {training.num_layers} layers, {training.max_length} events, {training.loss}"
            rows.append((name, shape, str(one.memory_gb), str(one.minutes)))
    title = f"{made.demand.users} users, {made.demand.items} items, {made.demand.history:.3g} events a user"
    print_table(title, ("network", "settings", "memory, GB", "fit, minutes"), rows)
    if made.choice.binding:
        typer.echo(f"The next larger network {made.choice.binding}.")
    if made.beyond:
        typer.echo(f"Drawn out past what was measured: {made.beyond}. Expect a larger error than the brackets say.")
    typer.echo("One thread; in brackets the ends that are expected, from an early stop to all epochs (how wrong they were: docs/planning.md).")
