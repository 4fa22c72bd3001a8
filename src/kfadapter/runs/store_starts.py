"""What is written down of starts asked for over `/v1/runs`. Steps inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, or_, select

from kfadapter.database.run_tables import run_labels, run_starts
from kfadapter.errors import IdempotencyKeyReused
from kfadapter.runs.index_rows import set_labels, upsert

STARTS = run_starts.c


class StartState(StrEnum):
    """What is known of a start."""

    INTENDED = "intended"  # written down; the one create call is about to be sent, or on its way
    UNCERTAIN = "uncertain"  # the create call's outcome is not known; the run is looked up by its id
    STARTED = "started"  # Kubeflow has the run
    REFUSED = "refused"  # Kubeflow said no, or the call surely never arrived
    NOT_STARTED = "not_started"  # Kubeflow does not have the run, for a documented time
    ABANDONED = "abandoned"  # … and its key was used for another start since: a run that still comes is ended


OPEN = (StartState.INTENDED, StartState.UNCERTAIN)
RELEASED = (StartState.REFUSED, StartState.NOT_STARTED)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which run another one was made from.

    Attributes:
        verb: `clone` or `retry`.
    """

    run_id: str
    verb: str


@dataclass(frozen=True, kw_only=True)
class NewStart:
    """A start to be written down.

    Attributes:
        digest: Of the request, to tell an equal one.
        request: Facts for people; not read again.
    """

    run_id: str
    digest: str
    request: dict[str, Any]
    key: str | None = None
    origin: Origin | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Start:
    """A start as it is kept."""

    run_id: str
    key: str | None
    digest: str
    state: StartState
    reason: str
    intended_at: datetime


def intend(connection: Connection, new: NewStart, now: datetime) -> Start:
    """Write a start down, or find the one that has its key already.

    Raises:
        IdempotencyKeyReused: The key came with another request before.
    """
    if new.key is not None and (known := _of_key(connection, new.key)) is not None:
        if _equal(known, new).state not in RELEASED:
            return known
        abandoned = StartState.ABANDONED if known.state is StartState.NOT_STARTED else known.state
        released = run_starts.update().where(STARTS.run_id == known.run_id)
        connection.execute(released.values(idempotency_key=None, state=abandoned))
    row = {
        "run_id": new.run_id,
        "idempotency_key": new.key,
        "digest": new.digest,
        "state": StartState.INTENDED,
        "reason": "",
        "request": new.request,
        "origin_run_id": new.origin.run_id if new.origin else None,
        "origin_verb": new.origin.verb if new.origin else None,
        "intended_at": now,
    }
    insert = upsert(connection, run_starts).values(row)
    added = connection.execute(insert.on_conflict_do_nothing(index_elements=["idempotency_key"]))
    if added.rowcount == 0 and new.key is not None and (known := _of_key(connection, new.key)) is not None:
        return _equal(known, new)  # another replica was quicker by a moment
    if new.labels:
        set_labels(connection, new.run_id, new.labels)
    return _start(connection, new.run_id)


def settle(connection: Connection, run_id: str, state: StartState, reason: str, now: datetime) -> None:
    """Write down what became of a start. A run that is there stays there, whoever looks later."""
    row = run_starts.update().where(STARTS.run_id == run_id, STARTS.state != StartState.STARTED)
    connection.execute(row.values(state=state, reason=reason[:2000], settled_at=now))
    if state is StartState.REFUSED:
        connection.execute(run_labels.delete().where(run_labels.c.run_id == run_id))


def looked(connection: Connection, run_id: str, now: datetime) -> None:
    """Somebody looked for the run and did not find it."""
    connection.execute(run_starts.update().where(STARTS.run_id == run_id).values(looked_at=now))


def unsettled(connection: Connection, intended_before: datetime, late_since: datetime, limit: int) -> list[Start]:
    """Starts whose outcome is open, and those given up so lately that their run might still come.

    Args:
        intended_before: A start that is younger and merely intended is somebody's at work.
        late_since: Given up after this.
    """
    is_open = or_(
        STARTS.state == StartState.UNCERTAIN,
        (STARTS.state == StartState.INTENDED) & (STARTS.intended_at < intended_before),
        STARTS.state.in_((StartState.NOT_STARTED, StartState.ABANDONED)) & (STARTS.settled_at > late_since),
    )
    query = select(run_starts).where(is_open).order_by(STARTS.looked_at.is_not(None), STARTS.looked_at)
    return [_from_row(row) for row in connection.execute(query.limit(limit)).mappings()]


def start_of_key(connection: Connection, key: str) -> Start | None:
    """The start that has this key."""
    return _of_key(connection, key)


def origin(connection: Connection, run_id: str) -> Origin | None:
    """Which run this one was made from."""
    query = select(STARTS.origin_run_id, STARTS.origin_verb).where(STARTS.run_id == run_id)
    row = connection.execute(query).one_or_none()
    return None if row is None or not row.origin_run_id else Origin(run_id=row.origin_run_id, verb=row.origin_verb)


def made_from(connection: Connection, run_id: str) -> Sequence[str]:
    """The runs that were made from this one."""
    query = select(STARTS.run_id).where(STARTS.origin_run_id == run_id, STARTS.state == StartState.STARTED)
    return list(connection.execute(query.order_by(STARTS.intended_at)).scalars())


def _equal(known: Start, new: NewStart) -> Start:
    if known.digest != new.digest:
        raise IdempotencyKeyReused(known.key or "", known.run_id)
    return known


def _of_key(connection: Connection, key: str) -> Start | None:
    query = select(run_starts).where(STARTS.idempotency_key == key).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def _start(connection: Connection, run_id: str) -> Start:
    return _from_row(connection.execute(select(run_starts).where(STARTS.run_id == run_id)).mappings().one())


def _from_row(row: Any) -> Start:
    return Start(
        run_id=row["run_id"],
        key=row["idempotency_key"],
        digest=row["digest"],
        state=StartState(row["state"]),
        reason=row["reason"],
        intended_at=row["intended_at"],
    )
