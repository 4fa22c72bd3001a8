"""One thread that writes, where a database has one writer: what waits for it is committed together.

A commit that must outlive a loss of power waits for the disk, which takes longer than all statements before it. What
was asked for while one commit waits shares the next, so sixteen callers pay for the disk about once. Each piece of
work is a savepoint: one that fails takes nothing else with it. What nobody waits for stands back for what somebody
does.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kfadapter.database.connections import Database
from kfadapter.errors import DatabaseError

MOST_TOGETHER = 64
# Of what stands back: so many at a time, so that whoever comes meanwhile waits briefly.
MOST_PATIENT_TOGETHER = 8
PATIENCE_SECONDS = 0.1
SAVEPOINT = "piece"

T = TypeVar("T")


@dataclass(kw_only=True)
class _Piece:
    """One transaction that was asked for, and how it went inside the common one."""

    work: Callable[[Connection], Any]
    is_synced: bool
    since: float = field(default_factory=time.monotonic)
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
        patience_seconds: So long what is patient stands back.
    """

    def __init__(self, database: Database, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._database = database
        self._patience_seconds = patience_seconds
        self._waiting: deque[_Piece] = deque()
        self._patient: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._write_for_ever, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], *, is_synced: bool, is_patient: bool = False) -> "Future[T]":
        """Run the work in the next transaction; the future is done when that has been committed.

        Args:
            work: May be run twice when the database fails; only the connection may show that it ran.
            is_synced: False: a loss of power may undo it; the death of the process never does.
            is_patient: Nobody waits for it: what is not patient goes first, for so long as the patience lasts.

        Raises:
            DatabaseError: It is closed.
        """
        piece = _Piece(work=work, is_synced=is_synced)
        with self._changed:
            if not self._is_open:
                raise DatabaseError("the database is closed")
            (self._patient if is_patient else self._waiting).append(piece)
            self._changed.notify()
        return cast("Future[T]", piece.future)

    def close(self) -> None:
        """Finish what was asked for, and end the thread; may be called twice."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()

    def _write_for_ever(self) -> None:
        while pieces := self._next():
            self._write(pieces)

    def _next(self) -> list[_Piece]:
        """What is written next; nothing when it is closed and everything is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._patient or not self._is_open)
            pieces = _taken(self._waiting, MOST_TOGETHER)
            is_over = self._patient and time.monotonic() - self._patient[0].since >= self._patience_seconds
            if is_over or not pieces:
                pieces += _taken(self._patient, MOST_PATIENT_TOGETHER)
            return pieces

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


def _taken(pieces: deque[_Piece], most: int) -> list[_Piece]:
    return [pieces.popleft() for _ in range(min(most, len(pieces)))]
