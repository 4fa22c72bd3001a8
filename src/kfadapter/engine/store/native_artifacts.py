"""Artifacts and their tasks in the shape of Kubeflow Pipelines 3.0 (kubeflow/pipelines#13986), read only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, select

from kfadapter.engine.protocol.answers import present
from kfadapter.engine.protocol.cursors import cursor
from kfadapter.engine.protocol.faults import not_found
from kfadapter.engine.store.native_tasks import native_artifact, output_type, producer
from kfadapter.engine.store.records import Document
from kfadapter.engine.store.tables import ARTIFACTS, TASKS


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which artifact tasks are asked for; an empty set asks for any.

    Attributes:
        type: The IOType; empty: any.
    """

    run_ids: frozenset[str] = field(default_factory=frozenset)
    task_ids: frozenset[str] = field(default_factory=frozenset)
    artifact_ids: frozenset[str] = field(default_factory=frozenset)
    type: str = ""


def get_native_artifact(connection: Connection, artifact_id: int) -> dict[str, Any]:
    """An artifact by id.

    Raises:
        ApiError: There is none.
    """
    row = connection.execute(select(ARTIFACTS).where(ARTIFACTS.c.artifact_id == artifact_id)).first()
    if row is None:
        raise not_found("Artifact", str(artifact_id))
    return _shown(connection, [row])[0]


def list_native_artifacts(connection: Connection, page_size: int, after: int | None) -> dict[str, Any]:
    """A page of all artifacts, in the order they became known."""
    chosen = select(ARTIFACTS).where(ARTIFACTS.c.artifact_id > (after or 0)).order_by(ARTIFACTS.c.artifact_id)
    rows = connection.execute(chosen.limit(page_size + 1)).all()
    shown = rows[:page_size]
    total = connection.execute(select(func.count()).select_from(ARTIFACTS)).scalar_one()
    token = cursor(shown[-1].artifact_id) if len(rows) > page_size else ""
    return present({"artifacts": _shown(connection, shown), "total_size": total, "next_page_token": token})


def list_artifact_tasks(connection: Connection, wanted: Wanted, page_size: int, after: int | None) -> dict[str, Any]:
    """A page of what tasks had to do with artifacts, in the order of runs, tasks and keys."""
    found = [one for one in _artifact_tasks(connection, wanted) if not wanted.type or one["type"] == wanted.type]
    start = 0 if after is None else after + 1
    shown = found[start : start + page_size]
    token = cursor(start + page_size - 1) if len(found) > start + page_size else ""
    return present({"artifact_tasks": shown, "total_size": len(found), "next_page_token": token})


def _shown(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Artifacts as the tasks that made them, or first used them, tell of them."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for run_id, task in _documents(connection, {row.run_id for row in rows}):
        for made, _, artifact in _artifacts(task):
            place = (run_id, artifact["uri"])
            if made or place not in known:
                known[place] = {**artifact, "created_at": task.get("end_time") if made else ""}
    return [
        present({**native_artifact(about, row.artifact_id), "created_at": about.get("created_at")})
        for row in rows
        for about in [known.get((row.run_id, row.uri), {"uri": row.uri})]
    ]


def _artifact_tasks(connection: Connection, wanted: Wanted) -> Iterator[dict[str, Any]]:
    numbers = _numbers(connection, wanted)
    for run_id, task in _documents(connection, {run_id for run_id, _ in numbers}):
        if wanted.task_ids and task["task_id"] not in wanted.task_ids:
            continue
        for made, key, artifact in _artifacts(task):
            artifact_id = numbers.get((run_id, artifact["uri"]))
            if artifact_id is not None:
                yield _artifact_task(run_id, task, artifact_id, key, made=made)


def _artifact_task(run_id: str, task: Document, artifact_id: int, key: str, *, made: bool) -> dict[str, Any]:
    about = {"type": output_type(task), "producer": producer(task)} if made else {"type": "UNSPECIFIED"}
    side = "output" if made else "input"
    return {
        "id": f"{task['task_id']}/{side}/{key}/{artifact_id}",
        "artifact_id": str(artifact_id),
        "run_id": run_id,
        "task_id": task["task_id"],
        "key": key,
        **about,
    }


def _numbers(connection: Connection, wanted: Wanted) -> Mapping[tuple[str, str], int]:
    chosen = select(ARTIFACTS)
    if wanted.run_ids:
        chosen = chosen.where(ARTIFACTS.c.run_id.in_(wanted.run_ids))
    if wanted.task_ids:
        chosen = chosen.where(
            ARTIFACTS.c.run_id.in_(select(TASKS.c.run_id).where(TASKS.c.task_id.in_(wanted.task_ids)))
        )
    if wanted.artifact_ids:
        numbers = [int(each) for each in wanted.artifact_ids if each.isascii() and each.isdecimal() and len(each) < 19]
        chosen = chosen.where(ARTIFACTS.c.artifact_id.in_(numbers))
    return {(row.run_id, row.uri): row.artifact_id for row in connection.execute(chosen)}


def _documents(connection: Connection, run_ids: Collection[str]) -> Iterator[tuple[str, Document]]:
    chosen = select(TASKS.c.run_id, TASKS.c.document).where(TASKS.c.run_id.in_(run_ids))
    for row in connection.execute(chosen.order_by(TASKS.c.run_id, TASKS.c.place)):
        yield row.run_id, orjson.loads(row.document)


def _artifacts(task: Document) -> Iterator[tuple[bool, str, Mapping[str, Any]]]:
    """Whether the task made it, its key, and the artifact. What a task hands up from its children it did not make."""
    is_maker = task.get("kind") in ("container", "importer")
    for side in ("inputs", "outputs"):
        for key, listed in ((task.get(side) or {}).get("artifacts") or {}).items():
            for artifact in listed:
                yield is_maker and side == "outputs", key, artifact
