"""Rows of the ledger read as values, and the two things every change needs: the job's lock and the run's history."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, RowMapping, Table, Update, bindparam, select
from sqlalchemy.dialects import sqlite

from kfadapter.database.training_tables import training_events, training_jobs, training_runs
from kfadapter.errors import DatabaseError
from kfadapter.training.records import DeliveryAttempt, Notification, RunEvent, TrainingRun
from kfadapter.training.states import NotificationState, RunState

TEXT_LIMIT = 2000
NOT_OF_THE_RUN = frozenset({"claimed_by", "claimed_until", "idempotency_key", "request_digest"})

# Statements of every execution are built once: building one takes as long as running it.
FIND_RUN = select(training_runs).where(training_runs.c.run_id == bindparam("wanted_run_id"))
FIND_RUN_LOCKED = FIND_RUN.with_for_update()
LOCK_JOB = select(training_jobs).where(training_jobs.c.job_id == bindparam("wanted_job_id")).with_for_update()
ADD_EVENT = training_events.insert()


if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def run_from_row(row: RowMapping) -> TrainingRun:
    """A row of `training_runs`."""
    fields = {name: value for name, value in row.items() if name not in NOT_OF_THE_RUN}
    fields["state"] = RunState(fields["state"])
    fields["ignored_arguments"] = tuple(fields["ignored_arguments"])
    return TrainingRun(**fields)


def event_from_row(row: RowMapping) -> RunEvent:
    """A row of `training_events`."""
    return RunEvent(**row)


def notification_from_row(row: RowMapping) -> Notification:
    """A row of `notifications`."""
    fields = {name: value for name, value in row.items() if name != "last_outcome"}
    fields["state"] = NotificationState(fields["state"])
    return Notification(**fields)


def attempt_from_row(row: RowMapping) -> DeliveryAttempt:
    """A row of `delivery_attempts`."""
    return DeliveryAttempt(**row)


def find_run(connection: Connection, run_id: str, *, lock: bool = False) -> TrainingRun | None:
    """A run, or None; with `lock`, nobody else changes it before this transaction ends."""
    row = connection.execute(FIND_RUN_LOCKED if lock else FIND_RUN, {"wanted_run_id": run_id}).mappings().one_or_none()
    return None if row is None else run_from_row(row)


def locked_run(connection: Connection, run_id: str) -> TrainingRun:
    """A run whose job and row are ours until the transaction ends: the job first, so that nobody waits in a circle.

    Raises:
        DatabaseError: There is no such run.
    """
    if connection.dialect.name != "sqlite":  # where a transaction that writes has the whole file
        job_id = connection.execute(select(training_runs.c.job_id).where(training_runs.c.run_id == run_id)).scalar()
        if job_id is not None:
            lock_job(connection, job_id)
    run = find_run(connection, run_id, lock=True)
    if run is None:
        raise DatabaseError(f"the ledger has no run {run_id}")
    return run


def find_job(connection: Connection, job_id: str) -> RowMapping | None:
    """The job's row, or None."""
    query = select(training_jobs).where(training_jobs.c.job_id == job_id)
    return connection.execute(query).mappings().one_or_none()


def lock_job(connection: Connection, job_id: str) -> RowMapping:
    """The job's row, ours until the transaction ends."""
    return connection.execute(LOCK_JOB, {"wanted_job_id": job_id}).mappings().one()


def ensure_job(connection: Connection, job_id: str, now: datetime) -> None:
    """Make the job's row unless it is there."""
    values = {"job_id": job_id, "first_intended_at": now, "latest_intended_at": now, "runs": 0, "notifications": 0}
    connection.execute(_insert_job(connection.dialect.name), values)


@cache
def _insert_job(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    return _insert(dialect, training_jobs).on_conflict_do_nothing(index_elements=["job_id"])


def upsert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that can say what a conflict means."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # loads four drivers' dialects, which SQLite's users need not wait for

    return postgresql.insert(table)


def change_run(connection: Connection, run: TrainingRun, **values: Any) -> TrainingRun:
    """Write columns of a run that is still in the state it was read in.

    Raises:
        DatabaseError: It is not; nothing was written.
    """
    written = {f"new_{name}": value for name, value in values.items()}
    read = {"read_run_id": run.run_id, "read_state": run.state}
    if connection.execute(_change(tuple(values)), {**read, **written}).rowcount != 1:
        raise DatabaseError(f"run {run.run_id} was changed by somebody else")
    return replace(run, **{name: value for name, value in values.items() if name not in NOT_OF_THE_RUN})


@cache
def _change(names: tuple[str, ...]) -> Update:
    runs = training_runs.c
    read = (runs.run_id == bindparam("read_run_id"), runs.state == bindparam("read_state"))
    return training_runs.update().where(*read).values({name: bindparam(f"new_{name}") for name in names})


def add_event(connection: Connection, run_id: str, now: datetime, kind: str, **detail: Any) -> None:
    """Add to the run's history."""
    connection.execute(ADD_EVENT, {"run_id": run_id, "at": now, "kind": kind, "detail": detail})


def add_events(connection: Connection, run_ids: Iterable[str], now: datetime, kind: str, **detail: Any) -> None:
    """Add the same to the history of several runs."""
    for run_id in run_ids:
        add_event(connection, run_id, now, kind, **detail)


def clean(text: str) -> str:
    """A foreign text as the ledger keeps it: bounded, and without the character PostgreSQL cannot hold."""
    printable = text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
    return printable if len(printable) <= TEXT_LIMIT else printable[: TEXT_LIMIT - 1] + "…"
