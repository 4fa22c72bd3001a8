"""How much room directories take on the disk."""

import contextlib
import os
from pathlib import Path

BLOCK_BYTES = 512

Inode = tuple[int, int]


def tree_bytes(path: Path, counted: set[Inode] | None = None) -> int:
    """Bytes a directory takes with everything in it. Links are not followed; what cannot be read counts nothing.

    Args:
        counted: Files with several names that were counted before: each counts once, and is added here.
    """
    known: set[Inode] = set() if counted is None else counted
    total, waiting = 0, [os.fspath(path)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif found.st_nlink > 1:
                    inode = (found.st_dev, found.st_ino)
                    if inode in known:
                        continue
                    known.add(inode)
                total += found.st_blocks * BLOCK_BYTES
    return total


def shown_bytes(number: int) -> str:
    """A size for people."""
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
