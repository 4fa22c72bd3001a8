"""The log of events, on SQLite and on PostgreSQL: what a reader has passed is complete, whatever order commits take."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from kfadapter.database.connections import Database
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError
from kfadapter.events import log
from kfadapter.events.types import EventType
from support.events import NOW, add, everything, new_event
from support.ledgers import new_database


async def test_events_are_read_in_the_order_they_were_appended(database: Transactions) -> None:
    await add(database, new_event("a"), new_event("b"))
    await add(database, new_event("c"))
    found = await database.write(everything)
    assert [one.subject for one in found] == ["a", "b", "c"]
    assert [one.position for one in found] == sorted({one.position for one in found})
    assert len({one.event_id for one in found}) == 3


async def test_an_event_is_kept_only_with_the_transaction_it_tells_of(database: Transactions) -> None:
    def fails(connection: Connection) -> None:
        log.append(connection, new_event("never"))
        raise DatabaseError("taken back")

    with pytest.raises(DatabaseError, match="taken back"):
        await database.write(fails)
    await add(database, new_event("kept"))
    assert [one.subject for one in await database.write(everything)] == ["kept"]


async def test_all_facts_come_back(database: Transactions) -> None:
    facts: dict[str, Any] = {
        "run_id": "r",
        "job_id": "7",
        "pipeline_id": "p",
        "pipeline_name": "qoe",
        "pipeline_version_id": "v",
        "version_name": "v1",
        "experiment_id": "e",
        "experiment_name": "Default",
        "state": "FAILED",
        "data": {"previous_state": "RUNNING", "Größe": [1, 2.5, None]},
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    await add(database, new_event("r", **facts))
    (event,) = await database.write(everything)
    assert {name: getattr(event, name) for name in facts} == facts
    assert (event.type, event.at) == (EventType.RUN_STATE_CHANGED, NOW)


async def test_an_event_with_a_key_is_written_once(database: Transactions) -> None:
    for _ in range(2):
        await add(database, new_event("r", key="r RUNNING"), new_event("r", key="r DONE"))
    await add(database, new_event("r", EventType.RUN_FINISHED, key="r DONE"))
    found = await database.write(everything)
    assert [one.type for one in found] == [EventType.RUN_STATE_CHANGED] * 2 + [EventType.RUN_FINISHED]


@pytest.mark.parametrize(
    "data",
    [{"x": "y" * log.DATA_LIMIT_BYTES}, {"x": 10**30}, {"x": "\ud800"}],
    ids=["too large", "number too large", "half a character"],
)
async def test_data_that_cannot_be_sent_never_breaks_a_transaction(database: Transactions, data: Any) -> None:
    await add(database, new_event("r\x00\ud800", data=data))
    (event,) = await database.write(everything)
    assert set(event.data) == {"unavailable"}


async def test_data_is_json_for_everybody(database: Transactions) -> None:
    await add(database, new_event(data={"loss": float("nan"), "at": NOW, 3: {"x"}}))
    (event,) = await database.write(everything)
    assert event.data == {"loss": None, "at": "2030-01-01T12:00:00.123456+00:00", "3": "{'x'}"}


async def test_a_transaction_that_commits_late_is_not_skipped(postgresql: str) -> None:
    """The first draws its number first and commits last: a reader meanwhile has passed the second."""
    url = new_database(postgresql)
    with Transactions.open(url) as database:
        other = Database(url)
        other.open()
        with other.write() as slow:
            log.append(slow, new_event("slow"))
            await add(database, new_event("quick"))
            assert [one.subject for one in await database.write(everything)] == ["quick"]
        found = await database.write(everything)
        other.close()
    assert [one.subject for one in found] == ["quick", "slow"]
    assert found[0].position < found[1].position


async def test_many_writers_and_placers_at_once_lose_and_repeat_nothing(url: str) -> None:
    """Six writers, each with connections of its own; two readers, which also give positions, follow them."""
    writers, each = 6, 25
    databases = [Transactions.open(url) for _ in range(3)]
    raw = [Database(url) for _ in range(writers)]
    done = threading.Event()

    def write(number: int) -> None:
        for turn in range(each):
            with raw[number].write(is_synced=False) as connection:
                log.append(connection, new_event(f"w{number}", state=str(turn)), new_event(f"w{number}", state="and"))

    def wait() -> None:
        for thread in threads:
            thread.join()
        done.set()

    async def follow(database: Transactions) -> list[Any]:
        seen: list[Any] = []
        while True:
            was_done = done.is_set()
            if not database.is_sqlite:
                await database.write(log.place_new, 7)
            new = await database.read(log.read_after, seen[-1].position if seen else 0, 11)
            seen += new
            if was_done and not new and len(seen) >= writers * each * 2:
                return seen

    for one in raw:
        one.open()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    try:
        for thread in threads:
            thread.start()
        waiter = threading.Thread(target=wait)
        waiter.start()
        seen, also_seen = await asyncio.gather(*(follow(database) for database in databases[:2]))
        again = await databases[2].read(log.read_after, 0, 10_000)
        waiter.join()
    finally:
        for database in databases:
            database.close()
        for one in raw:
            one.close()
    assert seen == also_seen == again
    assert len(seen) == len({one.event_id for one in seen}) == writers * each * 2
    for number in range(writers):
        turns = [one.state for one in seen if one.subject == f"w{number}" and one.state != "and"]
        assert turns == [str(turn) for turn in range(each)], "a writer's own order was not kept"


async def test_the_oldest_are_forgotten_by_age_and_by_number(database: Transactions) -> None:
    await add(database, *(new_event(str(day), at=NOW + timedelta(days=day)) for day in range(10)))
    await database.write(everything)
    gone = await database.write(lambda c: log.forget(c, before=NOW + timedelta(days=3), kept=100, limit=100))
    assert gone == 3
    assert [one.subject for one in await database.write(everything)] == [str(day) for day in range(3, 10)]
    assert await database.write(lambda c: log.forget(c, before=NOW, kept=4, limit=2)) == 2
    assert await database.write(lambda c: log.forget(c, before=NOW, kept=4, limit=2)) == 1
    assert await database.write(lambda c: log.forget(c, before=NOW, kept=4, limit=2)) == 0
    assert [one.subject for one in await database.write(everything)] == ["6", "7", "8", "9"]
    assert await database.read(log.forgotten_position) == 6


async def test_positions_are_never_given_again_after_everything_is_forgotten(database: Transactions) -> None:
    await add(database, new_event("old"))
    (old,) = await database.write(everything)
    await database.write(lambda c: log.forget(c, before=NOW + timedelta(days=1), kept=0, limit=10))
    await add(database, new_event("new"))
    (new,) = await database.write(everything)
    assert new.position > old.position


async def test_a_time_leads_to_a_position(database: Transactions) -> None:
    await add(database, *(new_event(str(hour), at=NOW + timedelta(hours=hour)) for hour in range(5)))
    found = await database.write(everything)

    async def after(hours: float) -> list[str]:
        start = await database.read(log.position_before, NOW + timedelta(hours=hours))
        return [one.subject for one in await database.read(log.read_after, start, 10)]

    assert len(found) == 5
    assert await after(-1) == ["0", "1", "2", "3", "4"]
    assert await after(1.5) == ["2", "3", "4"]
    assert await after(9) == []
