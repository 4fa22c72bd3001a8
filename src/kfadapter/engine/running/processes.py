"""Processes as Linux shows them: who lives, who was left behind, and ending exactly those.

A process is told apart from a later one with the same number by its start time in clock ticks. Everything a run starts
carries the run's id in its environment, which is how leftovers are found when nobody is left who knew them.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

RUN_MARKER = "KFADAPTER_RUN_ID"
TASK_MARKER = "KFADAPTER_TASK_ID"
PROC = Path("/proc")
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
SWEEP_SECONDS = 5.0
PAUSE_SECONDS = 0.005


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine did; None when there is no such living process."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in ("Z", "X") else int(fields[19])


def parent(pid: int) -> int | None:
    """The parent of a process, or None when it is gone."""
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def is_alive(pid: int, ticks: int) -> bool:
    """Whether this very process still runs; one that waits to be reaped does not."""
    return start_ticks(pid) == ticks


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name, from `state` on."""
    try:
        content = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return content[content.rindex(")") + 2 :].split()


def all_pids() -> Iterator[int]:
    """Every process there is."""
    return (int(name) for name in os.listdir(PROC) if name.isdigit())


def carries(pid: int, markers: Mapping[str, str]) -> bool:
    """Whether a process was started with all these variables; False when it may not be looked at."""
    try:
        variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return all(f"{name}={value}".encode() in variables for name, value in markers.items())


def end_marked(markers: Mapping[str, str], seconds: float = SWEEP_SECONDS) -> int:
    """Kill every process that carries these markers, until there is none; how many were found.

    Args:
        markers: Variables of the process's environment, all of which it must have with these values.
        seconds: After so long it is given up; what goes on starting processes could go on for ever.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + seconds
    while found := [pid for pid in all_pids() if start_ticks(pid) is not None and carries(pid, markers)]:
        ended.update(found)
        for pid in found:
            kill(pid)
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)
    return len(ended)


def end_session(session: int, seconds: float = SWEEP_SECONDS) -> None:
    """Kill every process of a session whose first process has just ended.

    Only to be called right after that end was seen: as long as the session has processes its number is not given away,
    but later it may belong to somebody else.

    Args:
        seconds: After so long it is given up.
    """
    deadline = time.monotonic() + seconds
    while found := [pid for pid in all_pids() if _session(pid) == session]:
        for pid in found:
            kill(pid)
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)


def _session(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] in ("Z", "X") else int(fields[3])


def kill(pid: int) -> None:
    """Kill a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def signal_group(group: int, number: int) -> None:
    """Signal a process group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def group_lives(group: int) -> bool:
    """Whether a process group has a process that does not only wait to be reaped."""
    stats = (_stat(pid) for pid in all_pids())
    return any(fields is not None and fields[2] == str(group) and fields[0] not in ("Z", "X") for fields in stats)


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the kernel has none to give."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def become_subreaper() -> bool:
    """Have orphaned descendants handed to this process instead of to the machine's first one."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def close_to_others() -> bool:
    """Keep other processes of the same user from looking into this one: its memory, variables and descriptors.

    A process that may trace any other (CAP_SYS_PTRACE, which containers do not have by default) still can.
    """
    return _prctl(PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


class Children:
    """The processes a runner has started itself; every other child was left behind by a task.

    Starting and sweeping exclude each other, so that a process is never taken for a leftover before it is known.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[int] = set()

    def spawn(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a process and know it. It leads a process group of its own."""
        with self._lock:
            process = subprocess.Popen(argv, process_group=0, **options)
            self._known.add(process.pid)
        return process

    def release(self, pid: int) -> None:
        """A known process has been reaped."""
        with self._lock:
            self._known.discard(pid)

    def sweep(self, belongs: Callable[[int], bool], seconds: float = SWEEP_SECONDS) -> int:
        """End the left-behind children that `belongs` picks, with their own children; how many there were.

        Args:
            belongs: Told a process id.
            seconds: After so long it is given up.
        """
        ended: set[int] = set()
        deadline = time.monotonic() + seconds
        while found := self._strays(belongs):
            ended.update(found)
            if time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        return len(ended)

    def _strays(self, belongs: Callable[[int], bool]) -> list[int]:
        with self._lock:
            unknown = [pid for pid in _children() if pid not in self._known]
            living = [pid for pid in unknown if not _reap(pid) and belongs(pid)]
            for pid in living:
                kill(pid)
        return living


def _children() -> list[int]:
    """The children of all threads of this process."""
    try:
        lists = [path.read_text() for path in PROC.glob("self/task/*/children")]
    except OSError:
        lists = []
    if lists:
        return [int(pid) for one in lists for pid in one.split()]
    own = os.getpid()
    return [pid for pid in all_pids() if parent(pid) == own]


def _reap(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
