"""Tasks of a run as one model, from whichever source a server has.

KFP 2.x tells states and times in `run_details`; inputs and outputs are in ML Metadata, and attempts nowhere. The
embedded engine, after the task API of KFP 3.0, tells values, artifacts and attempts at `runs/{id}/tasks`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.resources import Run, TaskDetail, mapping, moment, text
from kfadapter.kubeflow.server import Server

KINDS: Mapping[str, str] = {
    "ROOT": "root",
    "DAG": "dag",
    "CONDITION_BRANCH": "dag",
    "CONDITION": "dag",
    "EXIT_HANDLER": "dag",
    "LOOP": "loop",
    "RUNTIME": "container",
    "IMPORTER": "importer",
}
DRIVER_SUFFIX = "-driver"
NO_ATTEMPTS = "attempts of tasks: this Kubeflow does not tell them"
# How long a whole run's values may take to be read from ML Metadata.
VALUES_SECONDS = 3.0
# What Argo's workflows hold besides tasks: the container of each, the DAG that the pipeline's root is, and around and
# inside of the iterations of a loop, each of which is an `iteration-iterations(0:0)`.
INNER_NODES = frozenset({"executor", "root", "iteration-iterations", "iteration-item"})
ITERATION_NODE = re.compile(r"iteration-iterations\((\d+)[:)]")
WORKFLOW_NAME = re.compile(r".+-[a-z0-9]{5}")


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact.

    Attributes:
        type: KFP's schema title, as `system.Model`.
        metadata: As the task wrote it.
    """

    name: str
    type: str
    uri: str
    metadata: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {"name": self.name, "type": self.type, "uri": self.uri, "metadata": dict(self.metadata)}


@dataclass(frozen=True, kw_only=True)
class Values:
    """What goes into a task or comes out of it."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, tuple[Artifact, ...]]

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "parameters": dict(self.parameters),
            "artifacts": {name: [one.to_json() for one in some] for name, some in self.artifacts.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task.

    Attributes:
        kind: root, dag, loop, iteration, container or importer; None when the server does not say.
        parent_task_id: The task it belongs to; None at the top, or when the server does not say.
        attempts: How often it was started; None when the server does not say.
        pod_name: Where its log comes from; "" when there is none. KFP 2.x tells the name of Argo's node here, which
            the pod has only on old installations.
        is_pod_recorded: The name was noted by what runs in the pod, so the pod has it.
        inputs, outputs: None when the server does not say.
        iteration_index: Which iteration of a loop it is or is in, from 0; None outside of loops, or when the server
            does not say.
    """

    task_id: str
    name: str
    state: str
    kind: str | None
    parent_task_id: str | None
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str
    attempts: int | None
    cached: bool
    pod_name: str
    inputs: Values | None
    outputs: Values | None
    iteration_index: int | None = None
    is_pod_recorded: bool = False

    @classmethod
    def from_detail(cls, detail: TaskDetail) -> Self:
        """A task as KFP 2.x tells it."""
        index = iteration_of(detail)
        return cls(
            task_id=detail.task_id,
            name=detail.display_name,
            state=detail.state,
            kind=None if index is None else "iteration",
            iteration_index=index,
            parent_task_id=detail.parent_task_id or None,
            created_at=detail.created_at,
            started_at=detail.started_at,
            finished_at=detail.finished_at,
            error=detail.error_message,
            attempts=None,
            cached=False,
            pod_name=detail.pod_names[-1] if detail.pod_names else "",
            inputs=None,
            outputs=None,
        )

    @classmethod
    def from_native(cls, fields: Mapping[str, Any]) -> Self:
        """A task as the native task API tells it."""
        attempts = fields.get("attempts")
        return cls(
            task_id=text(fields, "task_id"),
            name=text(fields, "display_name") or text(fields, "name"),
            state=text(fields, "runtime_state") or text(fields, "state"),
            kind=text(fields, "kind") or KINDS.get(text(fields, "type")),
            parent_task_id=text(fields, "parent_task_id") or None,
            created_at=moment(fields.get("create_time")),
            started_at=moment(fields.get("start_time")),
            finished_at=moment(fields.get("end_time")),
            error=text(mapping(fields.get("error")), "message"),
            attempts=attempts if isinstance(attempts, int) else len(list(_list(fields.get("pods")))),
            cached=fields.get("cached") is True or text(fields, "state") == "CACHED",
            pod_name=text(fields, "log_pod_name"),
            inputs=_values(mapping(fields.get("inputs"))),
            outputs=_values(mapping(fields.get("outputs"))),
            iteration_index=_iteration(mapping(fields.get("type_attributes"))),
            is_pod_recorded=True,
        )


@dataclass(frozen=True, kw_only=True)
class RunTasks:
    """The tasks of a run, in the order they came up.

    Attributes:
        values_missing: Why inputs and outputs are not known, in sentences.
        attempts_missing: The same for attempts.
    """

    tasks: tuple[Task, ...]
    values_missing: tuple[str, ...] = ()
    attempts_missing: tuple[str, ...] = ()

    @property
    def unavailable(self) -> tuple[str, ...]:
        """What this server cannot tell, in sentences."""
        return self.values_missing + self.attempts_missing


class AddsValues(Protocol):
    """What adds inputs and outputs to tasks where the API does not tell them."""

    async def added(
        self, run: Run, details: Sequence[TaskDetail], tasks: Sequence[Task], *, within_seconds: float
    ) -> tuple[tuple[Task, ...], tuple[str, ...]]: ...


class Tasks:
    """Tasks of runs.

    Args:
        values: Where inputs and outputs come from when the API has none.
    """

    def __init__(self, connection: Connection, server: Server, values: AddsValues) -> None:
        self._connection = connection
        self._server = server
        self._values = values

    async def of(self, run: Run) -> RunTasks:
        """All tasks of a run that has just been read, with their states and times; one call at most.

        Raises:
            KubeflowError: Kubeflow is away.
        """
        if (await self._server.info()).has_native_tasks:
            return await self._native(run)
        return RunTasks(tasks=tuple(Task.from_detail(detail) for detail in without_drivers(run.task_details)))

    async def with_values(self, run: Run, *, within_seconds: float = VALUES_SECONDS) -> RunTasks:
        """The same tasks with their inputs and outputs, or why those are not known.

        Args:
            within_seconds: How long ML Metadata has, where they are read from there.

        Raises:
            KubeflowError: Kubeflow is away. That ML Metadata is away is only told.
        """
        if (await self._server.info()).has_native_tasks:
            return await self._native(run)
        details = without_drivers(run.task_details)
        tasks = tuple(Task.from_detail(detail) for detail in details)
        missing: tuple[str, ...] = ()
        if tasks:
            tasks, missing = await self._values.added(run, details, tasks, within_seconds=within_seconds)
        return RunTasks(tasks=tasks, values_missing=missing, attempts_missing=(NO_ATTEMPTS,))

    async def _native(self, run: Run) -> RunTasks:
        path = resource_path("/runs/{}/tasks", "Run", run.run_id)
        document = await self._connection.get(path)
        native = [Task.from_native(mapping(one)) for one in _list(document.get("tasks"))]
        return RunTasks(tasks=tuple(sorted(native, key=_begin)))


def _begin(task: Task) -> tuple[bool, str]:
    """To sort by: in the order they began, those that have not last and in the server's order."""
    return (task.started_at is None, "" if task.started_at is None else task.started_at.isoformat())


def without_drivers(details: Sequence[TaskDetail]) -> list[TaskDetail]:
    """The tasks a person knows, in the order they began.

    KFP 2.x lists every node of Argo's workflow: the pods that only prepare others (`train-driver`), the containers
    inside of tasks (`executor`), the root's DAG (`root`), those around a loop's iterations (`iteration-item`), and the
    workflow itself, whose name ends in five letters.
    """
    by_pod = {pod: detail.task_id for detail in details if (pod := text(detail.raw, "pod_name"))}
    workflow = _workflow(details)
    hidden = {detail.task_id for detail in details if detail is workflow or _is_inner(detail)}
    parents = {detail.task_id: detail.parent_task_id for detail in details if detail.parent_task_id}
    for detail in details:
        for child in _list(detail.raw.get("child_tasks")):
            child_id = text(mapping(child), "task_id") or by_pod.get(text(mapping(child), "pod_name"), "")
            if child_id and child_id != detail.task_id and detail.task_id in by_pod.values():
                parents.setdefault(child_id, detail.task_id)
    own = [
        replace(detail, parent_task_id=_shown_parent(detail.task_id, parents, hidden))
        for detail in details
        if detail.task_id not in hidden
    ]
    return sorted(own, key=lambda detail: (detail.created_at is None, detail.created_at, detail.task_id))


def iteration_of(detail: TaskDetail) -> int | None:
    """Which iteration of a loop this row is; None when it is none."""
    found = ITERATION_NODE.match(detail.display_name)
    return int(found[1]) if found else None


def _is_inner(detail: TaskDetail) -> bool:
    return detail.display_name.endswith(DRIVER_SUFFIX) or detail.display_name in INNER_NODES


def _workflow(details: Sequence[TaskDetail]) -> TaskDetail | None:
    """The workflow's own node: the first made, named so, among other nodes of Argo's or alone."""
    named = [one for one in details if WORKFLOW_NAME.fullmatch(one.display_name) and one.created_at is not None]
    first = min(named, key=lambda one: (one.created_at, one.task_id), default=None)
    if first is None or not (len(details) == 1 or any(_is_inner(one) for one in details)):
        return None
    begins = [one.created_at for one in details if one.created_at is not None]
    return first if first.created_at == min(begins) else None


def _shown_parent(task_id: str, parents: Mapping[str, str], hidden: AbstractSet[str]) -> str:
    """The nearest task around one that is shown; "" at the top."""
    seen = {task_id}
    parent = parents.get(task_id, "")
    while parent in hidden and parent not in seen:
        seen.add(parent)
        parent = parents.get(parent, "")
    return "" if parent in hidden or parent in seen else parent


def _values(fields: Mapping[str, Any]) -> Values:
    parameters = {text(one, "parameter_key"): one.get("value") for one in map(mapping, _list(fields.get("parameters")))}
    artifacts = {
        text(one, "artifact_key"): tuple(_artifact(mapping(raw)) for raw in _list(one.get("artifacts")))
        for one in map(mapping, _list(fields.get("artifacts")))
    }
    return Values(parameters=parameters, artifacts=artifacts)


def _artifact(fields: Mapping[str, Any]) -> Artifact:
    return Artifact(
        name=text(fields, "name"),
        type=text(fields, "schema_title") or text(fields, "type"),
        uri=text(fields, "uri"),
        metadata=mapping(fields.get("metadata")),
    )


def _iteration(attributes: Mapping[str, Any]) -> int | None:
    index = attributes.get("iteration_index")
    return int(index) if isinstance(index, (int, str)) and str(index).isdecimal() else None


def _list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
