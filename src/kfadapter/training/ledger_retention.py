"""Forgetting training jobs that are long over. What goes on, or must still be told, is not touched."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, select

from kfadapter.database.training_tables import (
    delivery_attempts,
    notifications,
    training_events,
    training_jobs,
    training_runs,
)
from kfadapter.training.ledger_launches import OPEN
from kfadapter.training.states import NotificationState


def forget_jobs(connection: Connection, before: datetime, limit: int) -> int:
    """Delete jobs whose newest execution is older than a time, with their runs, histories and deliveries.

    Returns:
        How many; fewer than `limit` when no more are to go.
    """
    job_ids = list(connection.execute(_over(before, limit)).scalars())
    if not job_ids:
        return 0
    of_these = training_runs.c.job_id.in_(job_ids)
    runs = select(training_runs.c.run_id).where(of_these)
    told = select(notifications.c.notification_id).where(notifications.c.job_id.in_(job_ids))
    connection.execute(delivery_attempts.delete().where(delivery_attempts.c.notification_id.in_(told)))
    connection.execute(notifications.delete().where(notifications.c.job_id.in_(job_ids)))
    connection.execute(training_events.delete().where(training_events.c.run_id.in_(runs)))
    connection.execute(training_runs.delete().where(of_these))
    return connection.execute(training_jobs.delete().where(training_jobs.c.job_id.in_(job_ids))).rowcount


def _over(before: datetime, limit: int) -> Select[Any]:
    jobs, runs, told = training_jobs.c, training_runs.c, notifications.c
    goes_on = exists().where(runs.job_id == jobs.job_id, runs.state.in_(OPEN))
    is_due = exists().where(told.job_id == jobs.job_id, told.state == NotificationState.PENDING)
    query = select(jobs.job_id).where(jobs.latest_intended_at < before, ~goes_on, ~is_due)
    return query.order_by(jobs.latest_intended_at).limit(limit).with_for_update(skip_locked=True)
