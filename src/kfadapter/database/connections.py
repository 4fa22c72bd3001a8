"""The service's own database: connections, transactions, and the database's errors in our words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kfadapter.database.announcements import taken
from kfadapter.errors import DatabaseError

BUSY_MILLISECONDS = 10_000
# Each connection's own copy of pages, beside the system's: it grows with the file up to this, for every thread.
CACHE_KIB = 512
CONNECT_SECONDS = 5
POSTGRESQL_DRIVER = "postgresql+psycopg"
READS = "kfadapter_reads"
# Execution option of a transaction: its commit waits for the disk.
SYNCED = "kfadapter_synced"
# What a connection remembers of itself: how far its commits go.
SYNCHRONOUS = "kfadapter_synchronous"


class Database:
    """Transactions on the service's own database.

    SQLite gets one writer at a time (`BEGIN IMMEDIATE`), a write-ahead log and full synchronisation: what was
    committed survives the loss of power. PostgreSQL works at its default isolation with row locks.

    Args:
        url: An SQLAlchemy URL of SQLite (a file) or PostgreSQL.

    Attributes:
        on_commit: Told, in the thread of the transaction, what a committed transaction has announced.

    Raises:
        DatabaseError: The URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.on_commit: Callable[[frozenset[str]], None] | None = None
        try:
            self._url = make_url(url)
        except ArgumentError as exc:
            raise DatabaseError(f"the database's URL cannot be read: {exc}") from exc
        if self._url.drivername in ("postgres", "postgresql"):
            self._url = self._url.set(drivername=POSTGRESQL_DRIVER)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self._url.get_backend_name() != "postgresql":
            raise DatabaseError(f"the database is SQLite or PostgreSQL, not {self._url.get_backend_name()}")
        if self.is_sqlite and self._url.database in (None, "", ":memory:"):
            raise DatabaseError("the database must outlive the service: SQLite needs a file")
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        """Where the database is, without a password."""
        return self._url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Make the place for a new file; connections are made when they are needed.

        Raises:
            DatabaseError: The directory cannot be made.
        """
        if self._engine is not None:
            return
        if self.is_sqlite:
            self._make_directory(Path(str(self._url.database)).parent)
        self._engine = self._new_engine()

    def close(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def write(self, *, is_synced: bool = True) -> Iterator[Connection]:
        """One transaction that writes; committed at the end of the block.

        Args:
            is_synced: False: a loss of power right after the commit may undo it, the death of the process never
                does. For what would be found out again.

        Raises:
            DatabaseError: The database refused.
        """
        with self._errors(), self._opened().connect() as connection:
            writing = connection.execution_options(**{SYNCED: is_synced})
            taken(writing)
            with writing.begin():
                if not is_synced and not self.is_sqlite:
                    writing.exec_driver_sql("SET LOCAL synchronous_commit TO off")
                yield writing
            topics = taken(writing)
        if topics and self.on_commit is not None:
            self.on_commit(topics)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look; does not wait for writers."""
        with self._errors(), self._opened().connect() as connection:
            reading = connection.execution_options(**{READS: True})
            with reading.begin():
                yield reading

    def _make_directory(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise DatabaseError(f"the database's directory {directory} cannot be made: {exc.strerror}") from exc

    def _new_engine(self) -> Engine:
        if not self.is_sqlite:
            options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
            try:
                return create_engine(self._url, connect_args=options, pool_pre_ping=True, pool_size=8, max_overflow=4)
            except ImportError as exc:
                raise DatabaseError(f"PostgreSQL needs the extra `postgres` installed: {exc}") from exc
        engine = create_engine(self._url, connect_args={"timeout": BUSY_MILLISECONDS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _opened(self) -> Engine:
        if self._engine is None:
            raise DatabaseError("the database is not open")
        return self._engine

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as exc:
            raise DatabaseError(f"the database {self.name} has no free connection") from exc
        except DBAPIError as exc:
            raise DatabaseError(f"the database {self.name} cannot be used: {exc.orig}") from exc
        except SQLAlchemyError as exc:
            raise DatabaseError(f"the database {self.name} cannot be used: {exc}") from exc


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Settings of one connection. Transactions are begun by us, so the driver must not begin its own."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(READS, False):
        connection.exec_driver_sql("BEGIN")
        return
    wanted = "FULL" if options.get(SYNCED, True) else "NORMAL"
    if connection.info.get(SYNCHRONOUS) != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous = {wanted}")
        connection.info[SYNCHRONOUS] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")
