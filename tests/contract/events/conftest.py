"""Databases that events are kept in: SQLite, and a PostgreSQL shared by two processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kfadapter.database.transactions import Transactions
from support.ledgers import new_database, postgresql_server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.sqlite'}"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def database(url: str) -> Iterator[Transactions]:
    with Transactions.open(url) as opened:
        yield opened
