"""Training jobs: `client.training_jobs`."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote

from kfadapter.client.calls import Call, path, reader, repeatable
from kfadapter.client.pages import page_reader
from kfadapter.client.pipelines import ITERATED_PAGE_SIZE
from kfadapter.client.results import Page
from kfadapter.client.transport import AsyncSender, Sender, every, every_async


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What the Training Manager was, or is to be, told of a run's end.

    Attributes:
        sequence: Its number, for `redeliver`.
        run_id: The run; "" below a run.
        state: pending, delivered, dead or cancelled.
        deliveries: Each try: `at`, `ended_at`, `outcome`, `status`, `answer`.
    """

    sequence: int
    state: str
    run_status: str
    run_id: str = ""
    tries: int = 0
    not_before: datetime | None = None
    closed_at: datetime | None = None
    last_status: int | None = None
    last_answer: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    deliveries: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A run of a training job, as the ledger has it.

    Attributes:
        state: intended, uncertain, active, succeeded, failed, skipped, canceled, lost, refused or not_started.
        run_status: Kubeflow's own word.
        canceled: Whether it ended because somebody wanted that.
        states, events: Its way, each step with its time.
    """

    run_id: str
    attempt: int
    name: str
    state: str
    run_status: str | None = None
    canceled: bool = False
    reason: str | None = None
    pipeline_id: str = ""
    pipeline_name: str = ""
    pipeline_version_id: str = ""
    pipeline_version: str = ""
    experiment_id: str = ""
    experiment_name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    effective_arguments: Mapping[str, Any] = field(default_factory=dict)
    ignored_arguments: tuple[str, ...] = ()
    intended_at: datetime | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    superseded_by: str | None = None
    states: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    events: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    notifications: tuple[Notification, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job; its runs, the newest first. A list has the newest run alone."""

    training_job_id: str
    state: str
    run_count: int
    created_at: datetime
    started_at: datetime
    runs: tuple[TrainingRun, ...]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A run that was started for a training job, as the Training Manager is told."""

    trainingjob_id: str
    run_id: str
    run_name: str
    run_status: str
    pipeline_id: str
    pipeline_name: str
    pipeline_version: str
    experiment_name: str
    effective_arguments: Mapping[str, Any] = field(default_factory=dict)
    ignored_arguments: tuple[str, ...] = ()


class JobListOptions(TypedDict, total=False):
    """What a list of training jobs takes; all but the page say something of a job's newest run."""

    state: Sequence[str]
    notification: Sequence[str]
    pipeline: str
    page_size: int
    page_token: str


class JobStartOptions(TypedDict, total=False):
    """What a start takes besides job and pipeline."""

    version: str
    experiment_name: str
    arguments: Mapping[str, Any]
    idempotency_key: str


def list_call(**wanted: Unpack[JobListOptions]) -> Call[Page[TrainingJob]]:
    """A page of training jobs."""
    return Call(
        method="GET", path=path("training-jobs"), params=dict(wanted), read=page_reader("training_jobs", TrainingJob)
    )


def get_call(job_id: str) -> Call[TrainingJob]:
    """A training job."""
    return Call(method="GET", path=path("training-jobs", job_id), read=reader(TrainingJob))


def start_call(
    job_id: str,
    pipeline_name: str,
    *,
    version: str = "latest",
    experiment_name: str = "Default",
    arguments: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
) -> Call[Execution]:
    """An execution, on the Training Manager's own route."""
    document = {
        "pipeline_name": pipeline_name,
        "pipeline_version": version,
        "experiment_name": experiment_name,
        "arguments": dict(arguments or {}),
    }
    return Call(
        method="POST",
        path=f"/trainingjobs/{quote(job_id, safe='')}/execution",
        document=document,
        headers=repeatable(idempotency_key),
        read=reader(Execution),
    )


def redeliver_call(job_id: str, sequence: int) -> Call[Notification]:
    """One more delivery."""
    location = path("training-jobs", job_id, "notifications", f"{sequence}:redeliver")
    return Call(method="POST", path=location, read=reader(Notification))


class TrainingJobs:
    """Training jobs. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def list(self, **wanted: Unpack[JobListOptions]) -> Page[TrainingJob]:
        """One page, newest execution first: `state`, `notification`, `pipeline`, `page_size`, `page_token`."""
        return self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[JobListOptions]) -> Iterator[TrainingJob]:
        """All of them, page by page."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        def fetch(token: str) -> Page[TrainingJob]:
            wanted["page_token"] = token
            return self._send(list_call(**wanted))

        return every(fetch)

    def get(self, job_id: str) -> TrainingJob:
        """A job with all its runs, their history and every try to tell the Training Manager."""
        return self._send(get_call(job_id))

    def start(self, job_id: str, pipeline_name: str, **wanted: Unpack[JobStartOptions]) -> Execution:
        """Start a run as the Training Manager does: `version`, `experiment_name`, `arguments`; with an
        `idempotency_key` a repeated call gets the same run.
        """
        return self._send(start_call(job_id, pipeline_name, **wanted))

    def redeliver(self, job_id: str, sequence: int) -> Notification:
        """Tell the Training Manager once more, now."""
        return self._send(redeliver_call(job_id, sequence))


class AsyncTrainingJobs:
    """The same as `TrainingJobs`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def list(self, **wanted: Unpack[JobListOptions]) -> Page[TrainingJob]:
        """As `TrainingJobs.list`."""
        return await self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[JobListOptions]) -> AsyncIterator[TrainingJob]:
        """As `TrainingJobs.iterate`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        async def fetch(token: str) -> Page[TrainingJob]:
            wanted["page_token"] = token
            return await self._send(list_call(**wanted))

        return every_async(fetch)

    async def get(self, job_id: str) -> TrainingJob:
        """As `TrainingJobs.get`."""
        return await self._send(get_call(job_id))

    async def start(self, job_id: str, pipeline_name: str, **wanted: Unpack[JobStartOptions]) -> Execution:
        """As `TrainingJobs.start`."""
        return await self._send(start_call(job_id, pipeline_name, **wanted))

    async def redeliver(self, job_id: str, sequence: int) -> Notification:
        """As `TrainingJobs.redeliver`."""
        return await self._send(redeliver_call(job_id, sequence))
