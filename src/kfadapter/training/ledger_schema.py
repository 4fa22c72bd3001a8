"""Bringing a ledger's tables to the version this program needs.

A current ledger is recognised with one plain query, so that a start does not load Alembic. A new ledger gets its
tables at once; a test proves that they equal the sum of the migrations. Only an older ledger is migrated.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from kfadapter.errors import LedgerError
from kfadapter.training.ledger_database import LedgerDatabase
from kfadapter.training.ledger_tables import SCHEMA_VERSION, metadata, schema_version

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number, the same in all replicas: who holds it is changing the tables.
MIGRATION_LOCK = 5_001_650_423


def bring_up_to_date(database: LedgerDatabase) -> None:
    """Create or migrate the tables, if need be. Safe when several replicas start at once.

    Raises:
        LedgerError: The ledger was written by a newer version of this program, or cannot be used.
    """
    if current_version(database) == SCHEMA_VERSION:
        return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        version = _version(connection)
        if version is None:
            create_tables(connection)
        elif version != SCHEMA_VERSION:
            migrate(connection, database.name, version)


def current_version(database: LedgerDatabase) -> str | None:
    """The version a ledger's tables have; None for an empty database."""
    try:
        with database.read() as connection:
            return connection.execute(select(schema_version.c.version_num)).scalar()
    except LedgerError as exc:
        if isinstance(exc.__cause__, (OperationalError, ProgrammingError)) and _is_missing_table(exc.__cause__):
            return None
        raise


def create_tables(connection: Connection) -> None:
    """Make all tables of the newest version."""
    metadata.create_all(connection)
    schema_version.create(connection)
    connection.execute(schema_version.insert().values(version_num=SCHEMA_VERSION))


def migrate(connection: Connection, name: str, version: str, target: str = "head") -> None:
    """Apply the migrations that are missing, inside the caller's transaction.

    Raises:
        LedgerError: No migration leads from this version.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, target)
    except CommandError as exc:
        raise LedgerError(
            f"the ledger {name} has version {version}, which this program does not know; it was written by a newer one"
        ) from exc


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(select(schema_version.c.version_num)).scalar()


def _is_missing_table(error: OperationalError | ProgrammingError) -> bool:
    message = str(error.orig)
    return schema_version.name in message and ("no such table" in message or "does not exist" in message)
