"""Removing directories that tasks have written to, whatever they made of them.

Links are removed and never followed, not even one that is put in a directory's place meanwhile. Directories that forbid
everything are opened up first. What a directory holds is moved beside it before it is removed, so that a tree that is
deeper than any path may be long goes like every other.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


def remove_tree(path: Path) -> bool:
    """Remove a directory (or whatever else is in its place) and everything in it.

    Returns:
        False when something could not be removed (a mount, a disk that is read-only); all the rest is gone.
    """
    with _directory(str(path)) as top:
        if top is not None:
            _empty(top)
    _remove_entry(str(path))
    return not os.path.lexists(path)


def _empty(top: int) -> None:
    """Remove all that a directory holds, in as many rounds as make a difference."""
    numbers = count()
    while sum(_remove(top, name, numbers) for name in os.listdir(top)):
        pass


def _remove(top: int, name: str, numbers: Iterator[int]) -> bool:
    """Remove an entry; directories in it are moved beside it. Whether that made a difference."""
    is_changed = False
    with _directory(name, top) as inner:
        if inner is not None:
            is_changed = bool(sum(_remove_or_move(one, inner, top, numbers) for one in os.listdir(inner)))
    return _remove_entry(name, top) or is_changed


def _remove_entry(name: str, directory: int | None = None) -> bool:
    """Remove a file, a link or an empty directory."""
    for remove in (os.unlink, os.rmdir):
        with contextlib.suppress(OSError):
            remove(name, dir_fd=directory)
            return True
    return False


def _remove_or_move(name: str, inner: int, top: int, numbers: Iterator[int]) -> bool:
    if _remove_entry(name, inner):
        return True
    with _directory(name, inner):  # its owner may write to it from here on, which moving it does
        pass
    for number in numbers:
        try:
            os.rename(name, f".removed-{number}", src_dir_fd=inner, dst_dir_fd=top)
        except OSError as exc:
            if exc.errno in TAKEN:
                continue
            return False
        return True
    return False


@contextlib.contextmanager
def _directory(name: str, directory: int | None = None) -> Iterator[int | None]:
    """A directory, opened and made accessible to its owner; None for anything else."""
    with contextlib.ExitStack() as stack:
        opened = None
        with contextlib.suppress(OSError):
            seen = _open(stack, name, LOOK, directory)
            mode = os.fstat(seen).st_mode
            if stat.S_ISDIR(mode):
                if mode & stat.S_IRWXU != stat.S_IRWXU:
                    os.chmod(f"/proc/self/fd/{seen}", stat.S_IRWXU)
                opened = _open(stack, ".", READ, seen)
        yield opened


def _open(stack: contextlib.ExitStack, name: str, flags: int, directory: int | None) -> int:
    descriptor = os.open(name, flags, dir_fd=directory)
    stack.callback(os.close, descriptor)
    return descriptor
