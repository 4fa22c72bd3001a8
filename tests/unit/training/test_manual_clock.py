"""The clock that tests turn by hand."""

import asyncio

import pytest

from kfadapter.testing.clock import ManualClock


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = ManualClock(), []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleep(name, seconds)) for name, seconds in [("c", 3), ("a", 1), ("b", 2)]]
    await clock.sleeping(3)
    clock.advance(2.5)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    assert woken == ["a", "b"]
    clock.advance(1)
    await asyncio.gather(*tasks)
    assert woken == ["a", "b", "c"]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.sleeping()
    task.cancel()
    await asyncio.wait({task})
    assert clock.sleepers == 0
    clock.advance(10)


async def test_waiting_for_sleepers_ends() -> None:
    with pytest.raises(TimeoutError):
        await ManualClock().sleeping(within=0.01)


async def test_sleeps_that_are_over_count_as_begun() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.slept(1)
    clock.advance(5)
    await task
    await clock.slept(1)
    with pytest.raises(TimeoutError):
        await clock.slept(2, within=0.01)
