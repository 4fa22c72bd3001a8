"""`kfadapter migrate`: the database's tables, before the replicas of a new version are started."""

from pathlib import Path

import typer

from kfadapter.service import migrate_database
from kfadapter.settings import load_settings


def run_migration(*, data_dir: Path | None) -> None:
    """Migrate the database that the settings name.

    Raises:
        SettingsError: A setting cannot be used.
        DatabaseError: A newer version wrote the database, or it cannot be used.
    """
    done = migrate_database(load_settings(data_dir=data_dir))
    if done.before == done.after:
        typer.echo(f"{done.name} has version {done.after}, the newest")
    else:
        typer.echo(f"{done.name} had {f'version {done.before}' if done.before else 'no tables'}, now has {done.after}")
