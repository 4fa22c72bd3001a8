"""Telling the Training Manager: sends what the ledger says is due, and writes back how it went.

The jobs' order and the claims are the ledger's. Here is when to send: as soon as something is due, several at once
so that a slow answer delays nobody else, and staggered, so that an answer in a moment keeps only one on its way.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, LeaseLost
from kfadapter.training.backoff import QUICKLY, SLOWLY
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_notifications import DeliveryReport
from kfadapter.training.records import Notification
from kfadapter.training.states import NotificationState
from kfadapter.training.training_manager import Answer, Verdict

AT_ONCE = 32
MANY = AT_ONCE // 2
GIVE_UP_AFTER = timedelta(days=3)
# The next notification is sent when the one before is done, or after so long; sooner when there are many. A crash can
# repeat those on their way, so there should be few; and the Training Manager is a small server.
STAGGER_SECONDS = 0.05
STAGGER_OF_MANY_SECONDS = 0.007
# A claim outlives the longest try by this, so that nobody else sends what is still on its way.
LEASE_MARGIN_SECONDS = 30.0
# Looks again at least so often: another replica may have written something, or may have died.
LONGEST_WAIT_SECONDS = 5.0
CONTESTED_PAUSE = timedelta(seconds=0.1)
WRITE_BACK_TRIES = 10
WRITE_BACK_PAUSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Notified(Protocol):
    """One that is told of ends."""

    @property
    def timeout_seconds(self) -> float:
        """How long one try may take."""
        ...

    async def notify(self, payload: Mapping[str, Any]) -> Answer:
        """Send one notification, once. Never raises for what the other side does: the answer's verdict tells."""
        ...


class ReportsRuns(Protocol):
    """One that knows more of a run than the ledger: `run_report`."""

    async def of(self, run_id: str) -> Mapping[str, Any]: ...


class Outbox:
    """Delivers notifications.

    Args:
        reports: What is said beyond the end itself; None: nothing.
        drain_seconds: When stopped, so long the answers to what is on its way are waited for. Real time.
        chance: Random numbers from 0 to 1 for the jitter.
    """

    def __init__(
        self,
        ledger: Ledger,
        training_manager: Notified,
        clock: Clock,
        *,
        reports: ReportsRuns | None = None,
        drain_seconds: float = 5.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger = ledger
        self._training_manager = training_manager
        self._clock = clock
        self._reports = reports
        self._drain_seconds = drain_seconds
        self._chance = chance
        self._in_flight: dict[asyncio.Task[None], Notification] = {}
        self._was_unreachable = True  # what an earlier process found out is not known: the first success hastens all
        self._has_failed = False

    async def run(self) -> None:
        """Deliver for ever. When cancelled, those on their way get a few seconds and are written back."""
        try:
            while True:
                await self._safe_round()
        finally:
            await self._drain()

    async def deliver_due(self) -> int:
        """Send everything that is due now and wait for the answers. Returns how many were sent."""
        sent = 0
        while claimed := await self._claim():
            sent += len(claimed)
            await self._send(claimed)
            await asyncio.gather(*self._in_flight)
        return sent

    async def _safe_round(self) -> None:
        try:
            await self._round()
            self._has_failed = False
        except DatabaseError as exc:
            if not self._has_failed:
                log.error("ledger cannot be used", action="outbox_failed", reason=str(exc))
            self._has_failed = True
            await self._clock.sleep(1.0)
        except Exception:  # the outermost frame of the loop: one bad round must not end the deliveries
            log.exception("a round of the outbox failed", action="outbox_failed")
            await self._clock.sleep(1.0)

    async def _round(self) -> None:
        """Send what is due, or wait. Looks before it claims: claiming is a write, and most wake-ups have nothing."""
        self._ledger.notifications_changed.clear()
        if len(self._in_flight) >= AT_ONCE:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            return
        now = self._clock.now()
        due = await self._ledger.next_due(now=now)
        if due is not None and due <= now:
            if claimed := await self._claim():
                await self._send(claimed)
                return
            due = now + CONTESTED_PAUSE  # somebody else was quicker
        await self._wait_until(due)

    async def _claim(self) -> list[Notification]:
        free = AT_ONCE - len(self._in_flight)
        if free <= 0:
            return []
        now = self._clock.now()
        lease = timedelta(seconds=self._training_manager.timeout_seconds + LEASE_MARGIN_SECONDS)
        return await self._ledger.claim_due(now=now, until=now + lease, limit=free)

    async def _wait_until(self, due: datetime | None) -> None:
        """Until then, or the ledger has changed, or a delivery is over: the job's next may follow."""
        seconds = LONGEST_WAIT_SECONDS if due is None else (due - self._clock.now()).total_seconds()
        timer = asyncio.ensure_future(self._clock.sleep(min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)))
        change = asyncio.ensure_future(self._ledger.notifications_changed.wait())
        try:
            await asyncio.wait({timer, change, *self._in_flight}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            change.cancel()
            await asyncio.gather(timer, change, return_exceptions=True)

    async def _send(self, claimed: list[Notification]) -> None:
        waiting = list(claimed)
        stagger = STAGGER_OF_MANY_SECONDS if len(claimed) >= MANY else STAGGER_SECONDS
        try:
            while waiting:
                task = self._start(waiting.pop(0))
                await asyncio.wait({task}, timeout=stagger)
        finally:
            if waiting:
                await self._ledger.release([one.notification_id for one in waiting])

    def _start(self, notification: Notification) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(notification), name=f"notify-{notification.run_id}")
        self._in_flight[task] = notification
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery was not written back", action="delivery_not_recorded", exc_info=error)

    async def _deliver(self, notification: Notification) -> None:
        notification = await self._reported(notification)
        started_at = self._clock.now()
        try:
            answer = await self._training_manager.notify(notification.payload)
        except asyncio.CancelledError:
            text = "the service stopped while the answer was awaited"
            interrupted = Answer(verdict=Verdict.RETRY_SLOWLY, status=None, text=text)
            await self._record(notification, interrupted, started_at, outcome="interrupted")
            raise
        await self._record(notification, answer, started_at, outcome=answer.verdict)

    async def _reported(self, notification: Notification) -> Notification:
        """With what Kubeflow says of the run; the same in every later try."""
        if self._reports is None or notification.attempts or "failed_task" in notification.payload:
            return notification
        more = await self._reports.of(notification.run_id)
        return replace(notification, payload={**notification.payload, **more})

    async def _record(self, notification: Notification, answer: Answer, started_at: datetime, outcome: str) -> None:
        report = self._report(notification, answer, started_at, outcome)
        try:
            state = await self._written_back(report)
        except LeaseLost as exc:
            log.error("somebody else has taken a notification over", action="delivery_lease_lost", reason=str(exc))
            return
        self._log(notification, answer, state)
        await self._follow_up(answer)

    async def _written_back(self, report: DeliveryReport) -> NotificationState:
        """What was delivered and not recorded would be delivered again: a ledger in trouble is given some time."""
        for _ in range(WRITE_BACK_TRIES - 1):
            try:
                return await self._ledger.write_back(report)
            except LeaseLost:
                raise
            except DatabaseError as exc:
                log.error("delivery not recorded yet", action="delivery_not_recorded", reason=str(exc))
                await self._clock.sleep(WRITE_BACK_PAUSE_SECONDS)
        return await self._ledger.write_back(report)

    def _report(self, notification: Notification, answer: Answer, started_at: datetime, outcome: str) -> DeliveryReport:
        now = self._clock.now()
        state, not_before = self._next(notification, answer, started_at, now)
        return DeliveryReport(
            notification_id=notification.notification_id,
            run_id=notification.run_id,
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            status=answer.status,
            answer=answer.text,
            next_state=state,
            not_before=not_before,
            is_unreachable=answer.is_unreachable,
            payload=notification.payload,
        )

    def _next(
        self, notification: Notification, answer: Answer, started_at: datetime, now: datetime
    ) -> tuple[NotificationState, datetime]:
        if answer.verdict is Verdict.DELIVERED:
            return NotificationState.DELIVERED, now
        if now - (notification.first_attempt_at or started_at) >= GIVE_UP_AFTER:
            return NotificationState.DEAD, now
        backoff = QUICKLY if answer.verdict is Verdict.RETRY else SLOWLY
        seconds = backoff.delay_seconds(notification.attempts + 1, self._chance())
        return NotificationState.PENDING, now + timedelta(seconds=max(seconds, answer.retry_after_seconds or 0.0))

    async def _follow_up(self, answer: Answer) -> None:
        """The first success after an absence: the others need not wait for their time."""
        if answer.is_unreachable:
            self._was_unreachable = True
        elif self._was_unreachable and answer.verdict is Verdict.DELIVERED:
            self._was_unreachable = False
            await self._ledger.hasten(now=self._clock.now())
            self._ledger.notifications_changed.set()

    def _log(self, notification: Notification, answer: Answer, state: NotificationState) -> None:
        level = log.info if answer.verdict is Verdict.DELIVERED else log.warning
        level(
            "Training Manager told" if answer.verdict is Verdict.DELIVERED else "Training Manager not reached",
            action=f"notification_{answer.verdict}",
            run_id=notification.run_id,
            trainingjob_id=notification.job_id,
            attempt=notification.attempts + 1,
            status=answer.status,
            state=state.value,
            answer=answer.text[:200],
        )

    async def _drain(self) -> None:
        if not self._in_flight:
            return
        _, late = await asyncio.wait(set(self._in_flight), timeout=self._drain_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
