"""Notifications in the ledger: written with the end they tell of, claimed, written back by their claimant.

Who may claim: a pending notification that is due, that nobody holds (or whose holder's time is over), while no older
one of its job is pending or on its way. Writing back resets the claim and names the claimant; who has lost the claim
writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from kfadapter.clock import rfc3339
from kfadapter.database.training_tables import delivery_attempts, notifications, training_jobs
from kfadapter.errors import LeaseLost, NotRedeliverable
from kfadapter.events.types import EventType
from kfadapter.training.ledger_events import tell_delivery
from kfadapter.training.ledger_rows import add_event, clean, find_job, find_run, lock_job, notification_from_row
from kfadapter.training.records import Notification, TrainingRun
from kfadapter.training.states import NotificationState, check_notification_transition, told_as

KEPT_ATTEMPTS = 20
PENDING = NotificationState.PENDING
TOLD_AS = {
    NotificationState.DELIVERED: EventType.DELIVERY_SUCCEEDED,
    NotificationState.DEAD: EventType.DELIVERY_DEAD,
}


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """How one try went, and what is to follow.

    Attributes:
        next_state: PENDING to try again at `not_before`.
        is_unreachable: The Training Manager was away; once it is back the next try need not wait.
        payload: What was sent, when more than what was written down; None: just that.
    """

    notification_id: int
    run_id: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None
    answer: str
    next_state: NotificationState
    not_before: datetime
    is_unreachable: bool = False
    payload: Mapping[str, Any] | None = None


def add_notification(connection: Connection, run: TrainingRun, now: datetime) -> None:
    """Write the one notification of a run that has ended; the caller holds the job's lock."""
    sequence = lock_job(connection, run.job_id)["notifications"] + 1
    job = training_jobs.update().where(training_jobs.c.job_id == run.job_id)
    connection.execute(job.values(notifications=sequence))
    values = {
        "run_id": run.run_id,
        "job_id": run.job_id,
        "sequence": sequence,
        "payload": payload_of(run),
        "state": PENDING,
        "attempts": 0,
        "not_before": max(now, run.quiet_until or now),
        "created_at": now,
    }
    connection.execute(notifications.insert(), values)


def payload_of(run: TrainingRun) -> dict[str, Any]:
    """What the Training Manager reads, and what people may want to know, which it passes over."""
    return {
        "trainingjob_id": run.job_id,
        "run_id": run.run_id,
        "run_status": told_as(run.state, run.kubeflow_state),
        "reason": run.reason or None,
        "finished_at": rfc3339(run.finished_at or run.ended_at),
        "state": run.state.value,
        "canceled": run.is_canceled,
        "attempt": run.attempt,
        "pipeline_name": run.pipeline_name,
        "pipeline_version": run.version_name,
    }


def cancel_notifications(connection: Connection, run_ids: Sequence[str], now: datetime) -> None:
    """These runs' ends are not to be told any more. One that is on its way right now may still arrive."""
    wanted = and_(notifications.c.run_id.in_(run_ids), notifications.c.state == PENDING)
    found = list(connection.execute(select(notifications.c.run_id).where(wanted)).scalars())
    connection.execute(notifications.update().where(wanted).values(state=NotificationState.CANCELLED, closed_at=now))
    for run_id in found:
        add_event(connection, run_id, now, "notification_cancelled")


def claim_due(connection: Connection, claimant: str, now: datetime, until: datetime, limit: int) -> list[Notification]:
    """Take up to `limit` notifications that are due, oldest first; nobody else gets them before `until`."""
    query = (
        select(notifications)
        .where(notifications.c.not_before <= now, _is_claimable(now))
        .order_by(notifications.c.not_before, notifications.c.notification_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [notification_from_row(row) for row in connection.execute(query).mappings()]
    if found:
        taken = notifications.c.notification_id.in_([one.notification_id for one in found])
        connection.execute(notifications.update().where(taken).values(claimed_by=claimant, claimed_until=until))
    return found


def next_due(connection: Connection, claimant: str, now: datetime) -> datetime | None:
    """When the next notification can be claimed, whoever holds it now but this claimant; None: nothing is pending."""
    ours = and_(notifications.c.claimed_by == claimant, notifications.c.claimed_until >= now)
    free = and_(notifications.c.state == PENDING, _is_first_of_its_job(now), ~func.coalesce(ours, False))
    query = select(notifications.c.not_before, notifications.c.claimed_until).where(free)
    row = connection.execute(query.order_by(notifications.c.not_before).limit(1)).one_or_none()
    return None if row is None else max(moment for moment in row if moment is not None)


def write_back(connection: Connection, claimant: str, report: DeliveryReport) -> NotificationState:
    """Record one try. One that was cancelled during the try stays so; one that was asked for again goes out again.

    Raises:
        LeaseLost: The notification is not this claimant's any more; nothing was written.
    """
    held = and_(notifications.c.notification_id == report.notification_id, notifications.c.claimed_by == claimant)
    row = connection.execute(select(notifications).where(held).with_for_update()).mappings().one_or_none()
    if row is None:
        raise LeaseLost("notification", str(report.notification_id), claimant)
    was = notification_from_row(row)
    state = _after(was, report)
    values: dict[str, Any] = {
        "state": state,
        "attempts": was.attempts + 1,
        "not_before": report.not_before,
        "first_attempt_at": was.first_attempt_at or report.started_at,
        "closed_at": was.closed_at or (None if state is PENDING else report.ended_at),
        "last_outcome": "unreachable" if report.is_unreachable else report.outcome,
        "last_status": report.status,
        "last_answer": clean(report.answer),
        "payload": was.payload if report.payload is None else report.payload,
        "claimed_by": None,
        "claimed_until": None,
    }
    if was.state is PENDING and was.not_before > report.started_at:  # redelivery was asked for during the try
        values |= {"state": PENDING, "not_before": was.not_before, "first_attempt_at": None, "closed_at": None}
    if connection.execute(notifications.update().where(held).values(values)).rowcount != 1:
        raise LeaseLost("notification", str(report.notification_id), claimant)
    _add_attempt(connection, was.attempts + 1, report)
    if state is not was.state:
        add_event(connection, report.run_id, report.ended_at, f"notification_{state}", status=report.status)
    _tell(connection, was, state, report)
    return state


def redeliver(connection: Connection, job_id: str, sequence: int, now: datetime) -> Notification | None:
    """A person wants a notification sent (once more) now; None when the job has no such notification.

    While a try of it is on its way, the time from which it is wanted is later than that try's start: `write_back` sees
    by that that another one is to follow.

    Raises:
        NotRedeliverable: Nobody is to be told of that run: its job was deleted, or a newer run replaces it.
    """
    if find_job(connection, job_id) is None:
        return None
    lock_job(connection, job_id)
    which = and_(notifications.c.job_id == job_id, notifications.c.sequence == sequence)
    row = connection.execute(select(notifications).where(which).with_for_update()).mappings().one_or_none()
    if row is None:
        return None
    was, run = notification_from_row(row), find_run(connection, row["run_id"])
    if run is None or not run.is_told or was.state is NotificationState.CANCELLED:
        is_replaced = run is not None and run.superseded_by is not None
        reason = "a newer run of the job replaces its run" if is_replaced else "its job was deleted"
        raise NotRedeliverable(job_id, sequence, reason)
    if was.state is not PENDING:
        check_notification_transition(f"{job_id}/{sequence}", was.state, PENDING)
    values: dict[str, Any] = {"state": PENDING, "not_before": max(now, run.quiet_until or now), "closed_at": None}
    if was.state is not PENDING:
        values["first_attempt_at"] = None  # giving up counts anew
    connection.execute(notifications.update().where(which).values(values))
    add_event(connection, was.run_id, now, "redelivery_requested", sequence=sequence)
    return replace(was, **values)


def _after(was: Notification, report: DeliveryReport) -> NotificationState:
    """The state after a try; what was cancelled meanwhile stays so."""
    if was.state is not PENDING or report.next_state is PENDING:
        return was.state
    check_notification_transition(str(was.notification_id), was.state, report.next_state)
    return report.next_state


def _tell(connection: Connection, was: Notification, state: NotificationState, report: DeliveryReport) -> None:
    """Tell those who follow of the outcome, and of the first try that failed."""
    kind = TOLD_AS.get(state) if state is not was.state else None
    if kind is None and was.first_attempt_at is None and state is PENDING:
        kind = EventType.DELIVERY_FAILED
    run = None if kind is None else find_run(connection, report.run_id)
    if kind is not None and run is not None:
        facts = {"delivery": was.sequence, "tries": was.attempts + 1, "answer": clean(report.answer)}
        tell_delivery(connection, run, kind, report.ended_at, **facts)


def release(connection: Connection, claimant: str, notification_ids: Sequence[int]) -> None:
    """Give back what was claimed and not tried."""
    ours = and_(notifications.c.notification_id.in_(notification_ids), notifications.c.claimed_by == claimant)
    connection.execute(notifications.update().where(ours).values(claimed_by=None, claimed_until=None))


def hasten(connection: Connection, now: datetime) -> int:
    """The Training Manager is back: what waits only because it was away is due now. Returns how many."""
    waiting = and_(
        notifications.c.state == PENDING,
        notifications.c.last_outcome == "unreachable",
        notifications.c.not_before > now,
        notifications.c.claimed_by.is_(None),
    )
    return connection.execute(notifications.update().where(waiting).values(not_before=now)).rowcount


def _is_claimable(now: datetime) -> ColumnElement[bool]:
    free = or_(notifications.c.claimed_until.is_(None), notifications.c.claimed_until < now)
    return and_(notifications.c.state == PENDING, free, _is_first_of_its_job(now))


def _is_first_of_its_job(now: datetime) -> ColumnElement[bool]:
    """None that is older is pending, or still on its way although it was cancelled."""
    older = notifications.alias("older")
    return ~exists().where(
        older.c.job_id == notifications.c.job_id,
        older.c.sequence < notifications.c.sequence,
        or_(older.c.state == PENDING, older.c.claimed_until >= now),
    )


def _add_attempt(connection: Connection, number: int, report: DeliveryReport) -> None:
    """Keep the first try and the latest ones: days of an outage must not fill the ledger."""
    connection.execute(
        delivery_attempts.insert().values(
            notification_id=report.notification_id,
            number=number,
            started_at=report.started_at,
            ended_at=report.ended_at,
            outcome=report.outcome,
            status=report.status,
            answer=clean(report.answer),
        )
    )
    tries = delivery_attempts.c
    old = and_(
        tries.notification_id == report.notification_id, tries.number > 1, tries.number <= number - KEPT_ATTEMPTS
    )
    connection.execute(delivery_attempts.delete().where(old))
