"""The tree of a run: the root, its tasks, nested DAGs, loops and their iterations, each with its state."""

import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kfadapter.engine.running.ir import Component, Task
from kfadapter.engine.running.values import Values


class State(StrEnum):
    """A task's state in KFP's words."""

    PENDING = "PENDING"  # waits for other tasks, for a slot, or for its next attempt
    RUNNING = "RUNNING"  # has a process, or tasks of its own that are not done
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"  # its condition was false, or a task it needs did not succeed
    FAILED = "FAILED"
    CANCELED = "CANCELED"


ENDED = frozenset({State.SUCCEEDED, State.SKIPPED, State.FAILED, State.CANCELED})


class Kind(StrEnum):
    """What a node of the tree is."""

    ROOT = "root"
    DAG = "dag"
    LOOP = "loop"
    ITERATION = "iteration"
    CONTAINER = "container"
    IMPORTER = "importer"


class Code:
    """google.rpc codes that a task's error may have."""

    CANCELED = 1
    UNKNOWN = 2
    INVALID = 3
    DEADLINE = 4
    UPSTREAM = 9
    UNSUPPORTED = 12
    LOST = 14


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why something ended badly: a google.rpc code and a sentence."""

    code: int
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message}


@dataclass(kw_only=True, eq=False)
class Node:
    """One row of a run's task tree.

    Attributes:
        attempt: The attempt that runs or ran last, from 0.
        first_attempt: The first of this round: a retried run goes on counting.
        waiting: Names of the tasks of the same DAG that have not ended and must.
        is_begun: Its inputs were found and it was set going.
        kubernetes: What it asks of Kubernetes, with the names of secrets and the like in place.
    """

    task_id: str
    path: str
    name: str
    display_name: str
    kind: Kind
    component: Component
    parent: "Node | None" = None
    task: Task | None = None
    iteration: int | None = None
    state: State = State.PENDING
    attempt: int = 0
    first_attempt: int = 0
    waiting: set[str] = field(default_factory=set)
    is_begun: bool = False
    inputs: Values = field(default_factory=Values)
    outputs: Values = field(default_factory=Values)
    kubernetes: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    scope: "Scope | None" = None
    loop: "Loop | None" = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def needs_success(self) -> bool:
        """Whether it only runs when everything it depends on succeeded."""
        return self.task is None or not self.task.runs_in_any_case


@dataclass(kw_only=True, eq=False)
class Scope:
    """The inside of a DAG that runs."""

    owner: Node
    inputs: Values
    nodes: dict[str, Node] = field(default_factory=dict)
    dependents: dict[str, list[Node]] = field(default_factory=dict)
    open: int = 0
    has_failed: bool = False


@dataclass(kw_only=True, eq=False)
class Loop:
    """The inside of a loop that runs."""

    items: deque[tuple[int, Values]]
    limit: int
    running: int = 0
    ended: dict[int, Node] = field(default_factory=dict)

    @property
    def has_failed(self) -> bool:
        return any(node.state is State.FAILED for node in self.ended.values())


def task_id(run_id: str, path: str) -> str:
    """The id of a node: the same in every round of a run."""
    try:
        namespace = uuid.UUID(run_id)
    except ValueError:
        namespace = uuid.uuid5(uuid.NAMESPACE_URL, run_id)
    return str(uuid.uuid5(namespace, path))


def walk(node: Node) -> list[Node]:
    """A node and everything below it, parents first."""
    found, stack = [], [node]
    while stack:
        one = stack.pop()
        found.append(one)
        if one.scope:
            stack.extend(one.scope.nodes.values())
        if one.loop:
            stack.extend(one.loop.ended.values())
    return found


def loop_item(node: Node | None, name: str) -> Any:
    """The item of a loop that a node is in, or with `-subvar-FIELD` a field of it; None when there is none."""
    wanted, _, field_name = name.partition("-subvar-")
    while node is not None:
        if node.parent is not None and node.parent.loop and node.parent.task:
            item = str(node.parent.task.parameter_iterator.get("itemInput", ""))
            if item in (wanted, f"pipelinechannel--{wanted}"):
                value = node.inputs.parameters.get(item)
                return value if not field_name else value.get(field_name) if isinstance(value, Mapping) else None
        node = node.parent
    return None


def job_name(pipeline_name: str, run_id: str) -> str:
    """What a cluster would call the run's workflow: the pipeline's name and five more characters."""
    return f"{pipeline_name}-{run_id.replace('-', '')[:5]}"


FINAL_STATES: Mapping[State, str] = {
    State.SUCCEEDED: "COMPLETE",
    State.SKIPPED: "CANCELED",
    State.FAILED: "FAILED",
    State.CANCELED: "CANCELED",
}


def final_status(node: Node, job: str) -> dict[str, Any]:
    """How a task ended, as `PipelineTaskFinalStatus`: the driver's words for the states."""
    status: dict[str, Any] = {
        "state": FINAL_STATES.get(node.state, str(node.state)),
        "pipelineTaskName": node.name,
        "pipelineJobResourceName": job,
        "error": {},
    }
    if node.failure and node.state is State.FAILED:
        status["error"] = node.failure.to_json()
    return status
