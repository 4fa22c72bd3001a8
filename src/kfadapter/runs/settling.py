"""Starts whose outcome was not known when their caller was answered: looked up until it is.

The run is asked for by its id; it is never created again. Found: it is there. Not found for long enough: it is not. A
run that comes even later, from a call that was stuck on its way, is ended if its start has been repeated since.
"""

from datetime import timedelta

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, KubeflowConflict, KubeflowError, KubeflowNotFound
from kfadapter.runs.recurring import Recurring
from kfadapter.runs.sightings import SeenRuns
from kfadapter.runs.starts import Start, StartBook, StartState

FEW = 5
PAUSE = 5

log = structlog.get_logger(__name__)


class Settler:
    """Looks after starts.

    Args:
        lookup_seconds: A run that Kubeflow does not have so long after it was to be created was not created.
        poll_seconds: The usual pause; starts are looked at after several of them.
    """

    def __init__(
        self,
        runs: SeenRuns,
        book: StartBook,
        recurring: Recurring,
        clock: Clock,
        *,
        lookup_seconds: float,
        poll_seconds: float,
    ) -> None:
        self._recurring = recurring
        self._runs = runs
        self._book = book
        self._clock = clock
        self._lookup = timedelta(seconds=lookup_seconds)
        self._pause_seconds = poll_seconds * PAUSE

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
                await self._recurring.recover()
            except (KubeflowError, DatabaseError) as exc:
                log.info("starts cannot be settled now", action="settle_waits", reason=str(exc))
            except Exception:  # the outermost frame of the loop: one bad round must not end it
                log.exception("settling starts failed", action="settle_failed")
            await self._clock.sleep(self._pause_seconds)

    async def look(self) -> None:
        """Look at a few starts.

        Raises:
            KubeflowError: Kubeflow is away, which is no news.
        """
        for start in await self._book.unsettled(FEW):
            try:
                run = await self._runs.get(start.run_id)
            except KubeflowNotFound:
                await self._missing(start)
            else:
                await self._found(start, run.has_ended)

    async def _missing(self, start: Start) -> None:
        await self._book.looked(start.run_id)
        is_open = start.state in (StartState.INTENDED, StartState.UNCERTAIN)
        if is_open and self._clock.now() - start.intended_at >= self._lookup:
            reason = start.reason or "the service ended while the run was being started"
            await self._book.settle(start.run_id, StartState.NOT_STARTED, reason)
            log.warning("run was not started", action="start_given_up", run_id=start.run_id, reason=reason)

    async def _found(self, start: Start, has_ended: bool) -> None:
        if start.state is StartState.ABANDONED and not has_ended:
            log.error("a run came too late and is terminated", action="start_too_late", run_id=start.run_id)
            try:
                await self._runs.terminate(start.run_id)
            except KubeflowConflict:
                log.info("it has ended already", action="start_too_late", run_id=start.run_id)
        await self._book.settle(start.run_id, StartState.STARTED)
