"""One thread that writes, where a database has one writer: what waits for it is committed together.

A commit that must outlive a loss of power waits for the disk, which takes longer than all statements before it. What
was asked for while one commit waits shares the next, so sixteen callers pay for the disk about once. Each piece of
work is a savepoint: one that fails takes nothing else with it.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kfadapter.database.connections import Database
from kfadapter.errors import DatabaseError

MOST_TOGETHER = 64
SAVEPOINT = "piece"

T = TypeVar("T")


@dataclass(kw_only=True)
class _Piece:
    """One transaction that was asked for, and how it went inside the common one."""

    work: Callable[[Connection], Any]
    is_synced: bool
    future: "Future[Any]" = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """Do the work; an error of the work itself undoes it alone.

        Raises:
            DBAPIError: The database's own error, which may have ended the common transaction.
        """
        connection.exec_driver_sql(f"SAVEPOINT {SAVEPOINT}")
        try:
            self.result = self.work(connection)
        except DBAPIError:
            raise
        except Exception as exc:  # noqa: BLE001 - handed to whoever asked for the work
            self.error = exc
            connection.exec_driver_sql(f"ROLLBACK TO {SAVEPOINT}")
        connection.exec_driver_sql(f"RELEASE {SAVEPOINT}")

    def tell(self) -> None:
        """Hand the outcome over; called when it has been committed."""
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class GroupCommit:
    """The writing thread of a database.

    Args:
        database: An open database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._is_open = True
        self._thread = threading.Thread(target=self._write_for_ever, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], *, is_synced: bool) -> "Future[T]":
        """Run the work in the next transaction; the future is done when that has been committed.

        Args:
            work: May be run twice when the database fails; only the connection may show that it ran.
            is_synced: False: a loss of power may undo it; the death of the process never does.

        Raises:
            DatabaseError: It is closed.
        """
        piece = _Piece(work=work, is_synced=is_synced)
        with self._closing:
            if not self._is_open:
                raise DatabaseError("the database is closed")
            self._waiting.put(piece)
        return cast("Future[T]", piece.future)

    def close(self) -> None:
        """Finish what was asked for, and end the thread; may be called twice."""
        with self._closing:
            if self._is_open:
                self._waiting.put(None)
            self._is_open = False
        self._thread.join()

    def _write_for_ever(self) -> None:
        is_open = True
        while is_open:
            pieces, is_open = self._next()
            self._write(pieces)

    def _next(self) -> tuple[list[_Piece], bool]:
        """What waits now, at least one piece, and whether more may come."""
        piece = self._waiting.get()
        pieces: list[_Piece] = []
        while piece is not None:
            pieces.append(piece)
            if len(pieces) == MOST_TOGETHER:
                return pieces, True
            try:
                piece = self._waiting.get_nowait()
            except queue.Empty:
                return pieces, True
        return pieces, False

    def _write(self, pieces: list[_Piece]) -> None:
        if len(pieces) > 1 and self._write_together(pieces):
            return
        for piece in pieces:
            self._write_alone(piece)

    def _write_together(self, pieces: list[_Piece]) -> bool:
        """Commit all at once. False: the database failed and nothing was written; each must be tried by itself."""
        try:
            with self._database.write(is_synced=any(piece.is_synced for piece in pieces)) as connection:
                for piece in pieces:
                    piece.run(connection)
        except DatabaseError:
            for piece in pieces:
                piece.result = piece.error = None
            return False
        for piece in pieces:
            piece.tell()
        return True

    def _write_alone(self, piece: _Piece) -> None:
        try:
            with self._database.write(is_synced=piece.is_synced) as connection:
                piece.result = piece.work(connection)
        except Exception as exc:  # noqa: BLE001 - handed to whoever asked for the work
            piece.error = exc
        piece.tell()
