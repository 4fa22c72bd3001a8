"""What is written down of changes to recurring runs. Steps inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from kfadapter.database.run_tables import recurring_changes

CHANGES = recurring_changes.c
LONGEST_CHAIN = 100


class ChangeState(StrEnum):
    """How far a change has come."""

    BEGUN = "begun"  # the new one is not known to be there
    MADE = "made"  # the new one is there, switched off; the old one is to go
    DONE = "done"
    UNDONE = "undone"  # the new one was refused or never came; the old one goes on


@dataclass(frozen=True, kw_only=True)
class RecurringChange:
    """One recurring run that takes the place of another.

    Attributes:
        request: `was_enabled` and `enable`: how the old one was and the new one is to be.
    """

    change_id: str
    old_id: str
    new_id: str | None
    name: str
    request: Mapping[str, Any]
    state: ChangeState
    begun_at: datetime


def begin(connection: Connection, change: RecurringChange) -> None:
    """Write a change down before anything is done."""
    connection.execute(recurring_changes.insert(), {**vars(change), "request": dict(change.request), "reason": ""})


def made(connection: Connection, change_id: str, new_id: str) -> None:
    """The new one is there."""
    row = recurring_changes.update().where(CHANGES.change_id == change_id)
    connection.execute(row.values(new_id=new_id, state=ChangeState.MADE))


def end(connection: Connection, change_id: str, state: ChangeState, reason: str, now: datetime) -> None:
    """The change is over."""
    row = recurring_changes.update().where(CHANGES.change_id == change_id)
    connection.execute(row.values(state=state, reason=reason[:2000], ended_at=now))


def unfinished(connection: Connection, begun_before: datetime) -> list[RecurringChange]:
    """Changes that somebody has left in the middle."""
    is_open = CHANGES.state.in_((ChangeState.BEGUN, ChangeState.MADE))
    query = select(recurring_changes).where(is_open, CHANGES.begun_at < begun_before).order_by(CHANGES.begun_at)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def open_into(connection: Connection, recurring_run_id: str) -> list[RecurringChange]:
    """Changes that are not finished and whose new one this is."""
    query = select(recurring_changes).where(CHANGES.new_id == recurring_run_id, CHANGES.state == ChangeState.MADE)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def replaced(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """What has taken, or is about to take, the place of these."""
    query = select(CHANGES.old_id, CHANGES.new_id).where(
        CHANGES.old_id.in_(ids), CHANGES.new_id.is_not(None), CHANGES.state.in_((ChangeState.MADE, ChangeState.DONE))
    )
    return {row.old_id: row.new_id for row in connection.execute(query)}


def newest(connection: Connection, recurring_run_id: str) -> str:
    """The recurring run that stands in this one's place today."""
    here = recurring_run_id
    for _ in range(LONGEST_CHAIN):
        following = replaced(connection, [here]).get(here)
        if following is None:
            return here
        here = following
    return here


def _from_row(row: Any) -> RecurringChange:
    fields = {name: row[name] for name in RecurringChange.__dataclass_fields__}
    fields["state"] = ChangeState(fields["state"])
    return RecurringChange(**fields)
