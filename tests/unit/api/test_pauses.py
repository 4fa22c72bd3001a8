"""A stream says so when nothing comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from kfadapter.api.pauses import with_pauses


async def test_a_pause_is_told_and_nothing_is_lost_or_repeated() -> None:
    go_on = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        yield 1
        await go_on.wait()
        yield 2

    found: list[int | None] = []
    async for item in with_pauses(numbers(), 0.01):
        found.append(item)
        if found.count(None) == 2:
            go_on.set()
    assert [item for item in found if item is not None] == [1, 2]
    assert found[1:3] == [None, None]


async def test_who_leaves_ends_what_is_waited_for() -> None:
    ended = asyncio.Event()

    async def silent() -> AsyncIterator[int]:
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            ended.set()

    async with aclosing(with_pauses(silent(), 0.01)) as items:
        assert await anext(items) is None
    await asyncio.wait_for(ended.wait(), 5)
