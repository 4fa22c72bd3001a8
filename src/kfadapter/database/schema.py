"""Bringing a database's tables to the version this program needs.

A current database is recognised with one plain query, so that a start does not load Alembic. A new one gets its
tables at once; a test proves that they equal the sum of the migrations. Only an older one is migrated.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from kfadapter.database.connections import Database
from kfadapter.database.tables import SCHEMA_VERSION, metadata, schema_version
from kfadapter.errors import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number, the same in all replicas: who holds it is changing the tables.
MIGRATION_LOCK = 5_001_650_423


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """What a migration has done.

    Attributes:
        name: Where the database is, without a password.
        before: The version it had; None: it was empty.
        after: The version it has.
    """

    name: str
    before: str | None
    after: str


def migrated(url: str) -> Migrated:
    """Create or migrate the tables of the database at this URL.

    Raises:
        DatabaseError: A newer version wrote it, or it cannot be used.
    """
    database = Database(url)
    database.open()
    try:
        before = current_version(database)
        bring_up_to_date(database)
    finally:
        database.close()
    return Migrated(name=database.name, before=before, after=SCHEMA_VERSION)


def bring_up_to_date(database: Database) -> None:
    """Create or migrate the tables, if need be. Safe when several replicas start at once.

    Raises:
        DatabaseError: The database was written by a newer version of this program, or cannot be used.
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


def current_version(database: Database) -> str | None:
    """The version the tables have; None for an empty database."""
    try:
        with database.read() as connection:
            return connection.execute(select(schema_version.c.version_num)).scalar()
    except DatabaseError as exc:
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
        DatabaseError: No migration leads from this version.
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
        raise DatabaseError(
            f"the database {name} has version {version}, which this program does not know; a newer one wrote it"
        ) from exc


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(select(schema_version.c.version_num)).scalar()


def _is_missing_table(error: OperationalError | ProgrammingError) -> bool:
    message = str(error.orig)
    return schema_version.name in message and ("no such table" in message or "does not exist" in message)
