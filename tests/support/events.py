"""Makers of events for tests."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from kfadapter.database.transactions import Transactions
from kfadapter.events import log
from kfadapter.events.records import Event, NewEvent
from kfadapter.events.types import EventType

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def new_event(subject: str = "r-1", type_: EventType = EventType.RUN_STATE_CHANGED, **overrides: Any) -> NewEvent:
    """An event of a run."""
    fields: dict[str, Any] = {"type": type_, "subject": subject, "run_id": subject, "at": NOW, "state": "RUNNING"}
    return NewEvent(**{**fields, **overrides})


async def add(database: Transactions, *events: NewEvent) -> None:
    """Append in a transaction of its own."""
    await database.write(log.append, *events)


def everything(connection: Connection) -> list[Event]:
    """All events that have a position, which is given to those that can have one."""
    if connection.dialect.name == "postgresql":
        log.place_new(connection)
    return log.read_after(connection, 0, 10_000)
