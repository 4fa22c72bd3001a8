"""Reading files that tasks have left: plain ones only, since a pipe or a device may never end, and a link may lead to
what is not the task's."""

import errno
import os
import stat
from pathlib import Path

OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPlain(OSError):
    """There is something else than a plain file; `strerror` says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "is not a plain file", str(path))


class TooLong(OSError):
    """A file is longer than it may be; `strerror` says so."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        super().__init__(errno.EFBIG, f"is larger than {limit_bytes} bytes", str(path))


def open_plain(path: Path) -> int:
    """A descriptor of a plain file.

    Raises:
        NotPlain: It is a link, a directory, a pipe, a socket or a device.
        OSError: It is not there or cannot be opened.
    """
    try:
        descriptor = os.open(path, OPEN)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):
            raise NotPlain(path) from exc
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain(path)
    return descriptor


def read_plain(path: Path, limit_bytes: int) -> bytes:
    """The content of a plain file.

    Raises:
        NotPlain: It is none.
        TooLong: It is longer than the limit; nothing of it was read.
        OSError: It is not there or cannot be read.
    """
    with open(open_plain(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > limit_bytes:
            raise TooLong(path, limit_bytes)
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise TooLong(path, limit_bytes)
    return content
