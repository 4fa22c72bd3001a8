"""What the ledger reads and writes for the watcher: the runs to look at, what Kubeflow said of them, and stops."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from kfadapter.database.training_tables import training_events, training_runs, watch_marks
from kfadapter.training.ledger_events import tell_contradiction, tell_state
from kfadapter.training.ledger_launches import OPEN, STARTING, accept
from kfadapter.training.ledger_notifications import add_notification, cancel_notifications
from kfadapter.training.ledger_rows import add_event, change_run, clean, find_run, locked_run, upsert
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.records import TrainingRun
from kfadapter.training.states import RunState, check_run_transition, end_of


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedRun:
    """A run whose end is awaited, or whose existence is not sure.

    Attributes:
        created_at: Kubeflow's time of creation, where known.
        is_to_stop: It is to be terminated, and Kubeflow has not yet taken that order.
    """

    run_id: str
    state: RunState
    kubeflow_state: str
    created_at: datetime | None
    is_to_stop: bool


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What Kubeflow said of a run.

    Attributes:
        word: Its state, unchanged.
        reason: Its error message.
    """

    run_id: str
    word: str
    created_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str = ""


def watched_runs(connection: Connection, now: datetime) -> list[WatchedRun]:
    """Every run that is active, or uncertain, or whose launcher has not come back in its time."""
    runs = training_runs.c
    abandoned = and_(runs.state == RunState.INTENDED, or_(runs.claimed_until.is_(None), runs.claimed_until < now))
    is_to_stop = and_(runs.stop_requested_at.is_not(None), runs.stop_accepted_at.is_(None))
    query = select(runs.run_id, runs.state, runs.kubeflow_state, runs.created_at, is_to_stop.label("is_to_stop"))
    found = connection.execute(
        query.where(or_(runs.state.in_((RunState.ACTIVE, RunState.UNCERTAIN)), abandoned)).order_by(runs.intended_at)
    )
    return [
        WatchedRun(
            run_id=row.run_id,
            state=RunState(row.state),
            kubeflow_state=row.kubeflow_state,
            created_at=row.created_at,
            is_to_stop=bool(row.is_to_stop),
        )
        for row in found
    ]


def observe(
    connection: Connection, sightings: Iterable[Sighting], policy: NotifyPolicy, now: datetime
) -> list[TrainingRun]:
    """Write down what Kubeflow said: runs found, state changes, ends with their notifications, contradictions.

    Returns:
        The runs that ended by this.
    """
    ended = []
    for sighting in _in_order_of_jobs(connection, sightings):
        run = locked_run(connection, sighting.run_id)
        if run.state in STARTING:
            run = accept(connection, run.run_id, sighting.word, sighting.created_at, policy, now)
        if run.state is not RunState.ACTIVE:
            _contradict(connection, run, sighting, now)
        elif end_of(sighting.word) is not None:
            ended.append(_end(connection, run, sighting, policy, now))
        elif sighting.word != run.kubeflow_state:
            change_run(connection, run, kubeflow_state=sighting.word)
            add_event(connection, run.run_id, now, "kubeflow_state", state=sighting.word)
    return ended


def lose(connection: Connection, run_id: str, reason: str, policy: NotifyPolicy, now: datetime) -> TrainingRun:
    """Kubeflow does not know the run any more: LOST.

    Raises:
        TransitionRefused: It has ended meanwhile, or was never there.
    """
    run = locked_run(connection, run_id)
    check_run_transition(run_id, run.state, RunState.LOST)
    lost = change_run(connection, run, state=RunState.LOST, reason=clean(reason), ended_at=now)
    add_event(connection, run_id, now, "ended", state=lost.state, reason=clean(reason))
    tell_state(connection, lost, run.state, now)
    if lost.is_told and policy.is_told:
        add_notification(connection, lost, now)
    return lost


def dismiss(connection: Connection, run_id: str, now: datetime) -> TrainingRun | None:
    """Nobody is to be told of this run's end, and it is to be terminated; None when the ledger has no such run.

    Later runs of the job that the Training Manager never got an answer about go with it: it does not know their ids,
    and it stops a run when its job is deleted.
    """
    if find_run(connection, run_id) is None:
        return None
    run = locked_run(connection, run_id)
    runs = training_runs.c
    unknown = and_(runs.job_id == run.job_id, runs.attempt > run.attempt, runs.answered_at.is_(None))
    run_ids = [run_id, *connection.execute(select(runs.run_id).where(unknown)).scalars()]
    for one in run_ids:
        _dismiss_one(connection, one, now)
    cancel_notifications(connection, run_ids, now)
    return find_run(connection, run_id)


def stop_accepted(connection: Connection, run_id: str, now: datetime) -> None:
    """Kubeflow took the order to terminate the run."""
    run = locked_run(connection, run_id)
    if run.stop_accepted_at is None:
        change_run(connection, run, stop_accepted_at=now)
        add_event(connection, run_id, now, "stop_accepted")


def stopped_by_hand(connection: Connection, run_id: str, now: datetime) -> None:
    """Kubeflow took a person's order to terminate the run; who waits for its end is told of it."""
    if find_run(connection, run_id) is None:
        return
    run = locked_run(connection, run_id)
    if run.stop_requested_at is None:
        change_run(connection, run, stop_requested_at=now, stop_accepted_at=now)
        add_event(connection, run_id, now, "stop_requested", why="by hand")
        add_event(connection, run_id, now, "stop_accepted")


def mark(connection: Connection, name: str) -> datetime | None:
    """A time that was kept under this name."""
    return connection.execute(select(watch_marks.c.at).where(watch_marks.c.name == name)).scalar()


def set_mark(connection: Connection, name: str, at: datetime) -> None:
    """Keep a time under this name."""
    insert = upsert(connection, watch_marks).values(name=name, at=at)
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"at": at}))


def known_ends(connection: Connection, run_ids: Sequence[str]) -> dict[str, RunState]:
    """Those of these runs that the ledger has as ended, with their states."""
    query = select(training_runs.c.run_id, training_runs.c.state).where(training_runs.c.run_id.in_(run_ids))
    found = {row.run_id: RunState(row.state) for row in connection.execute(query)}
    return {run_id: state for run_id, state in found.items() if state not in OPEN}


def _in_order_of_jobs(connection: Connection, sightings: Iterable[Sighting]) -> list[Sighting]:
    """Jobs are locked in one order everywhere, so that two transactions never wait for each other."""
    by_id = {sighting.run_id: sighting for sighting in sightings}
    runs = training_runs.c
    query = select(runs.run_id).where(runs.run_id.in_(list(by_id))).order_by(runs.job_id, runs.attempt)
    return [by_id[run_id] for run_id in connection.execute(query).scalars()]


def _end(
    connection: Connection, run: TrainingRun, sighting: Sighting, policy: NotifyPolicy, now: datetime
) -> TrainingRun:
    """The end and its notification, in the caller's one transaction."""
    state = end_of(sighting.word)
    assert state is not None  # noqa: S101 - the caller has looked
    check_run_transition(run.run_id, run.state, state)
    ended = change_run(
        connection,
        run,
        state=state,
        kubeflow_state=sighting.word,
        reason=clean(sighting.reason) if state is not RunState.SUCCEEDED else "",
        finished_at=sighting.finished_at,
        ended_at=now,
    )
    add_event(connection, run.run_id, now, "ended", state=state, reason=ended.reason)
    tell_state(connection, ended, run.state, now)
    if ended.is_told and policy.is_told:
        add_notification(connection, ended, now)
    return ended


def _contradict(connection: Connection, run: TrainingRun, sighting: Sighting, now: datetime) -> None:
    """Kubeflow says something else about a run that has ended: noted once, and nothing changes."""
    if end_of(sighting.word) is run.state:
        return
    events = training_events.c
    noted = select(events.detail).where(events.run_id == run.run_id, events.kind == "contradicted")
    if all(detail["state"] != sighting.word for detail in connection.execute(noted).scalars()):
        add_event(connection, run.run_id, now, "contradicted", state=sighting.word, kept=run.state)
        tell_contradiction(connection, run, sighting.word, now)


def _dismiss_one(connection: Connection, run_id: str, now: datetime) -> None:
    run = locked_run(connection, run_id)
    is_stopped = run.state in OPEN and run.stop_requested_at is None
    if run.dismissed_at is None:
        add_event(connection, run_id, now, "dismissed")
    change_run(
        connection,
        run,
        dismissed_at=run.dismissed_at or now,
        stop_requested_at=now if is_stopped else run.stop_requested_at,
    )
