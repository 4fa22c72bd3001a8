"""What a notification says beyond the end itself: the task that failed, and the artifacts. As far as Kubeflow tells.

Asked for once, when the notification is sent for the first time, within a second or so. What cannot be learnt in that
time is left out: nobody waits for it, and the Training Manager does not read it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import RunTasks, Task

LIMIT_SECONDS = 1.5
# For what Kubeflow may keep apart from the tasks' states; which task has failed is told without it.
VALUES_SECONDS = 0.5
MOST_ARTIFACTS = 50
TEXT_LIMIT = 2000
FAILED = "FAILED"


class ShowsRun(Protocol):
    """What a report needs of Kubeflow's runs."""

    async def get(self, run_id: str) -> Run: ...


class ShowsTasks(Protocol):
    """What a report needs of Kubeflow's tasks."""

    async def with_values(self, run: Run, *, within_seconds: float) -> RunTasks: ...


class RunReports:
    """Looks at runs that have ended."""

    def __init__(self, runs: ShowsRun, tasks: ShowsTasks) -> None:
        self._runs = runs
        self._tasks = tasks

    async def of(self, run_id: str) -> Mapping[str, Any]:
        """`failed_task` (null: none is known to have failed) and `artifacts`; empty when Kubeflow does not say."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                run = await self._runs.get(run_id)
                tasks = (await self._tasks.with_values(run, within_seconds=VALUES_SECONDS)).tasks
        except (KubeflowError, TimeoutError):
            return {}
        return {"failed_task": failed_task(tasks), "artifacts": artifacts(tasks)}


def failed_task(tasks: Iterable[Task]) -> dict[str, Any] | None:
    """The task that failed first, of those nearest to the code: a group fails because of what is in it."""
    failed = [task for task in tasks if task.state == FAILED]
    groups = {task.parent_task_id for task in failed}
    own = [task for task in failed if task.task_id not in groups and task.kind != "root"]
    if not own:
        return None
    first = min(own, key=lambda task: (task.finished_at is None, task.finished_at))
    return {"task_id": first.task_id, "name": first.name, "error": first.error[:TEXT_LIMIT] or None}


def artifacts(tasks: Iterable[Task]) -> list[dict[str, Any]] | None:
    """What the tasks left, each thing once; None where the server does not tell of any task's outputs."""
    told = [task for task in tasks if task.outputs is not None]
    if not told:
        return None
    found: dict[str, dict[str, Any]] = {}
    for task in told:
        assert task.outputs is not None  # noqa: S101 - selected above; tells the type checker
        for name, some in task.outputs.artifacts.items():
            for one in some:
                found.setdefault(one.uri, {"task": task.name, "name": name, "type": one.type, "uri": one.uri})
    return list(found.values())[:MOST_ARTIFACTS]
