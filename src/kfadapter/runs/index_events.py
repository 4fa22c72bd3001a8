"""What the index notices, told as events: in the transaction that writes it down. A step inside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from kfadapter.events.log import append
from kfadapter.events.records import NewEvent
from kfadapter.events.types import EventType
from kfadapter.kubeflow.resources import END_STATES
from kfadapter.runs.index_pages import IndexedRun, rows_of
from kfadapter.runs.index_rows import Change

REASON_LIMIT = 2000


def tell(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Append what has become of runs: that they are there, their states, their ends.

    A run's creation and end are told once, whoever notices them, and however often.
    """
    rows = {row.run_id: row for row in rows_of(connection, [change.run.run_id for change in changes])}
    told = [event for change in changes for event in _events(change, rows[change.run.run_id], now)]
    append(connection, *told)


def tell_place(connection: Connection, run_id: str, kind: EventType, now: datetime) -> None:
    """Append that a run was archived, taken back or deleted."""
    rows = rows_of(connection, [run_id])
    facts = facts_of(rows[0]) if rows else {}
    append(connection, NewEvent(type=kind, subject=run_id, at=now, run_id=run_id, **facts))


def _events(change: Change, row: IndexedRun, now: datetime) -> list[NewEvent]:
    run, facts = change.run, {**facts_of(row), "state": change.run.state, "run_id": change.run.run_id}
    told = []
    if change.before is None:
        at = run.created_at or now
        told.append(NewEvent(type=EventType.RUN_CREATED, subject=run.run_id, at=at, key=run.run_id, **facts))
    if change.before != run.state:
        data = {"previous_state": change.before or "", "name": run.display_name}
        at = (run.finished_at if run.has_ended else None) or now
        told.append(NewEvent(type=EventType.RUN_STATE_CHANGED, subject=run.run_id, at=at, data=data, **facts))
    if change.before in END_STATES and run.has_ended and change.before != run.state:
        data = {"kept": change.before, "name": run.display_name}
        key = f"{run.run_id} {run.state}"  # the ledger's own key: whoever notices it, it is told once
        told.append(NewEvent(type=EventType.RUN_CONTRADICTED, subject=run.run_id, at=now, key=key, data=data, **facts))
    if run.has_ended:
        data = {"name": run.display_name, "error": run.error_message[:REASON_LIMIT]}
        at = run.finished_at or now
        told.append(
            NewEvent(type=EventType.RUN_FINISHED, subject=run.run_id, at=at, key=run.run_id, data=data, **facts)
        )
    return told


def facts_of(row: IndexedRun) -> Mapping[str, Any]:
    """What events say of the run they are about."""
    return {
        "job_id": row.training_job_id or "",
        "pipeline_id": row.pipeline_id or "",
        "pipeline_name": row.pipeline_name or "",
        "pipeline_version_id": row.version_id or "",
        "version_name": row.version_name or "",
        "experiment_id": row.experiment_id or "",
        "experiment_name": row.experiment_name or "",
    }
