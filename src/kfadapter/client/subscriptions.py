"""Subscriptions: `client.subscriptions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kfadapter.client.calls import Call, nothing, path, reader
from kfadapter.client.events import Event, EventCriteria
from kfadapter.client.transport import AsyncSender, Sender


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Who is told of events; `secret` only where it was just made."""

    subscription_id: str
    display_name: str
    url: str
    filter: Mapping[str, tuple[str, ...]]
    state: str
    reason: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    delivered_at: datetime | None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Try:
    """One try to deliver."""

    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None
    answer: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one subscription; `event` and `tries` where one delivery was asked for."""

    delivery_id: int
    subscription_id: str
    event_id: str
    event_type: str
    subject: str
    state: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    first_attempt_at: datetime | None
    closed_at: datetime | None
    last_outcome: str | None
    last_status: int | None
    last_answer: str | None
    event: Event | None = None
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeliveryPage:
    """Deliveries, newest first."""

    deliveries: tuple[Delivery, ...]
    next_page_token: str


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a receiver answered to a test."""

    delivery_id: int
    outcome: str
    status: int | None
    answer: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _All:
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, kw_only=True)
class _Rotated:
    secret: str


@dataclass(frozen=True, kw_only=True)
class _Again:
    deliveries: int


def create_call(url: str, display_name: str, wanted: EventCriteria | None, secret: str | None) -> Call[Subscription]:
    """A creation."""
    document: dict[str, Any] = {"url": url, "display_name": display_name, "filter": dict(wanted or {})}
    if secret is not None:
        document["secret"] = secret
    return Call(method="POST", path=path("subscriptions"), document=document, read=reader(Subscription))


def list_call() -> Call[_All]:
    """All subscriptions."""
    return Call(method="GET", path=path("subscriptions"), read=reader(_All))


def get_call(subscription_id: str) -> Call[Subscription]:
    """A subscription."""
    return Call(method="GET", path=path("subscriptions", subscription_id), read=reader(Subscription))


def change_call(
    subscription_id: str, url: str | None, display_name: str | None, wanted: EventCriteria | None
) -> Call[Subscription]:
    """A change of what is given."""
    values = {"url": url, "display_name": display_name, "filter": None if wanted is None else dict(wanted)}
    document = {name: value for name, value in values.items() if value is not None}
    target = path("subscriptions", subscription_id)
    return Call(method="PATCH", path=target, document=document, read=reader(Subscription))


def delete_call(subscription_id: str) -> Call[None]:
    """A deletion."""
    return Call(method="DELETE", path=path("subscriptions", subscription_id), read=nothing)


def verb_call(subscription_id: str, verb: str) -> Call[Subscription]:
    """`pause` or `resume`."""
    return Call(method="POST", path=path("subscriptions", f"{subscription_id}:{verb}"), read=reader(Subscription))


def trial_call(subscription_id: str) -> Call[Tested]:
    """A test."""
    return Call(method="POST", path=path("subscriptions", f"{subscription_id}:test"), read=reader(Tested))


def rotate_call(subscription_id: str, overlap_seconds: float) -> Call[_Rotated]:
    """A new secret."""
    target = path("subscriptions", f"{subscription_id}:rotateSecret")
    return Call(method="POST", path=target, document={"overlap_seconds": overlap_seconds}, read=reader(_Rotated))


def deliveries_call(subscription_id: str, states: Sequence[str], page_size: int, page_token: str) -> Call[DeliveryPage]:
    """A page of deliveries."""
    params = {"state": list(states), "page_size": page_size, "page_token": page_token}
    target = path("subscriptions", subscription_id, "deliveries")
    return Call(method="GET", path=target, params=params, read=reader(DeliveryPage))


def delivery_call(subscription_id: str, delivery_id: int) -> Call[Delivery]:
    """A delivery with its event and tries."""
    target = path("subscriptions", subscription_id, "deliveries", str(delivery_id))
    return Call(method="GET", path=target, read=reader(Delivery))


def redeliver_call(subscription_id: str, delivery_id: int | None, since: datetime | None) -> Call[_Again]:
    """Sends again: one delivery, all wanted events since a time, or every dead delivery."""
    if since is not None:
        document = {"since": since.isoformat()}
        target = path("subscriptions", f"{subscription_id}:replay")
        return Call(method="POST", path=target, document=document, read=reader(_Again))
    if delivery_id is not None:
        target = path("subscriptions", subscription_id, "deliveries", f"{delivery_id}:redeliver")
    else:
        target = path("subscriptions", f"{subscription_id}:redeliver")
    return Call(method="POST", path=target, read=reader(_Again))


class Subscriptions:
    """Who is told of events over HTTP. Raises ClientError; its kinds are in docs/client.md."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def create(
        self, url: str, *, display_name: str = "", filter: EventCriteria | None = None, secret: str | None = None
    ) -> Subscription:
        """Make a subscription; its `secret` is not shown again."""
        return self._send(create_call(url, display_name, filter, secret))

    def list(self) -> tuple[Subscription, ...]:
        """All of them, oldest first."""
        return self._send(list_call()).subscriptions

    def get(self, subscription_id: str) -> Subscription:
        """A subscription."""
        return self._send(get_call(subscription_id))

    def change(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        display_name: str | None = None,
        filter: EventCriteria | None = None,
    ) -> Subscription:
        """Change what is given; a filter is replaced as a whole, `{}` wants everything."""
        return self._send(change_call(subscription_id, url, display_name, filter))

    def delete(self, subscription_id: str) -> None:
        """Delete a subscription and the record of its deliveries."""
        self._send(delete_call(subscription_id))

    def pause(self, subscription_id: str) -> Subscription:
        """Send nothing; events are collected."""
        return self._send(verb_call(subscription_id, "pause"))

    def resume(self, subscription_id: str) -> Subscription:
        """Send again."""
        return self._send(verb_call(subscription_id, "resume"))

    def test(self, subscription_id: str) -> Tested:
        """Send a test event now."""
        return self._send(trial_call(subscription_id))

    def rotate_secret(self, subscription_id: str, *, overlap_seconds: float = 86400.0) -> str:
        """A new secret; the old one signs as well for the overlap."""
        return self._send(rotate_call(subscription_id, overlap_seconds)).secret

    def deliveries(
        self, subscription_id: str, *, states: Sequence[str] = (), page_size: int = 50, page_token: str = ""
    ) -> DeliveryPage:
        """Deliveries, newest first."""
        return self._send(deliveries_call(subscription_id, states, page_size, page_token))

    def delivery(self, subscription_id: str, delivery_id: int) -> Delivery:
        """A delivery with its event and its tries."""
        return self._send(delivery_call(subscription_id, delivery_id))

    def redeliver(self, subscription_id: str, delivery_id: int | None = None, *, since: datetime | None = None) -> int:
        """Send again: one delivery, all wanted events since a time, or every dead delivery. Returns how many."""
        return self._send(redeliver_call(subscription_id, delivery_id, since)).deliveries


class AsyncSubscriptions:
    """The same as `Subscriptions`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def create(
        self, url: str, *, display_name: str = "", filter: EventCriteria | None = None, secret: str | None = None
    ) -> Subscription:
        """As `Subscriptions.create`."""
        return await self._send(create_call(url, display_name, filter, secret))

    async def list(self) -> tuple[Subscription, ...]:
        """As `Subscriptions.list`."""
        return (await self._send(list_call())).subscriptions

    async def get(self, subscription_id: str) -> Subscription:
        """As `Subscriptions.get`."""
        return await self._send(get_call(subscription_id))

    async def change(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        display_name: str | None = None,
        filter: EventCriteria | None = None,
    ) -> Subscription:
        """As `Subscriptions.change`."""
        return await self._send(change_call(subscription_id, url, display_name, filter))

    async def delete(self, subscription_id: str) -> None:
        """As `Subscriptions.delete`."""
        await self._send(delete_call(subscription_id))

    async def pause(self, subscription_id: str) -> Subscription:
        """As `Subscriptions.pause`."""
        return await self._send(verb_call(subscription_id, "pause"))

    async def resume(self, subscription_id: str) -> Subscription:
        """As `Subscriptions.resume`."""
        return await self._send(verb_call(subscription_id, "resume"))

    async def test(self, subscription_id: str) -> Tested:
        """As `Subscriptions.test`."""
        return await self._send(trial_call(subscription_id))

    async def rotate_secret(self, subscription_id: str, *, overlap_seconds: float = 86400.0) -> str:
        """As `Subscriptions.rotate_secret`."""
        return (await self._send(rotate_call(subscription_id, overlap_seconds))).secret

    async def deliveries(
        self, subscription_id: str, *, states: Sequence[str] = (), page_size: int = 50, page_token: str = ""
    ) -> DeliveryPage:
        """As `Subscriptions.deliveries`."""
        return await self._send(deliveries_call(subscription_id, states, page_size, page_token))

    async def delivery(self, subscription_id: str, delivery_id: int) -> Delivery:
        """As `Subscriptions.delivery`."""
        return await self._send(delivery_call(subscription_id, delivery_id))

    async def redeliver(
        self, subscription_id: str, delivery_id: int | None = None, *, since: datetime | None = None
    ) -> int:
        """As `Subscriptions.redeliver`."""
        return (await self._send(redeliver_call(subscription_id, delivery_id, since))).deliveries
