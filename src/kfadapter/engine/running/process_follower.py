"""Follows a task's process: takes its output, ends it in time, and notices its end."""

import os
import select
import signal
import subprocess
import time

from kfadapter.engine.running.processes import group_lives, open_pidfd, signal_group
from kfadapter.engine.running.task_log import TaskLog

GRACE_STEP_SECONDS = 0.02
DRAIN_SECONDS = 1.0
BLIND_SECONDS = 0.05
READ_BYTES = 64 * 1024


class ProcessFollower:
    """Watches a process: takes its output, ends it in time, and notices its end.

    Args:
        process: The first of its group.
        log: Takes its output.
        wake: A descriptor that can be read once the task is to end.
        deadline_seconds: It is asked to end after so long; 0: never.
        grace_seconds: Once asked to end, it is killed after so long.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        log: TaskLog,
        wake: int,
        *,
        deadline_seconds: float,
        grace_seconds: float,
    ) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._process = process
        self._log = log
        self._wake = wake
        self._pipe = process.stdout
        self._is_open = True
        self._end_at = time.monotonic() + deadline_seconds if deadline_seconds else None
        self._grace_seconds = grace_seconds
        self._kill_at: float | None = None
        self._reason = ""
        os.set_blocking(self._pipe.fileno(), False)

    def follow(self) -> str:
        """Return once the process has ended (and waits to be reaped): why it was ended, or nothing."""
        pidfd = open_pidfd(self._process.pid)
        poll = select.poll()
        for descriptor in (self._pipe.fileno(), self._wake, *([pidfd] if pidfd is not None else [])):
            poll.register(descriptor, select.POLLIN)
        try:
            while not self._step(poll, pidfd):
                pass
        finally:
            if pidfd is not None:
                os.close(pidfd)
        return self._reason

    @property
    def was_ended(self) -> bool:
        """Whether it did not end by itself."""
        return bool(self._reason)

    def grant_grace(self) -> None:
        """When it was asked to end and its first process has: give the others of its group the rest of their time."""
        while self._kill_at is not None and time.monotonic() < self._kill_at and group_lives(self._process.pid):
            ready, _, _ = select.select([self._pipe] if self._is_open else [], [], [], GRACE_STEP_SECONDS)
            if ready:
                self._read()

    def drain(self) -> None:
        """Take what is still in the pipe, once nobody writes to it any more."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._is_open and time.monotonic() < deadline:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
            if ready:
                self._read()
        self._pipe.close()

    def _step(self, poll: "select.poll", pidfd: int | None) -> bool:
        for descriptor, _ in poll.poll(self._patience(blind=pidfd is None)):
            if descriptor == pidfd:
                return True
            if descriptor == self._wake:
                poll.unregister(self._wake)
                self._ask_to_end("canceled")
            elif not self._read():
                poll.unregister(self._pipe)
        self._look_at_the_time()
        return pidfd is None and _has_ended(self._process.pid)

    def _read(self) -> bool:
        try:
            portion = os.read(self._pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return True
        self._is_open = bool(portion)
        self._log.write(portion)
        return self._is_open

    def _ask_to_end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._end_at = None
        self._kill_at = time.monotonic() + self._grace_seconds
        signal_group(self._process.pid, signal.SIGTERM)

    def _look_at_the_time(self) -> None:
        now = time.monotonic()
        if self._end_at is not None and now >= self._end_at:
            self._ask_to_end("timeout")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            signal_group(self._process.pid, signal.SIGKILL)

    def _patience(self, *, blind: bool) -> int | None:
        times = [moment for moment in (self._end_at, self._kill_at) if moment is not None]
        left = [max(0.0, min(times) - time.monotonic())] if times else []
        limits = [*left, BLIND_SECONDS] if blind else left
        return int(min(limits) * 1000) + 1 if limits else None


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
