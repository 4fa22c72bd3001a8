"""Training jobs as others see them: pages of jobs, one job with all that belongs to it, and stopping a run."""

import base64
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import structlog

from kfadapter.clock import Clock, rfc3339
from kfadapter.errors import BadPageToken, KubeflowConflict, KubeflowError, TransitionRefused
from kfadapter.kubeflow.resources import Run
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_reads import JobFilter, JobHead, JobRecord, RunRecord
from kfadapter.training.records import DeliveryAttempt, Notification, RunEvent, TrainingRun
from kfadapter.training.states import RunState
from kfadapter.training.watcher import sighting

PAGE_SIZE = 50
# Events of a run's history that are changes of its state; `ended` says which by itself.
STATE_EVENTS = {
    "intended": RunState.INTENDED,
    "accepted": RunState.ACTIVE,
    "uncertain": RunState.UNCERTAIN,
    "refused": RunState.REFUSED,
    "not_started": RunState.NOT_STARTED,
}
LARGEST_PAGE = 200

log = structlog.get_logger(__name__)


class StopsRuns(Protocol):
    """What stopping needs of Kubeflow: `kubeflow.runs`."""

    async def get(self, run_id: str) -> Run: ...

    async def terminate(self, run_id: str) -> None: ...


class StopOutcome(StrEnum):
    """What became of the wish to stop a run."""

    TERMINATING = "terminating"  # Kubeflow took the order, or will be given it until it does
    ENDED = "ended"  # there was nothing to stop any more


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The answer to a wish to stop a run.

    Attributes:
        state: For an ended run, Kubeflow's word for how; else "".
        is_accepted: Kubeflow has taken the order. False: it will be repeated.
    """

    run_id: str
    outcome: StopOutcome
    state: str = ""
    is_accepted: bool = False

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "run_id": self.run_id,
            "status": self.outcome.value,
            "run_status": self.state or None,
            "accepted": self.is_accepted,
        }


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job: its runs, newest first, each with history and deliveries where they were asked for."""

    head: JobHead
    runs: tuple[RunRecord, ...]

    def to_json(self) -> dict[str, Any]:
        """For an answer. `state` is that of the newest run."""
        newest = self.runs[0] if self.runs else None
        return {
            "training_job_id": self.head.job_id,
            "state": newest.run.state.value if newest else None,
            "run_count": self.head.runs,
            "created_at": rfc3339(self.head.first_intended_at),
            "started_at": rfc3339(self.head.latest_intended_at),
            "runs": [run_json(record) for record in self.runs],
        }


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """A page of jobs, each with its newest run only.

    Attributes:
        next_page_token: "" on the last page.
    """

    items: tuple[TrainingJob, ...]
    next_page_token: str = ""

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {
            "training_jobs": [job.to_json() for job in self.items],
            "next_page_token": self.next_page_token,
        }


class TrainingJobs:
    """Reads training jobs and stops runs."""

    def __init__(self, kubeflow: StopsRuns, ledger: Ledger, clock: Clock) -> None:
        self._runs = kubeflow
        self._ledger = ledger
        self._clock = clock

    async def list(
        self, *, page_size: int = PAGE_SIZE, page_token: str = "", which: JobFilter | None = None
    ) -> JobPage:
        """A page of jobs, by their latest execution, newest first.

        Args:
            which: Only these; the same for every page.
            page_size: 0 and less: the default; at most 200.
            page_token: Of the page before; "" for the first page.

        Raises:
            BadPageToken: The token is not one of ours.
        """
        size = min(page_size, LARGEST_PAGE) if page_size > 0 else PAGE_SIZE
        after = _read_token(page_token) if page_token else None
        records = await self._ledger.jobs(limit=size + 1, after=after, which=which)
        items = tuple(_job(record) for record in records[:size])
        return JobPage(items=items, next_page_token=_token(items[-1].head) if len(records) > size else "")

    async def get(self, job_id: str) -> TrainingJob | None:
        """A job with all its runs, their histories and deliveries; None when nobody ever asked for it."""
        record = await self._ledger.job(job_id)
        return None if record is None else _job(record)

    async def redeliver(self, job_id: str, sequence: int) -> Notification | None:
        """Tell the Training Manager (once more) now, as a person asks for; None when there is no such notification.

        Raises:
            NotRedeliverable: The job was deleted, or a newer run of it replaces this one.
        """
        found = await self._ledger.redeliver(job_id, sequence, now=self._clock.now())
        if found is not None:
            log.info("notification to be sent again", action="redelivery_requested", trainingjob_id=job_id, n=sequence)
        return found

    async def stop(self, run_id: str) -> Stopped:
        """Stop a run, and tell the Training Manager nothing of its end: it asks for this when it deletes a job.

        The wish is durable for runs of the ledger: Kubeflow is asked until it has taken the order or the run has
        ended. Runs of others are passed on to Kubeflow once.

        Raises:
            KubeflowNotFound: Neither the ledger nor Kubeflow knows such a run.
            KubeflowError: Kubeflow is away, and the run is not of the ledger.
        """
        run = await self._ledger.dismiss(run_id, now=self._clock.now())
        if run is None:
            return await self._stop_foreign(run_id)
        if run.state.is_end:
            return Stopped(
                run_id=run_id, outcome=StopOutcome.ENDED, state=run.kubeflow_state or run.state.value.upper()
            )
        log.info("run to be stopped", action="stop_requested", run_id=run_id, trainingjob_id=run.job_id)
        return await self._stop_own(run)

    async def stopped_by_hand(self, run_id: str) -> None:
        """A person has stopped a run, and Kubeflow took the order: its end is told, as a canceled one."""
        await self._ledger.stopped_by_hand(run_id, now=self._clock.now())

    async def deleted_by_hand(self, run: Run) -> None:
        """A person has deleted a run: nothing will be heard of it any more, so its end is told now.

        Args:
            run: As Kubeflow had it last. One that had not ended is lost.
        """
        now = self._clock.now()
        await self._ledger.observe([sighting(run)], now=now)
        known = await self._ledger.run(run.run_id)
        if known is not None and known.state is RunState.ACTIVE:
            with contextlib.suppress(TransitionRefused):  # the watcher was quicker
                await self._ledger.lose(run.run_id, reason="the run was deleted", now=now)

    async def _stop_own(self, run: TrainingRun) -> Stopped:
        try:
            await self._runs.terminate(run.run_id)
        except KubeflowConflict:
            return await self._ended(run.run_id)
        except KubeflowError as exc:
            log.warning("stop will be repeated", action="stop_not_taken", run_id=run.run_id, reason=exc.reason)
            return Stopped(run_id=run.run_id, outcome=StopOutcome.TERMINATING)
        await self._ledger.stop_accepted(run.run_id, now=self._clock.now())
        return Stopped(run_id=run.run_id, outcome=StopOutcome.TERMINATING, is_accepted=True)

    async def _stop_foreign(self, run_id: str) -> Stopped:
        try:
            await self._runs.terminate(run_id)
        except KubeflowConflict:
            return await self._ended(run_id)
        return Stopped(run_id=run_id, outcome=StopOutcome.TERMINATING, is_accepted=True)

    async def _ended(self, run_id: str) -> Stopped:
        """Kubeflow says that there is nothing to terminate: with which end?"""
        try:
            run = await self._runs.get(run_id)
        except KubeflowError:
            return Stopped(run_id=run_id, outcome=StopOutcome.ENDED)
        return Stopped(run_id=run_id, outcome=StopOutcome.ENDED, state=run.state)


@dataclass(frozen=True, kw_only=True)
class StateChange:
    """When a run came into a state."""

    state: str
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return {"state": self.state, "at": rfc3339(self.at)}


def states_of(events: Iterable[RunEvent]) -> tuple[StateChange, ...]:
    """A run's states with their times, from its history; empty where that was not asked for."""
    named = ((STATE_EVENTS.get(event.kind) or event.detail.get("state"), event) for event in events)
    return tuple(
        StateChange(state=str(state), at=event.at)
        for state, event in named
        if event.kind in STATE_EVENTS or event.kind == "ended"
    )


def run_json(record: RunRecord) -> dict[str, Any]:
    """A run with its history and what the Training Manager was told of it."""
    told = record.notification
    return {
        **record.run.to_json(),
        "states": [state.to_json() for state in states_of(record.events)],
        "notifications": [] if told is None else [notification_json(told, record.attempts)],
        "events": [event.to_json() for event in record.events],
    }


def notification_json(notification: Notification, attempts: Iterable[DeliveryAttempt]) -> dict[str, Any]:
    """A notification and its deliveries: the first try and the latest ones."""
    return {
        "sequence": notification.sequence,
        "state": notification.state.value,
        "run_status": notification.payload.get("run_status"),
        "payload": dict(notification.payload),
        "tries": notification.attempts,
        "created_at": rfc3339(notification.created_at),
        "not_before": rfc3339(notification.not_before),
        "closed_at": rfc3339(notification.closed_at),
        "last_status": notification.last_status,
        "last_answer": notification.last_answer,
        "deliveries": [attempt.to_json() for attempt in attempts],
    }


def _job(record: JobRecord) -> TrainingJob:
    return TrainingJob(head=record.head, runs=record.runs)


def _token(head: JobHead) -> str:
    key = json.dumps([head.latest_intended_at.isoformat(), head.job_id])
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[datetime, str]:
    try:
        padded = token + "=" * (-len(token) % 4)
        at, job_id = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError) as exc:
        raise BadPageToken(token) from exc
    if moment.tzinfo is None or not isinstance(job_id, str):
        raise BadPageToken(token)
    return moment, job_id
