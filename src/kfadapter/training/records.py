"""What the ledger holds, as frozen values: training runs, their history, notifications and their deliveries."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kfadapter.clock import rfc3339
from kfadapter.training.states import NotificationState, RunState


@dataclass(frozen=True, kw_only=True)
class ExecutionKey:
    """What a caller names a request by, so that it can be repeated (`Idempotency-Key`).

    Attributes:
        value: The caller's key; counts for one training job.
        digest: Of the whole request: the same key with another request is an error.
    """

    value: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """A run that is to be started for a training job, with everything resolved.

    Attributes:
        job_id: The Training Manager's id of the job, as text.
        parameters: What goes into the run's runtime configuration, already of the declared types.
        effective_arguments: The parameters and the pipeline's defaults.
        ignored_arguments: Names that were given and that the pipeline does not declare.
        key: The caller's name for this request; None: it gave none.
    """

    job_id: str
    pipeline_id: str
    pipeline_name: str
    pipeline_version_id: str
    version_name: str
    experiment_id: str
    experiment_name: str
    parameters: Mapping[str, Any]
    effective_arguments: Mapping[str, Any] = field(default_factory=dict)
    ignored_arguments: tuple[str, ...] = ()
    key: ExecutionKey | None = None

    @property
    def digest(self) -> str:
        """Equal for requests that ask for the same execution of the same job."""
        asked = [self.job_id, self.pipeline_id, self.pipeline_version_id, self.experiment_id, self.parameters]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run of a training job, from the intention on.

    Attributes:
        run_id: Chosen here, before Kubeflow hears of the run.
        attempt: 1 for the job's first run, 2 for the next …
        digest: Of the request; see `LaunchRequest.digest`.
        kubeflow_state: KFP's last word; "" before it said one.
        reason: Why the run failed, was refused or is uncertain; "" when there is nothing to say.
        intended_at: Written down; before the create call.
        accepted_at: Known to be in Kubeflow.
        answered_at: The execution's answer has been sent; None when it never went out.
        quiet_until: The Training Manager is not told of an end before this.
        created_at: Kubeflow's own time of creation.
        finished_at: Kubeflow's own time of the end.
        ended_at: When the end was written down here.
        superseded_by: The newer run of this job that Kubeflow accepted.
        dismissed_at: The Training Manager deleted the job, or a person stopped the run: nobody is told of its end.
        stop_requested_at: The run is to be terminated.
        stop_accepted_at: Kubeflow took the order to terminate it.
    """

    run_id: str
    job_id: str
    attempt: int
    display_name: str
    digest: str
    state: RunState
    kubeflow_state: str = ""
    reason: str = ""
    pipeline_id: str
    pipeline_name: str
    pipeline_version_id: str
    version_name: str
    experiment_id: str
    experiment_name: str
    parameters: Mapping[str, Any]
    effective_arguments: Mapping[str, Any]
    ignored_arguments: tuple[str, ...]
    intended_at: datetime
    accepted_at: datetime | None = None
    answered_at: datetime | None = None
    quiet_until: datetime | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    ended_at: datetime | None = None
    superseded_by: str | None = None
    dismissed_at: datetime | None = None
    stop_requested_at: datetime | None = None
    stop_accepted_at: datetime | None = None

    @property
    def is_told(self) -> bool:
        """Whether the Training Manager is to hear of this run's end."""
        return self.dismissed_at is None and self.superseded_by is None

    @property
    def is_canceled(self) -> bool:
        """Whether it ended because somebody wanted that: KFP's word for it is FAILED on a real cluster."""
        return self.stop_requested_at is not None and self.state in (RunState.FAILED, RunState.CANCELED)

    def to_json(self) -> dict[str, Any]:
        """For an answer: times as RFC 3339 in UTC."""
        return {
            "run_id": self.run_id,
            "training_job_id": self.job_id,
            "attempt": self.attempt,
            "name": self.display_name,
            "state": self.state.value,
            "run_status": self.kubeflow_state or None,
            "canceled": self.is_canceled,
            "reason": self.reason or None,
            "pipeline_id": self.pipeline_id,
            "pipeline_name": self.pipeline_name,
            "pipeline_version_id": self.pipeline_version_id,
            "pipeline_version": self.version_name,
            "experiment_id": self.experiment_id,
            "experiment_name": self.experiment_name,
            "arguments": dict(self.parameters),
            "effective_arguments": dict(self.effective_arguments),
            "ignored_arguments": list(self.ignored_arguments),
            "superseded_by": self.superseded_by,
            **{name: rfc3339(getattr(self, name)) for name in RUN_TIMES},
        }


RUN_TIMES = (
    "intended_at",
    "accepted_at",
    "answered_at",
    "created_at",
    "finished_at",
    "ended_at",
    "dismissed_at",
    "stop_requested_at",
    "stop_accepted_at",
)


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """Something that happened to a run.

    Attributes:
        number: Grows with every event of the ledger.
        kind: A stable word: `intended`, `accepted`, `ended`, `contradicted` …
        detail: Facts of the event.
    """

    number: int
    run_id: str
    at: datetime
    kind: str
    detail: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {"number": self.number, "at": rfc3339(self.at), "kind": self.kind, **self.detail}


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One notification to the Training Manager.

    Attributes:
        sequence: 1 for the job's first notification, 2 for the next: they are sent in this order.
        payload: The body.
        attempts: Tries that are over.
        not_before: The next try is not made before this.
        first_attempt_at: When the first try began; giving up counts from here.
        last_status: HTTP status of the last answer; None when there was none.
        last_answer: The last answer's text, or what happened instead.
        claimed_by: Who is sending it, until `claimed_until`.
    """

    notification_id: int
    run_id: str
    job_id: str
    sequence: int
    payload: Mapping[str, Any]
    state: NotificationState
    attempts: int
    not_before: datetime
    created_at: datetime
    first_attempt_at: datetime | None
    closed_at: datetime | None
    last_status: int | None
    last_answer: str | None
    claimed_by: str | None
    claimed_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """One try to deliver a notification.

    Attributes:
        outcome: `delivered`, `retry`, `retry_slowly` or `interrupted`.
        status: HTTP status; None when there was no answer.
        answer: The answer's text, or what happened instead.
    """

    notification_id: int
    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None
    answer: str

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "number": self.number,
            "at": rfc3339(self.started_at),
            "ended_at": rfc3339(self.ended_at),
            "outcome": self.outcome,
            "status": self.status,
            "answer": self.answer,
        }
