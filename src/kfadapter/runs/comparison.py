"""Several runs side by side: which arguments, metrics and tasks differ. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kfadapter.kubeflow.tasks import Task
from kfadapter.runs.details import RunDetail
from kfadapter.runs.metrics import run_metrics

FEWEST, MOST = 2, 20


def compare(runs: Sequence[RunDetail]) -> dict[str, Any]:
    """Everything by name with one value a run, in the order of the runs; None where a run has none.

    `differs` is true where not all are equal. The difference of durations is against the first run.
    """
    arguments = [dict(one.arguments.values or one.run.parameters) for one in runs]
    metrics = [dict(run_metrics(one.tasks) or {}) for one in runs]
    tasks = [_by_name(one.tasks) for one in runs]
    return {
        "arguments": rows(arguments),
        "metrics": rows(metrics),
        "tasks": [
            {
                "name": name,
                "states": [task.state if (task := one.get(name)) else None for one in tasks],
                "seconds": [_seconds(one.get(name)) for one in tasks],
                "cached": [task.cached if (task := one.get(name)) else None for one in tasks],
                "differs": len({task.state if (task := one.get(name)) else None for one in tasks}) > 1,
            }
            for name in dict.fromkeys(name for one in tasks for name in one)
        ],
        "seconds": [_run_seconds(one) for one in runs],
    }


def rows(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each name that any of them has."""
    found = []
    for name in dict.fromkeys(name for one in values for name in one):
        each = [one.get(name) for one in values]
        present = [name in one for one in values]
        is_equal = all(present) and all(type(one) is type(each[0]) and one == each[0] for one in each)
        found.append({"name": name, "values": each, "present": present, "differs": not is_equal})
    return found


def _by_name(tasks: Sequence[Task]) -> dict[str, Task]:
    """Tasks by their names; those of loops, which share one, by number."""
    found: dict[str, Task] = {}
    for task in tasks:
        if task.kind == "root":
            continue
        name, number = task.name, 1
        while name in found:
            number += 1
            name = f"{task.name} ({number})"
        found[name] = task
    return found


def _seconds(task: Task | None) -> float | None:
    if task is None or task.started_at is None or task.finished_at is None:
        return None
    return (task.finished_at - task.started_at).total_seconds()


def _run_seconds(detail: RunDetail) -> float | None:
    run = detail.run
    if run.created_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.created_at).total_seconds()
