"""What the ledger writes while a run is being started. Each function is one step inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from kfadapter.database.training_tables import notifications, training_jobs, training_runs
from kfadapter.errors import IdempotencyKeyReused
from kfadapter.training.ledger_events import tell_state, tell_superseded
from kfadapter.training.ledger_notifications import add_notification, cancel_notifications
from kfadapter.training.ledger_rows import (
    add_event,
    add_events,
    change_run,
    clean,
    ensure_job,
    find_run,
    lock_job,
    locked_run,
    run_from_row,
)
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.records import ExecutionKey, LaunchRequest, TrainingRun
from kfadapter.training.states import NotificationState, RunState, check_run_transition

# An intention of a name this long would make a display name that Kubeflow does not take.
DISPLAY_ID_LENGTH = 100
OPEN = (RunState.INTENDED, RunState.UNCERTAIN, RunState.ACTIVE)
STARTING = (RunState.INTENDED, RunState.UNCERTAIN)
WITHOUT_RUN = (RunState.REFUSED, RunState.NOT_STARTED)

# Statements of every execution, built once.
_JOBS, _RUNS, _TOLD = training_jobs.c, training_runs.c, notifications.c
COUNT_RUN = (
    training_jobs.update()
    .where(_JOBS.job_id == bindparam("wanted_job_id"))
    .values(runs=bindparam("new_runs"), latest_intended_at=bindparam("new_time"))
)
RUN_OF_ATTEMPT = select(training_runs).where(
    _RUNS.job_id == bindparam("wanted_job_id"), _RUNS.attempt == bindparam("wanted_attempt")
)
OTHERS_OF_THE_JOB = (
    select(_RUNS.run_id, _RUNS.attempt, _RUNS.accepted_at, _RUNS.superseded_by)
    .where(_RUNS.job_id == bindparam("wanted_job_id"), _RUNS.run_id != bindparam("wanted_run_id"))
    .order_by(_RUNS.attempt)
)
MOVE_UNTRIED = (
    notifications.update()
    .where(
        _TOLD.run_id == bindparam("wanted_run_id"),
        _TOLD.state == NotificationState.PENDING,
        _TOLD.attempts == 0,
        _TOLD.claimed_by.is_(None),
    )
    .values(not_before=bindparam("new_not_before"))
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who does something, and until when others keep off."""

    by: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Intended:
    """What became of an intention.

    Attributes:
        is_joined: True when the run was there: the same execution of the job had been asked for and not answered.
    """

    run: TrainingRun
    is_joined: bool


def intend(connection: Connection, request: LaunchRequest, run_id: str, claim: Claim, now: datetime) -> Intended:
    """Write an intention down, or find the equal one that is still being answered."""
    ensure_job(connection, request.job_id, now)
    attempts = lock_job(connection, request.job_id)["runs"]
    known = _known_execution(connection, request, attempts)
    if known is not None:
        return Intended(run=known, is_joined=True)
    counted = {"wanted_job_id": request.job_id, "new_runs": attempts + 1, "new_time": now}
    connection.execute(COUNT_RUN, counted)
    run = _new_run(request, run_id, attempts + 1, now)
    row = {
        **vars(run),
        "claimed_by": claim.by,
        "claimed_until": claim.until,
        "idempotency_key": request.key.value if request.key else None,
        "request_digest": request.key.digest if request.key else None,
    }
    connection.execute(training_runs.insert(), row)
    add_event(connection, run_id, now, "intended", attempt=run.attempt)
    return Intended(run=run, is_joined=False)


def accept(
    connection: Connection,
    run_id: str,
    word: str,
    created_at: datetime | None,
    policy: NotifyPolicy,
    now: datetime,
) -> TrainingRun:
    """Kubeflow has the run. The job's older runs are superseded, or this one is if a newer was accepted before.

    Does nothing when the run is known to be accepted, as it is when two found out about it.

    Raises:
        TransitionRefused: The intention was closed; the run nobody wants any more must be terminated.
    """
    run = locked_run(connection, run_id)
    if run.accepted_at is not None:
        return run
    check_run_transition(run_id, run.state, RunState.ACTIVE)
    accepted = change_run(
        connection,
        run,
        state=RunState.ACTIVE,
        accepted_at=now,
        created_at=created_at,
        kubeflow_state=word,
        quiet_until=policy.quiet_before_answer(now),
        reason="",
        claimed_by=None,
        claimed_until=None,
    )
    add_event(connection, run_id, now, "accepted", state=word)
    tell_state(connection, accepted, run.state, now)
    return _put_in_order(connection, accepted, now)


def doubt(connection: Connection, run_id: str, reason: str, now: datetime) -> TrainingRun:
    """The create call's outcome is not known. Does nothing when somebody found the run meanwhile."""
    run = locked_run(connection, run_id)
    if run.state is not RunState.INTENDED:
        return run
    add_event(connection, run_id, now, "uncertain", reason=clean(reason))
    doubted = change_run(
        connection, run, state=RunState.UNCERTAIN, reason=clean(reason), claimed_by=None, claimed_until=None
    )
    tell_state(connection, doubted, run.state, now)
    return doubted


def close(
    connection: Connection,
    run_id: str,
    state: RunState,
    reason: str,
    is_told: bool,
    policy: NotifyPolicy,
    now: datetime,
) -> TrainingRun:
    """Close an intention without a run (REFUSED, NOT_STARTED); with `is_told`, notify the Training Manager.

    Raises:
        TransitionRefused: There is a run, or the intention is closed.
    """
    run = locked_run(connection, run_id)
    check_run_transition(run_id, run.state, state)
    closed = change_run(
        connection, run, state=state, reason=clean(reason), ended_at=now, claimed_by=None, claimed_until=None
    )
    add_event(connection, run_id, now, state, reason=clean(reason))
    tell_state(connection, closed, run.state, now)
    if is_told and closed.is_told and policy.is_told:
        add_notification(connection, closed, now)
    return closed


def answered(connection: Connection, run_id: str, policy: NotifyPolicy, now: datetime) -> bool:
    """The execution's answer has been sent: the grace time counts from here.

    Returns:
        True when a notification is due at another time now: the run had ended before.
    """
    run = locked_run(connection, run_id)
    quiet_until = policy.quiet_after_answer(now)
    change_run(connection, run, answered_at=now, quiet_until=quiet_until)
    add_event(connection, run_id, now, "answered")
    if not run.state.is_end:  # a notification comes with the end
        return False
    moved = connection.execute(MOVE_UNTRIED, {"wanted_run_id": run_id, "new_not_before": quiet_until})
    return moved.rowcount > 0


def take_over(connection: Connection, claimant: str, now: datetime) -> int:
    """After a start: make what a dead process held free again; its launches become uncertain.

    A ledger in SQLite belongs to one process, so every other claimant is dead. In PostgreSQL the replicas watch each
    other (`bury`); here only claims whose time is over are taken.

    Returns:
        How many launches were found open.
    """
    runs, mine = training_runs.c, or_(training_runs.c.claimed_by.is_(None), training_runs.c.claimed_by != claimant)
    lapsed = or_(runs.claimed_until.is_(None), runs.claimed_until < now)
    is_free = mine if connection.dialect.name == "sqlite" else and_(mine, lapsed)
    taken = _doubt_all(connection, is_free, now)
    if connection.dialect.name == "sqlite":
        foreign = notifications.update().where(notifications.c.claimed_by != claimant)
        connection.execute(foreign.values(claimed_by=None, claimed_until=None))
    return taken


def bury(connection: Connection, claimant: str, now: datetime) -> None:
    """A replica is dead: its launches become uncertain, and others may send what it was sending."""
    _doubt_all(connection, training_runs.c.claimed_by == claimant, now)
    held = notifications.update().where(notifications.c.claimed_by == claimant)
    connection.execute(held.values(claimed_by=None, claimed_until=None))


def _doubt_all(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    runs = training_runs.c
    query = select(runs.run_id).where(runs.state == RunState.INTENDED, which).order_by(runs.job_id)
    run_ids = list(connection.execute(query).scalars())
    for run_id in run_ids:
        doubt(connection, run_id, "the service ended while the run was being started", now)
    return len(run_ids)


def run_of_key(connection: Connection, job_id: str, key: ExecutionKey) -> TrainingRun | None:
    """The run that an execution with this key led to; None when there is none, or its launch left no run.

    Raises:
        IdempotencyKeyReused: The key came with another request.
    """
    query = select(training_runs).where(_RUNS.job_id == job_id, _RUNS.idempotency_key == key.value)
    row = connection.execute(query.order_by(_RUNS.attempt.desc()).limit(1)).mappings().one_or_none()
    if row is None:
        return None
    if row["request_digest"] != key.digest:
        raise IdempotencyKeyReused(key.value, row["run_id"])
    run = run_from_row(row)
    return None if run.state in WITHOUT_RUN else run


def _known_execution(connection: Connection, request: LaunchRequest, attempts: int) -> TrainingRun | None:
    """The run of an equal execution that is still being answered, or of an earlier one with the same key."""
    if not attempts:
        return None
    if request.key is not None and (run := run_of_key(connection, request.job_id, request.key)) is not None:
        return run
    wanted = {"wanted_job_id": request.job_id, "wanted_attempt": attempts}
    row = connection.execute(RUN_OF_ATTEMPT, wanted).mappings().one_or_none()
    if row is None or (request.key is not None and row["idempotency_key"] not in (None, request.key.value)):
        return None
    run = run_from_row(row)
    return run if _is_same_execution(run, request) else None


def _is_same_execution(run: TrainingRun, request: LaunchRequest) -> bool:
    return run.digest == request.digest and run.state in OPEN and run.answered_at is None and _is_wanted(run)


def _is_wanted(run: TrainingRun) -> bool:
    return run.is_told and run.stop_requested_at is None


def _new_run(request: LaunchRequest, run_id: str, attempt: int, now: datetime) -> TrainingRun:
    return TrainingRun(
        run_id=run_id,
        job_id=request.job_id,
        attempt=attempt,
        display_name=f"trainingjob-{request.job_id[:DISPLAY_ID_LENGTH]}-{run_id[:8]}",
        digest=request.digest,
        state=RunState.INTENDED,
        pipeline_id=request.pipeline_id,
        pipeline_name=request.pipeline_name,
        pipeline_version_id=request.pipeline_version_id,
        version_name=request.version_name,
        experiment_id=request.experiment_id,
        experiment_name=request.experiment_name,
        parameters=dict(request.parameters),
        effective_arguments=dict(request.effective_arguments),
        ignored_arguments=request.ignored_arguments,
        intended_at=now,
    )


def _put_in_order(connection: Connection, run: TrainingRun, now: datetime) -> TrainingRun:
    """Supersede the older runs of the job, and this one if a newer has been accepted before."""
    found = connection.execute(OTHERS_OF_THE_JOB, {"wanted_job_id": run.job_id, "wanted_run_id": run.run_id}).all()
    older = [one.run_id for one in found if one.attempt < run.attempt and one.superseded_by is None]
    newer = [one.run_id for one in found if one.attempt > run.attempt and one.accepted_at is not None]
    _supersede(connection, older, run.run_id, now)
    if not newer:
        return run
    _supersede(connection, [run.run_id], newer[-1], now)
    return locked_run(connection, run.run_id)


def _supersede(connection: Connection, run_ids: list[str], newer: str, now: datetime) -> None:
    """The Training Manager is not told of these any more; those it never got an answer about are terminated."""
    if not run_ids:
        return
    for run_id in run_ids:
        run = find_run(connection, run_id, lock=True)
        assert run is not None  # noqa: S101 - it has just been selected
        is_stopped = run.state in OPEN and run.answered_at is None
        change_run(
            connection,
            run,
            superseded_by=newer,
            stop_requested_at=run.stop_requested_at or (now if is_stopped else None),
        )
        tell_superseded(connection, run, newer, now)
    add_events(connection, run_ids, now, "superseded", by=newer)
    cancel_notifications(connection, run_ids, now)
