"""Where recurring runs stand in the store: which slot is next, which are over, and which run a slot has become.

A slot and its run are one transaction, and slots only ever move forward: neither a crash nor a clock that jumps can
make a second run of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from kfadapter.engine.protocol.timetables import Timetable, timetable
from kfadapter.engine.store.experiments import AVAILABLE, unarchive_experiment
from kfadapter.engine.store.runs import ACTIVE, NewRun, insert_run
from kfadapter.engine.store.tables import EXPERIMENTS, RECURRING_RUNS, RUNS, SCHEDULES, SLOTS, SPECS

CATCH_UP_LIMIT = 400
"""Of more missed slots than these only the latest are caught up: a year of days, and no flood after a long absence."""
LATE_SECONDS = 60
"""An engine that comes back so soon starts even runs that are not to be caught up."""
AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class DueRun:
    """A slot that is due, and what its run is made of.

    Attributes:
        slot: The moment it was due, in seconds since 1970.
        index: The number of the run, from 1.
        message: The run, as a caller of the API would ask for it; without its name.
    """

    recurring_run_id: str
    display_name: str
    slot: int
    index: int
    message: Mapping[str, Any]


def arm_new(connection: Connection, recurring_run_id: str) -> None:
    """Let a new recurring run begin at its start time. When that has passed, a run that is not to catch up starts
    with the latest slot, as on KFP."""
    row = _row(connection, recurring_run_id)
    table = _timetable(row)
    _point(connection, row, table, table.start - 1 if table.is_one_off else table.start, fired=0)


def rearm(connection: Connection, recurring_run_id: str, now: int) -> None:
    """Pass over everything up to now: a recurring run that was switched off does not make up for that time."""
    row = _row(connection, recurring_run_id)
    table = _timetable(row)
    if not table.is_one_off:
        _point(connection, row, table, max(row.last_slot, now), fired=row.fired)


def restore_experiment(connection: Connection, experiment_id: str, now: int) -> None:
    """Take an experiment back; its recurring runs do not make up for the time it was put away."""
    unarchive_experiment(connection, experiment_id)
    chosen = select(RECURRING_RUNS.c.recurring_run_id).where(RECURRING_RUNS.c.experiment_id == experiment_id)
    for recurring_run_id in connection.execute(chosen).scalars().all():
        rearm(connection, recurring_run_id, now)


def resume(connection: Connection, now: int) -> None:
    """After a start: recurring runs that are not to catch up pass over what was due while the engine was away."""
    for row in connection.execute(_rows()).all():
        table = _timetable(row)
        if row.next_slot is None:
            _point(connection, row, table, now, fired=0)
        elif row.no_catchup and row.enabled and 0 < row.next_slot < now - LATE_SECONDS and not table.is_one_off:
            _point(connection, row, table, now - LATE_SECONDS, fired=row.fired)


def due_runs(connection: Connection, now: int) -> list[DueRun]:
    """What is due and may start, the longest due first; no more than can be started in one go."""
    active = (
        select(RUNS.c.recurring_run_id, func.count().label("number"))
        .where(RUNS.c.state.in_(ACTIVE), RUNS.c.recurring_run_id != "")
        .group_by(RUNS.c.recurring_run_id)
        .subquery()
    )
    chosen = (
        _live(_rows().outerjoin(active, active.c.recurring_run_id == RECURRING_RUNS.c.recurring_run_id))
        .where(SCHEDULES.c.next_slot <= now, func.coalesce(active.c.number, 0) < RECURRING_RUNS.c.max_concurrency)
        .order_by(SCHEDULES.c.next_slot, RECURRING_RUNS.c.seq)
        .limit(AT_ONCE)
    )
    return [_due(row, now) for row in connection.execute(chosen).all()]


def next_moment(connection: Connection, now: int) -> int | None:
    """When the next slot comes; None when there is none. Slots that wait for runs to end do not count."""
    chosen = _live(
        select(func.min(SCHEDULES.c.next_slot))
        .select_from(RECURRING_RUNS)
        .join(SCHEDULES, SCHEDULES.c.recurring_run_id == RECURRING_RUNS.c.recurring_run_id)
    ).where(SCHEDULES.c.next_slot > now)
    moment: int | None = connection.execute(chosen).scalar_one_or_none()
    return moment


def fire(connection: Connection, due: DueRun, new: NewRun) -> bool:
    """Store the run of a slot and move on to the next one; False when the slot is not to be had any more."""
    row = connection.execute(
        _live(_rows()).where(
            RECURRING_RUNS.c.recurring_run_id == due.recurring_run_id,
            SCHEDULES.c.last_slot < due.slot,
            SCHEDULES.c.next_slot <= due.slot,
        )
    ).first()
    if row is None:
        return False
    connection.execute(insert(SLOTS).values(recurring_run_id=due.recurring_run_id, slot=due.slot, run_id=new.run_id))
    insert_run(connection, new)
    _point(connection, row, _timetable(row), due.slot, fired=row.fired + 1)
    return True


def drop_schedule(connection: Connection, recurring_run_id: str) -> None:
    """Forget a recurring run's schedule; its runs stay."""
    for table in (SCHEDULES, SLOTS):
        connection.execute(delete(table).where(table.c.recurring_run_id == recurring_run_id))


def _due(row: Row[Any], now: int) -> DueRun:
    return DueRun(
        recurring_run_id=row.recurring_run_id,
        display_name=row.display_name,
        slot=_slot(row, now),
        index=row.fired + 1,
        message=_message(row),
    )


def _slot(row: Row[Any], now: int) -> int:
    """The slot to fire: each in turn when catching up, else the latest."""
    slot: int = row.next_slot
    table = _timetable(row)
    if row.no_catchup:
        return table.latest_until(now) or slot
    # Slots are a second apart at least, so that fewer seconds cannot hold more slots.
    if now - slot < CATCH_UP_LIMIT:
        return slot
    return max(slot, table.latest_until(now, back=CATCH_UP_LIMIT - 1) or slot)


def _message(row: Row[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "experiment_id": row.experiment_id,
        "service_account": row.service_account,
        "runtime_config": orjson.loads(row.runtime_config) if row.runtime_config else {},
        "plugins_input": orjson.loads(row.plugins_input) if row.plugins_input else {},
    }
    if row.document:
        return {**message, "pipeline_spec": orjson.loads(row.document)}
    reference = {"pipeline_id": row.pipeline_id, "pipeline_version_id": row.pipeline_version_id}
    return {**message, "pipeline_version_reference": reference}


def _point(connection: Connection, row: Row[Any], table: Timetable, last_slot: int, *, fired: int) -> None:
    """Set a schedule to the first slot after `last_slot`."""
    values = {"last_slot": last_slot, "next_slot": table.next_after(last_slot) or 0, "fired": fired}
    named = SCHEDULES.c.recurring_run_id == row.recurring_run_id
    if connection.execute(update(SCHEDULES).where(named).values(values)).rowcount == 0:
        connection.execute(insert(SCHEDULES).values(recurring_run_id=row.recurring_run_id, **values))


def _row(connection: Connection, recurring_run_id: str) -> Row[Any]:
    return connection.execute(_rows().where(RECURRING_RUNS.c.recurring_run_id == recurring_run_id)).one()


def _rows() -> Select[Any]:
    return (
        select(RECURRING_RUNS, SPECS.c.document, SCHEDULES.c.last_slot, SCHEDULES.c.next_slot, SCHEDULES.c.fired)
        .outerjoin(SPECS, SPECS.c.digest == RECURRING_RUNS.c.spec_digest)
        .outerjoin(SCHEDULES, SCHEDULES.c.recurring_run_id == RECURRING_RUNS.c.recurring_run_id)
    )


def _live(statement: Select[Any]) -> Select[Any]:
    """Only recurring runs that are switched on, with an experiment that is neither archived nor gone."""
    return statement.join(EXPERIMENTS, EXPERIMENTS.c.experiment_id == RECURRING_RUNS.c.experiment_id).where(
        RECURRING_RUNS.c.enabled == 1,
        EXPERIMENTS.c.storage_state == AVAILABLE,
        SCHEDULES.c.next_slot > 0,
    )


def _timetable(row: Row[Any]) -> Timetable:
    return timetable(orjson.loads(row.trigger) if row.trigger else {}, row.created_at)
