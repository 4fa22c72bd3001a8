"""Transactions in threads, for the rooms that keep something: the ledger, the events, the index of runs.

All of them share one database, and where it has one writer, one writing thread. A write that was begun is finished
even if its caller is cancelled.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, text

from kfadapter.database.connections import Database
from kfadapter.database.group_commit import GroupCommit
from kfadapter.database.schema import bring_up_to_date
from kfadapter.errors import DatabaseError

READERS = 3
POSTGRESQL_WRITERS = 6

P = ParamSpec("P")
T = TypeVar("T")


class Transactions:
    """Runs functions that take a connection, each as one transaction in a thread. Made by `Transactions.open`.

    All methods raise DatabaseError when the database cannot be used: no space, no permission, locked, damaged.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
        database.on_commit = self._wake
        # SQLite has one writer, whose commits are shared; PostgreSQL shares those of several by itself.
        self._group = GroupCommit(database) if database.is_sqlite else None
        self._writers = ThreadPoolExecutor(POSTGRESQL_WRITERS, thread_name_prefix="database-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")
        self._is_open = True

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database and bring its tables up to date. Blocks: call it in a thread.

        Args:
            url: SQLAlchemy URL: `sqlite:///path/ledger.sqlite`, or `postgresql://…` for several replicas.
        """
        transactions = cls(Database(url))
        try:
            transactions._database.open()
            bring_up_to_date(transactions._database)
        except BaseException:
            transactions.close()
            raise
        return transactions

    def close(self) -> None:
        """Finish what was begun and close the database. Blocks for that long; may be called twice."""
        self._is_open = False
        if self._group is not None:
            self._group.close()
        self._writers.shutdown()
        self._readers.shutdown()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_sqlite(self) -> bool:
        """One writer at a time; else it is PostgreSQL."""
        return self._database.is_sqlite

    def listen(self, topic: str) -> asyncio.Event:
        """An event of the running loop, set after every commit in this process that announced the topic.

        Other processes on the same database are not heard: who waits must also look from time to time.
        """
        event = asyncio.Event()
        self._listeners.append((topic, asyncio.get_running_loop(), event))
        return event

    async def ping(self) -> None:
        """Return when the database answers."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")).scalar())

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A transaction whose outcome outlives a loss of power: intentions, stops, ends, deliveries."""

        return await self._written(lambda connection: work(connection, *args, **kwargs), is_synced=True)

    async def note(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A transaction that does not wait for the disk: after a loss of power the same would be found out again."""

        return await self._written(lambda connection: work(connection, *args, **kwargs), is_synced=False)

    async def note_aside(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A note for which no caller of the service waits: where one thread writes, others go first."""

        return await self._written(
            lambda connection: work(connection, *args, **kwargs), is_synced=False, is_patient=True
        )

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One consistent look that does not wait for writers."""

        def look() -> T:
            with self._database.read() as connection:
                return work(connection, *args, **kwargs)

        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, look)

    def _wake(self, topics: frozenset[str]) -> None:
        for topic, loop, event in self._listeners:
            if topic in topics:
                with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(event.set)

    async def _written(self, work: Callable[[Connection], T], *, is_synced: bool, is_patient: bool = False) -> T:
        self._check_open()
        if self._group is not None:
            future = self._group.submit(work, is_synced=is_synced, is_patient=is_patient)
        else:
            future = self._writers.submit(self._transaction, work, is_synced)
        # Shielded: a cancelled caller must not take back a write that is waiting for its turn.
        return await asyncio.shield(asyncio.wrap_future(future))

    def _transaction(self, work: Callable[[Connection], T], is_synced: bool) -> T:
        with self._database.write(is_synced=is_synced) as connection:
            return work(connection)

    def _check_open(self) -> None:
        if not self._is_open:
            raise DatabaseError("the database is closed")
