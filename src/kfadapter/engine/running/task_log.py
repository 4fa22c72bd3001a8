"""A task's log: what it prints, as it prints it, with the middle left out when it is too much."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

LAST_BYTES = 4096
LAST_LINES = 20


class TaskLog:
    """Writes a log file that never grows beyond a limit.

    The first half of the limit is written as it comes. Beyond it the newest bytes go round in a second file, which is
    joined on, behind a line that says how much is missing, when the log is closed. On a full disk the log ends early;
    the task goes on.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._path = path
        self._head_limit = limit_bytes // 2
        self._tail_limit = max(1, limit_bytes - self._head_limit)
        self._head = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._tail = -1
        self._head_bytes = 0
        self._tail_bytes = 0
        self._last = b""
        self._size = 0

    @property
    def total(self) -> int:
        """Bytes that were printed."""
        return self._head_bytes + self._tail_bytes

    @property
    def is_truncated(self) -> bool:
        return self._tail_bytes > self._tail_limit

    def write(self, portion: bytes) -> None:
        """Take what was printed."""
        self._last = (self._last + portion)[-LAST_BYTES:]
        with contextlib.suppress(OSError):
            self._keep(portion)

    def _keep(self, portion: bytes) -> None:
        room = self._head_limit - self._head_bytes
        if room > 0:
            _write_all(self._head, portion[:room])
            self._head_bytes += len(portion[:room])
        if len(portion) > max(0, room):
            self._write_tail(portion[max(0, room) :])

    def note(self, line: str) -> None:
        """Add a line of the engine's own."""
        begin = "" if not self._last or self._last.endswith(b"\n") else "\n"
        self.write(f"{begin}{line}\n".encode())

    def last_lines(self) -> str:
        """The last lines, for an error's message."""
        lines: Sequence[str] = self._last.decode(errors="replace").splitlines()
        whole = lines[1:] if len(self._last) == LAST_BYTES and len(lines) > 1 else lines
        return "\n".join(line for line in whole[-LAST_LINES:] if line.strip())

    def close(self) -> int:
        """Join the two parts; how long the log is. May be repeated."""
        if self._head < 0:
            return self._size
        with contextlib.suppress(OSError):
            self._join()
            self._size = os.fstat(self._head).st_size
        for descriptor in (self._tail, self._head):
            if descriptor >= 0:
                os.close(descriptor)
        self._head = self._tail = -1
        with contextlib.suppress(OSError):  # the task may have changed what is there
            self._tail_path.unlink(missing_ok=True)
        return self._size

    def _join(self) -> None:
        if self._tail >= 0:
            if self.is_truncated:
                missing = self._tail_bytes - self._tail_limit
                _write_all(self._head, f"\n[… {missing} bytes of the log are left out here …]\n".encode())
            for begin, end in self._tail_order():
                self._copy(begin, end)

    @property
    def _tail_path(self) -> Path:
        return self._path.with_suffix(".tail")

    def _write_tail(self, portion: bytes) -> None:
        if self._tail < 0:
            self._tail = os.open(self._tail_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._tail_bytes += len(portion)
        position = (self._tail_bytes - len(portion)) % self._tail_limit
        while portion:
            piece = portion[: self._tail_limit - position]
            os.pwrite(self._tail, piece, position)
            portion, position = portion[len(piece) :], (position + len(piece)) % self._tail_limit

    def _tail_order(self) -> list[tuple[int, int]]:
        if not self.is_truncated:
            return [(0, self._tail_bytes)]
        oldest = self._tail_bytes % self._tail_limit
        return [(oldest, self._tail_limit), (0, oldest)]

    def _copy(self, begin: int, end: int) -> None:
        while begin < end:
            piece = os.pread(self._tail, min(1 << 20, end - begin), begin)
            if not piece:
                return
            _write_all(self._head, piece)
            begin += len(piece)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
