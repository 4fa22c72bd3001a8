"""What a task may leave on the disk: limited file by file while it runs, and as a whole when it has ended."""

import errno
import os
import resource
from collections.abc import Sequence
from pathlib import Path

from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.sizes import tree_bytes

BLOCK_BYTES = 512
"""The unit in which POSIX's `ulimit -f` counts."""


def with_limited_files(argv: Sequence[str], limit_bytes: int, *, search_path: str | None, cwd: Path) -> list[str]:
    """A command that lets no file of it, or of what it starts, grow beyond a size.

    The limit is there before the program begins: a shell sets it and becomes the program, under the same process id.

    Args:
        limit_bytes: The size, rounded up to whole blocks; 0: no limit.
        search_path: The `PATH` that the command is looked up in.
        cwd: Where it will run.

    Raises:
        FileNotFoundError: There is no such program; the shell would only say so in the log.
        PermissionError: It is there, and cannot be run.
    """
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not limit_bytes or (most != resource.RLIM_INFINITY and most <= limit_bytes):
        return list(argv)
    _check_program(argv[0], search_path, cwd)
    blocks = -(-limit_bytes // BLOCK_BYTES)
    return ["/bin/sh", "-c", 'ulimit -f "$0"; exec "$@"', str(blocks), *argv]


def _check_program(name: str, search_path: str | None, cwd: Path) -> None:
    places = [cwd] if "/" in name else os.get_exec_path({} if search_path is None else {"PATH": search_path})
    found = [program for program in (cwd / place / name for place in places) if program.exists()]
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if not any(program.is_file() and os.access(program, os.X_OK) for program in found):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def remove_excess(attempt: Path, work: Path, limit_bytes: int) -> str:
    """Remove what an attempt has left when it is too much: others need the room.

    Args:
        attempt: The attempt's directory; what is temporary in it does not count.
        work: The directory it worked in.
        limit_bytes: What it may leave; 0: no limit.

    Returns:
        What was wrong, in a sentence; empty when nothing was.
    """
    if not limit_bytes:
        return ""
    size = tree_bytes(attempt) - tree_bytes(attempt / "tmp") + tree_bytes(work)
    if size <= limit_bytes:
        return ""
    remove_tree(attempt / "outputs")
    remove_tree(work)
    return f"the task left {size} bytes, and may leave {limit_bytes}; its artifacts were removed"
