"""Room on the disk that is kept for the ends of runs: on a full disk they are still written, and new runs are not."""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024


class Reserve:
    """A file that takes room until it is needed."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size
        self._is_held = False

    def take(self) -> None:
        """Hold the room, if there is so much."""
        if self._is_held:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            self._is_held = True
        except OSError:
            self._remove()

    def release(self) -> bool:
        """Give the room up; False when there was none to give."""
        was_held, self._is_held = self._is_held, False
        self._remove()
        return was_held

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
