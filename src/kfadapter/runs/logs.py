"""What tasks print: read from the pod that runs or ran them, from its archive, or from the log kept as an artifact."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from kfadapter.clock import Clock
from kfadapter.errors import KubeflowError, KubeflowInvalid, KubeflowNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.parts import Part
from kfadapter.kubeflow.resources import END_STATES, Run
from kfadapter.kubeflow.tasks import RunTasks, Task

# The artifact that KFP's launcher keeps a task's log in, where that is switched on.
LOG_ARTIFACT = "executor-logs"
# Nothing new: the pause grows up to this. The front door sends whole logs only, so a quiet one is not asked often.
LONGEST_PAUSE = 5.0
GROWTH = 1.5
# A line longer than this is passed on before its end has come.
LINE_LIMIT = 64 * 1024
FAILURES_IN_A_ROW = 20


@dataclass(frozen=True, kw_only=True)
class LogLines:
    """Lines that a task has printed.

    Attributes:
        position: Where to go on after them: bytes read, by task.
    """

    task: Task
    lines: tuple[str, ...]
    position: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class TaskEnded:
    """All that a task has printed has been passed on."""

    task: Task
    position: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class FollowEnded:
    """Nothing more will come.

    Attributes:
        state: Of the run, or of the one task that was followed.
        reason: Why it cannot be followed any longer; "" when it has ended.
    """

    state: str
    reason: str = ""


Followed = LogLines | TaskEnded | FollowEnded


@dataclass(kw_only=True)
class _Reading:
    """How far a task's log has been read; the log of a new attempt begins anew."""

    pod_name: str = ""
    offset: int = 0
    is_over: bool = False


@dataclass(kw_only=True)
class _Following:
    """What is known while a run is followed.

    Attributes:
        pods: The names pods really have, by task and whether the task had ended then: the last attempt's counts.
    """

    readings: dict[str, _Reading] = field(default_factory=dict)
    failures: int = 0
    pods: dict[tuple[str, bool], str] = field(default_factory=dict)

    def lacks_pod(self, task: Task) -> bool:
        return bool(task.pod_name) and not task.is_pod_recorded and _stage(task) not in self.pods

    def learn_pods(self, tasks: Iterable[Task]) -> None:
        self.pods |= {_stage(task): task.pod_name for task in tasks if task.is_pod_recorded or _stage(task)[1]}

    def with_pod(self, task: Task) -> Task:
        known = self.pods.get(_stage(task)) or self.pods.get((task.task_id, False))
        return replace(task, pod_name=known or task.pod_name)

    def reading(self, task: Task) -> _Reading:
        reading = self.readings.setdefault(task.task_id, _Reading())
        if reading.pod_name not in ("", task.pod_name):
            reading.offset, reading.is_over = 0, False
        reading.pod_name = task.pod_name
        return reading

    @property
    def position(self) -> Mapping[str, int]:
        return {task_id: reading.offset for task_id, reading in self.readings.items()}


class TaskLogs:
    """Reads logs.

    Args:
        poll_seconds: How often a log that is followed is looked at.
    """

    def __init__(self, kubeflow: Kubeflow, clock: Clock, *, poll_seconds: float = 1.0) -> None:
        self._kubeflow = kubeflow
        self._clock = clock
        self._poll_seconds = poll_seconds

    async def blocks(self, run: Run, task: Task, part: Part | None = None) -> AsyncGenerator[bytes, None]:
        """The log of a task's last attempt, as far as it is written.

        Args:
            part: What is wanted of it, where the server knows ranges; is told what came.

        Raises:
            KubeflowNotFound: It has not been started, or its log is nowhere any more.
        """
        if not task.pod_name and _log_artifact(task) is None:
            raise KubeflowNotFound(f"Task {task.name} has no log: it has not been started")
        is_begun = False
        try:
            async with aclosing(self._from_pod(run, task, part)) as blocks:
                async for block in blocks:
                    is_begun = True
                    yield block
        except (KubeflowNotFound, KubeflowInvalid):
            uri = _log_artifact(task)
            if uri is None or is_begun:
                raise
            async with aclosing(self._kubeflow.artifacts.get(uri)) as blocks:
                async for block in blocks:
                    yield block

    def _from_pod(self, run: Run, task: Task, part: Part | None) -> AsyncGenerator[bytes, None]:
        created_on = run.created_at.date().isoformat() if run.created_at else ""
        return self._kubeflow.pods.log(task.pod_name, run.run_id, created_on=created_on, part=part)

    async def follow(
        self, run_id: str, wanted: str | None, position: Mapping[str, int] | None = None
    ) -> AsyncIterator[Followed]:
        """What one task, or all tasks of a run, print from now on or from a position, until the end.

        Args:
            wanted: The task's name or id; None: all of them. It may come up later.
            position: Bytes that have been read already, by task.

        Raises:
            KubeflowNotFound: There is no such run, or it has ended without such a task.
        """
        following = _Following(readings={one: _Reading(offset=at) for one, at in (position or {}).items()})
        pause = self._poll_seconds
        while True:
            is_news = False
            try:
                run = await self._kubeflow.runs.get(run_id)
                chosen = await self._chosen_now(run, wanted, following)
                async for event in self._news(run, chosen, following):
                    is_news = True
                    yield event
                following.failures = 0
            except KubeflowNotFound:
                raise
            except KubeflowError as exc:
                following.failures += 1
                if following.failures == FAILURES_IN_A_ROW:
                    yield FollowEnded(state="", reason=exc.reason)
                    return
            else:
                if run.has_ended or (wanted is not None and chosen and chosen[-1].state in END_STATES):
                    yield FollowEnded(state=run.state if wanted is None or not chosen else chosen[-1].state)
                    return
            pause = self._poll_seconds if is_news else min(pause * GROWTH, max(LONGEST_PAUSE, self._poll_seconds))
            await self._clock.sleep(pause)

    async def _chosen_now(self, run: Run, wanted: str | None, following: _Following) -> list[Task]:
        """The tasks to follow; of those that have come up or ended the pods are asked for, where that is a question."""
        chosen = _chosen(run, await self._kubeflow.tasks.of(run), wanted)
        if any(following.lacks_pod(task) for task in chosen):
            chosen = _chosen(run, await self._kubeflow.tasks.with_values(run), wanted)
            following.learn_pods(chosen)
        return [following.with_pod(task) for task in chosen]

    async def _news(self, run: Run, tasks: list[Task], following: _Following) -> AsyncIterator[Followed]:
        for task in tasks:
            reading = following.reading(task)
            is_over = run.has_ended or task.state in END_STATES
            if reading.is_over or not task.pod_name:
                continue
            content = await self._fresh(run, task, reading.offset)
            lines = _whole_lines(content, is_over=is_over)
            reading.offset += len(lines)
            if lines:
                texts = lines.decode("utf-8", "replace").removesuffix("\n").split("\n")
                yield LogLines(task=task, lines=tuple(texts), position=following.position)
            if is_over:
                reading.is_over = True
                yield TaskEnded(task=task, position=following.position)

    async def _fresh(self, run: Run, task: Task, offset: int) -> bytes:
        """What has been printed since; a log that is not there (yet) is empty.

        The embedded engine sends only that; a cluster's front door knows no ranges and sends everything.
        """
        part = Part(f"bytes={offset}-" if offset else "")
        try:
            async with aclosing(self.blocks(run, task, part)) as blocks:
                content = b"".join([block async for block in blocks])
        except (KubeflowNotFound, KubeflowInvalid):
            return b""
        return content if part.content_range else content[offset:]


def find_task(tasks: RunTasks, wanted: str) -> Task:
    """The task with this id, or else the last one with this name.

    Raises:
        KubeflowNotFound: There is none; names those there are.
    """
    found = [task for task in tasks.tasks if task.task_id == wanted]
    found = found or [task for task in tasks.tasks if task.name == wanted]
    if not found:
        names = ", ".join(task.name for task in tasks.tasks if task.kind != "root") or "none"
        raise KubeflowNotFound(f"The run has no task {wanted}; its tasks are: {names}")
    return found[-1]


async def begun(blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same blocks, once the first has come: an error until then is an answer of its own, not a cut text."""
    first = await anext(blocks, b"")

    async def all_blocks() -> AsyncGenerator[bytes, None]:
        async with aclosing(blocks):
            yield first
            async for block in blocks:
                yield block

    return all_blocks()


def has_log(task: Task) -> bool:
    """Whether there may be a log."""
    return bool(task.pod_name) or _log_artifact(task) is not None


def _stage(task: Task) -> tuple[str, bool]:
    return task.task_id, task.state in END_STATES


def _chosen(run: Run, tasks: RunTasks, wanted: str | None) -> list[Task]:
    if wanted is None:
        return [task for task in tasks.tasks if has_log(task)]
    try:
        return [find_task(tasks, wanted)]
    except KubeflowNotFound:
        if run.has_ended:
            raise
        return []


def _whole_lines(content: bytes, *, is_over: bool) -> bytes:
    """The part that can be passed on: an unfinished last line waits for its end, unless it is too long for that."""
    if is_over or len(content) - content.rfind(b"\n") > LINE_LIMIT:
        return content
    return content[: content.rfind(b"\n") + 1]


def _log_artifact(task: Task) -> str | None:
    if task.outputs is None:
        return None
    some: tuple[Any, ...] = task.outputs.artifacts.get(LOG_ARTIFACT, ())
    return next((one.uri for one in some if one.uri), None)
