"""Equal questions share an answer, and nobody gets one that was asked for before its question."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kfadapter.kubeflow.sharing import SharedReads

URL = "http://kubeflow:8888/pipeline"


class Reads:
    """Reads that end when they are told to; each answers its number."""

    def __init__(self) -> None:
        self.ends: list[asyncio.Future[int]] = []
        self.begun = asyncio.Semaphore(0)

    async def read(self) -> int:
        self.ends.append(asyncio.get_running_loop().create_future())
        self.begun.release()
        return await self.ends[-1]

    async def until_begun(self) -> None:
        async with asyncio.timeout(5):
            await self.begun.acquire()


def asking(shared: SharedReads[int], read: Callable[[], Awaitable[int]], count: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(shared.read("key", read)) for _ in range(count)]


async def test_who_comes_during_a_read_shares_the_next_one() -> None:
    shared, reads = SharedReads[int](URL, wait_seconds=60), Reads()
    first = asking(shared, reads.read, 1)
    await reads.until_begun()
    later = asking(shared, reads.read, 15)
    await asyncio.sleep(0)
    assert len(reads.ends) == 1
    reads.ends[0].set_result(1)
    assert await first[0] == 1
    await reads.until_begun()
    reads.ends[1].set_result(2)
    assert await asyncio.gather(*later) == [2] * 15
    assert len(reads.ends) == 2


async def test_a_read_that_hangs_is_not_waited_for_long() -> None:
    shared, reads = SharedReads[int](URL, wait_seconds=0.01), Reads()
    hanging = asking(shared, reads.read, 1)
    await reads.until_begun()
    later = asking(shared, reads.read, 2)
    await reads.until_begun()
    reads.ends[1].set_result(2)
    assert await asyncio.gather(*later) == [2, 2]
    reads.ends[0].set_result(1)
    assert await hanging[0] == 1


async def test_errors_reach_all_and_the_next_question_is_asked_anew() -> None:
    shared, reads = SharedReads[int](URL), Reads()
    both = asking(shared, reads.read, 2)
    await reads.until_begun()
    reads.ends[0].set_exception(KeyError("gone"))
    for task in both:
        with pytest.raises(KeyError):
            await task
    again = asking(shared, reads.read, 1)
    await reads.until_begun()
    reads.ends[1].set_result(2)
    assert await again[0] == 2


async def test_a_caller_that_leaves_takes_nothing_from_the_others() -> None:
    shared, reads = SharedReads[int](URL), Reads()
    leaving, staying = asking(shared, reads.read, 2)
    await reads.until_begun()
    leaving.cancel()
    reads.ends[0].set_result(1)
    assert await staying == 1
    assert leaving.cancelled()


async def test_who_is_out_of_patience_can_say_what_was_waited_for() -> None:
    shared, reads = SharedReads[int](URL), Reads()
    with pytest.raises(TimeoutError) as met:
        async with asyncio.timeout(0.01):
            await shared.read("key", reads.read)
    assert met.value.__cause__ is not None
    assert met.value.__cause__.__notes__ == ["Kubeflow at kubeflow:8888 did not answer in time"]
    reads.ends[0].set_result(1)
