"""Parts of contents whose length is not known before they have been read (RFC 9110 §14)."""

import re
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

# A part is held until its end is known, so that its headers are true; a longer one is cut, as the RFC allows.
LARGEST_PART_BYTES = 8 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A wanted part: from `first` to `last`, both included; with `first` None the last `last` bytes."""

    first: int | None
    last: int | None


def wanted_part(request: Request) -> Part | None:
    """The one range of the request; None when there is none, or none that is understood: then all is sent."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None
    first = int(found[1]) if found[1] else None
    last = int(found[2]) if found[2] else None
    if first is not None and last is not None and last < first:
        return None
    return Part(first=first, last=last)


async def ranged_answer(request: Request, blocks: AsyncGenerator[bytes, None], headers: dict[str, str]) -> Response:
    """The whole content as it comes, or 206 with the part that is wanted, or 416 where there is no such part."""
    part = wanted_part(request)
    headers = {"Accept-Ranges": "bytes", **headers}
    if part is None:
        return StreamingResponse(blocks, headers=headers)
    async with aclosing(blocks):
        first, content, total = await (_end(blocks, part.last or 0) if part.first is None else _middle(blocks, part))
    if not content:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{total if total is not None else '*'}"})
    size = "*" if total is None else str(total)
    headers["Content-Range"] = f"bytes {first}-{first + len(content) - 1}/{size}"
    return Response(content, status_code=206, headers=headers)


async def _middle(blocks: AsyncGenerator[bytes, None], part: Part) -> tuple[int, bytes, int | None]:
    """Where the part begins, the part, and the whole size if the end was seen."""
    first = part.first or 0
    wanted = LARGEST_PART_BYTES if part.last is None else min(part.last - first + 1, LARGEST_PART_BYTES)
    kept = bytearray()
    passed = 0
    async for block in blocks:
        if passed + len(block) > first:
            kept += block[max(0, first - passed) :][: wanted + 1 - len(kept)]
        passed += len(block)
        if len(kept) > wanted:
            return first, bytes(kept[:wanted]), None
    return first, bytes(kept), passed


async def _end(blocks: AsyncGenerator[bytes, None], count: int) -> tuple[int, bytes, int | None]:
    wanted = min(count, LARGEST_PART_BYTES)
    kept: deque[bytes] = deque()
    held = total = 0
    async for block in blocks:
        kept.append(block)
        held, total = held + len(block), total + len(block)
        while kept and held - len(kept[0]) >= wanted:
            held -= len(kept.popleft())
    content = b"".join(kept)[-wanted:] if wanted else b""
    return total - len(content), content, total
