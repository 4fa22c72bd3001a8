"""Task slots shared by all runs on a data directory: as many tasks run at once as there are files to lock.

The kernel gives a slot back when its holder ends, however it ends.
"""

import fcntl
import os
from pathlib import Path


class Slot:
    """A slot that is held; close it to give it back."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


class TaskSlots:
    """The slots of a data directory.

    Args:
        directory: Where their files are.
        count: How many there are.
    """

    def __init__(self, directory: Path, count: int) -> None:
        self._directory = directory
        self._count = count
        self._next = os.getpid() % count

    def take(self) -> Slot | None:
        """A free slot, or None when all are taken. Never waits."""
        for step in range(self._count):
            number = (self._next + step) % self._count
            descriptor = os.open(self._directory / f"{number}.slot", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._next = number
            return Slot(descriptor)
        return None
