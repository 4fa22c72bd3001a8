"""A ledger's tables: fresh ones equal migrated ones, and a current ledger opens without Alembic."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from kfadapter.database.connections import Database
from kfadapter.database.schema import MIGRATIONS, bring_up_to_date, create_tables, current_version, migrate
from kfadapter.database.tables import SCHEMA_VERSION, metadata
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError
from support.ledgers import new_database, open_ledger, postgresql_server


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}.sqlite" for name in ("fresh", "migrated")]
    else:
        urls = [new_database(request.getfixturevalue("postgresql")) for _ in range(2)]
    fresh, migrated = (Database(url) for url in urls)
    for database in (fresh, migrated):
        database.open()
    yield fresh, migrated
    for database in (fresh, migrated):
        database.close()


def described(connection: Connection) -> dict[str, Any]:
    """Everything a database says of its tables, in an order of its own."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]))
                for column in inspector.get_columns(table)
            ),
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(str(key) for key in inspector.get_foreign_keys(table)),
            "unique": sorted(str(one["column_names"]) for one in inspector.get_unique_constraints(table)),
            "indexes": sorted(
                (str(one["name"]), one["column_names"], one["unique"]) for one in inspector.get_indexes(table)
            ),
        }
        for table in sorted(inspector.get_table_names())
    }


def test_fresh_tables_equal_migrated_tables(databases: tuple[Database, Database]) -> None:
    fresh, migrated = databases
    with fresh.write() as connection:
        create_tables(connection)
        of_fresh = described(connection)
    with migrated.write() as connection:
        migrate(connection, migrated.name, "none")
        of_migrated = described(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    of_fresh.pop("alembic_version")
    of_migrated.pop("alembic_version")
    assert of_fresh == of_migrated
    assert current_version(fresh) == current_version(migrated) == SCHEMA_VERSION


def test_a_migration_can_be_undone(databases: tuple[Database, Database]) -> None:
    database = databases[0]
    with database.write() as connection:
        migrate(connection, database.name, "none")
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}


def test_opening_twice_changes_nothing(databases: tuple[Database, Database]) -> None:
    database = databases[0]
    bring_up_to_date(database)
    bring_up_to_date(database)
    assert current_version(database) == SCHEMA_VERSION


def test_the_newest_migration_is_the_version_of_the_tables() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_a_ledger_of_a_newer_program_is_refused(databases: tuple[Database, Database]) -> None:
    database = databases[0]
    bring_up_to_date(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match=r"version 9999.*newer"):
        bring_up_to_date(database)


def test_a_start_does_not_load_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    program = (
        "import sys; from kfadapter.database.transactions import Transactions\n"
        f"Transactions.open({url!r}).close(); assert 'alembic' not in sys.modules"
    )
    for _ in range(2):  # the first start makes the tables, the second finds them
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseError, match=r"ledger\.sqlite.*not a database"):
        Transactions.open(f"sqlite:///{path}")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="cannot be made"):
        Transactions.open(f"sqlite:///{tmp_path / 'file' / 'below' / 'ledger.sqlite'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "nonsense", ""])
def test_a_url_that_cannot_hold_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError):
        Transactions.open(url)


async def test_a_ledger_that_is_locked_by_others_is_an_error_in_words(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("kfadapter.database.connections.BUSY_MILLISECONDS", 50)
    path = tmp_path / "ledger.sqlite"
    with open_ledger(f"sqlite:///{path}") as ledger:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"):
            await ledger.stop_accepted("x", now=datetime.now(UTC))
        blocker.execute("ROLLBACK")
        blocker.close()


async def test_a_full_disk_is_an_error_in_words_and_the_ledger_lives_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with open_ledger(f"sqlite:///{path}") as ledger:
        now = datetime.now(UTC)
        await ledger.set_mark("x", now)
        with pytest.raises(DatabaseError, match="full"):
            await ledger._transactions.write(_fill)
        await ledger.set_mark("y", now)
        assert await ledger.mark("y") == now


def _fill(connection: Connection) -> None:
    pages = connection.execute(text("PRAGMA page_count")).scalar()
    connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    try:
        connection.execute(
            text("INSERT INTO watch_marks VALUES (:name, '2030-01-01 00:00:00.000000')"), {"name": "x" * 10**6}
        )
    finally:
        connection.execute(text("PRAGMA max_page_count = 4294967294"))
