"""Attempts of tasks told as the pods that they would be on a cluster: phase, times, exit code, and what went wrong."""

from typing import Any

from sqlalchemy import Connection

from kfadapter.engine.protocol.answers import present
from kfadapter.engine.running.nodes import Code
from kfadapter.engine.store.records import Document, jobs
from kfadapter.engine.store.tasks import run_of_task, task_documents_of

MAIN = "main"
PHASES = {"PENDING": "Pending", "RUNNING": "Running", "CANCELING": "Running", "SUCCEEDED": "Succeeded"}


def find_pod(connection: Connection, task_id: str, attempt: int, namespace: str) -> dict[str, Any] | None:
    """The pod of an attempt; None when there was no such attempt."""
    run_id = run_of_task(connection, task_id)
    task = task_documents_of(connection, run_id, [task_id]).get(task_id) if run_id else None
    if task is None or f"{task_id}-{attempt}" not in jobs(task):
        return None
    is_last = attempt == (task.get("attempt") or 0)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{task_id}-{attempt}",
            "namespace": namespace,
            "creationTimestamp": task["create_time"],
            "labels": {"pipeline/runid": run_id},
            "annotations": {"kfadapter/task-id": task_id, "kfadapter/task-name": task.get("name") or ""},
        },
        "spec": {"containers": [{"name": MAIN}], "restartPolicy": "Never"},
        "status": _status(task) if is_last else _repeated(task, attempt),
    }


def _status(task: Document) -> dict[str, Any]:
    """Of the last attempt."""
    state, error = task["state"], task.get("error") or {}
    begun = _moments(task)[-1:] or [task.get("start_time") or task["create_time"]]
    phase = PHASES.get(state, "Failed")
    if phase in ("Pending", "Running"):
        main: dict[str, Any] = {"running": {"startedAt": begun[0]}}
    else:
        ended = {"exitCode": _exit_code(task, phase), "startedAt": begun[0], "finishedAt": task.get("end_time")}
        main = {
            "terminated": {
                **ended,
                **present({"reason": _reason(phase, state, error), "message": error.get("message")}),
            }
        }
    return present(
        {"phase": phase, "startTime": begun[0], "message": error.get("message"), "containerStatuses": [_main(main)]}
    )


def _repeated(task: Document, attempt: int) -> dict[str, Any]:
    """Of an attempt that failed and was followed by another."""
    moments = _moments(task)
    error = _errors(task)[attempt] if attempt < len(_errors(task)) else {}
    ended = {"exitCode": 1, "reason": _reason("Failed", "FAILED", error), "message": error.get("message")}
    times = {"startedAt": moments[attempt], "finishedAt": moments[attempt + 1]} if attempt + 1 < len(moments) else {}
    main = _main({"terminated": present({**ended, **times})})
    return present({"phase": "Failed", "message": error.get("message"), "containerStatuses": [main]})


def _main(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": MAIN, "restartCount": 0, "ready": "running" in state, "state": state}


def _moments(task: Document) -> list[str]:
    """When each attempt began."""
    return [entry["update_time"] for entry in task["state_history"] if entry["state"] == "RUNNING"]


def _errors(task: Document) -> list[dict[str, Any]]:
    """What each attempt but the last failed with."""
    return [entry["error"] for entry in task["state_history"] if entry["state"] == "RUNNING" and entry.get("error")]


def _exit_code(task: Document, phase: str) -> int:
    code = task.get("exit_code")
    return code if isinstance(code, int) else int(phase == "Failed")


def _reason(phase: str, state: str, error: dict[str, Any]) -> str:
    if phase == "Succeeded":
        return "Completed"
    if state == "CANCELED":
        return "Canceled"
    return "DeadlineExceeded" if error.get("code") == Code.DEADLINE else "Error"
