"""A run that the supervisor cares for now."""

import asyncio
import contextlib
import signal

import structlog

from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_process import RunnerProcess

ENDING_SECONDS = 20.0
"""What a run's process has to end, once its tasks had their grace, before it is killed."""

log = structlog.get_logger()


class ActiveRun:
    """A run that has a process, or is about to.

    Attributes:
        news: Set when there may be events.
        done: Set when nobody cares for it any more.
        process: Its process, once there is one.
        is_forgotten: It is deleted: its events go nowhere.
    """

    def __init__(self, run_id: str, directory: RunDirectory, *, grace_seconds: float) -> None:
        self.run_id = run_id
        self._grace_seconds = grace_seconds
        self.directory = directory
        self.news = asyncio.Event()
        self.done = asyncio.Event()
        self.process: RunnerProcess | None = None
        self.is_forgotten = False
        self._is_ending = False

    async def end_process(self, process: RunnerProcess) -> None:
        """Ask the run's process to end, and kill it when it does not.

        A task may have stopped it, so it is continued too.
        """
        process.signal(signal.SIGCONT)
        process.signal(signal.SIGTERM)
        if self._is_ending:
            return
        self._is_ending = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.done.wait(), self._grace_seconds + ENDING_SECONDS)
            return
        log.warning("runner killed", action="runner_killed", run_id=self.run_id, pid=process.pid)
        process.signal(signal.SIGKILL)
