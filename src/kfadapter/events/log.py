"""The log of events: appended to inside the transactions that make them true, read in one order that never changes.

An event is written by the transaction it tells of: either both are kept or neither. Its position is given when it can
be seen. On SQLite, where one transaction writes at a time, that is at once. On PostgreSQL transactions overlap, and a
number drawn first may be committed last; a reader that has passed it would never see it. So there an event has no
position until its transaction is over, and then gets the next one from `place_new`, which one process runs at a time.
Nobody who appends waits for anybody, and what a reader has passed is complete.
"""

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

import orjson
from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, Table, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import ReturningInsert

from kfadapter.database.announcements import announce
from kfadapter.database.event_tables import event_marks, events
from kfadapter.events.records import Event, NewEvent, clean

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

DATA_LIMIT_BYTES = 32 * 1024
"""Data of an event that is larger is left out: receivers of events are told to expect small ones."""

PLACED_AT_ONCE = 1000
APPENDED = "events"
"""What a transaction that appends announces (`Transactions.listen`)."""
LAST = "last"  # mark: the newest position given
FORGOTTEN = "forgotten"  # mark: positions up to here are not kept any more

TEXTS = (
    *("subject", "run_id", "job_id", "state", "traceparent", "experiment_id", "experiment_name"),
    *("pipeline_id", "pipeline_name", "pipeline_version_id", "version_name"),
)
# Ids of events with a key are made from it; any namespace does.
KEYED = UUID("1b6c1d4e-5c2d-4a53-9f5e-5d0c3a0a7b11")

# Statements of every transaction that tells something, built once.
MARK = select(event_marks.c.position).where(event_marks.c.name == bindparam("wanted_name"))
MARK_LOCKED = MARK.with_for_update()
READ_AFTER = (
    select(events)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("most", type_=Integer))
)


def append(connection: Connection, *new: NewEvent) -> None:
    """Write events, in this order, as part of the caller's transaction. Takes no lock and waits for nobody.

    An event that has a key is written once, whoever appends it again.
    """
    if not new:
        return
    rows = [_row_of(one) for one in new]
    if connection.dialect.name == "sqlite":
        first = _advance(connection, LAST, len(rows)) - len(rows) + 1
        rows = [{**row, "position": first + index} for index, row in enumerate(rows)]
    connection.execute(_insert_once(connection.dialect.name, events, "event_id"), rows)
    announce(connection, APPENDED)


def place_new(connection: Connection, limit: int = PLACED_AT_ONCE) -> int:
    """Give positions to events whose transactions are over, at most so many. Returns how many got one.

    Locks the mark: replicas do it one after the other. Needed on PostgreSQL only; on SQLite there is nothing to do.
    """
    last = locked_mark(connection, LAST)
    unplaced = select(events.c.number).where(events.c.position.is_(None)).order_by(events.c.number).limit(limit)
    numbers = list(connection.execute(unplaced).scalars())
    if not numbers:
        return 0
    ordered = select(events.c.number, func.row_number().over(order_by=events.c.number).label("place"))
    places = ordered.where(events.c.number.in_(numbers)).subquery()
    statement = events.update().where(events.c.number == places.c.number).values(position=last + places.c.place)
    connection.execute(statement)
    set_mark(connection, LAST, last + len(numbers))
    return len(numbers)


def has_unplaced(connection: Connection) -> bool:
    """There are events that `place_new` would give a position."""
    query = select(events.c.number).where(events.c.position.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def last_position(connection: Connection) -> int:
    """The newest position given; 0 when nothing has happened yet."""
    return mark(connection, LAST)


def forgotten_position(connection: Connection) -> int:
    """Events up to this position are not kept any more."""
    return mark(connection, FORGOTTEN)


def read_after(
    connection: Connection, position: int, limit: int, condition: ColumnElement[bool] | None = None
) -> list[Event]:
    """The next events after a position, oldest first.

    Args:
        limit: How many at most.
        condition: Only those that meet it.
    """
    query = READ_AFTER if condition is None else READ_AFTER.where(condition)
    found = connection.execute(query, {"after": position, "most": limit})
    return [event_from_row(row) for row in found.mappings()]


def read_newest(connection: Connection, limit: int, condition: ColumnElement[bool]) -> list[Event]:
    """The newest events that meet a condition, at most `limit`, oldest first."""
    query = select(events).where(events.c.position.is_not(None), condition).order_by(events.c.position.desc())
    return [event_from_row(row) for row in connection.execute(query.limit(limit)).mappings()][::-1]


def position_before(connection: Connection, at: datetime) -> int:
    """The position after which everything is that happened at this time or later."""
    query = select(func.min(events.c.position)).where(events.c.at >= at)
    first = connection.execute(query).scalar()
    return last_position(connection) if first is None else first - 1


def forget(connection: Connection, *, before: datetime, kept: int, limit: int, up_to: int | None = None) -> int:
    """Delete the oldest events that are older than a time, or more than so many. Returns how many went.

    The order is never broken: an event goes only together with all before it.

    Args:
        before: Older ones go.
        kept: More than so many are not kept, however new.
        limit: How many go at most in this transaction.
        up_to: Those after this position are kept in any case.
    """
    forgotten, last = locked_mark(connection, FORGOTTEN), last_position(connection)
    oldest = select(events.c.position, events.c.at).where(events.c.position > forgotten).order_by(events.c.position)
    if up_to is not None:
        oldest = oldest.where(events.c.position <= up_to)
    through = forgotten
    for position, at in connection.execute(oldest.limit(limit)):
        if at >= before and last - position < kept:
            break
        through = position
    if through == forgotten:
        return 0
    set_mark(connection, FORGOTTEN, through)
    return connection.execute(events.delete().where(events.c.position <= through)).rowcount


def event_from_row(row: RowMapping) -> Event:
    """A row of `events`."""
    return Event(**{name: value for name, value in row.items() if name != "number"})


def mark(connection: Connection, name: str) -> int:
    """How far something has come; 0 before it has begun."""
    position: int | None = connection.execute(MARK, {"wanted_name": name}).scalar()
    return position or 0


def locked_mark(connection: Connection, name: str) -> int:
    """The same, ours until the transaction ends."""
    connection.execute(_insert_once(connection.dialect.name, event_marks, "name"), {"name": name, "position": 0})
    position: int = connection.execute(MARK_LOCKED, {"wanted_name": name}).scalar_one()
    return position


def set_mark(connection: Connection, name: str, position: int) -> None:
    """Note how far something has come."""
    connection.execute(_write_mark(connection.dialect.name), {"name": name, "position": position})


def upsert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that can say what a conflict means."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # loads four drivers' dialects, which SQLite's users need not wait for

    return postgresql.insert(table)


@cache
def _insert_once(dialect: str, table: Table, key: str) -> "sqlite.Insert | postgresql.Insert":
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=[key])


@cache
def _write_mark(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    insert = _insert(dialect, event_marks)
    return insert.on_conflict_do_update(index_elements=["name"], set_={"position": insert.excluded.position})


@cache
def _advance_mark(dialect: str) -> ReturningInsert[Any]:
    insert = _insert(dialect, event_marks).values(name=bindparam("name"), position=bindparam("position"))
    moved = {"position": event_marks.c.position + insert.excluded.position}
    return insert.on_conflict_do_update(index_elements=["name"], set_=moved).returning(event_marks.c.position)


def _advance(connection: Connection, name: str, count: int) -> int:
    """Move a mark forward; where it is then."""
    statement = _advance_mark(connection.dialect.name)
    position: int = connection.execute(statement, {"name": name, "position": count}).scalar_one()
    return position


def _row_of(new: NewEvent) -> dict[str, Any]:
    texts = {name: clean(getattr(new, name)) for name in TEXTS}
    event_id = str(uuid4() if new.key is None else uuid5(KEYED, f"{new.type} {new.key}"))
    return {**texts, "event_id": event_id, "type": new.type.value, "at": new.at, "data": small(new.data)}


def small(data: Any) -> dict[str, Any]:
    """Data as plain JSON that is valid everywhere and not too large; no fact may break the transaction it tells of."""
    try:
        text = orjson.dumps(dict(data), default=str, option=orjson.OPT_NON_STR_KEYS)
    except (orjson.JSONEncodeError, TypeError, ValueError):
        return {"unavailable": "the data is not JSON"}
    if len(text) > DATA_LIMIT_BYTES:
        return {"unavailable": f"the data has {len(text)} bytes, which is more than an event may have"}
    plain: dict[str, Any] = orjson.loads(text)
    return plain
