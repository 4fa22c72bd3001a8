"""The telling of subscribers, on a real database and real sockets, with a clock that is turned by hand."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Self

from kfadapter.database.transactions import Transactions
from kfadapter.events.addresses import Addresses
from kfadapter.events.courier import Courier
from kfadapter.events.filters import EventFilter
from kfadapter.events.records import NewEvent
from kfadapter.events.retries import RetryPolicy
from kfadapter.events.sender import LookUp, Sender
from kfadapter.events.subscribers import Subscribers
from kfadapter.events.subscriptions import Delivery, Subscription
from kfadapter.events.tail import Tail
from kfadapter.testing.clock import ManualClock
from support.events import add

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Post:
    """One process's part; several may share a database. Its loops do not run: tests call `tell` and `deliver`."""

    def __init__(
        self,
        url: str,
        clock: ManualClock | None = None,
        *,
        networks: Sequence[str] = LOOPBACK,
        hosts: Sequence[str] = (),
        look_up: LookUp | None = None,
        timeout_seconds: float = 5.0,
        claimant: str | None = None,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.clock = clock or ManualClock(datetime.now(UTC))  # receivers refuse times that are not theirs
        self.database = Transactions.open(url)
        self.tail = Tail(self.database, self.clock, source="urn:test")
        addresses = Addresses.of(hosts, networks)
        self.sender = Sender(addresses, timeout_seconds=timeout_seconds, look_up=look_up)
        self.subscribers = Subscribers(self.database, self.sender, addresses, self.clock, source="urn:test")
        self.courier = Courier(
            self.database,
            self.tail,
            self.sender,
            self.clock,
            source="urn:test",
            policy=policy or RetryPolicy(),
            drain_seconds=0.1,
            chance=lambda: 0.5,
            claimant=claimant,
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.sender)
        await self.tail.advance()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self.database.close()

    async def subscribe(self, url: str, secret: str | None = None, **criteria: Any) -> tuple[Subscription, str]:
        return await self.subscribers.create(url=url, wanted=EventFilter.of(criteria), secret=secret)

    async def tell(self, *events: NewEvent) -> None:
        """Let something happen and become deliveries."""
        await add(self.database, *events)
        await self.tail.advance()
        await self.courier.route()

    async def deliver(self, after: float = 0) -> None:
        """Send what is due after so many seconds."""
        self.clock.advance(after)
        await self.courier.deliver_due()

    async def deliveries(self, subscription: Subscription) -> list[Delivery]:
        """All of them, oldest first."""
        return (await self.subscribers.deliveries(subscription.subscription_id, limit=1000))[::-1]

    async def fresh(self, subscription: Subscription) -> Subscription:
        return await self.subscribers.get(subscription.subscription_id)
