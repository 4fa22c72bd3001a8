"""A run as it goes: its tasks' states, and the lines its tasks print."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kfadapter.cli.http import Adapter, AdapterFailed
from kfadapter.cli.times import parse_time

END_STATES = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})
NOT_FOUND = 404
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line a task printed."""

    task_id: str
    task: str
    text: str

    def to_json(self) -> dict[str, str]:
        """For `--json`: one object a line."""
        return {"task_id": self.task_id, "task": self.task, "text": self.text}


@dataclass(kw_only=True)
class _Reading:
    """How far one task's log has been read; the log of a new attempt begins anew."""

    attempts: int = 1
    consumed: int = 0
    is_over: bool = False
    is_first: bool = field(default=True)

    def take(self, fresh: bytes, *, is_over: bool, tail: int | None) -> list[str]:
        """The lines of what is new. An unfinished last line waits for its end, or for the task's."""
        if not is_over:
            fresh = fresh[: fresh.rfind(b"\n") + 1]
        self.consumed += len(fresh)
        self.is_over = is_over
        lines = fresh.decode(errors="replace").split("\n")
        if lines[-1] == "":
            lines.pop()
        if self.is_first and tail is not None:
            lines = lines[len(lines) - min(tail, len(lines)) :]
        self.is_first = self.is_first and not fresh
        return lines


class RunFollower:
    """Reads a run again and again, and each line of its logs once.

    Args:
        adapter: The adapter that knows the run.
        run_id: The run.
        task: Only this task's log, by name or id; None: every task's.
        tail: Begin with so many last lines of each log; None: with the whole log.
    """

    def __init__(self, adapter: Adapter, run_id: str, *, task: str | None = None, tail: int | None = None) -> None:
        self._adapter = adapter
        self._run_id = run_id
        self._task = task
        self._tail = tail
        self._readings: dict[str, _Reading] = {}

    def look(self) -> tuple[dict[str, Any], list[LogLine]]:
        """The run as it is now, and what its tasks have printed since the last look.

        Raises:
            AdapterFailed: The adapter does not answer, or does not know the run.
        """
        run, _ = self._adapter.fetch("GET", f"/v1/runs/{self._run_id}")
        lines = [line for task in tasks_with_logs(run, self._task) for line in self._new_lines(task)]
        return run, lines

    def _new_lines(self, task: dict[str, Any]) -> Iterator[LogLine]:
        reading = self._readings.setdefault(task["task_id"], _Reading())
        attempts = task["attempts"] or 1  # servers that do not say it, or not before its end
        if attempts > reading.attempts:
            reading.attempts, reading.consumed, reading.is_over = attempts, 0, False
        if reading.is_over:
            return
        fresh = self._fresh(task["task_id"], reading)
        is_over = task["state"] in END_STATES
        for text in reading.take(fresh, is_over=is_over, tail=self._tail):
            yield LogLine(task_id=task["task_id"], task=task["name"], text=text)

    def _fresh(self, task_id: str, reading: _Reading) -> bytes:
        """What a log has got since it was read last; all of one that is shorter by now, and so another one."""
        content, begin = read_log_from(self._adapter, self._run_id, task_id, reading.consumed)
        if begin + len(content) < reading.consumed:
            reading.consumed = 0
            content, begin = read_log_from(self._adapter, self._run_id, task_id, 0)
        return content[reading.consumed - begin :]


def tasks_with_logs(run: dict[str, Any], wanted: str | None) -> list[dict[str, Any]]:
    """The tasks of a run that have a log, in the order they started; only the wanted one when one is named."""
    tasks = [task for task in sorted(run["tasks"], key=started_at) if task["has_log"]]
    return [task for task in tasks if wanted is None or wanted in (task["task_id"], task["name"])]


def started_at(task: dict[str, Any]) -> datetime:
    """When a task started, to sort by: those that have not are last."""
    return parse_time(task["started_at"]) or datetime.max.replace(tzinfo=UTC)


def read_log_from(adapter: Adapter, run_id: str, task_id: str, first: int) -> tuple[bytes, int]:
    """A log from a byte on, and the byte that came first: an earlier one from servers that know no ranges.

    When the log is shorter than that nothing comes, and the second value is where it ends.
    """
    wanted = {"range": f"bytes={first}-"} if first else {}
    headers = {"accept": "text/plain, */*", **wanted}
    try:
        response = adapter.send("GET", f"/v1/runs/{run_id}/logs", params={"task": task_id}, headers=headers)
    except AdapterFailed as exc:
        if exc.status == NOT_FOUND:
            return b"", 0
        if exc.status == RANGE_NOT_SATISFIABLE:
            return b"", exc.size if exc.size is not None else first
        raise
    return response.content, first if response.status_code == PARTIAL else 0


def read_log(adapter: Adapter, run_id: str, task_id: str, tail: int | None = None) -> bytes | None:
    """The log of a task's last attempt; None while there is none."""
    query: dict[str, str | int] = {"task": task_id} | ({} if tail is None else {"tail": tail})
    try:
        response = adapter.send("GET", f"/v1/runs/{run_id}/logs", params=query, headers={"accept": "text/plain, */*"})
    except AdapterFailed as exc:
        if exc.status == NOT_FOUND:
            return None
        raise
    return response.content


def has_ended(run: dict[str, Any]) -> bool:
    """Whether nothing more will happen in a run."""
    return run["state"] in END_STATES
