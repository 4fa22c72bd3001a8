"""Tasks in the shape of Kubeflow Pipelines 3.0 (`PipelineTask`, kubeflow/pipelines#13986), read only.

Fields and values are those of its run.proto; what the engine knows beyond them stands in fields of its own: `kind`,
`runtime_state`, `reason`, `start_time`, `error`, `cached`, `attempts`, `exit_code`, `component`, `depends_on`,
`log_pod_name`, `log`, `usage`, and `schema_title` of an artifact. Where a value of an input came from (its IOType and
producer) is not kept, so inputs do not name it.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, func, select

from kfadapter.engine.protocol.answers import present
from kfadapter.engine.protocol.cursors import cursor
from kfadapter.engine.protocol.faults import not_found
from kfadapter.engine.store.records import Document, Numbered, jobs, status
from kfadapter.engine.store.tables import RUNS, TASKS
from kfadapter.engine.store.tasks import artifact_numbers, task_documents_of

TYPES = {
    "root": "ROOT",
    "dag": "DAG",
    "loop": "LOOP",
    "iteration": "DAG",
    "container": "RUNTIME",
    "importer": "IMPORTER",
}
COMPILED_DAGS = {"condition-branches": "CONDITION_BRANCH", "condition": "CONDITION", "exit-handler": "EXIT_HANDLER"}
_COMPILED_DAG = re.compile(r"comp-(condition-branches|condition|exit-handler)-\d+")
STATES = {
    "RUNNING": "RUNNING",
    "CANCELING": "RUNNING",
    "SUCCEEDED": "SUCCEEDED",
    "SKIPPED": "SKIPPED",
    "FAILED": "FAILED",
    "CANCELED": "FAILED",
}
"""Run state → task state; a task that waits has none there."""
ARTIFACT_TYPES = {
    "Model": "Model",
    "Dataset": "Dataset",
    "HTML": "HTML",
    "Markdown": "Markdown",
    "Metrics": "Metric",
    "ClassificationMetrics": "ClassificationMetric",
    "SlicedClassificationMetrics": "SlicedClassificationMetric",
}


def list_native_tasks(
    connection: Connection, run_id: str, parent_id: str, page_size: int, after: int | None
) -> dict[str, Any]:
    """Tasks of a run, in the order they came up.

    Args:
        parent_id: Only the tasks right below that one; empty: all.
        page_size: Tasks at most; 0: all.
        after: The place of the last task shown so far.

    Raises:
        ApiError: There is no such run.
    """
    if connection.execute(select(RUNS.c.seq).where(RUNS.c.run_id == run_id)).first() is None:
        raise not_found("Run", run_id)
    matching = [TASKS.c.run_id == run_id]
    if parent_id:
        matching.append(func.json_extract(TASKS.c.document, "$.parent_task_id") == parent_id)
    total = connection.execute(select(func.count()).select_from(TASKS).where(*matching)).scalar_one()
    chosen = select(TASKS.c.place, TASKS.c.document).where(*matching).order_by(TASKS.c.place)
    if after is not None:
        chosen = chosen.where(TASKS.c.place > after)
    rows = connection.execute(chosen.limit(page_size + 1) if page_size else chosen).all()
    shown = rows[:page_size] if page_size else rows
    numbered = artifact_numbers(connection, run_id)
    return present(
        {
            "tasks": _named(connection, run_id, [orjson.loads(row.document) for row in shown], numbered),
            "total_size": total,
            "next_page_token": cursor(shown[-1].place) if len(rows) > len(shown) else "",
        }
    )


def get_native_task(connection: Connection, run_id: str, task_id: str) -> dict[str, Any]:
    """A task by id.

    Raises:
        ApiError: There is no such task.
    """
    found = task_documents_of(connection, run_id, [task_id])
    if task_id not in found:
        raise not_found("Task", task_id)
    return _named(connection, run_id, [found[task_id]], artifact_numbers(connection, run_id))[0]


def native_artifact(artifact: Mapping[str, Any], artifact_id: int) -> dict[str, Any]:
    """An artifact as KFP 3.0 shows it. Kinds that it does not name are plain artifacts."""
    kind = artifact.get("type")
    schema = str((kind.get("schemaTitle") if isinstance(kind, Mapping) else kind) or "system.Artifact")
    shown = {
        "artifact_id": str(artifact_id),
        "name": artifact.get("name"),
        "type": ARTIFACT_TYPES.get(schema.rsplit(".", 1)[-1], "Artifact"),
        "schema_title": schema,
        "uri": artifact["uri"],
    }
    return {**present(shown), "metadata": artifact.get("metadata") or {}}


def output_type(task: Document) -> str:
    """The IOType of a task's outputs."""
    return "OUTPUT" if task.get("iteration") is None else "ITERATOR_OUTPUT"


def producer(task: Document) -> dict[str, Any]:
    """A task as the producer of its outputs."""
    return present({"task_name": task.get("name"), "iteration": _number(task.get("iteration"))})


def _named(connection: Connection, run_id: str, tasks: list[Document], numbered: Numbered) -> list[dict[str, Any]]:
    """Tasks whose children have names too."""
    children = [child for task in tasks for child in task["children"]]
    found = task_documents_of(connection, run_id, children)
    names = {task_id: str(task.get("name") or "") for task_id, task in found.items()}
    return [_native(run_id, task, numbered, names) for task in tasks]


def _native(run_id: str, task: Document, numbered: Numbered, names: Mapping[str, str]) -> dict[str, Any]:
    error, pods = task.get("error"), jobs(task)
    outputs = {"type": output_type(task), "producer": producer(task)}
    shown = {
        "task_id": task["task_id"],
        "run_id": run_id,
        "name": task.get("name"),
        "display_name": task.get("display_name") or task.get("name"),
        "type": _type(task),
        "type_attributes": _attributes(task),
        "parent_task_id": task.get("parent_task_id"),
        "scope_path": task.get("path"),
        "child_tasks": [present({"task_id": child, "name": names.get(child)}) for child in task["children"]],
        "create_time": task["create_time"],
        "end_time": task.get("end_time"),
        "state": _state(task["state"], task),
        "status_metadata": {"message": error["message"]} if error and error.get("message") else None,
        "state_history": [
            {**entry, "state": _state(entry["state"], task)}
            for entry in task["state_history"]
            if entry["state"] in STATES
        ],
        "pods": [{"name": name, "type": "EXECUTOR"} for name in pods],
        "inputs": _values(task.get("inputs"), numbered, {}),
        "outputs": _values(task.get("outputs"), numbered, outputs),
        "kind": task.get("kind"),
        "runtime_state": task["state"],
        "reason": task.get("reason"),
        "start_time": task.get("start_time"),
        "error": status(error),
        "component": task.get("component"),
        "depends_on": task.get("depends_on"),
        "log_pod_name": pods[-1] if pods else None,
        "cached": task.get("cached"),
        "attempts": task.get("attempts"),
        "log": task.get("log"),
        "usage": task.get("usage"),
    }
    return {**present(shown), **({} if task.get("exit_code") is None else {"exit_code": task["exit_code"]})}


def _type(task: Document) -> str:
    kind = task.get("kind") or ""
    compiled = _COMPILED_DAG.fullmatch(task.get("component") or "") if kind == "dag" else None
    return COMPILED_DAGS[compiled[1]] if compiled else TYPES.get(kind, "RUNTIME")


def _state(state: str, task: Document) -> str:
    if task.get("cached") and state in ("SUCCEEDED", "SKIPPED"):
        return "CACHED"
    return STATES.get(state, "")


def _attributes(task: Document) -> dict[str, Any]:
    count = len(task["children"]) if task.get("kind") == "loop" and task["children"] else None
    return present({"iteration_index": _number(task.get("iteration")), "iteration_count": _number(count)})


def _number(value: object) -> str | None:
    """A 64-bit number, which is a text in protobuf's JSON."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _values(values: Mapping[str, Any] | None, numbered: Numbered, more: Mapping[str, Any]) -> dict[str, Any]:
    parameters = (values or {}).get("parameters") or {}
    artifacts = (values or {}).get("artifacts") or {}
    return present(
        {
            "parameters": [{"parameter_key": key, "value": value, **more} for key, value in parameters.items()],
            "artifacts": [
                {
                    "artifact_key": key,
                    "artifacts": [native_artifact(one, numbered(one["uri"])) for one in listed],
                    **more,
                }
                for key, listed in artifacts.items()
            ],
        }
    )
