"""One run with everything that is known of it, always read live."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kfadapter.clock import Clock
from kfadapter.errors import KubeflowError, PackageError
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import RunTasks, Task
from kfadapter.pipelines.spec import get, split_pair
from kfadapter.runs.effective import ArgumentReader, EffectiveArguments
from kfadapter.runs.failures import FailureReader, Hindrances
from kfadapter.runs.index import RunIndex
from kfadapter.runs.index_pages import IndexedRun
from kfadapter.runs.missing import Missing
from kfadapter.runs.naming import ThingNames
from kfadapter.runs.starts import Origin, StartBook

NAME_SECONDS = 2.0
# Of a specification whose components are used again and again inside each other, so many groups are looked at.
MOST_GROUPS = 2000


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """A run.

    Attributes:
        run: Kubeflow's words.
        indexed: Names and labels; None when it is not indexed.
        tasks: Without Argo's own nodes; parents as far as they are known.
        origin: The run it was cloned from, or takes up again.
    """

    run: Run
    indexed: IndexedRun | None
    tasks: tuple[Task, ...]
    arguments: EffectiveArguments
    hindrances: Hindrances
    origin: Origin | None
    unavailable: tuple[Missing, ...]


class RunReader:
    """Reads runs live."""

    def __init__(
        self,
        kubeflow: Kubeflow,
        index: RunIndex,
        arguments: ArgumentReader,
        failures: FailureReader,
        names: ThingNames,
        book: StartBook,
        clock: Clock,
    ) -> None:
        self._kubeflow = kubeflow
        self._index = index
        self._arguments = arguments
        self._failures = failures
        self._names = names
        self._book = book
        self._clock = clock

    async def run(self, run_id: str) -> Run:
        """A run as Kubeflow has it; the index learns of it.

        Raises:
            KubeflowNotFound: There is none.
        """
        asked_at = self._clock.now()
        run = await self._kubeflow.runs.get(run_id)
        await self._index.saw([run], asked_at=asked_at)
        return run

    async def tasks(self, run: Run) -> RunTasks:
        """The tasks of a run that has just been read, with their inputs and outputs."""
        return await self._kubeflow.tasks.with_values(run)

    async def tree(self, run: Run) -> tuple[Task, ...]:
        """The tasks of a run with the groups they are in."""
        told, arguments = await asyncio.gather(self._kubeflow.tasks.with_values(run), self._arguments.of(run))
        return with_parents(told.tasks, arguments.document)

    async def detail(self, run_id: str) -> RunDetail:
        """Everything about a run.

        Raises:
            KubeflowNotFound: There is none.
            KubeflowError: Kubeflow is away.
        """
        run = await self.run(run_id)
        return await self.detail_of(run)

    async def detail_of(self, run: Run) -> RunDetail:
        """Everything about a run that has just been read."""
        told, arguments, indexed, origin = await asyncio.gather(
            self._kubeflow.tasks.with_values(run),
            self._arguments.of(run),
            self._indexed(run),
            self._book.origin(run.run_id),
        )
        tasks = with_parents(told.tasks, arguments.document)
        hindrances = await self._failures.of(run, tasks)
        missing = [Missing(what="tasks", reason=sentence) for sentence in told.unavailable]
        missing += [arguments.missing] if arguments.missing else []
        missing += hindrances.unavailable
        return RunDetail(
            run=run,
            indexed=indexed,
            tasks=tasks,
            arguments=arguments,
            hindrances=hindrances,
            origin=origin,
            unavailable=tuple(dict.fromkeys(missing)),
        )

    async def _indexed(self, run: Run) -> IndexedRun | None:
        await self.learn_names([run.pipeline_id, run.pipeline_version_id, run.experiment_id])
        return (await self._index.rows([run.run_id])).get(run.run_id)

    async def learn_names(self, ids: Sequence[str | None] | None = None) -> None:
        """Ask for names that nobody has asked for yet, for a short time; without them there are still the ids.

        Args:
            ids: Only those of these things; None: all new ones.
        """
        try:
            async with asyncio.timeout(NAME_SECONDS):
                if ids is None:
                    await self._names.learn_new()
                else:
                    await self._names.learn_of([one for one in ids if one])
        except (KubeflowError, TimeoutError):
            return


def with_parents(tasks: Sequence[Task], document: Mapping[str, Any] | None) -> tuple[Task, ...]:
    """The tasks with the groups they are in, from the specification where the server does not tell them.

    A name that stands in several places of the specification says nothing about its place.
    """
    if document is None or all(task.parent_task_id or task.kind == "root" for task in tasks):
        return tuple(tasks)
    try:
        parents = parents_by_name(document)
    except PackageError:
        return tuple(tasks)
    ids: dict[str, list[str]] = {}
    for task in tasks:
        ids.setdefault(task.name, []).append(task.task_id)
    return tuple(
        replace(task, parent_task_id=ids[parent][0])
        if not task.parent_task_id and (parent := parents.get(task.name, "")) and len(ids.get(parent, [])) == 1
        else task
        for task in tasks
    )


def parents_by_name(document: Mapping[str, Any]) -> dict[str, str]:
    """Which group of the specification a task is in, by names; those that are not unique are left out.

    Raises:
        PackageError: It is no specification.
    """
    pipeline, _ = split_pair(document)
    components = get(pipeline, "components")
    found: dict[str, set[str]] = {}
    waiting: list[tuple[str, Any, int]] = [("", get(pipeline, "root"), 0)]
    for _ in range(MOST_GROUPS):
        if not waiting:
            break
        group, component, depth = waiting.pop()
        for key, task in _tasks_of(component).items():
            info = get(task, "taskInfo")
            name = str(info.get("name") or key) if isinstance(info, Mapping) else key
            found.setdefault(name, set()).add(group)
            reference = get(task, "componentRef")
            inner = reference.get("name") if isinstance(reference, Mapping) else None
            if isinstance(components, Mapping) and inner in components and depth < 20:
                waiting.append((name, components[inner], depth + 1))
    return {name: next(iter(groups)) for name, groups in found.items() if len(groups) == 1}


def _tasks_of(component: Any) -> Mapping[str, Any]:
    dag = component.get("dag") if isinstance(component, Mapping) else None
    tasks = dag.get("tasks") if isinstance(dag, Mapping) else None
    if not isinstance(tasks, Mapping):
        return {}
    return {str(key): task for key, task in tasks.items() if isinstance(task, Mapping)}
