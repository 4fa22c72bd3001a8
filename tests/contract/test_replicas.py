"""Processes on one PostgreSQL: one leads, and what a dead one had taken is free within a few heartbeats."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from kfadapter.database.replicas import LOOKS, Replica
from kfadapter.database.transactions import Transactions
from kfadapter.errors import LeaseLost
from kfadapter.testing.clock import ManualClock
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_launches import bury
from kfadapter.training.states import RunState
from support.ledger_steps import POLICY, claim, end, intend, report, start
from support.ledgers import new_database


@dataclass(frozen=True, kw_only=True)
class Process:
    replica: Replica
    ledger: Ledger


class Processes:
    """Makes replicas that share a database."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._url = url
        self._stack = stack

    def make(self, name: str) -> Process:
        database = self._stack.enter_context(Transactions.open(self._url))
        replica = Replica(database, ManualClock(), name=name, version="1", bury=(bury,))
        return Process(replica=replica, ledger=Ledger(database, policy=POLICY, claimant=name))


@pytest.fixture
def processes(postgresql: str) -> Iterator[Processes]:
    with ExitStack() as stack:
        yield Processes(new_database(postgresql), stack)


@pytest.fixture
async def pair(processes: Processes) -> tuple[Process, Process]:
    first, second = processes.make("first"), processes.make("second")
    await first.replica.beat()
    await second.replica.beat()
    return first, second


async def test_one_leads(pair: tuple[Process, Process]) -> None:
    first, second = pair
    for _ in range(2 * LOOKS):
        await first.replica.beat()
        await second.replica.beat()
    assert (first.replica.leads, second.replica.leads) == (True, False)


async def test_the_dead_lose_the_lead_after_so_many_silent_looks(pair: tuple[Process, Process]) -> None:
    _, second = pair
    for _ in range(LOOKS - 1):
        await second.replica.beat()
    assert not second.replica.leads
    await second.replica.beat()
    assert second.replica.leads


async def test_what_the_dead_had_taken_is_free(pair: tuple[Process, Process]) -> None:
    first, second = pair
    launching = await intend(first.ledger, "1")
    await end(first.ledger, await start(first.ledger, "2"))
    [taken] = await claim(first.ledger, 10)
    assert await claim(second.ledger, 11) == []
    for _ in range(LOOKS + 1):
        await second.replica.beat()
    run = await second.ledger.run(launching.run_id)
    assert run is not None
    assert run.state is RunState.UNCERTAIN
    [again] = await claim(second.ledger, 12)
    assert again.notification_id == taken.notification_id
    with pytest.raises(LeaseLost):
        await first.ledger.write_back(report(taken, 13))


async def test_one_that_was_taken_for_dead_comes_back(pair: tuple[Process, Process]) -> None:
    first, second = pair
    for _ in range(LOOKS + 1):
        await second.replica.beat()
    await first.replica.beat()
    assert not first.replica.leads
    for _ in range(LOOKS + 2):
        await first.replica.beat()
    assert first.replica.leads


async def test_who_goes_in_order_leaves_the_lead_at_once(processes: Processes) -> None:
    first, second = processes.make("first"), processes.make("second")
    loop = asyncio.create_task(first.replica.run())
    while not first.replica.leads and not loop.done():
        await asyncio.sleep(0.01)  # real time: another thread talks to the database
    assert not loop.done(), loop.exception()
    await second.replica.beat()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await second.replica.beat()
    assert second.replica.leads


async def test_two_who_notice_a_death_bury_once(processes: Processes) -> None:
    names = ("first", "second", "third")
    first, second, third = (processes.make(name) for name in names)
    for one in (first, second, third):
        await one.replica.beat()
    for _ in range(LOOKS + 2):
        await second.replica.beat()
        await third.replica.beat()
    assert [one.replica.leads for one in (second, third)] == [True, False]
