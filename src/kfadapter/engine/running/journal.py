"""A run's events, written in the words of its tree; and what an earlier round of the run wrote, read back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfadapter.engine.running.events import EventReader, EventWriter, shortened
from kfadapter.engine.running.nodes import Failure, Kind, Node, State
from kfadapter.engine.running.redaction import Redaction
from kfadapter.engine.running.run_directory import RunDirectory, write_whole
from kfadapter.engine.running.values import Values


@dataclass(kw_only=True)
class TaskRecord:
    """What an events file says of one task so far."""

    kind: str = ""
    state: str = State.PENDING
    next_attempt: int = 0


@dataclass(kw_only=True)
class History:
    """What earlier rounds of a run left.

    Attributes:
        tasks: Every task that was written of, by id.
        is_open: The last round began and did not end.
    """

    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    is_open: bool = False

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read an events file.

        Raises:
            EngineError: It holds something else than events.
        """
        history = cls()
        for event in EventReader(path):
            history._take(event.type, event.data)
        return history

    def succeeded(self, task_id: str) -> bool:
        record = self.tasks.get(task_id)
        return record is not None and record.state == State.SUCCEEDED

    def forget_success(self, node: Node) -> None:
        """A task has to run again after all, and so do the DAGs around it."""
        one: Node | None = node
        while one is not None:
            if record := self.tasks.get(one.task_id):
                record.state = State.PENDING
            one = one.parent

    def _take(self, type_: str, data: Mapping[str, Any]) -> None:
        if type_ in ("run.started", "run.finished"):
            self.is_open = type_ == "run.started"
        if "task_id" not in data:
            return
        record = self.tasks.setdefault(data["task_id"], TaskRecord())
        record.kind = data.get("kind", record.kind)
        record.state = data.get("state", record.state)
        if record.state == State.RUNNING:
            record.next_attempt = max(record.next_attempt, int(data.get("attempt") or 0) + 1)


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """A task's log: its path below the run's directory, its size, and whether its middle is missing."""

    path: str
    bytes: int
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known of an attempt that ended, beside its outcome.

    Attributes:
        cached: Nothing ran: the outputs are those of an earlier execution.
        notes: What a reader should know of how it ran.
    """

    exit_code: int | None = None
    log: LogFile | None = None
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    cached: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        usage = (
            None if self.cpu_seconds is None else {"cpu_s": round(self.cpu_seconds, 3), "max_rss": self.max_rss_bytes}
        )
        log = self.log and {"path": self.log.path, "bytes": self.log.bytes, "truncated": self.log.truncated}
        facts = {"exit_code": self.exit_code, "log": log, "usage": usage, "cached": self.cached}
        return {**facts, "notes": list(self.notes)} if self.notes else facts


class Journal:
    """Writes a run's events. What succeeded in an earlier round is not told again, and secrets are never told."""

    def __init__(self, writer: EventWriter, history: History, redaction: Redaction | None = None) -> None:
        self._writer = writer
        self._redaction = redaction or Redaction()
        self.history = history

    def write(self, type_: str, data: Mapping[str, Any]) -> None:
        """Write an event that is not about a task."""
        self._write(type_, data)

    def created(self, node: Node, upstream: Iterable[Node] = ()) -> None:
        """A node has come to be; one of an earlier round is pending again."""
        if node.task_id in self.history.tasks:
            if node.kind is not Kind.ROOT:
                self.state(node, reason="retry")
            return
        document: dict[str, Any] = {
            "task_id": node.task_id,
            "parent_task_id": node.parent.task_id if node.parent else "",
            "name": node.name,
            "display_name": node.display_name,
            "path": node.path,
            "kind": node.kind.value,
            "iteration": node.iteration,
            "component": node.component.name,
            "depends_on": [one.task_id for one in upstream],
            "inputs": {"parameters": {}, "artifacts": {}},
        }
        self._write("task.created", document)

    def state(self, node: Node, *, reason: str = "", error: Failure | None = None) -> None:
        """A node's state has changed and is not its last."""
        if self.history.succeeded(node.task_id):
            return
        data: dict[str, Any] = {
            "task_id": node.task_id,
            "state": node.state.value,
            "attempt": node.attempt,
            "reason": reason,
            "error": error.to_json() if error else None,
        }
        if node.state is State.RUNNING:
            data["inputs"] = _shown(node.inputs)
        self._write("task.state", data)

    def finished(self, node: Node, *, reason: str = "", report: Report | None = None) -> None:
        """A node has reached its end state."""
        if self.history.succeeded(node.task_id):
            return
        facts = (report or Report()).to_json()
        begun = node.is_begun and node.kind is Kind.CONTAINER and not facts["cached"]
        data = {
            "task_id": node.task_id,
            "state": node.state.value,
            "reason": reason,
            "error": node.failure.to_json() if node.failure else None,
            "attempts": node.attempt + 1 if begun else 0,
            "outputs": _shown(node.outputs),
        }
        if facts["cached"]:  # it was never RUNNING, which tells the inputs of others
            data["inputs"] = _shown(node.inputs)
        self._write("task.finished", data | facts)

    def run_finished(self, root: Node) -> None:
        """The whole run has ended."""
        error = root.failure.to_json() if root.failure else None
        self._write("run.finished", {"state": root.state.value, "error": error, "outputs": _shown(root.outputs)})

    def _write(self, type_: str, data: Mapping[str, Any]) -> None:
        self._writer.write(type_, self._redaction.tree(data))


def _shown(values: Values) -> dict[str, Any]:
    artifacts = {name: [_shown_artifact(one) for one in held] for name, held in values.artifacts.items()}
    return {"parameters": shortened(values.parameters), "artifacts": artifacts}


def _shown_artifact(artifact: Mapping[str, Any]) -> dict[str, Any]:
    return {**artifact, "metadata": shortened(artifact.get("metadata") or {})}


def write_result(directory: RunDirectory, task_id: str, outputs: Values) -> None:
    """Keep a task's outputs whole, for a later round of the run.

    Raises:
        OSError: They cannot be written.
    """
    write_whole(directory.task(task_id) / "result.json", outputs.to_json())


def read_result(directory: RunDirectory, task_id: str) -> Values | None:
    """A task's outputs of an earlier round, or None."""
    try:
        document = json.loads((directory.task(task_id) / "result.json").read_bytes())
        return Values(parameters=document["parameters"], artifacts=document["artifacts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def unfinished(path: Path) -> Sequence[tuple[str, TaskRecord]]:
    """The tasks of an events file that have not ended."""
    ended = {State.SUCCEEDED, State.SKIPPED, State.FAILED, State.CANCELED}
    return [(task_id, record) for task_id, record in History.read(path).tasks.items() if record.state not in ended]
