"""Events: `client.events`. What has happened in pages, what happens as a stream that comes back by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, Unpack

import orjson
from httpx_sse import EventSource, ServerSentEvent

from kfadapter.client.calls import Answer, Call, nothing, path, reader
from kfadapter.client.errors import ClientError, NoAnswer
from kfadapter.client.transport import AsyncSender, Sender

RECONNECT_SECONDS = 2.0


class EventCriteria(TypedDict, total=False):
    """Which events are wanted: those that meet every criterion; one of its values has to fit (docs/events.md)."""

    types: Sequence[str]
    pipelines: Sequence[str]
    experiments: Sequence[str]
    runs: Sequence[str]
    jobs: Sequence[str]
    states: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Event:
    """A CloudEvent; `data` holds run, training job, pipeline, experiment, state and what else is known."""

    id: str
    source: str
    type: str
    time: datetime
    sequence: str
    subject: str = ""
    traceparent: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """Its place in the order of events."""
        return int(self.sequence)


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """Events, oldest first; the next ones come after `next_after`."""

    events: tuple[Event, ...]
    next_after: int
    has_more: bool
    oldest: int
    latest: int


class EventsMissed(ClientError):
    """Events that were to come next are not kept any more.

    Attributes:
        oldest: The first that is kept; go on after the position before it.
    """

    def __init__(self, detail: str, oldest: int) -> None:
        super().__init__(detail)
        self.oldest = oldest


def page_call(
    *, after: int | None = None, since: datetime | None = None, page_size: int = 100, **criteria: Unpack[EventCriteria]
) -> Call[EventPage]:
    """A page of events."""
    place = {"after": after, "since": None if since is None else since.isoformat(), "page_size": page_size}
    return Call(method="GET", path=path("events"), params={**_query(criteria), **place}, read=reader(EventPage))


def stream_call(after: int | None, criteria: EventCriteria) -> Call[None]:
    """The stream after a position; None: from now on."""
    params = {**_query(criteria), "after": after}
    return Call(method="GET", path=path("events"), params=params, accept="text/event-stream", read=nothing)


class Events:
    """What happens. Raises ClientError."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def page(
        self,
        *,
        after: int | None = None,
        since: datetime | None = None,
        page_size: int = 100,
        **criteria: Unpack[EventCriteria],
    ) -> EventPage:
        """Events after a position or since a time; with neither, the newest."""
        return self._send(page_call(after=after, since=since, page_size=page_size, **criteria))

    def follow(self, *, after: int | None = None, **criteria: Unpack[EventCriteria]) -> Iterator[Event]:
        """What happens, for ever: from now on, or after a position. A connection that ends is made again.

        Raises:
            EventsMissed: Events that were to come next are not kept any more.
            Refused: The adapter does not take the question.
        """
        place = after
        while True:
            try:
                with self._send.stream(stream_call(place, criteria)) as response:
                    for block in EventSource(response).iter_sse():
                        place = _place(block, place)
                        yield from _events(block)
            except NoAnswer:
                pass  # it is restarted, or the way there is broken: both pass
            time.sleep(RECONNECT_SECONDS)


class AsyncEvents:
    """The same as `Events`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def page(
        self,
        *,
        after: int | None = None,
        since: datetime | None = None,
        page_size: int = 100,
        **criteria: Unpack[EventCriteria],
    ) -> EventPage:
        """As `Events.page`."""
        return await self._send(page_call(after=after, since=since, page_size=page_size, **criteria))

    async def follow(self, *, after: int | None = None, **criteria: Unpack[EventCriteria]) -> AsyncIterator[Event]:
        """As `Events.follow`."""
        place = after
        while True:
            try:
                async with self._send.stream(stream_call(place, criteria)) as response:
                    async for block in EventSource(response).aiter_sse():
                        place = _place(block, place)
                        for event in _events(block):
                            yield event
            except NoAnswer:
                pass  # it is restarted, or the way there is broken: both pass
            await asyncio.sleep(RECONNECT_SECONDS)


def _query(criteria: EventCriteria) -> dict[str, list[str]]:
    return {name.removesuffix("s"): list(values) for name, values in criteria.items() if isinstance(values, Sequence)}


def _place(block: ServerSentEvent, before: int | None) -> int | None:
    return int(block.id) if block.id.isdecimal() else before


def _events(block: ServerSentEvent) -> list[Event]:
    if not block.data:
        return []
    if block.event == "reset":
        facts = orjson.loads(block.data)
        raise EventsMissed(facts["detail"], facts["oldest"])
    return [reader(Event)(Answer(status=200, headers={}, body=block.data.encode()))]
