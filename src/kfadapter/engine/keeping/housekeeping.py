"""The loop that does the engine's housekeeping while it runs."""

import asyncio
import contextlib
import threading
from datetime import timedelta

import structlog

from kfadapter.clock import Clock
from kfadapter.engine.keeping.sweep import Sweep

FIRST_SECONDS = 60.0
EVERY_SECONDS = 3600.0
SPARE = timedelta(minutes=10)
"""A run that ended so lately is not removed by the loop."""

_logger = structlog.get_logger(__name__)


class Housekeeping:
    """Sweeps every hour, and a minute after the start."""

    def __init__(self, sweep: Sweep, clock: Clock) -> None:
        self._sweep = sweep
        self._clock = clock
        self._is_stopped = threading.Event()
        self._round: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the store is open."""
        self._task = asyncio.create_task(self._sweep_forever(), name="engine-housekeeping")

    async def stop(self) -> None:
        """End, once what is being removed is gone."""
        self._is_stopped.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._round is not None:
            await asyncio.gather(self._round, return_exceptions=True)

    async def _sweep_forever(self) -> None:
        await self._clock.sleep(FIRST_SECONDS)
        while True:
            self._round = asyncio.ensure_future(asyncio.to_thread(self._sweep_once))
            try:
                await asyncio.shield(self._round)
            except Exception as exc:  # noqa: BLE001 - the loop's outermost frame: the next round may go better
                _logger.error("housekeeping failed", action="engine_housekeeping_failed", error=repr(exc))
            await self._clock.sleep(EVERY_SECONDS)

    def _sweep_once(self) -> None:
        for removal in self._sweep.clear(self._clock.now(), self._is_stopped.is_set):
            say = _logger.info if removal.is_gone else _logger.warning
            event = "removed" if removal.is_gone else "not removed"
            say(event, action="engine_housekeeping", **removal.what.to_json())
