"""Copies of files and directories."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

READ_BYTES = 1024 * 1024


class CopyCanceled(Exception):
    """Nobody waits for the copy any more."""


def copy_file(source: Path, target: Path, canceled: Callable[[], bool] = lambda: False) -> None:
    """Copy a file with its mode and its time of change, or a link as it is.

    Raises:
        OSError: It cannot be read, is there already, or the disk is full.
        CopyCanceled: `canceled` said so.
    """
    if source.is_symlink():
        return target.symlink_to(source.readlink())
    with source.open("rb") as read, target.open("xb") as write:
        while portion := read.read(READ_BYTES):
            if canceled():
                raise CopyCanceled
            write.write(portion)
        found = os.fstat(read.fileno())
        os.fchmod(write.fileno(), stat.S_IMODE(found.st_mode) | stat.S_IRUSR | stat.S_IWUSR)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    return None


def copy_tree(source: Path, target: Path, canceled: Callable[[], bool]) -> None:
    """Copy a file or a directory with all that is in it; pipes and devices are left out.

    Raises:
        OSError: Something cannot be read, or the disk is full.
        CopyCanceled: `canceled` said so.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not source.is_dir():
        return copy_file(source.resolve(strict=True), target, canceled)
    for directory, names, files in os.walk(source, onerror=_raise):
        there = target / Path(directory).relative_to(source)
        there.mkdir(mode=0o700, exist_ok=True)
        for name in [*files, *(one for one in names if os.path.islink(os.path.join(directory, one)))]:
            one = Path(directory, name)
            if one.is_symlink() or one.is_file():
                copy_file(one, there / name, canceled)
    return None


def _raise(error: OSError) -> None:
    raise error
