"""The end of the log, read once for everybody: readers follow it from memory, and from the log when they are behind.

No reader has a queue. Each asks for what comes after the place it has reached, so a slow one costs nothing but its
place, and reads pages of the log again once the newest events in memory have moved past it.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import structlog
from sqlalchemy import Connection

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError, EventsForgotten
from kfadapter.events import log as event_log
from kfadapter.events.envelope import body_of
from kfadapter.events.filters import EventFilter
from kfadapter.events.log_conditions import condition
from kfadapter.events.records import Event

# Another process's events are looked for so often; this process's own are heard of at once.
LOOK_SECONDS = 0.5
FAILED_PAUSE_SECONDS = 1.0
PAGE = 500
KEPT_EVENTS = 5000
KEPT_BYTES = 8 * 1024 * 1024
CATCH_UPS_AT_ONCE = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class TailedEvent:
    """An event with its CloudEvent in JSON, which all readers share."""

    event: Event
    body: bytes

    @cached_property
    def frame(self) -> bytes:
        """The event as Server-Sent Events have it; `body` is one line."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.event.position, self.event.type.encode(), self.body)


@dataclass(frozen=True, kw_only=True)
class Span:
    """What was found after a place.

    Attributes:
        events: Those that are wanted, oldest first.
        through: All up to this position has been looked at; the place to go on from.
        is_end: There is nothing after that yet.
    """

    events: list[TailedEvent]
    through: int
    is_end: bool


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What the log holds: positions after `forgotten`, up to `latest`."""

    forgotten: int
    latest: int

    def place(self, after: int) -> int:
        """A place to read on from. 0 is the beginning of what is kept.

        Raises:
            EventsForgotten: Events after that place are not kept any more, or it lies in a future no log has had.
        """
        if 0 < after < self.forgotten or after > self.latest:
            raise EventsForgotten(after, self.forgotten + 1, self.latest)
        return max(after, self.forgotten)


class Tail:
    """Follows the log; several readers ask it. Its `run` is one of the service's loops.

    Args:
        source: The CloudEvents attribute `source`.
    """

    def __init__(self, database: Transactions, clock: Clock, *, source: str) -> None:
        self._database = database
        self._clock = clock
        self._source = source
        self._recent: deque[TailedEvent] = deque()
        self._recent_bytes = 0
        self._floor = 0  # what lies after this, up to `_end`, is in memory
        self._end = 0
        self._has_begun = False
        self._changed = asyncio.Event()
        self._catch_ups = asyncio.Semaphore(CATCH_UPS_AT_ONCE)

    @property
    def end(self) -> int:
        """The newest position taken up."""
        return self._end

    async def run(self) -> None:
        """Follow for ever."""
        appended = self._database.listen(event_log.APPENDED)
        while True:
            appended.clear()
            try:
                await self.advance()
            except DatabaseError as exc:
                log.warning("events cannot be read", action="tail_failed", reason=str(exc))
                await self._clock.sleep(FAILED_PAUSE_SECONDS)
                continue
            await until(appended.wait, self._clock, LOOK_SECONDS)

    async def advance(self) -> None:
        """Take up what has been appended since the last time."""
        if not self._has_begun:
            self._floor = self._end = (await self.extent()).latest
            self._has_begun = True
        if not self._database.is_sqlite and await self._database.read(event_log.has_unplaced):
            while await self._database.write(event_log.place_new) == event_log.PLACED_AT_ONCE:
                pass
        is_end = False
        while not is_end:
            new = await self._database.read(event_log.read_after, self._end, PAGE)
            if new:
                self._take_up(new)
            is_end = len(new) < PAGE  # what is appended meanwhile wakes us again

    async def extent(self) -> Extent:
        """What the log holds now."""
        return await self._database.read(
            lambda connection: Extent(
                forgotten=event_log.forgotten_position(connection), latest=event_log.last_position(connection)
            )
        )

    async def position_before(self, at: datetime) -> int:
        """The position after which everything is that happened at this time or later."""
        return await self._database.read(event_log.position_before, at)

    async def after(self, position: int, wanted: EventFilter) -> Span:
        """What is wanted after a place. Looks at a bounded number of events a call.

        Raises:
            EventsForgotten: Events after that place are not kept any more.
        """
        if self._has_begun and self._floor <= position:
            return self._from_memory(position, wanted)
        async with self._catch_ups:
            return await self.page(position, wanted, PAGE)

    async def page(self, position: int, wanted: EventFilter, size: int) -> Span:
        """Up to so many wanted events after a place, from the log itself.

        Raises:
            EventsForgotten: Events after that place are not kept any more.
        """

        def look(connection: Connection) -> Span:
            latest = event_log.last_position(connection)  # first: what is appended meanwhile must not be passed
            found = event_log.read_after(connection, position, size, condition(wanted))
            forgotten = event_log.forgotten_position(connection)  # last: nothing may have gone before it was read
            if position < forgotten:
                raise EventsForgotten(position, forgotten + 1, latest)
            is_end = len(found) < size
            through = found[-1].position if found else position
            return self._span(found, max(through, latest) if is_end else through, is_end=is_end)

        return await self._database.read(look)

    async def newest(self, wanted: EventFilter, size: int) -> Span:
        """The newest wanted events, oldest first."""

        def look(connection: Connection) -> Span:
            latest = event_log.last_position(connection)
            found = event_log.read_newest(connection, size, condition(wanted))
            return self._span(found, max([latest, *(one.position for one in found)]), is_end=True)

        return await self._database.read(look)

    async def changed(self, position: int) -> None:
        """Return once there is something after this position; at once if there is."""
        while not self._has_begun or self._end <= position:
            await self._changed.wait()

    def _from_memory(self, position: int, wanted: EventFilter) -> Span:
        start = bisect_right(self._recent, position, key=lambda one: one.event.position)
        found = [one for one in list(self._recent)[start : start + PAGE] if wanted.wants(one.event)]
        last = min(start + PAGE, len(self._recent))
        is_end = last == len(self._recent)
        through = self._end if is_end else self._recent[last - 1].event.position
        return Span(events=found, through=max(position, through), is_end=is_end)

    def _span(self, found: list[Event], through: int, *, is_end: bool) -> Span:
        return Span(events=[self._tailed(one) for one in found], through=through, is_end=is_end)

    def _tailed(self, event: Event) -> TailedEvent:
        return TailedEvent(event=event, body=body_of(event, self._source))

    def _take_up(self, new: list[Event]) -> None:
        for event in new:
            tailed = self._tailed(event)
            self._recent.append(tailed)
            self._recent_bytes += len(tailed.body)
        self._end = new[-1].position
        while len(self._recent) > KEPT_EVENTS or self._recent_bytes > KEPT_BYTES:
            gone = self._recent.popleft()
            self._recent_bytes -= len(gone.body)
            self._floor = gone.event.position
        self._changed.set()
        self._changed = asyncio.Event()


async def until(change: Callable[[], Awaitable[object]], clock: Clock, seconds: float) -> bool:
    """Wait for a change, or for so many seconds of the clock. Returns whether the change came."""
    waiting = asyncio.ensure_future(change())
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, timer}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        waiting.cancel()
        timer.cancel()
        await asyncio.gather(waiting, timer, return_exceptions=True)
