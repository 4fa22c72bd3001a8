"""The ledger: what was intended, what Kubeflow did with it, and what the Training Manager must still be told.

Every method is one transaction of plain SQLAlchemy Core, in a thread (`database.transactions`).
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from kfadapter.database.training_tables import notifications, training_runs
from kfadapter.database.transactions import Transactions
from kfadapter.training import (
    ledger_launches,
    ledger_notifications,
    ledger_reads,
    ledger_retention,
    ledger_stuck,
    ledger_watch,
)
from kfadapter.training.ledger_launches import Claim, Intended
from kfadapter.training.ledger_notifications import DeliveryReport
from kfadapter.training.ledger_reads import JobFilter, JobRecord, RunRecord
from kfadapter.training.ledger_rows import find_run
from kfadapter.training.ledger_watch import Sighting, WatchedRun
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.records import ExecutionKey, LaunchRequest, Notification, TrainingRun
from kfadapter.training.states import NotificationState, RunState
from kfadapter.training.stuck import GoingRun, Symptom


class Ledger:
    """Training runs and notifications, durable; the loop it is used on must be one.

    Args:
        transactions: The database that is shared with the other rooms; whoever opened it closes it.
        policy: When and whether the Training Manager is told.
        claimant: Who claims; must be unique among all that share the database. None: made up.

    All methods raise DatabaseError when the database cannot be used: no space, no permission, locked, damaged.
    """

    def __init__(
        self, transactions: Transactions, *, policy: NotifyPolicy | None = None, claimant: str | None = None
    ) -> None:
        self._transactions = transactions
        self._policy = policy or NotifyPolicy()
        self.claimant = claimant or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        # Set whenever a notification may have become due: the outbox waits for it.
        self.notifications_changed = asyncio.Event()

    @property
    def policy(self) -> NotifyPolicy:
        """When and whether the Training Manager is told."""
        return self._policy

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._transactions.read(find_run, "")

    # Launching

    async def intend(self, request: LaunchRequest, *, run_id: str, claimed_until: datetime, now: datetime) -> Intended:
        """Write an intention down before Kubeflow hears of it; others leave it alone until `claimed_until`.

        When the job's newest run was asked for with the same request, is open, and its answer never went out, that
        run is returned instead: a retrying caller joins it.
        """
        claim = Claim(by=self.claimant, until=claimed_until)
        return await self._transactions.write(ledger_launches.intend, request, run_id, claim, now)

    async def run_of_key(self, job_id: str, key: ExecutionKey) -> TrainingRun | None:
        """The run that an execution with this key led to, or None.

        Raises:
            IdempotencyKeyReused: The key came with another request.
        """
        return await self._transactions.read(ledger_launches.run_of_key, job_id, key)

    async def accept(self, run_id: str, *, word: str, created_at: datetime | None, now: datetime) -> TrainingRun:
        """Kubeflow has the run: the job's older runs are superseded. Harmless when it is known already.

        Raises:
            TransitionRefused: The intention has been closed meanwhile.
        """
        return await self._transactions.note(ledger_launches.accept, run_id, word, created_at, self._policy, now)

    async def doubt(self, run_id: str, *, reason: str, now: datetime) -> TrainingRun:
        """The create call's outcome is not known: from now on the watcher looks the run up."""
        return await self._transactions.note(ledger_launches.doubt, run_id, reason, now)

    async def close_intention(
        self, run_id: str, state: RunState, *, reason: str, is_told: bool, now: datetime
    ) -> TrainingRun:
        """There is no run: REFUSED or NOT_STARTED. `is_told` also notifies the Training Manager of a failure.

        Raises:
            TransitionRefused: There is a run, or it was closed before.
        """
        run = await self._transactions.write(ledger_launches.close, run_id, state, reason, is_told, self._policy, now)
        self.notifications_changed.set()
        return run

    async def answered(self, run_id: str, *, now: datetime) -> None:
        """The execution's answer has been sent: the grace time counts from here."""
        if await self._transactions.note_aside(ledger_launches.answered, run_id, self._policy, now):
            self.notifications_changed.set()

    async def take_over(self, *, now: datetime) -> int:
        """After a start: free what dead processes held; their launches become uncertain. Returns how many."""
        taken = await self._transactions.write(ledger_launches.take_over, self.claimant, now)
        self.notifications_changed.set()
        return taken

    # Watching

    async def watched(self, *, now: datetime) -> list[WatchedRun]:
        """The runs whose end or existence is open, oldest first."""
        return await self._transactions.read(ledger_watch.watched_runs, now)

    async def observe(self, sightings: Sequence[Sighting], *, now: datetime) -> list[TrainingRun]:
        """Write down what Kubeflow said of runs; ends and their notifications in the same transaction.

        The first end state wins; what contradicts it is kept as an event. Returns the runs that ended.
        """
        ended = await self._transactions.write(ledger_watch.observe, sightings, self._policy, now)
        if ended:
            self.notifications_changed.set()
        return ended

    async def lose(self, run_id: str, *, reason: str, now: datetime) -> TrainingRun:
        """An active run that Kubeflow does not know any more ends LOST.

        Raises:
            TransitionRefused: It is not active any more.
        """
        run = await self._transactions.write(ledger_watch.lose, run_id, reason, self._policy, now)
        self.notifications_changed.set()
        return run

    async def known_ends(self, run_ids: Sequence[str]) -> dict[str, RunState]:
        """Those of these runs that have ended, with their states."""
        return await self._transactions.read(ledger_watch.known_ends, run_ids)

    async def mark(self, name: str) -> datetime | None:
        """A time kept under a name."""
        return await self._transactions.read(ledger_watch.mark, name)

    async def set_mark(self, name: str, at: datetime) -> None:
        """Keep a time under a name."""
        await self._transactions.note(ledger_watch.set_mark, name, at)

    async def going_runs(self) -> list[GoingRun]:
        """The runs that go on and that nobody has asked to stop, oldest first."""
        return await self._transactions.read(ledger_stuck.going_runs)

    async def durations(self, version_ids: Iterable[str]) -> Mapping[str, Sequence[timedelta]]:
        """How long the newest runs of these pipeline versions took that succeeded."""
        return await self._transactions.read(ledger_stuck.durations, version_ids)

    async def report_stuck(self, run_id: str, symptom: Symptom, *, stops: bool, now: datetime) -> bool:
        """A run does not come on: told once for each reason. False when it has ended meanwhile."""
        return await self._transactions.write(ledger_stuck.report_stuck, run_id, symptom, stops, now)

    # Stopping

    async def dismiss(self, run_id: str, *, now: datetime) -> TrainingRun | None:
        """Nobody is told of the run's end, and it is to be stopped; None when the ledger does not have it."""
        return await self._transactions.write(ledger_watch.dismiss, run_id, now)

    async def stop_accepted(self, run_id: str, *, now: datetime) -> None:
        """Kubeflow took the order to terminate the run."""
        await self._transactions.note(ledger_watch.stop_accepted, run_id, now)

    async def stopped_by_hand(self, run_id: str, *, now: datetime) -> None:
        """Kubeflow took a person's order to terminate the run; nothing when the ledger does not have it."""
        await self._transactions.note(ledger_watch.stopped_by_hand, run_id, now)

    # Telling

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> list[Notification]:
        """Take notifications that are due, in order per job, at most `limit`; nobody else gets them before `until`."""
        return await self._transactions.note(ledger_notifications.claim_due, self.claimant, now, until, limit)

    async def next_due(self, *, now: datetime) -> datetime | None:
        """When there will be something to claim; None: nothing is pending but what this claimant holds."""
        return await self._transactions.read(ledger_notifications.next_due, self.claimant, now)

    async def write_back(self, report: DeliveryReport) -> NotificationState:
        """Record one try of a notification that is claimed; returns the state it has now.

        Raises:
            LeaseLost: Somebody else has claimed it since.
        """
        return await self._transactions.write(ledger_notifications.write_back, self.claimant, report)

    async def release(self, notification_ids: Sequence[int]) -> None:
        """Give claimed notifications back untried."""
        await self._transactions.note(ledger_notifications.release, self.claimant, notification_ids)

    async def hasten(self, *, now: datetime) -> int:
        """Make due what waits only because the Training Manager was away. Returns how many."""
        return await self._transactions.note(ledger_notifications.hasten, now)

    async def redeliver(self, job_id: str, sequence: int, *, now: datetime) -> Notification | None:
        """Send a notification (once more) now; None when there is none with this number.

        Raises:
            NotRedeliverable: Nobody is to be told of that run any more.
        """
        found = await self._transactions.write(ledger_notifications.redeliver, job_id, sequence, now)
        self.notifications_changed.set()
        return found

    async def forget_jobs(self, *, before: datetime, limit: int) -> int:
        """Delete at most `limit` jobs whose newest execution is older, and that are over and told. Returns how many."""
        return await self._transactions.write(ledger_retention.forget_jobs, before, limit)

    # Reading

    async def run(self, run_id: str) -> TrainingRun | None:
        """A run, or None."""
        return await self._transactions.read(find_run, run_id)

    async def run_record(self, run_id: str) -> RunRecord | None:
        """A run with its history and deliveries, or None."""
        return await self._transactions.read(ledger_reads.run_record, run_id)

    async def jobs(
        self, *, limit: int, after: tuple[datetime, str] | None = None, which: JobFilter | None = None
    ) -> list[JobRecord]:
        """Jobs by their latest execution, newest first, each with its newest run.

        Args:
            limit: How many at most.
            after: Time of the latest execution and id of the job that the page before ended with.
            which: Only those that meet it.
        """
        return await self._transactions.read(ledger_reads.newest_jobs, limit, after, which)

    async def job(self, job_id: str) -> JobRecord | None:
        """A job with all its runs, their histories and deliveries, or None."""
        return await self._transactions.read(ledger_reads.whole_job, job_id)

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many runs and notifications there are in each state."""
        return {
            "runs": await self._transactions.read(ledger_reads.count_by_state, training_runs),
            "notifications": await self._transactions.read(ledger_reads.count_by_state, notifications),
        }
