"""Recurring runs that really fire: one loop that sleeps until the next slot, or until something has changed."""

import asyncio
import contextlib

import structlog

from kfadapter.clock import Clock
from kfadapter.engine.runs import Runs
from kfadapter.engine.store.database import Store
from kfadapter.engine.store.schedules import due_runs, next_moment, resume
from kfadapter.errors import KFAdapterError

LONGEST_SLEEP_SECONDS = 60.0
"""The machine may be suspended or its clock set, which a sleep does not notice."""
AFTER_FAILURE_SECONDS = 5.0

_logger = structlog.get_logger(__name__)


class Firing:
    """Starts the runs of recurring runs when they are due.

    `changed` is called from the event loop or, `changed_elsewhere`, from any thread, when a recurring run may be due
    sooner than was known: one was made or switched on, or a run has ended that others waited for.
    """

    def __init__(self, store: Store, runs: Runs, clock: Clock) -> None:
        self._store = store
        self._runs = runs
        self._clock = clock
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the store is open."""
        self._loop = asyncio.get_running_loop()
        await self._store.write(resume, self._now())
        self._task = asyncio.create_task(self._fire_forever(), name="engine-firing")

    async def stop(self) -> None:
        """End. What is due fires after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def changed(self) -> None:
        """Look again."""
        self._news.set()

    def changed_elsewhere(self) -> None:
        """Look again; for callers in threads."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(self._news.set)

    async def _fire_forever(self) -> None:
        while True:
            self._news.clear()
            try:
                seconds = await self._fire_due()
            except Exception as exc:  # noqa: BLE001 - the loop's outermost frame: schedules go on whatever happens
                _logger.error("recurring runs not started", action="engine_firing_failed", error=repr(exc))
                seconds = AFTER_FAILURE_SECONDS
            await self._rest(seconds)

    async def _fire_due(self) -> float:
        """Start what is due; so many seconds until there is something to do again."""
        while due := await self._store.read(due_runs, self._now()):
            started = 0
            for each in due:
                try:
                    started += await self._runs.start_due(each)
                except KFAdapterError as exc:
                    recurring_run_id, reason = each.recurring_run_id, str(exc)
                    _logger.error(
                        "recurring run not started",
                        action="engine_firing_failed",
                        recurring_run_id=recurring_run_id,
                        error=reason,
                    )
            if not started:
                return AFTER_FAILURE_SECONDS
        now = self._clock.now().timestamp()
        moment = await self._store.read(next_moment, int(now))
        return LONGEST_SLEEP_SECONDS if moment is None else min(max(0.0, moment - now), LONGEST_SLEEP_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Sleep, but not longer than until there are news."""
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait((sleep, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            news.cancel()

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
