"""The engine's database: SQLite in WAL mode, one writer thread, readers in threads.

Writes are functions that get a connection inside a transaction (`BEGIN IMMEDIATE`) and run one after another; reads
run side by side, each on a snapshot of its own. Neither blocks the event loop. A commit survives the end of the
process at any moment; the last ones before a loss of power may be missing (`synchronous=NORMAL`).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from kfadapter.engine.protocol.faults import ApiError, Code
from kfadapter.engine.store.tables import COUNT_RUNS, METADATA, OUTDATED_INDEXES, SCHEMA_VERSION, TRIGGERS
from kfadapter.errors import EngineError

READERS = 4
BUSY_TIMEOUT_SECONDS = 10.0
T = TypeVar("T")


class StoreFull(ApiError):
    """There is no room for what was to be written; nothing of it is kept."""


class Store:
    """The database; open from `open` to `close`.

    Args:
        path: The SQLite file; its directory is made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="engine-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="engine-reader")

    def open(self) -> None:
        """Open the database, making it when it is new.

        Raises:
            EngineError: The directory cannot be written, the file is no database or comes from a newer release.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _connect(self._path)
            self._writer.submit(self._prepare).result()
        except (OSError, DBAPIError) as exc:
            self.close()
            cause = exc.orig if isinstance(exc, DBAPIError) else exc
            raise EngineError(f"cannot keep the engine's data in {self._path.parent}: {cause}") from exc

    def close(self) -> None:
        """Finish what is under way and close."""
        self._readers.shutdown()
        self._writer.shutdown()
        if self._engine is not None:
            self._engine.dispose()

    async def read(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` on a snapshot.

        Raises:
            ApiError: The database failed, or what the function raises.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._on_snapshot, function, args)

    async def write(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(connection, *args)` as the only writer, and commit. Nothing is kept when it raises.

        A write that has begun is finished even when the caller goes away.
        """
        return await asyncio.wrap_future(self.submit(function, *args))

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """`write` for callers in threads."""
        return self._writer.submit(self._in_transaction, function, args)

    def fetch(self, function: Callable[..., T], *args: Any) -> T:
        """`read` for callers in threads."""
        return self._on_snapshot(function, args)

    def _on_snapshot(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            with self._opened().connect() as connection:
                connection.execute(text("BEGIN"))
                return function(connection, *args)
        except DBAPIError as exc:
            raise _failure(exc) from exc

    def _in_transaction(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            with self._opened().connect() as connection:
                connection.execute(text("BEGIN IMMEDIATE"))
                result = function(connection, *args)
                connection.commit()
                return result
        except DBAPIError as exc:
            raise _failure(exc) from exc

    def _opened(self) -> Engine:
        if self._engine is None:
            raise EngineError("the engine's database is not open")
        return self._engine

    def _prepare(self) -> None:
        with self._opened().connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            if version > SCHEMA_VERSION:
                raise EngineError(f"{self._path} was written by a newer release (schema {version})")
            METADATA.create_all(connection)
            _upgrade(connection, version)
            connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
            connection.commit()


def _upgrade(connection: Connection, version: int) -> None:
    """Bring what an earlier release has written up to this one's schema."""
    for trigger in TRIGGERS:
        connection.execute(text(trigger))
    if version == 1:
        connection.execute(text(COUNT_RUNS))
        for name in OUTDATED_INDEXES:
            connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
        for table in METADATA.sorted_tables:
            for index in table.indexes:
                index.create(connection, checkfirst=True)
        if inspect(connection).has_table("sqlite_stat1"):
            connection.execute(text("ANALYZE"))


def _connect(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS + 1,
        max_overflow=READERS,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS},
    )
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    # Transactions are begun by hand: the driver would begin them late, and never as IMMEDIATE.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = OFF", "cache_size = -4000"):
        connection.execute(f"PRAGMA {pragma}")


def _failure(exc: DBAPIError) -> ApiError:
    """The database's own failures (a full disk, a lost directory) for the caller of the API."""
    reason = f"the engine's database failed: {exc.orig}"
    is_full = getattr(exc.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return (StoreFull if is_full else ApiError)(Code.UNAVAILABLE, reason, reason)
