"""A clock that a test turns by hand."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands still until `advance`; those who sleep wake in the order of their times.

    Use it on one event loop. `now` may be called from anywhere.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._numbers = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._came = asyncio.Condition()
        self._begun = 0

    def now(self) -> datetime:
        """The time this clock shows."""
        return self._now

    @property
    def sleepers(self) -> int:
        """How many sleep now."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by so much."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._numbers), sleeper))
        self._begun += 1
        async with self._came:
            self._came.notify_all()
        await sleeper

    def advance(self, seconds: float) -> None:
        """Turn the clock on and wake those whose time has come."""
        target = self._now + timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, sleeper = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            if not sleeper.done():
                sleeper.set_result(None)
        self._now = target

    async def sleeping(self, count: int = 1, *, within: float = 10.0) -> None:
        """Wait, in real time, until at least so many sleep.

        Raises:
            TimeoutError: They did not in `within` seconds.
        """
        async with asyncio.timeout(within), self._came:
            await self._came.wait_for(lambda: self.sleepers >= count)

    async def slept(self, count: int, *, within: float = 10.0) -> None:
        """Wait, in real time, until at least so many sleeps have begun since the start, those that are over included.

        Raises:
            TimeoutError: They did not in `within` seconds.
        """
        async with asyncio.timeout(within), self._came:
            await self._came.wait_for(lambda: self._begun >= count)
