"""Tasks of runs in the store."""

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from kfadapter.engine.store.records import Document, Numbered, detail
from kfadapter.engine.store.tables import ARTIFACTS, TASKS


def task_details(connection: Connection, run_ids: Sequence[str]) -> dict[str, bytes]:
    """The tasks of runs as KFP's `run_details`, each as JSON text, put together without reading it."""
    found: dict[str, list[bytes]] = {}
    chosen = select(TASKS.c.run_id, TASKS.c.detail).where(TASKS.c.run_id.in_(run_ids))
    for row in connection.execute(chosen.order_by(TASKS.c.run_id, TASKS.c.place)):
        found.setdefault(row.run_id, []).append(row.detail)
    return {run_id: b'{"task_details":[' + b",".join(texts) + b"]}" for run_id, texts in found.items()}


def full_details(connection: Connection, run_id: str) -> bytes:
    """The tasks of a run as KFP's `run_details`, every field filled."""
    numbered = artifact_numbers(connection, run_id)
    details = [detail(run_id, task, numbered, full=True) for task in task_documents(connection, run_id)]
    return orjson.dumps({"task_details": details}) if details else b""


def run_of_task(connection: Connection, task_id: str) -> str:
    """The run a task belongs to; empty when there is no such task."""
    found = connection.execute(select(TASKS.c.run_id).where(TASKS.c.task_id == task_id)).scalars().first()
    return str(found or "")


def artifact_uri(connection: Connection, run_id: str, node_id: str, name: str) -> str:
    """Where the first artifact of a task's output is; empty when there is none.

    Args:
        node_id: The task's id, or that of one of its attempts.
    """
    task_ids = [node_id, node_id.rpartition("-")[0]]
    for task in task_documents_of(connection, run_id, task_ids).values():
        for artifact in (task.get("outputs") or {}).get("artifacts", {}).get(name, ()):
            return str(artifact.get("uri") or "")
    return ""


def last_attempt(connection: Connection, run_id: str, node_id: str) -> str:
    """The name of a task's attempt: the one named, or the last one of the task named; empty when there is no task."""
    task_id = node_id.rpartition("-")[0]
    found = task_documents_of(connection, run_id, [node_id, task_id])
    if node_id in found:
        return f"{node_id}-{found[node_id].get('attempt') or 0}"
    return node_id if task_id in found else ""


def task_documents(connection: Connection, run_id: str) -> list[Document]:
    """Everything known about a run's tasks, in the order they came up."""
    chosen = select(TASKS.c.document).where(TASKS.c.run_id == run_id).order_by(TASKS.c.place)
    return [orjson.loads(text) for text in connection.execute(chosen).scalars()]


def task_documents_of(connection: Connection, run_id: str, task_ids: Sequence[str]) -> dict[str, Document]:
    """Everything known about some tasks of a run, by id; unknown ids are left out."""
    chosen = select(TASKS.c.task_id, TASKS.c.document).where(TASKS.c.run_id == run_id, TASKS.c.task_id.in_(task_ids))
    return {row.task_id: orjson.loads(row.document) for row in connection.execute(chosen)}


def keep_tasks(connection: Connection, run_id: str, tasks: Sequence[Document]) -> None:
    """Store tasks, new ones after those that are there."""
    numbered = artifact_numbers(connection, run_id)
    last = connection.execute(select(func.max(TASKS.c.place)).where(TASKS.c.run_id == run_id)).scalar_one()
    place = 0 if last is None else last + 1
    rows = [
        {
            "run_id": run_id,
            "task_id": task["task_id"],
            "place": place + index,
            "detail": orjson.dumps(detail(run_id, task, numbered, full=False)),
            "document": orjson.dumps(task),
        }
        for index, task in enumerate(tasks)
    ]
    statement = upsert(TASKS)
    changes = {name: statement.excluded[name] for name in ("detail", "document")}
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "task_id"], set_=changes), rows)


def artifact_numbers(connection: Connection, run_id: str) -> Numbered:
    """Gives the numbers of a run's artifacts, by URI; a new one is stored."""
    known = {
        row.uri: row.artifact_id
        for row in connection.execute(
            select(ARTIFACTS.c.uri, ARTIFACTS.c.artifact_id).where(ARTIFACTS.c.run_id == run_id)
        )
    }

    def numbered(uri: str) -> int:
        if uri not in known:
            made = connection.execute(insert(ARTIFACTS).values(run_id=run_id, uri=uri))
            known[uri] = made.inserted_primary_key[0] if made.inserted_primary_key else 0
        return int(known[uri])

    return numbered
