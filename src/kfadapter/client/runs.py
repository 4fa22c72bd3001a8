"""Runs: `client.runs`."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from httpx_sse import EventSource

from kfadapter.client.calls import Call, nothing, path, raw, reader, repeatable
from kfadapter.client.errors import NoAnswer
from kfadapter.client.following import RECONNECT_SECONDS, LogPlace, Patience
from kfadapter.client.pages import page_reader
from kfadapter.client.pipelines import ITERATED_PAGE_SIZE
from kfadapter.client.results import Page
from kfadapter.client.runresults import (
    Comparison,
    LogLines,
    Retried,
    Run,
    RunArtifacts,
    RunTasks,
    StartedRun,
    Timeline,
)
from kfadapter.client.transport import AsyncSender, Sender, every, every_async


class StartOptions(TypedDict, total=False):
    """What the start of a run takes: one of `pipeline_id`, `pipeline_name` and `pipeline_spec`, the rest at will."""

    pipeline_id: str
    pipeline_name: str
    version: str
    pipeline_spec: Mapping[str, Any]
    arguments: Mapping[str, Any]
    display_name: str
    description: str
    experiment_id: str
    experiment_name: str
    create_experiment: bool
    pipeline_root: str
    service_account: str
    labels: Mapping[str, str]
    idempotency_key: str


class RunListOptions(TypedDict, total=False):
    """What a list of runs takes: see `GET /v1/runs`."""

    pipeline: str
    version: str
    experiment: str
    job: str
    recurring_run: str
    state: Sequence[str]
    label: Sequence[str]
    name: str
    text: str
    archived: bool
    created_after: str
    created_before: str
    finished_after: str
    finished_before: str
    filter: str
    sort_by: str
    page_size: int
    page_token: str


class CloneOptions(TypedDict, total=False):
    """What is to be different in a clone."""

    arguments: Mapping[str, Any]
    version: str
    display_name: str
    description: str
    experiment: str
    create_experiment: bool
    labels: Mapping[str, str]


def start_call(
    *,
    pipeline_id: str = "",
    pipeline_name: str = "",
    version: str = "latest",
    pipeline_spec: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    display_name: str = "",
    description: str = "",
    experiment_id: str = "",
    experiment_name: str = "",
    create_experiment: bool = False,
    pipeline_root: str = "",
    service_account: str = "",
    labels: Mapping[str, str] | None = None,
    idempotency_key: str = "",
) -> Call[StartedRun]:
    """A start."""
    document: dict[str, Any] = {
        "pipeline_id": pipeline_id,
        "pipeline_name": pipeline_name,
        "version": version,
        "arguments": dict(arguments or {}),
        "display_name": display_name,
        "description": description,
        "experiment_id": experiment_id,
        "experiment_name": experiment_name,
        "create_experiment": create_experiment,
        "pipeline_root": pipeline_root,
        "service_account": service_account,
        "labels": dict(labels or {}),
    }
    if pipeline_spec is not None:
        document["pipeline_spec"] = dict(pipeline_spec)
    headers = repeatable(idempotency_key)
    return Call(method="POST", path=path("runs"), document=document, headers=headers, read=reader(StartedRun))


def list_call(**wanted: Unpack[RunListOptions]) -> Call[Page[Run]]:
    """A page of runs."""
    return Call(method="GET", path=path("runs"), params=dict(wanted), read=page_reader("runs", Run))


def get_call(run_id: str, wait_seconds: float = 0) -> Call[Run]:
    """A run, or with `wait_seconds` what becomes of it in that time."""
    params = {"wait": f"{wait_seconds:g}"} if wait_seconds else {}
    return Call(method="GET", path=path("runs", run_id), params=params, read=reader(Run))


def change_call(run_id: str, action: str) -> Call[None]:
    """`terminate`, `archive` or `unarchive`."""
    return Call(method="POST", path=path("runs", f"{run_id}:{action}"), read=nothing)


def retry_call(run_id: str) -> Call[Retried]:
    """A retry."""
    return Call(method="POST", path=path("runs", f"{run_id}:retry"), read=reader(Retried))


def clone_call(run_id: str, **changes: Unpack[CloneOptions]) -> Call[StartedRun]:
    """A clone."""
    return Call(method="POST", path=path("runs", f"{run_id}:clone"), document=dict(changes), read=reader(StartedRun))


def delete_call(run_id: str) -> Call[None]:
    """A deletion."""
    return Call(method="DELETE", path=path("runs", run_id), read=nothing)


def label_call(run_id: str, labels: Mapping[str, str | None]) -> Call[None]:
    """A change of labels."""
    return Call(method="PATCH", path=path("runs", run_id), document={"labels": dict(labels)}, read=nothing)


def log_call(run_id: str, task: str = "", tail: int | None = None) -> Call[bytes]:
    """A log."""
    params = {"task": task, "tail": tail}
    return Call(
        method="GET", path=path("runs", run_id, "logs"), params=params, accept="text/plain, */*", read=raw, is_bulk=True
    )


def tasks_call(run_id: str) -> Call[RunTasks]:
    """A list of tasks."""
    return Call(method="GET", path=path("runs", run_id, "tasks"), read=reader(RunTasks))


def timeline_call(run_id: str) -> Call[Timeline]:
    """A timeline."""
    return Call(method="GET", path=path("runs", run_id, "timeline"), read=reader(Timeline))


def artifacts_call(run_id: str) -> Call[RunArtifacts]:
    """A list of artifacts."""
    return Call(method="GET", path=path("runs", run_id, "artifacts"), read=reader(RunArtifacts))


def artifact_call(run_id: str, artifact: str) -> Call[bytes]:
    """An artifact's content."""
    return Call(method="GET", path=path("runs", run_id, "artifacts", artifact), accept="*/*", read=raw, is_bulk=True)


def compare_call(*run_ids: str) -> Call[Comparison]:
    """A comparison."""
    return Call(method="GET", path=path("runs:compare"), params={"ids": list(run_ids)}, read=reader(Comparison))


class Runs:
    """Runs. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def start(self, **wanted: Unpack[StartOptions]) -> StartedRun:
        """Start a run: `pipeline_id`, `pipeline_name` or `pipeline_spec`; `version`, `arguments`, `display_name`,
        `description`, `experiment_id` or `experiment_name`, `create_experiment`, `pipeline_root`, `service_account`,
        `labels`; with an `idempotency_key` a repeated call gets the same run.
        """
        return self._send(start_call(**wanted))

    def list(self, **wanted: Unpack[RunListOptions]) -> Page[Run]:
        """One page, newest first: `pipeline`, `version`, `experiment`, `job`, `state`, `label`, `text`, `sort_by`, …"""
        return self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[RunListOptions]) -> Iterator[Run]:
        """All of them, page by page."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        def fetch(token: str) -> Page[Run]:
            wanted["page_token"] = token
            return self._send(list_call(**wanted))

        return every(fetch)

    def get(self, run_id: str, *, wait_seconds: float = 0) -> Run:
        """A run as it is now; with `wait_seconds`, less than the client's timeout, once it has changed."""
        return self._send(get_call(run_id, wait_seconds))

    def terminate(self, run_id: str) -> None:
        """Stop a run."""
        self._send(change_call(run_id, "terminate"))

    def archive(self, run_id: str) -> None:
        """Put a run away."""
        self._send(change_call(run_id, "archive"))

    def unarchive(self, run_id: str) -> None:
        """Take a run back."""
        self._send(change_call(run_id, "unarchive"))

    def delete(self, run_id: str) -> None:
        """Delete a run, its labels too."""
        self._send(delete_call(run_id))

    def retry(self, run_id: str) -> Retried:
        """Let a failed run go on, or start it anew where Kubeflow cannot."""
        return self._send(retry_call(run_id))

    def clone(self, run_id: str, **changes: Unpack[CloneOptions]) -> StartedRun:
        """Start a copy with changes: `arguments` (None takes one away), `version`, `display_name`, `labels`, …"""
        return self._send(clone_call(run_id, **changes))

    def label(self, run_id: str, labels: Mapping[str, str | None]) -> None:
        """Add, change and (None) remove labels."""
        self._send(label_call(run_id, labels))

    def log(self, run_id: str, task: str = "", *, tail: int | None = None) -> bytes:
        """What a task, or every task, has printed."""
        return self._send(log_call(run_id, task, tail))

    def wait(self, run_id: str, *, timeout_seconds: float | None = None) -> Run:
        """The run once it has ended, however it ended.

        Raises:
            RunTimeout: It has not ended in time; it goes on.
        """
        patience = Patience(run_id, timeout_seconds)
        run = self.get(run_id)
        while not run.has_ended:
            run = self.get(run_id, wait_seconds=patience.look_seconds())
        return run

    def follow_log(self, run_id: str, task: str = "", *, tail: int | None = None) -> Iterator[LogLines]:
        """What a task, or every task, prints, until it has ended. A connection that breaks is made again."""
        place = LogPlace()
        while not place.has_ended:
            try:
                with self._send.stream(place.call(run_id, task, tail)) as response:
                    for block in EventSource(response).iter_sse():
                        yield from place.read(block)
            except NoAnswer:
                pass  # it is restarted, or the way there is broken: both pass
            if not place.has_ended:
                time.sleep(RECONNECT_SECONDS)

    def tasks(self, run_id: str) -> RunTasks:
        """The tasks of a run, in the order they began."""
        return self._send(tasks_call(run_id))

    def timeline(self, run_id: str) -> Timeline:
        """The tasks of a run on one line of time."""
        return self._send(timeline_call(run_id))

    def artifacts(self, run_id: str) -> RunArtifacts:
        """The artifacts of a run."""
        return self._send(artifacts_call(run_id))

    def download(self, run_id: str, artifact: str) -> bytes:
        """An artifact's content, by id, `task.output`, output or name."""
        return self._send(artifact_call(run_id, artifact))

    def compare(self, *run_ids: str) -> Comparison:
        """Runs side by side."""
        return self._send(compare_call(*run_ids))


class AsyncRuns:
    """The same as `Runs`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def start(self, **wanted: Unpack[StartOptions]) -> StartedRun:
        """As `Runs.start`."""
        return await self._send(start_call(**wanted))

    async def list(self, **wanted: Unpack[RunListOptions]) -> Page[Run]:
        """As `Runs.list`."""
        return await self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[RunListOptions]) -> AsyncIterator[Run]:
        """As `Runs.iterate`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        async def fetch(token: str) -> Page[Run]:
            wanted["page_token"] = token
            return await self._send(list_call(**wanted))

        return every_async(fetch)

    async def get(self, run_id: str, *, wait_seconds: float = 0) -> Run:
        """As `Runs.get`."""
        return await self._send(get_call(run_id, wait_seconds))

    async def terminate(self, run_id: str) -> None:
        """As `Runs.terminate`."""
        await self._send(change_call(run_id, "terminate"))

    async def archive(self, run_id: str) -> None:
        """As `Runs.archive`."""
        await self._send(change_call(run_id, "archive"))

    async def unarchive(self, run_id: str) -> None:
        """As `Runs.unarchive`."""
        await self._send(change_call(run_id, "unarchive"))

    async def delete(self, run_id: str) -> None:
        """As `Runs.delete`."""
        await self._send(delete_call(run_id))

    async def retry(self, run_id: str) -> Retried:
        """As `Runs.retry`."""
        return await self._send(retry_call(run_id))

    async def clone(self, run_id: str, **changes: Unpack[CloneOptions]) -> StartedRun:
        """As `Runs.clone`."""
        return await self._send(clone_call(run_id, **changes))

    async def label(self, run_id: str, labels: Mapping[str, str | None]) -> None:
        """As `Runs.label`."""
        await self._send(label_call(run_id, labels))

    async def log(self, run_id: str, task: str = "", *, tail: int | None = None) -> bytes:
        """As `Runs.log`."""
        return await self._send(log_call(run_id, task, tail))

    async def wait(self, run_id: str, *, timeout_seconds: float | None = None) -> Run:
        """As `Runs.wait`."""
        patience = Patience(run_id, timeout_seconds)
        run = await self.get(run_id)
        while not run.has_ended:
            run = await self.get(run_id, wait_seconds=patience.look_seconds())
        return run

    async def follow_log(self, run_id: str, task: str = "", *, tail: int | None = None) -> AsyncIterator[LogLines]:
        """As `Runs.follow_log`."""
        place = LogPlace()
        while not place.has_ended:
            try:
                async with self._send.stream(place.call(run_id, task, tail)) as response:
                    async for block in EventSource(response).aiter_sse():
                        for lines in place.read(block):
                            yield lines
            except NoAnswer:
                pass  # it is restarted, or the way there is broken: both pass
            if not place.has_ended:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def tasks(self, run_id: str) -> RunTasks:
        """As `Runs.tasks`."""
        return await self._send(tasks_call(run_id))

    async def timeline(self, run_id: str) -> Timeline:
        """As `Runs.timeline`."""
        return await self._send(timeline_call(run_id))

    async def artifacts(self, run_id: str) -> RunArtifacts:
        """As `Runs.artifacts`."""
        return await self._send(artifacts_call(run_id))

    async def download(self, run_id: str, artifact: str) -> bytes:
        """As `Runs.download`."""
        return await self._send(artifact_call(run_id, artifact))

    async def compare(self, *run_ids: str) -> Comparison:
        """As `Runs.compare`."""
        return await self._send(compare_call(*run_ids))
