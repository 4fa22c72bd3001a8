"""Tasks of a run as one model, from whichever source a server has.

KFP 2.x tells states and times in `run_details` and never fills inputs and outputs. The embedded engine, after the
task API of KFP 3.0, tells values, artifacts and attempts at `runs/{id}/tasks`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

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
NO_VALUES = "inputs, outputs and attempts of tasks: this Kubeflow's API does not tell them"


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
        pod_name: Where its log comes from; "" when there is none.
        inputs, outputs: None when the server does not say.
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

    @classmethod
    def from_detail(cls, detail: TaskDetail) -> Self:
        """A task as KFP 2.x tells it."""
        return cls(
            task_id=detail.task_id,
            name=detail.display_name,
            state=detail.state,
            kind=None,
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
        )


@dataclass(frozen=True, kw_only=True)
class RunTasks:
    """The tasks of a run, in the order they came up.

    Attributes:
        unavailable: What this server cannot tell, in sentences.
    """

    tasks: tuple[Task, ...]
    unavailable: tuple[str, ...] = ()


class Tasks:
    """Tasks of runs."""

    def __init__(self, connection: Connection, server: Server) -> None:
        self._connection = connection
        self._server = server

    async def of(self, run: Run) -> RunTasks:
        """All tasks of a run that has just been read.

        Raises:
            KubeflowError: Kubeflow is away.
        """
        if (await self._server.info()).has_native_tasks:
            path = resource_path("/runs/{}/tasks", "Run", run.run_id)
            document = await self._connection.get(path)
            return RunTasks(tasks=tuple(Task.from_native(mapping(one)) for one in _list(document.get("tasks"))))
        tasks = tuple(Task.from_detail(detail) for detail in without_drivers(run.task_details))
        return RunTasks(tasks=tasks, unavailable=(NO_VALUES,))


def without_drivers(details: Sequence[TaskDetail]) -> list[TaskDetail]:
    """The tasks a person knows, in the order they began: KFP 2.x lists the pods that only prepare others as well."""
    own = [detail for detail in details if not detail.display_name.endswith(DRIVER_SUFFIX)]
    return sorted(own, key=lambda detail: (detail.created_at is None, detail.created_at, detail.task_id))


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


def _list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
