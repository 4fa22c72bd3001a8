"""What a task may leave on the disk: limited file by file while it runs, and as a whole when it has ended."""

import resource
from contextlib import suppress
from pathlib import Path

from kfadapter.engine.running.executor_io import OutputsUnusable
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.sizes import tree_bytes


def limit_files(pid: int, limit_bytes: int) -> None:
    """Let no file of a process that has just begun grow beyond a size; 0: no limit."""
    if limit_bytes:
        with suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def check_leavings(attempt: Path, work: Path, limit_bytes: int) -> None:
    """Refuse what an attempt has left when it is too much, and remove that: others need the room.

    Args:
        attempt: The attempt's directory; what is temporary in it goes now.
        work: The directory it worked in.
        limit_bytes: What it may leave; 0: no limit.

    Raises:
        OutputsUnusable: It is more.
    """
    remove_tree(attempt / "tmp")
    if limit_bytes and (size := tree_bytes(attempt) + tree_bytes(work)) > limit_bytes:
        remove_tree(attempt / "outputs")
        remove_tree(work)
        raise OutputsUnusable(f"the task left {size} bytes, and may leave {limit_bytes}; its artifacts were removed")
