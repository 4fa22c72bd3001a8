"""A run's process as the service sees it: started by it, or by the service that was there before."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import kfadapter
from kfadapter.engine.running.installers import SAFE_PATH
from kfadapter.engine.running.processes import is_alive, open_pidfd, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory, RunnerMark
from kfadapter.engine.running.runner_settings import RunnerSettings

BLIND_SECONDS = 0.1
REAP_SECONDS = 0.005


class RunnerProcess:
    """A process that runs a run. It is in a session of its own and outlives the service.

    Attributes:
        pid: Its number.
        exit_code: Once it has ended: its exit code, negative for a signal; None when it was not our child.
    """

    def __init__(self, pid: int, ticks: int | None) -> None:
        self.pid = pid
        self.exit_code: int | None = None
        self._ticks = ticks
        self._pidfd = open_pidfd(pid)

    @classmethod
    def start(cls, directory: RunDirectory, settings: RunnerSettings) -> "RunnerProcess":
        """Start the process of a run.

        Raises:
            OSError: It cannot be started.
        """
        package = Path(kfadapter.__file__).parents[1]
        variables = {"PATH": SAFE_PATH, "LANG": "C.UTF-8", "PYTHONPATH": str(package)}
        argv = [sys.executable, "-S", "-s", "-P", "-m", "kfadapter.engine.runner", str(directory.path)]
        told = _settings_file(settings)
        try:
            log = (os.POSIX_SPAWN_OPEN, 1, str(directory.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            streams = [(os.POSIX_SPAWN_DUP2, told, 0), log, (os.POSIX_SPAWN_DUP2, 1, 2)]
            reset = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
            # Kept back until the runner can take them: a run that is terminated at once is canceled, not lost.
            held = [signal.SIGTERM, signal.SIGINT]
            pid = os.posix_spawn(
                argv[0], argv, variables, file_actions=streams, setsid=True, setsigmask=held, setsigdef=reset
            )
        finally:
            os.close(told)
        return cls(pid, start_ticks(pid))

    @classmethod
    def adopt(cls, mark: RunnerMark) -> "RunnerProcess":
        """The process that another service started."""
        return cls(mark.pid, mark.start_ticks)

    @property
    def is_alive(self) -> bool:
        return self._ticks is not None and is_alive(self.pid, self._ticks)

    async def ended(self) -> None:
        """Return when it has ended, and reap it when it was our child."""
        try:
            while self.is_alive:
                await self._look()
        finally:
            self.close()
        await self._reap()

    def signal(self, number: int) -> None:
        """Signal it, if it is still this very process."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """End it at once, and reap it when it was our child."""
        self.signal(signal.SIGKILL)
        while self.is_alive:  # noqa: ASYNC110 - whoever waited for its end may have stopped doing so
            await asyncio.sleep(BLIND_SECONDS)
        await self._reap()

    def close(self) -> None:
        """Stop watching."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def describe_end(self) -> str:
        """How it ended, as far as that is known."""
        if self.exit_code is None:
            return "how it ended is not known"
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-self.exit_code).name}"
        return f"ended by signal {-self.exit_code}"

    async def _reap(self) -> None:
        while not self._is_reaped():  # noqa: ASYNC110 - its first thread is seen as ended a moment before the others
            await asyncio.sleep(REAP_SECONDS)

    def _is_reaped(self) -> bool:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # another service's child, or reaped before
            return True
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
        return bool(pid)

    async def _look(self) -> None:
        if self._pidfd is None:
            await asyncio.sleep(BLIND_SECONDS)
            return
        loop, descriptor = asyncio.get_running_loop(), self._pidfd
        seen = asyncio.Event()
        loop.add_reader(descriptor, seen.set)
        try:
            await seen.wait()
        finally:
            loop.remove_reader(descriptor)


def _settings_file(settings: RunnerSettings) -> int:
    """The settings as a file without a name: read once, never on the disk."""
    descriptor = os.memfd_create("runner-settings", os.MFD_CLOEXEC)
    with open(os.dup(descriptor), "wb") as file:
        file.write(json.dumps(settings.to_json()).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
