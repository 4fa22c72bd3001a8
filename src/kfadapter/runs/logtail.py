"""Parts of a text that comes in blocks: its end, or a stretch of its bytes."""

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


async def from_byte(blocks: AsyncIterator[bytes], offset: int) -> AsyncIterator[bytes]:
    """The text from a byte on; nothing when it is shorter."""
    passed = 0
    async for block in blocks:
        if passed >= offset:
            yield block
        elif passed + len(block) > offset:
            yield block[offset - passed :]
        passed += len(block)
