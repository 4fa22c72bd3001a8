"""Environments as files below one directory: which there are, who uses or builds them, and how they go.

`<key>/.ok`     there when the environment is ready; touched at each use, and locked (shared) by each user
`<key>.lock`    locked by whoever builds or removes the environment; stays when that goes
`.cache/`       what installers keep between builds
`.cache.lock`   locked (shared) by builders, and alone by whoever removes the cache
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kfadapter.engine.running.removal import remove_tree

MARKER = ".ok"
CACHE = ".cache"
CACHE_LOCK = ".cache.lock"
PAUSE_SECONDS = 0.05
KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class StoredEnvironment:
    """An environment, or what a broken build left of one.

    Attributes:
        used_at: When it was used last, in seconds since 1970; of one that is not ready: when it was worked on.
    """

    key: str
    path: Path
    is_ready: bool
    used_at: float


class Hold:
    """Keeps an environment from being removed, until it is released or its process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


def hold(path: Path) -> Hold | None:
    """Keep a ready environment from being removed; None when it is not there (any more)."""
    try:
        descriptor = os.open(path / MARKER, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if _try_lock(descriptor, fcntl.LOCK_SH) and os.fstat(descriptor).st_nlink:
        return Hold(descriptor)
    os.close(descriptor)
    return None


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, give_up: Callable[[], bool]) -> Iterator[int | None]:
    """Hold a lock file for the length of the block, waiting for whoever has it; None when `give_up` said so.

    Raises:
        OSError: The file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not (is_held := _try_lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)) and not give_up():
            time.sleep(PAUSE_SECONDS)
        yield descriptor if is_held else None
    finally:
        os.close(descriptor)


def stored(directory: Path) -> list[StoredEnvironment]:
    """Every environment below a directory, the one that was used last first."""
    found = [_stored(path) for path in directory.glob("*") if KEY.fullmatch(path.name)]
    return sorted((one for one in found if one is not None), key=lambda one: one.used_at, reverse=True)


def remove_environment(directory: Path, key: str, *, unless_used_since: datetime) -> bool:
    """Remove an environment, unless somebody uses or builds it.

    Args:
        unless_used_since: It stays when it was used after this moment, to the microsecond.

    Returns:
        Whether it is gone.
    """
    path = directory / key
    with contextlib.suppress(OSError), locked(directory / f"{key}.lock", give_up=lambda: True) as lock:
        one = _stored(path) if lock is not None else None
        if one is None or datetime.fromtimestamp(one.used_at, UTC) > unless_used_since or not _withdraw(path):
            return False
        return remove_tree(path)
    return False


def remove_cache(directory: Path) -> bool:
    """Remove what installers keep, unless one is at work; whether it is gone."""
    with contextlib.suppress(OSError), locked(directory / CACHE_LOCK, give_up=lambda: True) as lock:
        return lock is not None and remove_tree(directory / CACHE)
    return False


def _withdraw(path: Path) -> bool:
    """Take an environment's marker away, so that it is not there any more; False when somebody uses it."""
    try:
        descriptor = os.open(path / MARKER, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if not _try_lock(descriptor, fcntl.LOCK_EX):
            return False
        os.unlink(path / MARKER)
        return True
    finally:
        os.close(descriptor)


def _stored(path: Path) -> StoredEnvironment | None:
    for file, is_ready in ((path / MARKER, True), (path, False)):
        with contextlib.suppress(OSError):
            used_at = file.stat().st_mtime
            return StoredEnvironment(key=path.name, path=path, is_ready=is_ready, used_at=used_at)
    return None


def _try_lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
