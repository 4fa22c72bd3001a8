"""Numbers that tasks have written into their metrics artifacts. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kfadapter.kubeflow.tasks import Task, Values

METRICS = "system.Metrics"
# What KFP and the engine note about every artifact besides what the task wrote.
NO_METRICS = frozenset({"display_name", "store_session_info"})


def task_metrics(outputs: Values | None) -> dict[str, float | int] | None:
    """A task's metrics by name; None where the server does not tell outputs."""
    if outputs is None:
        return None
    found: dict[str, float | int] = {}
    for artifact in (one for some in outputs.artifacts.values() for one in some if one.type == METRICS):
        found.update(_numbers(artifact.metadata))
    return found


def run_metrics(tasks: Iterable[Task]) -> dict[str, float | int] | None:
    """All metrics of a run: by name where one task has it, else `task.name`; None where nothing is told."""
    by_task = [(task, metrics) for task in tasks if (metrics := task_metrics(task.outputs)) is not None]
    if not by_task:
        return None
    owners: dict[str, set[str]] = {}
    for task, metrics in by_task:
        for name in metrics:
            owners.setdefault(name, set()).add(task.task_id)
    return {
        (name if len(owners[name]) == 1 else f"{task.name}.{name}"): value
        for task, metrics in by_task
        for name, value in metrics.items()
    }


def _numbers(metadata: Mapping[str, Any]) -> Iterator[tuple[str, float | int]]:
    for name, value in metadata.items():
        if name in NO_METRICS or isinstance(value, bool):
            continue
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            yield name, value
