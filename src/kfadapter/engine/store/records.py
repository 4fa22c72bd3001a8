"""What is known about a task, as its events told it: one plain document a task, changed by each event.

`detail` renders it as KFP 2.17's PipelineTaskDetail; native_tasks.py has the richer view.
"""

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from kfadapter.engine.protocol.answers import present
from kfadapter.engine.running.events import Event

Document = dict[str, Any]
Numbered = Callable[[str], int]
"""Gives the number of an artifact by its outward URI."""

BUCKET = "mlpipeline"
KEY_PREFIX = "v2/artifacts"
DEFINITION = (
    "parent_task_id",
    "name",
    "display_name",
    "path",
    "kind",
    "iteration",
    "component",
    "depends_on",
    "inputs",
)


def created(event: Event, before: Document | None) -> Document:
    """A task that has come up, or comes up again when its run is retried."""
    data = event.data
    kept = before or {"create_time": event.ts, "state_history": [], "children": [], "outputs": {}, "failed_jobs": []}
    definition = {name: data.get(name) for name in DEFINITION}
    return {**kept, **definition, "task_id": data["task_id"], "state": "PENDING", "end_time": "", "error": None}


def changed(task: Document, event: Event) -> Document:
    """A task in a new state, or at a new attempt."""
    data = event.data
    state = data.get("state") or task["state"]
    after = {**task, "state": state, "attempt": data.get("attempt") or 0, "reason": data.get("reason") or ""}
    if data.get("inputs"):
        after["inputs"] = data["inputs"]
    if state == "RUNNING" and not task.get("start_time"):
        after["start_time"] = event.ts
    after["state_history"] = _history(task, event.ts, state, data.get("error"))
    return after


def finished(task: Document, event: Event) -> Document:
    """A task at its end."""
    data = event.data
    names = ("error", "exit_code", "attempts", "cached", "log", "usage")
    after = {**task, **{name: data.get(name) for name in names}, "state": data["state"], "end_time": event.ts}
    after["outputs"] = data.get("outputs") or {}
    after["state_history"] = _history(task, event.ts, data["state"], None)
    return after


def refused(task_id: str, name: str, at: str, error: Mapping[str, Any]) -> Document:
    """The one task of a run that was refused: its root, which tells why."""
    about = {"task_id": task_id, "name": name, "display_name": name, "path": "root", "kind": "root"}
    begun = created(Event(seq=0, ts=at, type="task.created", data=about), None)
    return finished(begun, Event(seq=0, ts=at, type="task.finished", data={"state": "FAILED", "error": error}))


def outward(uri: str, runs_dir: PurePosixPath) -> str:
    """An artifact's URI as clients see it: a path below the runs' directories becomes a key of the one bucket."""
    path = PurePosixPath(uri.removeprefix("file://"))
    return f"minio://{BUCKET}/{KEY_PREFIX}/{path.relative_to(runs_dir)}" if path.is_relative_to(runs_dir) else uri


def with_outward_uris(task: Document, runs_dir: PurePosixPath) -> Document:
    """A task whose artifacts all have outward URIs."""

    def translated(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
        artifacts = (values or {}).get("artifacts") or {}
        shown = {
            name: [{**artifact, "uri": outward(artifact.get("uri") or "", runs_dir)} for artifact in listed]
            for name, listed in artifacts.items()
        }
        return {**(values or {}), "artifacts": shown}

    return {**task, "inputs": translated(task.get("inputs")), "outputs": translated(task.get("outputs"))}


def detail(run_id: str, task: Document, numbered: Numbered, *, full: bool) -> dict[str, Any]:
    """KFP's PipelineTaskDetail.

    A real 2.17 server fills few of its fields. Without `full` the others are left out too, but for those that tell
    why a task did not succeed, where it belongs and which artifacts it had.
    """
    is_interesting = full or task["state"] not in ("PENDING", "RUNNING", "SUCCEEDED")
    return present(
        {
            "run_id": run_id,
            "task_id": task["task_id"],
            "display_name": task.get("display_name") or task.get("name"),
            "create_time": _whole(task["create_time"]),
            "start_time": _whole(task.get("start_time") or ""),
            "end_time": _whole(task.get("end_time") or ""),
            "executor_detail": _executor(task) if is_interesting else None,
            "state": task["state"],
            "error": status(task.get("error")) if task["state"] in ("FAILED", "CANCELED") else None,
            "inputs": _artifact_ids(task.get("inputs"), numbered),
            "outputs": _artifact_ids(task.get("outputs"), numbered),
            "parent_task_id": _shown_parent(task),
            "state_history": [_moment(entry) for entry in task["state_history"]],
            "child_tasks": [{"task_id": child} for child in task["children"]] if full else None,
        }
    )


def _history(task: Document, at: str, state: str, error: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Every change but the wait before the start, which KFP's history of a task does not name either."""
    history = list(task["state_history"])
    is_new = not history or history[-1]["state"] != state or error
    if state == "PENDING" or not is_new:
        return history
    return [*history, present({"update_time": at, "state": state, "error": status(error)})]


def _moment(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "update_time": _whole(entry["update_time"])}


def _whole(timestamp: str) -> str:
    return f"{timestamp[:19]}Z" if timestamp else ""


def status(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An error as google.rpc.Status."""
    return {"code": error.get("code") or 2, "message": error.get("message") or ""} if error else None


def _shown_parent(task: Document) -> str:
    """Empty at the root level, as the field's description in KFP says."""
    is_nested = (task.get("path") or "").count(".") > 1
    return (task.get("parent_task_id") or "") if is_nested else ""


def jobs(task: Document) -> list[str]:
    """The pod names of a task's attempts; none for what runs nothing of its own."""
    if task.get("kind") != "container" or not task.get("start_time") or task.get("cached"):
        return []
    return [f"{task['task_id']}-{attempt}" for attempt in range((task.get("attempt") or 0) + 1)]


def _executor(task: Document) -> dict[str, Any] | None:
    names = jobs(task)
    return present({"main_job": names[-1], "failed_main_jobs": names[:-1]}) if names else None


def _artifact_ids(values: Mapping[str, Any] | None, numbered: Numbered) -> dict[str, Any]:
    artifacts = (values or {}).get("artifacts") or {}
    return {
        name: {"artifact_ids": [str(numbered(artifact["uri"])) for artifact in listed]}
        for name, listed in artifacts.items()
        if listed
    }
