"""Who is told of events: the operations on subscriptions, each one or two transactions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import SubscriptionRefused
from kfadapter.events import log, store_deliveries, store_subscriptions
from kfadapter.events.addresses import Addresses
from kfadapter.events.envelope import body_of
from kfadapter.events.filters import EventFilter
from kfadapter.events.records import Event
from kfadapter.events.sender import Answer, Outcome, Sender
from kfadapter.events.signing import check_secret, new_secret, signed_headers
from kfadapter.events.store_deliveries import WrittenTry
from kfadapter.events.subscriptions import Delivery, DeliveryState, Subscription, SubscriptionState, Try
from kfadapter.events.types import EventType

NAME_LIMIT = 200
REPLAYED_AT_ONCE = 500
OVERLAP = timedelta(days=1)
"""After a rotation the secret before signs for so long, unless asked otherwise."""

LONGEST_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Tested:
    """How a test went.

    Attributes:
        delivery_id: Under this number its record can be read.
    """

    delivery_id: int
    answer: Answer
    seconds: float


class Subscribers:
    """The subscriptions of this service.

    Args:
        source: The CloudEvents attribute `source`.
    """

    def __init__(
        self, database: Transactions, sender: Sender, addresses: Addresses, clock: Clock, *, source: str
    ) -> None:
        self._database = database
        self._sender = sender
        self._addresses = addresses
        self._clock = clock
        self._source = source

    async def create(
        self, *, url: str, display_name: str = "", wanted: EventFilter | None = None, secret: str | None = None
    ) -> tuple[Subscription, str]:
        """Make a subscription to what happens from now on; also returns its secret, which is never shown again.

        Raises:
            SubscriptionRefused: The URL, the name or the secret cannot be used, or there are too many.
        """
        self._addresses.check_url(url)
        _check_name(display_name)
        if secret is not None:
            check_secret(secret)
        key = secret or new_secret()
        now = self._clock.now()
        subscription = Subscription(
            subscription_id=str(uuid4()),
            display_name=display_name,
            url=url,
            filter=wanted or EventFilter(),
            state=SubscriptionState.ACTIVE,
            reason="",
            revision=1,
            created_at=now,
            updated_at=now,
            failures=0,
            failing_since=None,
            retry_at=None,
            delivered_at=None,
        )
        await self._database.write(store_subscriptions.add, subscription, key)
        return subscription, key

    async def every(self) -> list[Subscription]:
        """All subscriptions, oldest first."""
        return await self._database.read(store_subscriptions.every)

    async def get(self, subscription_id: str) -> Subscription:
        """A subscription.

        Raises:
            SubscriptionNotFound: There is none with this id.
        """
        return await self._database.read(store_subscriptions.find, subscription_id)

    async def change(
        self, subscription_id: str, values: Mapping[str, Any], *, revision: int | None = None
    ) -> Subscription:
        """Change `url`, `display_name` or `filter` (an EventFilter). What waits goes to the new URL.

        Args:
            revision: The revision that the change is meant for; None: any.

        Raises:
            SubscriptionNotFound: There is none with this id.
            SubscriptionChanged: It has another revision.
            SubscriptionRefused: A value cannot be used.
        """
        written = dict(values)
        if "url" in written:
            self._addresses.check_url(written["url"])
        if "display_name" in written:
            _check_name(written["display_name"])
        if "filter" in written:
            written["filter"] = written["filter"].to_json()
        now = self._clock.now()
        return await self._database.write(store_subscriptions.change, subscription_id, written, revision, now)

    async def pause(self, subscription_id: str) -> Subscription:
        """Send nothing until it is resumed; what happens meanwhile is collected."""
        return await self._set_state(subscription_id, SubscriptionState.PAUSED, "paused on request")

    async def resume(self, subscription_id: str) -> Subscription:
        """Send again, at once, whatever the receiver has answered before."""
        return await self._set_state(subscription_id, SubscriptionState.ACTIVE, "")

    async def delete(self, subscription_id: str) -> None:
        """Delete a subscription with all its deliveries. What is on its way right now may still arrive."""
        await self._database.write(store_subscriptions.delete, subscription_id)

    async def rotate_secret(
        self, subscription_id: str, *, secret: str | None = None, overlap: timedelta = OVERLAP
    ) -> str:
        """A new secret, which is never shown again; for the overlap deliveries are signed with the old one as well.

        Raises:
            SubscriptionNotFound: There is none with this id.
            SubscriptionRefused: The secret or the overlap cannot be used.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise SubscriptionRefused("overlap_seconds", f"must be from 0 to {LONGEST_OVERLAP.total_seconds():.0f}")
        if secret is not None:
            check_secret(secret)
        key = secret or new_secret()
        now = self._clock.now()
        await self._database.write(store_subscriptions.rotate_secret, subscription_id, key, now, overlap)
        return key

    async def test(self, subscription_id: str) -> Tested:
        """Send an event of type `subscription.test` now, once, whatever the subscription's filter and state.

        Raises:
            SubscriptionNotFound: There is none with this id.
        """
        began = self._clock.now()
        subscription = await self.get(subscription_id)
        keys = await self._database.read(store_subscriptions.valid_secrets, subscription_id, began)
        event = _test_event(subscription, began)
        body = body_of(event, self._source)
        answer = await self._sender.send(subscription.url, signed_headers(keys, event.event_id, began, body), body)
        ended = self._clock.now()
        is_delivered = answer.outcome is Outcome.DELIVERED
        done = WrittenTry(
            delivery_id=0,
            started_at=began,
            ended_at=ended,
            outcome=answer.outcome,
            status=answer.status,
            answer=answer.text,
            state=DeliveryState.DELIVERED if is_delivered else DeliveryState.DEAD,
            not_before=ended,
        )
        row = store_deliveries.row_of(subscription, event, self._source, began)
        number = await self._database.write(store_deliveries.add_closed, row, done)
        return Tested(delivery_id=number, answer=answer, seconds=(ended - began).total_seconds())

    async def deliveries(
        self, subscription_id: str, *, states: tuple[DeliveryState, ...] = (), before: int | None = None, limit: int
    ) -> list[Delivery]:
        """Deliveries, newest first; `before`: only those with smaller numbers.

        Raises:
            SubscriptionNotFound: There is none with this id.
        """
        await self.get(subscription_id)
        return await self._database.read(store_deliveries.page, subscription_id, states, before, limit)

    async def delivery(self, subscription_id: str, delivery_id: int) -> tuple[Delivery, list[Try]]:
        """A delivery and its tries.

        Raises:
            SubscriptionNotFound: There is no such delivery.
        """
        found = await self._database.read(store_deliveries.find, subscription_id, delivery_id)
        return found, await self._database.read(store_deliveries.tries_of, delivery_id)

    async def redeliver(self, subscription_id: str, delivery_id: int | None = None) -> int:
        """Send a delivery again, or every dead one. Returns how many.

        Raises:
            SubscriptionNotFound: There is no such subscription or delivery.
        """
        await self.get(subscription_id)
        return await self._database.write(store_deliveries.reopen, subscription_id, delivery_id, self._clock.now())

    async def replay(self, subscription_id: str, since: datetime) -> int:
        """Send every wanted event that happened at this time or later, whether it was sent before or not.

        In transactions of some hundred events each: others write in between.

        Raises:
            SubscriptionNotFound: There is none with this id.
        """
        subscription = await self.get(subscription_id)
        position: int | None = await self._database.read(log.position_before, since)
        count = 0
        while position is not None:
            made, position = await self._database.write(
                store_deliveries.replay, subscription, self._source, position, REPLAYED_AT_ONCE, self._clock.now()
            )
            count += made
        return count

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many subscriptions and deliveries there are in each state."""
        return await self._database.read(store_subscriptions.counts)

    async def _set_state(self, subscription_id: str, state: SubscriptionState, reason: str) -> Subscription:
        now = self._clock.now()
        return await self._database.write(store_subscriptions.set_state, subscription_id, state, reason, now)


def _check_name(name: str) -> None:
    if len(name) > NAME_LIMIT or "\x00" in name:
        raise SubscriptionRefused("display_name", f"must have at most {NAME_LIMIT} characters")


def _test_event(subscription: Subscription, now: datetime) -> Event:
    return Event(
        position=0,
        event_id=str(uuid4()),
        type=EventType.SUBSCRIPTION_TEST,
        subject=subscription.subscription_id,
        at=now,
        run_id="",
        job_id="",
        pipeline_id="",
        pipeline_name="",
        pipeline_version_id="",
        version_name="",
        experiment_id="",
        experiment_name="",
        state="",
        data={"display_name": subscription.display_name, "detail": "This is a test."},
        traceparent="",
    )
