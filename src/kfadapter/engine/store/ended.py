"""Runs that have ended, as housekeeping sees them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kfadapter.engine.store.runs import ACTIVE, delete_run
from kfadapter.engine.store.tables import RUNS

AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """A run, and when it ended in seconds since 1970."""

    run_id: str
    ended_at: int


def ended_runs(connection: Connection) -> list[EndedRun]:
    """Every run that has ended, the last first."""
    at = func.max(RUNS.c.finished_at, RUNS.c.created_at).label("at")
    chosen = select(RUNS.c.run_id, at).where(RUNS.c.state.not_in(ACTIVE)).order_by(at.desc(), RUNS.c.seq.desc())
    return [EndedRun(run_id=row.run_id, ended_at=row.at) for row in connection.execute(chosen)]


def drop_ended(connection: Connection, run_id: str, ended_at: int) -> bool:
    """Remove a run with everything known about it, if it has ended and not since that moment; whether it did."""
    chosen = select(RUNS.c.state, RUNS.c.finished_at).where(RUNS.c.run_id == run_id)
    row = connection.execute(chosen).first()
    if row is None or row.state in ACTIVE or row.finished_at > ended_at:
        return False
    delete_run(connection, run_id)
    return True


def owned(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    """Those of the ids that belong to a run."""
    wanted, found = sorted(run_ids), set[str]()
    for begin in range(0, len(wanted), AT_ONCE):
        some = RUNS.c.run_id.in_(wanted[begin : begin + AT_ONCE])
        found.update(connection.execute(select(RUNS.c.run_id).where(some)).scalars())
    return found
