"""The end of a text that comes in blocks."""

from collections import deque
from collections.abc import AsyncIterator


async def last_lines(blocks: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    """Its last lines, without keeping more of it than those.

    Args:
        blocks: The text.
        count: How many lines; 0 is none.
    """
    lines: deque[bytes] = deque(maxlen=count)
    rest = b""
    async for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        lines.extend(line + b"\n" for line in whole)
    if rest:
        lines.append(rest)
    for line in lines:
        yield line
