"""How far the index is, and who fills it: one row, claimed with a lease. Steps inside the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from kfadapter.database.run_tables import index_progress
from kfadapter.errors import LeaseLost
from kfadapter.runs.index_rows import forget_everything, upsert

NAME = "runs"
ROW = index_progress.c


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the index is.

    Attributes:
        indexed_back_to: All runs created after this moment are there; None: nothing is yet.
        is_complete: All runs are there.
        fresh_at: When Kubeflow was last asked for new runs and ends, and answered.
        created_mark, finished_mark: What has been created and has ended up to here is there, by Kubeflow's clock.
        swept_back_to: How far back runs were compared again, to notice those deleted or archived; None: from the start.
        swept_at: When a part of them was compared last.
    """

    indexed_back_to: datetime | None = None
    is_complete: bool = False
    fresh_at: datetime | None = None
    created_mark: datetime | None = None
    finished_mark: datetime | None = None
    swept_back_to: datetime | None = None
    swept_at: datetime | None = None


def progress(connection: Connection) -> Progress:
    """How far the index is."""
    row = connection.execute(select(index_progress).where(ROW.name == NAME)).mappings().one_or_none()
    return Progress() if row is None else Progress(**{key: row[key] for key in Progress.__dataclass_fields__})


def claim(connection: Connection, who: str, source: str, now: datetime, until: datetime) -> Progress | None:
    """Take the filling of the index, or keep it; None: somebody else has it.

    Args:
        who: The process.
        source: Which Kubeflow is asked: the index of another one is dropped.
        until: Nobody else takes it before.
    """
    empty = {"name": NAME, "source": source, "is_complete": False}
    connection.execute(upsert(connection, index_progress).on_conflict_do_nothing(index_elements=["name"]), empty)
    is_free = or_(ROW.claimed_by.is_(None), ROW.claimed_by == who, ROW.claimed_until < now)
    if connection.dialect.name == "sqlite":
        is_free = ROW.name == NAME  # a file belongs to one process: whoever else claimed it is dead
    taken = index_progress.update().where(ROW.name == NAME, is_free).values(claimed_by=who, claimed_until=until)
    if connection.execute(taken).rowcount != 1:
        return None
    if connection.execute(select(ROW.source).where(ROW.name == NAME)).scalar() != source:
        forget_everything(connection)
        fresh = dict.fromkeys(Progress.__dataclass_fields__)
        advance(connection, who, {**fresh, "is_complete": False, "source": source})
    return progress(connection)


def advance(connection: Connection, who: str, values: Mapping[str, Any]) -> None:
    """Write down how far the index is.

    Raises:
        LeaseLost: Somebody else fills it now.
    """
    mine = index_progress.update().where(ROW.name == NAME, ROW.claimed_by == who)
    if connection.execute(mine.values(**values)).rowcount != 1:
        raise LeaseLost("the index of runs", NAME, who)


def release(connection: Connection, who: str) -> None:
    """Let somebody else fill it at once."""
    mine = index_progress.update().where(ROW.name == NAME, ROW.claimed_by == who)
    connection.execute(mine.values(claimed_by=None, claimed_until=None))
