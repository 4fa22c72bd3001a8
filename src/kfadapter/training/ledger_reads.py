"""Reading training jobs: pages of them, and one with everything that belongs to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, and_, func, or_, select, tuple_
from sqlalchemy.sql import ColumnElement

from kfadapter.database.training_tables import (
    delivery_attempts,
    notifications,
    training_events,
    training_jobs,
    training_runs,
)
from kfadapter.training.ledger_rows import (
    attempt_from_row,
    event_from_row,
    find_run,
    notification_from_row,
    run_from_row,
)
from kfadapter.training.records import DeliveryAttempt, Notification, RunEvent, TrainingRun
from kfadapter.training.states import NotificationState, RunState


@dataclass(frozen=True, kw_only=True)
class JobHead:
    """The row of a job.

    Attributes:
        runs: How many runs were meant for it.
    """

    job_id: str
    first_intended_at: datetime
    latest_intended_at: datetime
    runs: int


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run with its history and what the Training Manager was told of it."""

    run: TrainingRun
    events: tuple[RunEvent, ...] = ()
    notification: Notification | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job with its runs, the newest first."""

    head: JobHead
    runs: tuple[RunRecord, ...]


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs, by their newest run. Empty: whatever it is.

    Attributes:
        states: One of these states.
        pipeline: The pipeline's name or id.
        told: One of these states of its notification.
    """

    states: tuple[RunState, ...] = ()
    pipeline: str = ""
    told: tuple[NotificationState, ...] = ()


def newest_jobs(
    connection: Connection, limit: int, after: tuple[datetime, str] | None, which: JobFilter | None = None
) -> list[JobRecord]:
    """Jobs by their latest execution, newest first, each with its newest run and that run's notification.

    Args:
        after: Time and id of the last job of the page before.
    """
    jobs, runs = training_jobs.c, training_runs.c
    query = select(training_jobs).order_by(jobs.latest_intended_at.desc(), jobs.job_id.desc()).limit(limit)
    if which is not None:
        query = _filtered(query, which)
    if after is not None:
        query = query.where(_is_after(after))
    heads = [_head(row) for row in connection.execute(query).mappings()]
    newest = tuple_(runs.job_id, runs.attempt).in_([(head.job_id, head.runs) for head in heads])
    by_job = {row["job_id"]: run_from_row(row) for row in _rows(connection, training_runs, newest)}
    told = _notifications(connection, [run.run_id for run in by_job.values()])
    return [
        JobRecord(
            head=head,
            runs=tuple(
                RunRecord(run=run, notification=told.get(run.run_id))
                for run in [by_job.get(head.job_id)]
                if run is not None
            ),
        )
        for head in heads
    ]


def whole_job(connection: Connection, job_id: str) -> JobRecord | None:
    """One job with all runs, their histories and deliveries; None when nobody asked for it."""
    rows = _rows(connection, training_jobs, training_jobs.c.job_id == job_id)
    if not rows:
        return None
    query = select(training_runs).where(training_runs.c.job_id == job_id).order_by(training_runs.c.attempt.desc())
    runs = [run_from_row(row) for row in connection.execute(query).mappings()]
    return JobRecord(head=_head(rows[0]), runs=tuple(_records(connection, runs)))


def run_record(connection: Connection, run_id: str) -> RunRecord | None:
    """One run with its history and deliveries; None when the ledger does not have it."""
    run = find_run(connection, run_id)
    return None if run is None else next(iter(_records(connection, [run])))


def count_by_state(connection: Connection, table: Table) -> dict[str, int]:
    """How many rows a table has in each state."""
    query = select(table.c.state, func.count().label("rows")).group_by(table.c.state)
    return {row["state"]: row["rows"] for row in connection.execute(query).mappings()}


def _filtered(query: Select[Any], which: JobFilter) -> Select[Any]:
    jobs, runs = training_jobs.c, training_runs.c
    newest = and_(runs.job_id == jobs.job_id, runs.attempt == jobs.runs)
    query = query.join(training_runs, newest)
    if which.states:
        query = query.where(runs.state.in_(which.states))
    if which.pipeline:
        query = query.where(or_(runs.pipeline_name == which.pipeline, runs.pipeline_id == which.pipeline))
    if which.told:
        told = and_(notifications.c.run_id == runs.run_id, notifications.c.state.in_(which.told))
        query = query.join(notifications, told)
    return query


def _is_after(after: tuple[datetime, str]) -> ColumnElement[bool]:
    jobs = training_jobs.c
    at, job_id = after
    return or_(jobs.latest_intended_at < at, (jobs.latest_intended_at == at) & (jobs.job_id < job_id))


def _records(connection: Connection, runs: Sequence[TrainingRun]) -> Iterable[RunRecord]:
    run_ids = [run.run_id for run in runs]
    told = _notifications(connection, run_ids)
    tries: dict[int, list[DeliveryAttempt]] = {one.notification_id: [] for one in told.values()}
    for row in _rows(connection, delivery_attempts, delivery_attempts.c.notification_id.in_(list(tries))):
        tries[row["notification_id"]].append(attempt_from_row(row))
    events: dict[str, list[RunEvent]] = {run_id: [] for run_id in run_ids}
    for row in _rows(connection, training_events, training_events.c.run_id.in_(run_ids)):
        events[row["run_id"]].append(event_from_row(row))
    for run in runs:
        notification = told.get(run.run_id)
        yield RunRecord(
            run=run,
            events=tuple(sorted(events[run.run_id], key=lambda one: one.number)),
            notification=notification,
            attempts=_in_order(tries[notification.notification_id]) if notification else (),
        )


def _in_order(attempts: list[DeliveryAttempt]) -> tuple[DeliveryAttempt, ...]:
    return tuple(sorted(attempts, key=lambda one: one.number))


def _notifications(connection: Connection, run_ids: Sequence[str]) -> Mapping[str, Notification]:
    rows = _rows(connection, notifications, notifications.c.run_id.in_(run_ids))
    return {row["run_id"]: notification_from_row(row) for row in rows}


def _head(row: RowMapping) -> JobHead:
    return JobHead(**{name: value for name, value in row.items() if name != "notifications"})


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> Sequence[RowMapping]:
    return connection.execute(select(table).where(where)).mappings().all()
