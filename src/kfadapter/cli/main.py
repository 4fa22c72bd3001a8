"""The `kfadapter` program. Every command imports what it needs when it is called, so that the others start quickly."""

import importlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from kfadapter import __version__
from kfadapter.cli.engine import app as engine_app
from kfadapter.cli.exits import COMMAND_FAILED, USAGE
from kfadapter.cli.loading import loading
from kfadapter.cli.options import DataDir, Host, Json, Port, Url
from kfadapter.errors import KFAdapterError, SettingsError

GROUPS: Mapping[str, str] = {
    "pipelines": "kfadapter.cli.pipelines",
    "runs": "kfadapter.cli.runs",
    "recurring": "kfadapter.cli.recurring",
    "jobs": "kfadapter.cli.jobs",
    "experiments": "kfadapter.cli.experiments",
    "subscriptions": "kfadapter.cli.subscriptions",
}
"""The groups of commands that talk to a running adapter, and the modules whose `app` they are."""


class _Commands(TyperGroup):
    """All commands; a group's module is imported when the group is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in GROUPS:
            return super().get_command(ctx, cmd_name)
        group = typer.main.get_command(importlib.import_module(GROUPS[cmd_name]).app)
        group.name = cmd_name
        return group


app = typer.Typer(
    name="kfadapter",
    cls=_Commands,
    help="The bridge between a Training Manager and Kubeflow Pipelines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(engine_app, name="engine")


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    kubeflow_url: Annotated[
        str | None, typer.Option(help="Kubeflow Pipelines; without it the embedded engine is started.")
    ] = None,
    training_manager_url: Annotated[str | None, typer.Option(help="The Training Manager to tell.")] = None,
) -> None:
    """Run the adapter. All settings are in the environment (docs/settings.md); options win over it."""
    with loading():
        from kfadapter.cli.serve import run_service

    run_service(
        host=host,
        port=port,
        data_dir=data_dir,
        kubeflow_url=kubeflow_url,
        training_manager_url=training_manager_url,
    )


@app.command()
def server(url: Url = None, as_json: Json = False) -> None:
    """Tell what Kubeflow is behind the adapter, and what it cannot do. Ends with 3 when it is not reachable."""
    from kfadapter.cli.server import show_server

    show_server(url=url, as_json=as_json)


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the version this program needs, and say which it had and has."""
    from kfadapter.cli.migrate import run_migration

    run_migration(data_dir=data_dir)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data in this directory; without it a temporary one is used.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="No colours, no live display: for logs.")] = False,
) -> None:
    """See a training job go all the way on this machine: from the upload of a pipeline to the notification."""
    from kfadapter.cli.demo.command import run_demo

    sys.exit(run_demo(keep=keep, data_dir=data_dir, is_plain=plain))


@app.command()
def events(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what happens from now on.")] = False,
    type: Annotated[
        list[str] | None, typer.Option(help="Only this type; `*` stands for anything: run.*; may be given many times.")
    ] = None,
    run: Annotated[list[str] | None, typer.Option(help="Only this run, by id.")] = None,
    job: Annotated[list[str] | None, typer.Option(help="Only this training job.")] = None,
    pipeline: Annotated[list[str] | None, typer.Option(help="Only this pipeline, by name or id.")] = None,
    experiment: Annotated[list[str] | None, typer.Option(help="Only this experiment, by name or id.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only with this state after the event.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: a time such as 2026-03-12T09:00:00Z, or 90s, 30m, 2h, 1d ago.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Show so many of the newest; not with --since.")] = 20,
    url: Annotated[str | None, typer.Option("--url", help="The adapter to talk to.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print CloudEvents, one a line, and nothing else.")] = False,
) -> None:
    """Show what has happened, newest last: to runs, tasks, training jobs and deliveries."""
    from kfadapter.cli.events import Wanted, show_events

    criteria = {"type": type, "run": run, "job": job, "pipeline": pipeline, "experiment": experiment, "state": state}
    wanted = Wanted(criteria={name: list(values) for name, values in criteria.items() if values}, since=since)
    show_events(url, wanted, limit=limit, is_followed=follow, as_json=as_json)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the program; every failure is one line on standard error.

    Args:
        arguments: In place of the process's own.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for a terminal that cannot show a mark
    try:
        app(arguments)
    except KFAdapterError as exc:
        _fail(str(exc), USAGE if isinstance(exc, SettingsError) else COMMAND_FAILED)


def _fail(line: str, code: int) -> NoReturn:
    print(f"kfadapter: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(code)
