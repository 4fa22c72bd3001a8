"""Runs, tasks and artifacts as they stand in answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfadapter.clock import rfc3339
from kfadapter.kubeflow.resources import mapping, text
from kfadapter.kubeflow.tasks import Task
from kfadapter.runs.artifacts import RunArtifact
from kfadapter.runs.details import RunDetail
from kfadapter.runs.index import RunPage
from kfadapter.runs.index_pages import IndexedRun
from kfadapter.runs.index_progress import Progress
from kfadapter.runs.logs import has_log
from kfadapter.runs.metrics import run_metrics, task_metrics
from kfadapter.runs.starting import Started
from kfadapter.runs.timeline import Timeline


def run_body(detail: RunDetail) -> dict[str, Any]:
    """A run with everything about it."""
    run, row, origin = detail.run, detail.indexed, detail.origin
    failure = detail.hindrances.failure
    config = mapping(run.raw.get("runtime_config"))
    history = run.raw.get("state_history")
    return {
        "run_id": run.run_id,
        "name": run.display_name,
        "description": run.description or None,
        "state": run.state,
        "archived": run.is_archived,
        "created_at": rfc3339(run.created_at),
        "scheduled_at": rfc3339(run.scheduled_at),
        "finished_at": rfc3339(run.finished_at if run.has_ended else None),
        "experiment_id": run.experiment_id or None,
        "experiment_name": row.experiment_name if row else None,
        "pipeline_id": run.pipeline_id,
        "pipeline_name": row.pipeline_name if row else None,
        "pipeline_version_id": run.pipeline_version_id,
        "pipeline_version_name": row.version_name if row else None,
        "recurring_run_id": run.recurring_run_id,
        "training_job_id": row.training_job_id if row else None,
        "made_from": {"run_id": origin.run_id, "verb": origin.verb} if origin else None,
        "service_account": text(run.raw, "service_account") or None,
        "pipeline_root": text(config, "pipeline_root") or None,
        "arguments": dict(run.parameters),
        "effective_arguments": None if detail.arguments.values is None else dict(detail.arguments.values),
        "defaulted_arguments": list(detail.arguments.defaulted),
        "labels": dict(row.labels) if row else {},
        "state_history": [one for one in history if isinstance(one, dict)] if isinstance(history, list) else [],
        "error": run.error_message or (failure.message if failure else "") or None,
        "failure": failure.to_json() if failure else None,
        "waiting": [one.to_json() for one in detail.hindrances.waiting],
        "metrics": run_metrics(detail.tasks),
        "tasks": [task_body(task) for task in detail.tasks],
        "unavailable": [one.to_json() for one in detail.unavailable],
    }


def task_body(task: Task) -> dict[str, Any]:
    """One task; null where the server does not say."""
    return {
        "task_id": task.task_id,
        "name": task.name,
        "state": task.state,
        "kind": task.kind,
        "parent_task_id": task.parent_task_id,
        "created_at": rfc3339(task.created_at),
        "started_at": rfc3339(task.started_at),
        "finished_at": rfc3339(task.finished_at),
        "error": task.error or None,
        "attempts": task.attempts,
        "cached": task.cached,
        "iteration_index": task.iteration_index,
        "has_log": has_log(task),
        "inputs": task.inputs.to_json() if task.inputs else None,
        "outputs": task.outputs.to_json() if task.outputs else None,
        "metrics": task_metrics(task.outputs),
    }


def row_body(row: IndexedRun) -> dict[str, Any]:
    """A run in a list."""
    return {
        "run_id": row.run_id,
        "name": row.name,
        "state": row.state,
        "archived": row.is_archived,
        "created_at": rfc3339(row.created_at),
        "scheduled_at": rfc3339(row.scheduled_at),
        "finished_at": rfc3339(row.finished_at),
        "experiment_id": row.experiment_id,
        "experiment_name": row.experiment_name,
        "pipeline_id": row.pipeline_id,
        "pipeline_name": row.pipeline_name,
        "pipeline_version_id": row.version_id,
        "pipeline_version_name": row.version_name,
        "recurring_run_id": row.recurring_run_id,
        "training_job_id": row.training_job_id,
        "arguments": dict(row.arguments),
        "labels": dict(row.labels),
        "error": row.error or None,
    }


def page_body(page: RunPage, rows: Iterable[IndexedRun]) -> dict[str, Any]:
    """A page of runs, and how far the index was."""
    return {
        "runs": [row_body(row) for row in rows],
        "next_page_token": page.next_page_token,
        "index": index_body(page.progress),
    }


def index_body(progress: Progress) -> dict[str, Any]:
    """How far the index is."""
    return {
        "complete": progress.is_complete,
        "indexed_back_to": rfc3339(progress.indexed_back_to),
        "fresh_at": rfc3339(progress.fresh_at),
    }


def started_body(started: Started, effective: Mapping[str, Any] | None) -> dict[str, Any]:
    """A run that has been taken, and the arguments with defaults."""
    run, fitted = started.run, started.fitted
    return {
        "run_id": run.run_id,
        "display_name": run.display_name,
        "state": run.state,
        "experiment_id": run.experiment_id or None,
        "pipeline_id": run.pipeline_id,
        "pipeline_version_id": run.pipeline_version_id,
        "created_at": rfc3339(run.created_at),
        "arguments": dict(fitted.passed if fitted else run.parameters),
        "effective_arguments": None if effective is None else dict(effective),
        "ignored_arguments": list(fitted.ignored) if fitted else [],
        "labels": dict(started.labels),
    }


def artifact_body(found: RunArtifact) -> dict[str, Any]:
    """An artifact of a run."""
    return {
        "artifact_id": found.id,
        "task": found.task.name,
        "task_id": found.task.task_id,
        "output": found.output,
        **found.artifact.to_json(),
    }


def timeline_body(run_id: str, state: str, timeline: Timeline) -> dict[str, Any]:
    """A run's tasks on one line of time."""
    return {
        "run_id": run_id,
        "state": state,
        "seconds": timeline.seconds,
        "slowest_path": [task.name for task in timeline.slowest_path],
        "slowest_path_seconds": timeline.slowest_path_seconds,
        "rows": [
            {
                "task_id": bar.task.task_id,
                "name": bar.task.name,
                "kind": bar.task.kind,
                "parent_task_id": bar.task.parent_task_id,
                "state": bar.task.state,
                "cached": bar.task.cached,
                "created_at": rfc3339(bar.task.created_at),
                "started_at": rfc3339(bar.task.started_at),
                "finished_at": rfc3339(bar.task.finished_at),
                "starts_at_seconds": bar.starts_at_seconds,
                "waited_seconds": bar.waited_seconds,
                "seconds": bar.seconds,
                "on_slowest_path": bar.is_on_slowest_path,
            }
            for bar in timeline.bars
        ],
    }
