"""Taking events to their subscribers: one loop that turns events into deliveries, and a lane for each receiver.

A lane is there while its receiver has something due. Lanes do not share anything that could run out, so that a slow
receiver delays only itself; one in trouble is asked with one delivery at a time.
"""

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError, LeaseLost, SubscriptionNotFound
from kfadapter.events import store_deliveries, store_outcomes, store_subscriptions
from kfadapter.events.retries import RetryPolicy
from kfadapter.events.sender import Answer, Outcome, Sender
from kfadapter.events.signing import signed_headers
from kfadapter.events.store_outcomes import Tried
from kfadapter.events.subscriptions import DUE, Delivery, DeliveryState
from kfadapter.events.tail import Tail, until

# Requests to one receiver at the same time, from one process.
LANE_WIDTH = 4
# Looks again at least so often: for what another process has written, and for what becomes due by time.
LOOK_SECONDS = 1.0
FAILED_PAUSE_SECONDS = 1.0
# What comes so soon after other events is routed together with what follows: a crowd of them costs few transactions.
GATHER_SECONDS = 0.05
# A claim lasts so long and is renewed while the answer is awaited: after the death of a process others take over soon.
LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
WRITE_BACK_TRIES = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A delivery that is claimed, and what it needs on its way.

    Attributes:
        keys: The secrets that sign it.
    """

    delivery: Delivery
    url: str
    keys: tuple[str, ...] = field(repr=False)


class Courier:
    """Delivers events to subscriptions. `run` is one of the service's loops.

    Args:
        source: The CloudEvents attribute `source`.
        drain_seconds: When stopped, so long the answers to what is on its way are waited for. Real time.
        chance: Random numbers from 0 to 1 for the jitter.
        claimant: Who claims; must be unique among all that share the database. None: made up.
    """

    def __init__(
        self,
        database: Transactions,
        tail: Tail,
        sender: Sender,
        clock: Clock,
        *,
        source: str,
        policy: RetryPolicy,
        drain_seconds: float = 5.0,
        chance: Callable[[], float] = random.random,
        claimant: str | None = None,
    ) -> None:
        self._database = database
        self._tail = tail
        self._sender = sender
        self._clock = clock
        self._source = source
        self._policy = policy
        self._drain_seconds = drain_seconds
        self._chance = chance
        self._claimant = claimant or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._in_flight: set[int] = set()
        self._is_stopping = False

    async def run(self) -> None:
        """Deliver for ever. When cancelled, what is on its way gets a few seconds and is written back."""
        due = self._database.listen(DUE)
        await self._safely(self.recover)
        beside = [
            asyncio.create_task(self._route_for_ever(), name="events-routing"),
            asyncio.create_task(self._renew_for_ever(), name="events-leases"),
        ]
        try:
            while True:
                due.clear()
                await self._safely(self._open_lanes)
                await until(due.wait, self._clock, LOOK_SECONDS)
                for task in beside:
                    if task.done():
                        task.result()
        finally:
            beside[0].cancel()
            await self._drain()
            beside[1].cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def recover(self) -> None:
        """Take over at once what an earlier process held: where one process has the database, it is dead."""
        if self._database.is_sqlite:
            await self._database.note(store_deliveries.release_all)

    async def route(self) -> None:
        """Turn every event that has come into deliveries."""
        looked_at = most = store_deliveries.ROUTED_AT_ONCE
        while looked_at == most and await self._database.read(store_deliveries.is_unrouted):
            # Not synced: what a loss of power undoes is made again, and sent again with the same id at worst.
            looked_at = await self._database.note(store_deliveries.route, self._source, self._clock.now())

    async def deliver_due(self) -> None:
        """Send everything that is due now and wait for the answers."""
        while await self._open_lanes():
            await asyncio.gather(*self._lanes.values())

    async def _route_for_ever(self) -> None:
        while True:
            seen = self._tail.end
            await self._safely(self.route)
            await asyncio.sleep(GATHER_SECONDS)
            await until(partial(self._tail.changed, seen), self._clock, LOOK_SECONDS)

    async def _renew_for_ever(self) -> None:
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            if self._in_flight:
                await self._safely(self._renew)

    async def _renew(self) -> None:
        lasting = self._clock.now() + timedelta(seconds=LEASE_SECONDS)
        await self._database.note(store_deliveries.renew, self._claimant, set(self._in_flight), lasting)

    async def _safely(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except DatabaseError as exc:
            log.error("database cannot be used", action="courier_failed", reason=str(exc))
            await self._clock.sleep(FAILED_PAUSE_SECONDS)
        except Exception:  # the outermost frame of the loop: one bad round must not end the deliveries
            log.exception("a round of the courier failed", action="courier_failed")
            await self._clock.sleep(FAILED_PAUSE_SECONDS)

    async def _open_lanes(self) -> int:
        """A lane for each receiver that has something due and has none. Returns how many were opened."""
        wanted = await self._database.read(store_deliveries.due_subscriptions, self._clock.now())
        opened = [subscription_id for subscription_id in wanted if subscription_id not in self._lanes]
        for subscription_id in opened:
            lane = asyncio.create_task(self._lane(subscription_id), name=f"deliver-{subscription_id}")
            self._lanes[subscription_id] = lane
            lane.add_done_callback(partial(self._closed, subscription_id))
        return len(opened)

    def _closed(self, subscription_id: str, lane: asyncio.Task[None]) -> None:
        self._lanes.pop(subscription_id, None)
        if not lane.cancelled() and (error := lane.exception()) is not None:
            log.error("a lane of deliveries failed", action="courier_failed", exc_info=error)

    async def _lane(self, subscription_id: str) -> None:
        """Send what is due to one receiver, a few at a time, until nothing is or the receiver is in trouble."""
        flights: set[asyncio.Task[Outcome]] = set()
        width = LANE_WIDTH
        try:
            while True:
                claimed = await self._claim(subscription_id, width - len(flights)) if len(flights) < width else []
                if not claimed and not flights:
                    return
                flights |= {
                    asyncio.create_task(self._deliver(one), name=f"deliver-{one.delivery.delivery_id}")
                    for one in claimed
                }
                done, flights = await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED)
                outcomes = {task.result() for task in done}
                width = 1 if outcomes - {Outcome.DELIVERED, Outcome.REFUSED} else LANE_WIDTH
        finally:
            for task in flights:
                task.cancel()
            await asyncio.gather(*flights, return_exceptions=True)

    async def _claim(self, subscription_id: str, limit: int) -> list[Errand]:
        if limit <= 0 or self._is_stopping:
            return []
        now = self._clock.now()
        lasting = now + timedelta(seconds=LEASE_SECONDS)

        def work(connection: Connection) -> list[Errand]:
            try:
                subscription = store_subscriptions.find(connection, subscription_id)
            except SubscriptionNotFound:
                return []
            wanted = min(limit, 1) if subscription.failures else limit
            claimed = store_deliveries.claim(connection, subscription_id, self._claimant, now, lasting, wanted)
            keys = tuple(store_subscriptions.valid_secrets(connection, subscription_id, now))
            return [Errand(delivery=one, url=subscription.url, keys=keys) for one in claimed]

        return await self._database.note(work)

    async def _deliver(self, errand: Errand) -> Outcome:
        self._in_flight.add(errand.delivery.delivery_id)
        try:
            return await self._sent_and_recorded(errand)
        finally:
            self._in_flight.discard(errand.delivery.delivery_id)

    async def _sent_and_recorded(self, errand: Errand) -> Outcome:
        delivery, started_at = errand.delivery, self._clock.now()
        body = delivery.body.encode()
        try:
            headers = signed_headers(errand.keys, delivery.event_id, started_at, body)
            answer = await self._sender.send(errand.url, headers, body)
        except asyncio.CancelledError:
            text = "the service stopped while the answer was awaited"
            await self._record(delivery, Answer(outcome=Outcome.INTERRUPTED, status=None, text=text), started_at)
            raise
        await self._record(delivery, answer, started_at)
        return answer.outcome

    async def _record(self, delivery: Delivery, answer: Answer, started_at: datetime) -> None:
        tried = Tried(
            delivery_id=delivery.delivery_id,
            subscription_id=delivery.subscription_id,
            answer=answer,
            started_at=started_at,
            ended_at=self._clock.now(),
            chance=self._chance(),
        )
        try:
            state = await self._settled(tried)
        except (LeaseLost, SubscriptionNotFound) as exc:
            log.info("a delivery is nobody's any more", action="delivery_lease_lost", reason=str(exc))
            return
        is_news = state is DeliveryState.DEAD or delivery.attempts == 0
        failed = log.warning if is_news else log.info
        level = log.debug if answer.outcome is Outcome.DELIVERED else failed
        level(
            "event delivered" if state is DeliveryState.DELIVERED else "event not delivered",
            action=f"delivery_{answer.outcome}",
            subscription_id=delivery.subscription_id,
            delivery_id=delivery.delivery_id,
            event_type=delivery.type,
            attempt=delivery.attempts + 1,
            status=answer.status,
            state=state.value,
            answer=answer.text[:200],
        )

    async def _settled(self, tried: Tried) -> DeliveryState:
        """What was delivered and not recorded would be delivered again: a database in trouble is given some time."""
        is_delivered = tried.answer.outcome is Outcome.DELIVERED
        transaction = self._database.note if is_delivered else self._database.write
        for _ in range(WRITE_BACK_TRIES - 1):
            try:
                return await transaction(store_outcomes.settle, self._claimant, tried, self._policy)
            except LeaseLost:
                raise
            except DatabaseError as exc:
                log.error("delivery not recorded yet", action="delivery_not_recorded", reason=str(exc))
                await self._clock.sleep(FAILED_PAUSE_SECONDS)
        return await transaction(store_outcomes.settle, self._claimant, tried, self._policy)

    async def _drain(self) -> None:
        self._is_stopping = True
        lanes = set(self._lanes.values())
        if not lanes:
            return
        _, late = await asyncio.wait(lanes, timeout=self._drain_seconds)
        for lane in late:
            lane.cancel()
        if late:
            await asyncio.wait(late)
