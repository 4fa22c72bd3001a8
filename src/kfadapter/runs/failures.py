"""Why a run failed, or does not get on: the task, what it said, and what Kubernetes noted about its pod.

The last log lines and the pod come from the front door of a Kubeflow installation, which may be missing or slow: each
question has a short limit, and what was not answered is named.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kfadapter.clock import Clock
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run, mapping, moment, text
from kfadapter.kubeflow.tasks import Task
from kfadapter.recent import Recent
from kfadapter.runs.logs import TaskLogs
from kfadapter.runs.logtail import last_lines
from kfadapter.runs.missing import Missing

TAIL_LINES = 20
LINE_LIMIT = 2000
ASK_SECONDS = 3.0
EVENTS = 10
WAITING_TASKS = 3
# A task that has not begun for so long is asked after.
PATIENCE = timedelta(seconds=30)
GROUPS = frozenset({"root", "dag", "loop", "iteration"})
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class PodReport:
    """What Kubernetes says of a pod.

    Attributes:
        phase: Pending, Running, Succeeded, Failed or Unknown.
        reasons: Words such as ImagePullBackOff, OOMKilled, Unschedulable, with their messages.
        events: What was noted about it, the newest last.
    """

    name: str
    phase: str
    reasons: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "name": self.name,
            "phase": self.phase or None,
            "reasons": list(self.reasons),
            "events": list(self.events),
        }


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run failed.

    Attributes:
        task: The first task that failed by itself; None when no task has.
        message: The most exact sentence there is.
        log_tail: The last lines it printed; None when they could not be read.
    """

    message: str
    task: Task | None = None
    log_tail: tuple[str, ...] | None = None
    pod: PodReport | None = None
    unavailable: tuple[Missing, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "task": self.task.name if self.task else None,
            "task_id": self.task.task_id if self.task else None,
            "message": self.message or None,
            "log_tail": None if self.log_tail is None else list(self.log_tail),
            "pod": self.pod.to_json() if self.pod else None,
        }


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A task that has not begun, and why, as far as Kubernetes says."""

    task: Task
    pod: PodReport

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {"task": self.task.name, "task_id": self.task.task_id, "pod": self.pod.to_json()}


@dataclass(frozen=True, kw_only=True)
class Hindrances:
    """What stands in a run's way."""

    failure: Failure | None = None
    waiting: tuple[Waiting, ...] = ()
    unavailable: tuple[Missing, ...] = field(default=())


class FailureReader:
    """Asks why. What is known of an ended run is kept for some seconds: it does not change."""

    def __init__(self, kubeflow: Kubeflow, logs: TaskLogs, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._logs = logs
        self._clock = clock
        self._known: Recent[Failure] = Recent(clock, keep_seconds=60.0)

    async def of(self, run: Run, tasks: Sequence[Task]) -> Hindrances:
        """What stands in a run's way. Never raises: what cannot be found out is named."""
        if run.state in ("FAILED", "CANCELED"):
            key = (run.run_id, str(run.finished_at))
            failure = self._known.get(*key) or self._known.put(await self._failure(run, tasks), *key)
            return Hindrances(failure=failure, unavailable=failure.unavailable)
        if run.has_ended:
            return Hindrances()
        return await self._waiting(tasks)

    async def _failure(self, run: Run, tasks: Sequence[Task]) -> Failure:
        task = first_failed(tasks)
        if task is None:
            return Failure(message=run.error_message)
        tail, pod = await asyncio.gather(self._tail(run, task), self._pod(task))
        missing = tuple(one for one in (tail, pod) if isinstance(one, Missing))
        report = pod if isinstance(pod, PodReport) else None
        lines = tail if isinstance(tail, tuple) else None
        return Failure(
            message=task.error or _sentence(report) or run.error_message or f"task {task.name} failed",
            task=task,
            log_tail=lines,
            pod=report,
            unavailable=missing,
        )

    async def _tail(self, run: Run, task: Task) -> tuple[str, ...] | Missing:
        what = "failure.log_tail"
        try:
            async with asyncio.timeout(ASK_SECONDS), aclosing(self._logs.blocks(run, task)) as blocks:
                content = b"".join([line async for line in last_lines(blocks, TAIL_LINES)])
        except TimeoutError:
            return Missing(what=what, reason=f"the log did not come within {ASK_SECONDS:g} s")
        except KubeflowError as exc:
            return Missing(what=what, reason=exc.reason)
        return tuple(line[:LINE_LIMIT] for line in content.decode("utf-8", "replace").splitlines())

    async def _waiting(self, tasks: Sequence[Task]) -> Hindrances:
        late = [task for task in tasks if _is_late(task, self._clock.now())][:WAITING_TASKS]
        reports = await asyncio.gather(*(self._pod(task) for task in late))
        waiting = [Waiting(task=t, pod=r) for t, r in zip(late, reports, strict=True) if isinstance(r, PodReport)]
        missing = [one for one in reports if isinstance(one, Missing)]
        return Hindrances(waiting=tuple(waiting), unavailable=tuple(dict.fromkeys(missing)))

    async def _pod(self, task: Task) -> PodReport | Missing | None:
        """What Kubernetes says of a task's pod; None where tasks are no pods."""
        if not task.pod_name or (await self._is_embedded()):
            return None
        what = "failure.pod"
        try:
            async with asyncio.timeout(ASK_SECONDS):
                pod, events = await asyncio.gather(
                    self._kubeflow.pods.describe(task.pod_name),
                    self._kubeflow.pods.events(task.pod_name),
                    return_exceptions=True,
                )
        except TimeoutError:
            return Missing(what=what, reason=f"the pod was not described within {ASK_SECONDS:g} s")
        for one in (pod, events):
            if isinstance(one, BaseException) and not isinstance(one, KubeflowError):
                raise one
        if isinstance(pod, KubeflowError) and isinstance(events, KubeflowError):
            return Missing(what=what, reason=pod.reason)
        shown = events if isinstance(events, list) else []
        return report(task.pod_name, pod if isinstance(pod, Mapping) else {}, shown)

    async def _is_embedded(self) -> bool:
        try:
            return (await self._kubeflow.server()).is_embedded
        except KubeflowError:
            return False


def first_failed(tasks: Sequence[Task]) -> Task | None:
    """The task that failed first, among those that hold no others: a group fails because of what is in it."""
    failed = [task for task in tasks if task.state == "FAILED"]
    parents = {task.parent_task_id for task in failed}
    leaves = [task for task in failed if task.task_id not in parents and task.kind not in GROUPS] or failed
    return min(leaves, key=lambda task: (task.finished_at is None, task.finished_at, task.task_id), default=None)


def report(name: str, pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> PodReport:
    """What is worth knowing of a pod."""
    status = mapping(pod.get("status"))
    conditions = [mapping(one) for one in status.get("conditions") or () if mapping(one).get("status") == "False"]
    reasons = [
        {"where": text(one, "type"), "reason": text(one, "reason"), "message": text(one, "message")}
        for one in conditions
        if text(one, "reason") not in ("", "ContainersNotReady", "PodCompleted")
    ]
    for key in ("initContainerStatuses", "containerStatuses"):
        reasons += [found for one in status.get(key) or () if (found := _container(mapping(one)))]
    if text(status, "reason"):
        own = {"where": "pod", "reason": text(status, "reason"), "message": text(status, "message")}
        reasons.insert(0, own)
    ordered = sorted(events, key=lambda one: _event_time(one) or NEVER)
    return PodReport(
        name=name,
        phase=text(status, "phase"),
        reasons=tuple(reasons),
        events=tuple(_event(one) for one in ordered[-EVENTS:]),
    )


def _container(status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why a container waits, or how it ended; None when all is well."""
    for state in (mapping(status.get("state")), mapping(status.get("lastState"))):
        waiting, ended = mapping(state.get("waiting")), mapping(state.get("terminated"))
        found = waiting or (ended if ended.get("exitCode") not in (0, None) else {})
        if found and text(found, "reason") not in ("ContainerCreating", "PodInitializing"):
            exit_code = {"exit_code": found["exitCode"]} if "exitCode" in found else {}
            where = text(status, "name")
            return {"where": where, "reason": text(found, "reason"), "message": text(found, "message"), **exit_code}
    return None


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    at = _event_time(event)
    return {
        "at": None if at is None else at.isoformat().replace("+00:00", "Z"),
        "type": text(event, "type"),
        "reason": text(event, "reason"),
        "message": text(event, "message"),
        "count": event.get("count") if isinstance(event.get("count"), int) else None,
    }


def _event_time(event: Mapping[str, Any]) -> datetime | None:
    for key in ("lastTimestamp", "eventTime", "firstTimestamp"):
        if (at := moment(event.get(key))) is not None:
            return at.astimezone(UTC).replace(microsecond=0)
    return None


def _sentence(pod: PodReport | None) -> str:
    """The pod's own words for what went wrong, in one sentence."""
    if pod is None:
        return ""
    found = [one for one in (*pod.reasons, *reversed(pod.events)) if one.get("type", "Warning") == "Warning"]
    return next((f"{one['reason']}: {one['message']}".rstrip(": ") for one in found if one["reason"]), "")


def _is_late(task: Task, now: datetime) -> bool:
    """Whether a task should have begun by now. Argo notes a start when it has made the pod, running or not."""
    if task.state not in ("PENDING", "RUNTIME_STATE_UNSPECIFIED", "") or task.kind in GROUPS:
        return False
    since = task.started_at or task.created_at
    return since is not None and now - since >= PATIENCE
