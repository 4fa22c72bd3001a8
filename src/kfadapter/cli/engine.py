"""`kfadapter engine`: the embedded engine alone, and the housekeeping of its data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kfadapter.cli.loading import loading
from kfadapter.cli.options import DataDir, Host, Port

app = typer.Typer(invoke_without_command=True)


@app.callback()
def engine(context: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the embedded engine alone: a Kubeflow Pipelines v2beta1 API that really runs pipelines."""
    if context.invoked_subcommand is None:
        with loading():
            from kfadapter.cli.serve import run_engine

        run_engine(host=host, port=port, data_dir=data_dir)
    context.obj = data_dir


@app.command()
def gc(
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="The engine's data directory, or that of a service.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed, and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Remove what is kept no longer, as the settings KFADAPTER_ENGINE_KEEP_* say; beside a running engine or alone."""
    from kfadapter.cli.housekeeping import collect

    sys.exit(collect(data_dir or context.obj, is_dry=dry_run, as_json=as_json))
