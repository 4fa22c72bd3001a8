"""Applies a run's events to the store: the sink that the supervisor is handed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, select, update

from kfadapter.engine.running.events import Event
from kfadapter.engine.store.database import Store, StoreFull
from kfadapter.engine.store.records import Document, changed, created, finished, with_outward_uris
from kfadapter.engine.store.reserve import Reserve
from kfadapter.engine.store.runs import ACTIVE, CANCELED, CANCELING, FAILED, PENDING, RUNNING, extended
from kfadapter.engine.store.tables import RUNS
from kfadapter.engine.store.tasks import keep_tasks, task_documents, task_documents_of

RESERVE = "disk.reserve"

_logger = structlog.get_logger(__name__)


class RunEvents:
    """The store as the supervisor sees it (`RunSink`). Events of a run that was deleted are passed over.

    Args:
        runs_dir: Where the runs' directories are; artifacts below it get outward URIs.
        ended: Called, in any thread, when a run has ended.
    """

    def __init__(self, store: Store, runs_dir: Path, ended: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._ended = ended
        self._runs_dir = PurePosixPath(runs_dir)
        self._reserve = Reserve(runs_dir.parent / RESERVE)

    def apply(self, run_id: str, events: Sequence[Event], offset: int) -> None:
        """Take events in order, in one transaction: a state is never seen without its time, nor half of a batch.

        On a full disk the room that was kept for that is given up, once, so that runs still end.
        """
        apply = partial(self._store.submit, _apply, run_id, events, offset, self._runs_dir)
        try:
            apply().result()
        except StoreFull:
            if not self._reserve.release():
                raise
            apply().result()
            _logger.error("the disk is full: its last room is being used up", action="engine_disk_full")
        if any(event.type == "run.finished" for event in events):
            self._reserve.take()
            self._ended()

    def open(self) -> None:
        """Keep room for the ends of runs."""
        self._reserve.take()

    def offset(self, run_id: str) -> int:
        """Bytes of the run's events that have been applied."""
        return self._store.fetch(_offset, run_id)


def _offset(connection: Connection, run_id: str) -> int:
    return int(connection.execute(select(RUNS.c.event_offset).where(RUNS.c.run_id == run_id)).scalar_one_or_none() or 0)


def _apply(connection: Connection, run_id: str, events: Sequence[Event], offset: int, runs_dir: PurePosixPath) -> None:
    columns = (RUNS.c.state, RUNS.c.state_history, RUNS.c.last_event)
    row = connection.execute(select(*columns).where(RUNS.c.run_id == run_id)).first()
    if row is None:
        return
    fresh = [event for event in events if event.seq > row.last_event]
    _apply_to_tasks(connection, run_id, fresh, runs_dir)
    changes = _run_changes(connection, run_id, row, fresh)
    last = fresh[-1].seq if fresh else row.last_event
    values = {**changes, "event_offset": offset, "last_event": last}
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(values))


def _run_changes(connection: Connection, run_id: str, row: Any, events: Iterable[Event]) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": row.state, "state_history": row.state_history}
    for event in events:
        if changes["state"] not in ACTIVE:
            continue
        at = int(datetime.fromisoformat(event.ts).timestamp())
        if event.type == "run.started" and changes["state"] == PENDING:
            changes |= {"state": RUNNING, "state_history": extended(changes["state_history"], RUNNING, at)}
        elif event.type == "run.state" and event.data.get("state") == CANCELING:
            changes["state"] = CANCELING
        elif event.type == "run.finished":
            changes |= _end(connection, run_id, changes, event, at)
    return changes


def _end(connection: Connection, run_id: str, before: dict[str, Any], event: Event, at: int) -> dict[str, Any]:
    """The end of a run. A terminated run ends FAILED, as on a cluster; the history says why where no task does."""
    state = FAILED if event.data["state"] == CANCELED else event.data["state"]
    error = event.data.get("error")
    is_told = state != FAILED or before["state"] == CANCELING or _has_failed_task(connection, run_id)
    return {
        "state": state,
        "finished_at": at,
        "state_history": extended(before["state_history"], state, at, None if is_told else error),
        "error": orjson.dumps(error) if error else b"",
    }


def _has_failed_task(connection: Connection, run_id: str) -> bool:
    return any(
        task.get("kind") not in ("root", "dag", "loop", "iteration") and task["state"] == FAILED
        for task in task_documents(connection, run_id)
    )


def _apply_to_tasks(connection: Connection, run_id: str, events: Sequence[Event], runs_dir: PurePosixPath) -> None:
    concerned = [event for event in events if event.type.startswith("task.")]
    if not concerned:
        return
    tasks = task_documents_of(connection, run_id, _named(concerned))
    touched: dict[str, None] = {}
    for event in concerned:
        for task_id in _apply_one(tasks, event):
            touched[task_id] = None
    keep_tasks(connection, run_id, [with_outward_uris(tasks[task_id], runs_dir) for task_id in touched])


def _apply_one(tasks: dict[str, Document], event: Event) -> list[str]:
    """Apply an event; the ids of the tasks it changed."""
    task_id = event.data["task_id"]
    if event.type == "task.created":
        tasks[task_id] = created(event, tasks.get(task_id))
        return [task_id, *_adopt(tasks, tasks[task_id])]
    if task_id not in tasks:
        return []
    if event.type == "task.state":
        tasks[task_id] = changed(tasks[task_id], event)
    elif event.type == "task.finished":
        tasks[task_id] = finished(tasks[task_id], event)
    return [task_id]


def _adopt(tasks: dict[str, Document], task: Document) -> list[str]:
    """Note a task as a child of those it depends on, or of the task it stands first in."""
    parents = [each for each in task.get("depends_on") or [task.get("parent_task_id")] if each in tasks]
    for parent in parents:
        children = tasks[parent]["children"]
        if task["task_id"] not in children:
            tasks[parent] = {**tasks[parent], "children": [*children, task["task_id"]]}
    return parents


def _named(events: Iterable[Event]) -> list[str]:
    ids: dict[str, None] = {}
    for event in events:
        data = event.data
        for task_id in (data["task_id"], data.get("parent_task_id"), *(data.get("depends_on") or ())):
            if task_id:
                ids[task_id] = None
    return list(ids)
