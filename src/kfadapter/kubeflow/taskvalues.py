"""What went into tasks and came out of them, for Kubeflows whose API does not tell: read from ML Metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kfadapter.clock import Clock
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.executions import Execution, executions_of
from kfadapter.kubeflow.metadatastore import MetadataStore
from kfadapter.kubeflow.resources import Run, TaskDetail
from kfadapter.kubeflow.taskmatching import matched, parents
from kfadapter.kubeflow.tasks import Task
from kfadapter.recent import Recent

KEEP_SECONDS = 60.0
KEEP_RUNS = 64
VALUES = "inputs, outputs, artifacts, metrics and reuse (cached) of tasks"
# Tasks that have run to their end must have been recorded.
RECORDED = frozenset({"SUCCEEDED", "FAILED"})
NAMED_TASKS = 10


class TaskValues:
    """Adds to tasks what ML Metadata has of them. What is known of an ended run is kept for a minute.

    Args:
        store: Where it is read.
    """

    def __init__(self, store: MetadataStore, clock: Clock) -> None:
        self._store = store
        self._known: Recent[dict[int, Execution]] = Recent(clock, keep_seconds=KEEP_SECONDS, entries=KEEP_RUNS)

    async def added(
        self, run: Run, details: Sequence[TaskDetail], tasks: Sequence[Task], *, within_seconds: float
    ) -> tuple[tuple[Task, ...], tuple[str, ...]]:
        """The tasks with their values, and what could not be told, in sentences. Never raises a KubeflowError.

        Args:
            details: What the API says, in the order of the tasks.
            within_seconds: How long ML Metadata has.
        """
        try:
            executions = await self._executions(run, within_seconds)
        except KubeflowError as exc:
            return tuple(tasks), (f"{VALUES}: {exc.reason}",)
        found = matched(details, executions)
        inside = parents(found, executions)
        added = tuple(
            _added(task, found[task.task_id], inside.get(task.task_id)) if task.task_id in found else task
            for task in tasks
        )
        return added, _gaps(added, found)

    async def _executions(self, run: Run, within_seconds: float) -> dict[int, Execution]:
        key = (run.run_id, str(run.finished_at))
        if (known := self._known.get(*key)) is not None:
            return known
        executions = executions_of(await self._store.of_run(run.run_id, within_seconds=within_seconds))
        return self._known.put(executions, *key) if run.has_ended else executions


def _added(task: Task, execution: Execution, parent_task_id: str | None) -> Task:
    return replace(
        task,
        kind=execution.kind,
        parent_task_id=task.parent_task_id or parent_task_id,
        iteration_index=execution.iteration_index,
        cached=execution.is_cached,
        pod_name=execution.pod_name or task.pod_name,
        is_pod_recorded=bool(execution.pod_name),
        inputs=execution.inputs,
        outputs=execution.outputs,
    )


def _gaps(tasks: Sequence[Task], found: Mapping[str, Execution]) -> tuple[str, ...]:
    groups = {task.parent_task_id for task in tasks}
    missing = [
        task.name
        for task in tasks
        if task.task_id not in found and task.task_id not in groups and task.kind is None and task.state in RECORDED
    ]
    if not missing:
        return ()
    names = ", ".join(dict.fromkeys(missing[:NAMED_TASKS])) + (" …" if len(missing) > NAMED_TASKS else "")
    return (f"{VALUES} {names}: ML Metadata has no execution that is surely theirs",)
