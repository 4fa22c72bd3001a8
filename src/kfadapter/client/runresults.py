"""What the adapter answers about runs and recurring runs, as frozen values; see `client.results` for the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kfadapter.client.results import Remark


@dataclass(frozen=True, kw_only=True)
class StartedRun:
    """A run that Kubeflow has taken, with the arguments as it got them."""

    run_id: str
    display_name: str
    state: str
    experiment_id: str | None = None
    pipeline_id: str | None = None
    pipeline_version_id: str | None = None
    created_at: datetime | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    effective_arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it is now, or as a list has it (without tasks, failure, metrics and effective arguments).

    Attributes:
        effective_arguments: With the defaults of the other inputs; None when the version has gone.
        failure: Why it failed: `task`, `message`, `log_tail`, `pod`.
        metrics: Numbers by name; None where the server does not tell outputs.
        tasks: As `GET /v1/runs/{run_id}` has them.
        unavailable: What could not be told, each with `what` and `reason`.
    """

    run_id: str
    name: str = ""
    state: str = ""
    error: str | None = None
    archived: bool = False
    created_at: datetime | None = None
    finished_at: datetime | None = None
    pipeline_id: str | None = None
    pipeline_name: str | None = None
    pipeline_version_id: str | None = None
    pipeline_version_name: str | None = None
    experiment_id: str | None = None
    experiment_name: str | None = None
    training_job_id: str | None = None
    recurring_run_id: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    effective_arguments: Mapping[str, Any] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    made_from: Mapping[str, str] | None = None
    metrics: Mapping[str, float] | None = None
    failure: Mapping[str, Any] | None = field(default=None, repr=False)
    waiting: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    tasks: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    unavailable: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    @property
    def has_ended(self) -> bool:
        """Whether it goes on no more, however it ended."""
        return self.state in END_STATES


END_STATES = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A run that was taken up again: `by` the server, or by a clone; then `reason` says why."""

    run_id: str
    state: str
    retried_run_id: str
    by: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunTasks:
    """The tasks of a run, in the order they began, and what is not known of them."""

    tasks: tuple[Mapping[str, Any], ...]
    unavailable: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A run's tasks on one line of time: `rows`, and the tasks that decided how long it took."""

    run_id: str
    state: str
    rows: tuple[Mapping[str, Any], ...]
    seconds: float | None = None
    slowest_path: tuple[str, ...] = ()
    slowest_path_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class LogLines:
    """Lines that a task of a run has printed."""

    task: str
    task_id: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunArtifact:
    """An artifact that a task of a run has made."""

    artifact_id: str
    task: str
    output: str
    type: str
    uri: str
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunArtifacts:
    """The artifacts of a run, and what is not known of them."""

    artifacts: tuple[RunArtifact, ...]
    unavailable: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side: rows by name, with one value a run."""

    runs: tuple[Run, ...]
    arguments: tuple[Mapping[str, Any], ...]
    metrics: tuple[Mapping[str, Any], ...]
    tasks: tuple[Mapping[str, Any], ...]
    seconds: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class RecurringRun:
    """A recurring run; `pipeline_version_id` None: each run takes the newest version.

    Attributes:
        warnings: Remarks about the schedule, such as that it starts a run each second.
    """

    recurring_run_id: str
    name: str
    enabled: bool
    schedule: Mapping[str, Any]
    time_zone: str
    next_times: tuple[datetime, ...] = ()
    description: str | None = None
    time_zone_note: str | None = None
    warnings: tuple[Remark, ...] = ()
    max_concurrency: int = 1
    catchup: bool = False
    pipeline_id: str | None = None
    pipeline_name: str | None = None
    pipeline_version_id: str | None = None
    experiment_id: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FireTimes:
    """When a recurring run is due next."""

    recurring_run_id: str
    enabled: bool
    time_zone: str
    times: tuple[datetime, ...]
    time_zone_note: str | None = None
