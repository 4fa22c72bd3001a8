"""What the ledger reads and writes about runs that do not come on."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from kfadapter.database.training_tables import training_events, training_runs
from kfadapter.training.ledger_events import tell_stuck
from kfadapter.training.ledger_rows import add_event, change_run, locked_run
from kfadapter.training.states import RunState
from kfadapter.training.stuck import GoingRun, Symptom

STUCK = "stuck"
# Of each pipeline version at most so many ends are looked at, the newest.
KNOWN_ENDS = 20
MOST_ENDS = 2000


def going_runs(connection: Connection) -> list[GoingRun]:
    """The runs that go on and that nobody has asked to stop, oldest first."""
    runs, events = training_runs.c, training_events.c
    open_ones = (
        select(runs.run_id, runs.pipeline_version_id, runs.kubeflow_state, runs.accepted_at)
        .where(runs.state == RunState.ACTIVE, runs.stop_requested_at.is_(None), runs.accepted_at.is_not(None))
        .order_by(runs.accepted_at, runs.run_id)
    )
    rows = connection.execute(open_ones).all()
    reported = select(events.run_id, events.detail).join(training_runs, runs.run_id == events.run_id)
    told: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(reported.where(runs.state == RunState.ACTIVE, events.kind == STUCK)):
        told[row.run_id].add(str(row.detail.get("reason")))
    return [
        GoingRun(
            run_id=row.run_id,
            pipeline_version_id=row.pipeline_version_id,
            word=row.kubeflow_state,
            since=row.accepted_at,
            told=frozenset(told[row.run_id]),
        )
        for row in rows
    ]


def durations(connection: Connection, version_ids: Iterable[str]) -> dict[str, list[timedelta]]:
    """How long the newest runs of these pipeline versions took that succeeded, by Kubeflow's own times."""
    runs = training_runs.c
    query = (
        select(runs.pipeline_version_id, runs.created_at, runs.finished_at)
        .where(runs.pipeline_version_id.in_(list(version_ids)), runs.state == RunState.SUCCEEDED)
        .where(runs.created_at.is_not(None), runs.finished_at.is_not(None))
        .order_by(runs.ended_at.desc())
        .limit(MOST_ENDS)
    )
    found: dict[str, list[timedelta]] = defaultdict(list)
    for row in connection.execute(query):
        if len(found[row.pipeline_version_id]) < KNOWN_ENDS:
            found[row.pipeline_version_id].append(row.finished_at - row.created_at)
    return found


def report_stuck(connection: Connection, run_id: str, symptom: Symptom, stops: bool, now: datetime) -> bool:
    """Write down that a run does not come on, and with `stops` that it is to be terminated.

    Returns:
        False when it has ended meanwhile.
    """
    run = locked_run(connection, run_id)
    if run.state is not RunState.ACTIVE:
        return False
    add_event(connection, run_id, now, STUCK, reason=symptom.reason, text=symptom.text)
    tell_stuck(connection, run, symptom.reason, symptom.text, now)
    if stops and run.stop_requested_at is None:
        change_run(connection, run, stop_requested_at=now)
        add_event(connection, run_id, now, "stop_requested", why=f"{STUCK}: {symptom.reason}")
    return True
