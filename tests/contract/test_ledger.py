"""What every ledger must do, on SQLite and on PostgreSQL."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError, LeaseLost, TransitionRefused
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_watch import Sighting
from kfadapter.training.states import NotificationState, RunState
from support.ledger_steps import NOW, claim, end, intend, later, notification_of, report, start
from support.training import make_request


async def test_a_run_is_read_as_it_was_written(ledger: Ledger) -> None:
    parameters = {"epochs": 3, "rate": 0.5, "list": [1, {"a": None}], "text": "naïve \x00 ☃", "ok": True}
    run = await intend(ledger, parameters=parameters, ignored_arguments=("a", "b"))
    read = await ledger.run(run.run_id)
    assert read == run
    assert read is not None
    assert read.parameters == parameters
    assert read.ignored_arguments == ("a", "b")
    assert read.intended_at == NOW
    assert read.intended_at.tzinfo is not None


async def test_times_compare_whatever_zone_they_came_in(ledger: Ledger) -> None:
    run_id = await start(ledger)
    zone = timezone(timedelta(hours=9))
    await ledger.answered(run_id, now=NOW.astimezone(zone))
    await end(ledger, run_id)
    early, due = later(4.999).astimezone(zone), later(5.001).astimezone(timezone(-timedelta(hours=7)))
    assert await ledger.claim_due(now=early, until=early, limit=1) == []
    assert len(await ledger.claim_due(now=due, until=due, limit=1)) == 1


async def test_a_time_without_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(DatabaseError):
        await ledger.set_mark("x", datetime(2030, 1, 1))  # noqa: DTZ001 - the point of the test


async def test_attempts_of_a_job_are_numbered(ledger: Ledger) -> None:
    runs = [await intend(ledger, at=number, effective_arguments={}, parameters={"n": number}) for number in range(3)]
    assert [run.attempt for run in runs] == [1, 2, 3]


async def test_an_equal_open_unanswered_execution_is_joined(ledger: Ledger, second: Ledger) -> None:
    first = await intend(ledger)
    joined = await second.intend(make_request(), run_id="other", claimed_until=later(60), now=later(1))
    assert joined.is_joined
    assert joined.run.run_id == first.run_id


@pytest.mark.parametrize("how", ["answered", "ended", "dismissed", "different"])
async def test_what_cannot_be_joined_is_a_new_intention(ledger: Ledger, how: str) -> None:
    run_id = await start(ledger, is_answered=how == "answered")
    if how == "ended":
        await end(ledger, run_id)
    if how == "dismissed":
        await ledger.dismiss(run_id, now=later(1))
    request = make_request(parameters={"epochs": 9} if how == "different" else {})
    again = await ledger.intend(request, run_id="other", claimed_until=later(60), now=later(2))
    assert not again.is_joined


async def test_parallel_intentions_of_one_job_are_one(ledger: Ledger, second: Ledger) -> None:
    intended = await asyncio.gather(*(intend(one, "7") for one in (ledger, second) * 5))
    assert len({run.run_id for run in intended}) == 1


async def test_parallel_intentions_that_differ_get_different_numbers(ledger: Ledger, second: Ledger) -> None:
    ledgers = (ledger, second) * 5
    intended = await asyncio.gather(*(intend(one, parameters={"n": n}) for n, one in enumerate(ledgers)))
    assert sorted(run.attempt for run in intended) == list(range(1, 11))


async def test_accepting_twice_is_harmless(ledger: Ledger, second: Ledger) -> None:
    run = await intend(ledger)
    accepted = await asyncio.gather(
        *(one.accept(run.run_id, word="PENDING", created_at=NOW, now=later(1)) for one in (ledger, second))
    )
    assert accepted[0] == accepted[1]
    record = await ledger.run_record(run.run_id)
    assert record is not None
    assert [event.kind for event in record.events] == ["intended", "accepted"]


async def test_a_closed_intention_cannot_be_accepted(ledger: Ledger) -> None:
    run = await intend(ledger)
    await ledger.close_intention(run.run_id, RunState.REFUSED, reason="no", is_told=False, now=later(1))
    with pytest.raises(TransitionRefused):
        await ledger.accept(run.run_id, word="PENDING", created_at=None, now=later(2))


async def test_an_unknown_run_is_an_error_not_a_new_row(ledger: Ledger) -> None:
    with pytest.raises(DatabaseError):
        await ledger.accept("nobody", word="PENDING", created_at=None, now=NOW)
    assert await ledger.dismiss("nobody", now=NOW) is None
    assert await ledger.run("nobody") is None


async def test_the_end_and_its_notification_are_written_together(ledger: Ledger) -> None:
    run_id = await start(ledger)
    ended = await end(ledger, run_id, "FAILED")
    assert [run.state for run in ended] == [RunState.FAILED]
    notification = await notification_of(ledger, run_id)
    assert notification is not None
    read = {"trainingjob_id": "7", "run_id": run_id, "run_status": "FAILED"}
    assert {key: notification.payload[key] for key in read} == read
    assert notification.payload["state"] == "failed"
    assert notification.payload["finished_at"].endswith("Z")
    assert notification.not_before == later(5)


async def test_two_watchers_write_one_end(ledger: Ledger, second: Ledger) -> None:
    run_ids = [await start(ledger, str(job)) for job in range(20)]
    sightings = [Sighting(run_id=run_id, word="SUCCEEDED") for run_id in run_ids]
    results = await asyncio.gather(
        ledger.observe(sightings, now=later(1)), second.observe(list(reversed(sightings)), now=later(1))
    )
    assert sorted(len(ended) for ended in results) == [0, 20]
    assert (await ledger.counts())["notifications"] == {"pending": 20}


async def test_the_first_end_wins(ledger: Ledger) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id, "FAILED")
    assert await end(ledger, run_id, "SUCCEEDED") == []
    assert await end(ledger, run_id, "SUCCEEDED") == []
    record = await ledger.run_record(run_id)
    assert record is not None
    assert record.run.state is RunState.FAILED
    assert [event.detail for event in record.events if event.kind == "contradicted"] == [
        {"state": "SUCCEEDED", "kept": "failed"}
    ]
    with pytest.raises(TransitionRefused):
        await ledger.lose(run_id, reason="gone", now=later(2))


async def test_sightings_of_foreign_runs_are_ignored(ledger: Ledger) -> None:
    assert await end(ledger, "somebody else's") == []


async def test_a_newer_accepted_run_supersedes_and_cancels(ledger: Ledger) -> None:
    first = await start(ledger)
    await end(ledger, first)
    second = await intend(ledger, at=2)
    waiting = await notification_of(ledger, first)
    assert waiting is not None
    assert waiting.state is NotificationState.PENDING
    await ledger.accept(second.run_id, word="PENDING", created_at=None, now=later(3))
    cancelled = await notification_of(ledger, first)
    assert cancelled is not None
    assert cancelled.state is NotificationState.CANCELLED
    assert await claim(ledger, 100) == []


async def test_an_older_launch_that_is_found_late_is_superseded_at_once(ledger: Ledger) -> None:
    older = await intend(ledger)
    await ledger.doubt(older.run_id, reason="cut", now=later(1))
    newer = await start(ledger, at=2, parameters={"n": 2})
    adopted = await ledger.accept(older.run_id, word="RUNNING", created_at=None, now=later(3))
    assert adopted.superseded_by == newer
    assert adopted.stop_requested_at is not None
    current = await ledger.run(newer)
    assert current is not None
    assert current.superseded_by is None
    await end(ledger, older.run_id, "FAILED", at=4)
    assert await notification_of(ledger, older.run_id) is None


async def test_claims_exclude_each_other(ledger: Ledger, second: Ledger) -> None:
    for job in range(30):
        await end(ledger, await start(ledger, str(job)))
    claims = await asyncio.gather(*(claim(one, 10, limit=7) for one in (ledger, second) * 4))
    claimed = [one.notification_id for some in claims for one in some]
    assert len(claimed) == len(set(claimed))
    claimed += [one.notification_id for one in await claim(ledger, 10)]
    assert len(claimed) == len(set(claimed)) == 30


async def test_a_lapsed_claim_is_taken_over_and_its_old_holder_writes_nothing(ledger: Ledger, second: Ledger) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    [held] = await claim(ledger, 10, lease=60)
    assert await claim(second, 60) == []
    [taken] = await claim(second, 71)
    assert taken.notification_id == held.notification_id
    with pytest.raises(LeaseLost):
        await ledger.write_back(report(held, 72))
    assert await second.write_back(report(taken, 73)) is NotificationState.DELIVERED
    with pytest.raises(LeaseLost):
        await second.write_back(report(taken, 74))
    record = await ledger.run_record(run_id)
    assert record is not None
    assert len(record.attempts) == 1


async def test_a_jobs_next_notification_waits_while_the_one_before_is_on_its_way(ledger: Ledger) -> None:
    first = await start(ledger)
    await end(ledger, first)
    [held] = await claim(ledger, 10, lease=60)
    second = await start(ledger, at=11)
    await end(ledger, second, at=12)
    assert await claim(ledger, 20) == []
    assert await ledger.write_back(report(held, 21)) is NotificationState.CANCELLED
    assert [one.run_id for one in await claim(ledger, 22)] == [second]


async def test_a_retry_waits_for_its_time_and_is_counted(ledger: Ledger) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    for number in range(30):
        [held] = await claim(ledger, 10 + 10 * number)
        await ledger.write_back(report(held, 10 + 10 * number, "pending", status=503, answer="x" * 9000))
        assert await claim(ledger, 19 + 10 * number) == []
    record = await ledger.run_record(run_id)
    assert record is not None
    assert record.notification is not None
    assert record.notification.attempts == 30
    assert record.notification.first_attempt_at == later(10)
    assert [one.number for one in record.attempts] == [1, *range(11, 31)]
    assert len(record.attempts[0].answer) == 2000


async def test_next_due_tells_when_to_look_again(ledger: Ledger, second: Ledger) -> None:
    assert await ledger.next_due(now=NOW) is None
    await end(ledger, await start(ledger, "1"))
    await end(ledger, await start(ledger, "2", at=3), at=4)
    assert await ledger.next_due(now=later(4)) == later(5)
    [held] = await claim(ledger, 6, lease=60)
    assert await ledger.next_due(now=later(6)) == later(8)
    await claim(ledger, 9, lease=70)
    assert await ledger.next_due(now=later(9)) is None
    assert await second.next_due(now=later(9)) == later(66)
    await ledger.release([held.notification_id])
    assert await second.next_due(now=later(9)) == later(5)


async def test_hasten_brings_forward_only_what_waits_for_an_absent_training_manager(ledger: Ledger) -> None:
    for job in ("1", "2", "3"):
        await end(ledger, await start(ledger, job))
    one, two, _ = await claim(ledger, 6)
    await ledger.write_back(report(one, 6, "pending", not_before=later(600), is_unreachable=True))
    await ledger.write_back(report(two, 6, "pending", not_before=later(600)))
    assert await ledger.hasten(now=later(7)) == 1
    assert [held.job_id for held in await claim(ledger, 8)] == ["1"]


async def test_a_dismissal_in_flight_keeps_the_record_of_the_try(ledger: Ledger) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    [held] = await claim(ledger, 10)
    await ledger.dismiss(run_id, now=later(11))
    assert await ledger.write_back(report(held, 12)) is NotificationState.CANCELLED
    record = await ledger.run_record(run_id)
    assert record is not None
    assert [one.outcome for one in record.attempts] == ["delivered"]


async def test_abandoned_launches_are_watched_when_their_claim_is_over(ledger: Ledger) -> None:
    run = await intend(ledger)
    assert await ledger.watched(now=later(59)) == []
    assert [one.run_id for one in await ledger.watched(now=later(61))] == [run.run_id]


async def test_taking_over_spares_what_is_alive(ledger: Ledger, second: Ledger, url: str) -> None:
    run = await intend(ledger)
    taken = await second.take_over(now=later(1))
    assert taken == (1 if url.startswith("sqlite") else 0)  # a ledger in SQLite belongs to one process
    await second.take_over(now=later(61))
    read = await second.run(run.run_id)
    assert read is not None
    assert read.state is RunState.UNCERTAIN


async def test_marks_are_kept(ledger: Ledger) -> None:
    assert await ledger.mark("x") is None
    await ledger.set_mark("x", NOW)
    await ledger.set_mark("x", later(5))
    assert await ledger.mark("x") == later(5)


async def test_pages_of_jobs_are_whole_while_others_write(ledger: Ledger) -> None:
    for job in range(10):
        await intend(ledger, f"job-{job}", at=job // 2)
    seen: list[str] = []
    after = None
    while page := await ledger.jobs(limit=3, after=after):
        seen += [one.head.job_id for one in page]
        after = (page[-1].head.latest_intended_at, page[-1].head.job_id)
        await intend(ledger, f"new-{len(seen)}", at=100 + len(seen))
    assert seen == [f"job-{job}" for job in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]


async def test_a_cancelled_caller_does_not_take_a_write_back(ledger: Ledger) -> None:
    run_id = await start(ledger)
    writes = [asyncio.ensure_future(ledger.set_mark(str(number), NOW)) for number in range(20)]
    write = asyncio.ensure_future(end(ledger, run_id))
    await asyncio.sleep(0)
    write.cancel()
    await asyncio.gather(*writes)
    async with asyncio.timeout(10):
        while await notification_of(ledger, run_id) is None:
            await ledger.set_mark("again", NOW)


async def test_a_closed_database_says_so(url: str) -> None:
    database = Transactions.open(url)
    ledger = Ledger(database)
    database.close()
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        await ledger.run("x")
