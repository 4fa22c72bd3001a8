"""Carries a run's events from its file to the sink: in order, none lost, however often the sink fails."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from kfadapter.clock import Clock
from kfadapter.engine.running.events import Event, EventReader, RunSink
from kfadapter.errors import EngineError

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

log = structlog.get_logger()


class Follower:
    """Follows one run's events file.

    Attributes:
        end_state: The state in `run.finished`, once that has been delivered; else empty.
    """

    def __init__(
        self,
        run_id: str,
        path: Path,
        offset: int,
        sink: RunSink,
        clock: Clock,
        threads: ThreadPoolExecutor,
        *,
        is_forgotten: Callable[[], bool],
    ) -> None:
        self._run_id = run_id
        self._reader = EventReader(path, offset)
        self._sink = sink
        self._clock = clock
        self._threads = threads
        self._is_forgotten = is_forgotten
        self.end_state = ""

    @property
    def has_seen_the_end(self) -> bool:
        """Whether the last event delivered ends the run."""
        return bool(self.end_state)

    async def end_with(self, end: Event) -> None:
        """Deliver what is left in the file, and the end itself when it is not among that.

        A file that was lost or damaged has no end for this follower; the event gets a number beyond all that were
        delivered, since no event is shorter than a byte.
        """
        with contextlib.suppress(EngineError):
            await self.drain()
        if not self.has_seen_the_end:
            await self.deliver([replace(end, seq=self._reader.offset + end.seq)])

    async def drain(self) -> None:
        """Deliver everything that is in the file by now.

        Raises:
            EngineError: The file holds something else than events.
        """
        loop = asyncio.get_running_loop()
        while events := await loop.run_in_executor(self._threads, self._reader.read):
            await self.deliver(events)

    async def deliver(self, events: Sequence[Event]) -> None:
        """Hand events to the sink, again and again until it takes them."""
        apply = partial(self._sink.apply, self._run_id, events, self._reader.offset)
        pause, loop = FIRST_PAUSE_SECONDS, asyncio.get_running_loop()
        while not self._is_forgotten():
            try:
                await loop.run_in_executor(self._threads, apply)
                break
            except Exception:  # whatever the sink's trouble is, the events must not be lost
                log.exception("events not taken", action="events_not_taken", run_id=self._run_id)
            await self._clock.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        last = events[-1]
        self.end_state = str(last.data.get("state", "")) if last.type == "run.finished" else ""
