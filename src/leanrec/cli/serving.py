"""Verbs of the live side: serve, models, keys."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanrec.cli.options import AsJson
from leanrec.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from leanrec.serving.library import Version

Library = Annotated[Path, typer.Argument(help="A folder of models: NAME/VERSION, and NAME/current that says which one answers.")]
Name = Annotated[str, typer.Argument(help="The name of a model.")]
KeyFile = Annotated[Path, typer.Option("--file", help="The file of hashed keys.")]

models = typer.Typer(help="List, publish, promote and roll back versions of models.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)


def serve(
    model: Annotated[list[Path], typer.Argument(help="A model that `leanrec fit` wrote, or a folder of models; several stand side by side.")],
    host: Annotated[str, typer.Option(help="Address to bind; beyond this machine, --key-file is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind; 0 takes a free one.")] = 8000,
    store: Annotated[Path | None, typer.Option(help="SQLite file for live events; beside the model by default.", show_default=False)] = None,
    pipeline: Annotated[Path | None, typer.Option(help="A TOML file with the stages.", show_default=False)] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="Ask for a key: the file of `leanrec keys create`.", show_default=False)] = None,
    cors: Annotated[list[str] | None, typer.Option(help="An origin whose pages may ask; repeat for several.", show_default=False)] = None,
    allow_host: Annotated[list[str] | None, typer.Option("--allow-host", help="A further host name to answer to.", show_default=False)] = None,
    watch_seconds: Annotated[float, typer.Option("--watch-seconds", help="How often to look for new model versions.")] = 1.0,
    access_log: Annotated[bool, typer.Option(help="One log line for each request, users masked.")] = True,
) -> None:
    """Serve models over HTTP, with a page at /."""
    from leanrec.serving.server import run
    from leanrec.serving.settings import ServerSettings

    settings = ServerSettings(
        models=tuple(model),
        host=host,
        port=port,
        store=store,
        pipeline=pipeline,
        key_file=key_file,
        cors=tuple(cors or ()),
        allow_hosts=tuple(allow_host or ()),
        watch_seconds=watch_seconds,
        access_log=access_log,
    )
    run(settings, ready=lambda address: typer.echo(f"Serving at {address} (stop with Ctrl-C)"))


@models.command(name="list")
def list_models(library: Library, as_json: AsJson = False) -> None:
    """List every version of every model, and which one answers."""
    from leanrec.serving.library import versions

    found = versions(library)
    if as_json:
        print_json([asdict(version) for version in found])
        return
    rows = [(version.name, version.version, version.recommender, "answers" if version.is_current else "") for version in found]
    print_table(str(library), ("model", "version", "recommender", ""), rows)


@models.command()
def publish(
    model: Annotated[Path, typer.Argument(help="A model that `leanrec fit` wrote.")],
    to: Annotated[Path, typer.Option("--to", help="The folder of models.")],
    name: Annotated[str | None, typer.Option(help="The model's name; its folder's by default.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a model into a folder of models and let it answer."""
    from leanrec.serving import library

    _print_current(library.publish(model, to, name=name), as_json=as_json)


@models.command()
def promote(
    library: Library, name: Name, version: Annotated[str, typer.Argument(help="The version that should answer.")], as_json: AsJson = False
) -> None:
    """Let a version answer."""
    from leanrec.serving import library as models_library

    _print_current(models_library.promote(library, name=name, version=version), as_json=as_json)


@models.command()
def rollback(library: Library, name: Name, as_json: AsJson = False) -> None:
    """Let the version answer that answered before."""
    from leanrec.serving import library as models_library

    _print_current(models_library.rollback(library, name=name), as_json=as_json)


def _print_current(version: "Version", *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(version))
    else:
        typer.echo(f"{version.name} answers with version {version.version}")


@keys.command()
def create(file: KeyFile = Path("keys.json"), name: Annotated[str, typer.Option(help="Whom the key is for.")] = "default") -> None:
    """Make an API key and print it, this once; the file keeps only its hash."""
    from leanrec.serving.keys import create_key

    typer.echo(create_key(file, name=name))


@keys.command(name="list")
def list_keys(file: KeyFile = Path("keys.json"), as_json: AsJson = False) -> None:
    """List the names of the keys."""
    from leanrec.serving.keys import read_keys

    rows = [(stored.name, stored.created) for stored in read_keys(file)]
    if as_json:
        print_json([{"name": name, "created": created} for name, created in rows])
    else:
        print_table(str(file), ("name", "created"), rows)


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="The name of a key.")], file: KeyFile = Path("keys.json")) -> None:
    """Remove a key; restart servers that use the file."""
    from leanrec.serving.keys import revoke_key

    revoke_key(file, name=name)
    typer.echo(f"{name} opens nothing any more")
