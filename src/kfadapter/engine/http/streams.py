"""Files as answers: streamed as they are at the moment, whole, a beginning, or a range."""

import asyncio
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from starlette.responses import Response, StreamingResponse

from kfadapter.engine.protocol.answers import plain

CHUNK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 1024 * 1024
ARCHIVE_TYPE = "application/gzip"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is wanted of a file.

    Attributes:
        limit: Bytes from the start at most; 0: no limit.
        byte_range: The header `Range`; one that is none, or names several ranges, is passed over (RFC 9110).
    """

    limit: int = 0
    byte_range: str = ""


class Unsatisfiable(Exception):
    """The range lies beyond the file's end."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file that is open, or a directory packed as .tar.gz, which is how Argo stores one."""

    file: IO[bytes]
    size: int
    is_packed: bool

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises:
        OSError: There is none.
        """
        is_packed = path.is_dir()
        file = _packed(path) if is_packed else path.open("rb")
        return cls(file=file, size=file.seek(0, 2), is_packed=is_packed)


async def growing(path: Path, media_type: str) -> Response | None:
    """A file that may be growing or be cut meanwhile, as far as it is there now; None when there is none."""
    try:
        content = await asyncio.to_thread(Content.open, path)
    except (OSError, ValueError):
        return None
    return StreamingResponse(_chunks(content.file, 0, content.size - 1), headers={"content-type": media_type})


async def stream(path: Path, media_type: str, part: Part, headers: Mapping[str, str]) -> Response | None:
    """A file or a directory that changes no more; None when there is none."""
    try:
        content = await asyncio.to_thread(Content.open, path)
    except (OSError, ValueError):
        return None
    try:
        first, last = _bounds(content.size, part)
    except Unsatisfiable:
        content.file.close()
        answer = plain("the range lies beyond the end\n", 416)
        answer.headers["content-range"] = f"bytes */{content.size}"
        return answer
    about = {
        **headers,
        "content-type": ARCHIVE_TYPE if content.is_packed else media_type,
        "content-length": str(last - first + 1),
        "accept-ranges": "bytes",
    }
    is_range = not part.limit and (first, last) != (0, content.size - 1)
    if is_range:
        about["content-range"] = f"bytes {first}-{last}/{content.size}"
    return StreamingResponse(_chunks(content.file, first, last), headers=about, status_code=206 if is_range else 200)


def _packed(path: Path) -> IO[bytes]:
    packed: Any = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it has been sent
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(path, arcname=path.name)
    opened: IO[bytes] = packed
    return opened


def _bounds(size: int, part: Part) -> tuple[int, int]:
    """The first and the last byte that are wanted; the last lies before the first when there are none."""
    match = _RANGE.fullmatch(part.byte_range)
    if part.limit or match is None or match[0] == "bytes=-":
        return 0, min(size, part.limit or size) - 1
    if not match[1]:
        wanted = int(match[2])
        if not wanted or not size:
            raise Unsatisfiable
        return max(0, size - wanted), size - 1
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if match[2] and int(match[2]) < first:
        return 0, size - 1
    if first >= size:
        raise Unsatisfiable
    return first, last


async def _chunks(content: IO[bytes], first: int, last: int) -> AsyncIterator[bytes]:
    left = last - first + 1
    with closing(content):
        await asyncio.to_thread(content.seek, first)
        while left > 0 and (chunk := await asyncio.to_thread(content.read, min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
