"""A run's tasks on one line of time, and the chain of tasks that decided how long it took. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kfadapter.kubeflow.tasks import Task

GROUPS = frozenset({"root", "dag", "loop", "iteration"})


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A task's stretch of time.

    Attributes:
        starts_at_seconds: From the beginning of the run; None: it has not begun.
        waited_seconds: From when it could have begun to when it began; None when not known.
        seconds: How long it took, or has taken until now.
        is_on_slowest_path: Nothing else decided more of the run's time.
    """

    task: Task
    starts_at_seconds: float | None
    waited_seconds: float | None
    seconds: float | None
    is_on_slowest_path: bool


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All bars in the order of the tasks, and the slowest path from first to last."""

    bars: tuple[Bar, ...]
    seconds: float | None
    slowest_path: tuple[Task, ...]
    slowest_path_seconds: float


def timeline(tasks: Sequence[Task], began: datetime | None, ended: datetime | None, now: datetime) -> Timeline:
    """The timeline of a run.

    The slowest path is followed backwards from the task that ended last: before each task comes the one that ended
    last before it began. KFP does not tell what waited for what, so this is what decided in time.

    Args:
        began, ended: Of the run; `ended` is None while it goes on.
    """
    until = ended or now
    path = _slowest_path(tasks, until)
    on_path = {task.task_id for task in path}
    bars = tuple(_bar(task, began, until, task.task_id in on_path) for task in tasks)
    return Timeline(
        bars=bars,
        seconds=None if began is None else max(0.0, (until - began).total_seconds()),
        slowest_path=path,
        slowest_path_seconds=sum(_seconds(task, until) or 0.0 for task in path),
    )


def _slowest_path(tasks: Sequence[Task], until: datetime) -> tuple[Task, ...]:
    leaves = [task for task in tasks if task.started_at is not None and task.kind not in GROUPS and task.kind != "root"]
    holders = {task.parent_task_id for task in leaves}
    leaves = [task for task in leaves if task.task_id not in holders]
    ends: Mapping[str, datetime] = {task.task_id: task.finished_at or until for task in leaves}
    path: list[Task] = []
    here = max(leaves, key=lambda task: (ends[task.task_id], task.task_id), default=None)
    while here is not None:
        path.append(here)
        start = here.started_at
        before = [task for task in leaves if start is not None and ends[task.task_id] <= start and task not in path]
        here = max(before, key=lambda task: (ends[task.task_id], task.task_id), default=None)
    return tuple(reversed(path))


def _bar(task: Task, began: datetime | None, until: datetime, is_on_path: bool) -> Bar:
    starts = None
    if task.started_at is not None and began is not None:
        starts = max(0.0, (task.started_at - began).total_seconds())
    waited = None
    if task.started_at is not None and task.created_at is not None:
        waited = max(0.0, (task.started_at - task.created_at).total_seconds())
    return Bar(
        task=task,
        starts_at_seconds=starts,
        waited_seconds=waited,
        seconds=_seconds(task, until),
        is_on_slowest_path=is_on_path,
    )


def _seconds(task: Task, until: datetime) -> float | None:
    if task.started_at is None:
        return None
    return max(0.0, ((task.finished_at or until) - task.started_at).total_seconds())
