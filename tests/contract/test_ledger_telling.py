"""Telling by hand, and telling everybody: redelivery, keys of executions, and events, on SQLite and on PostgreSQL."""

from datetime import timedelta
from typing import Any

import pytest

from kfadapter.database.transactions import Transactions
from kfadapter.errors import IdempotencyKeyReused, NotRedeliverable
from kfadapter.events.log import place_new, read_after
from kfadapter.events.records import Event
from kfadapter.training.ledger import Ledger
from kfadapter.training.records import ExecutionKey
from kfadapter.training.states import NotificationState, RunState
from kfadapter.training.stuck import Reason, Symptom
from support.ledger_steps import claim, end, intend, later, notification_of, report, start

KEY = ExecutionKey(value="k", digest="d")


async def told(url: str) -> list[Event]:
    """Everything in the log of events, in its order."""
    with Transactions.open(url) as database:
        if not database.is_sqlite:
            await database.write(place_new)
        return await database.read(read_after, 0, 1000)


def kinds(events: list[Event]) -> list[str]:
    return [event.type.removeprefix("org.kfadapter.") for event in events]


async def deliver(ledger: Ledger, state: str, at: float, **changes: Any) -> None:
    [notification] = await claim(ledger, at)
    await ledger.write_back(report(notification, at, state, **changes))


async def test_everything_that_becomes_of_a_job_is_told_in_order(ledger: Ledger, url: str) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id, "FAILED")
    await end(ledger, run_id, "SUCCEEDED", at=2)
    await end(ledger, run_id, "SUCCEEDED", at=3)
    await deliver(ledger, "pending", 10, status=503, answer="away")
    await deliver(ledger, "pending", 30, status=503, answer="away")
    await deliver(ledger, "delivered", 50)
    events = await told(url)
    assert kinds(events) == [
        *("run.created", "trainingjob.state.changed"),
        *("trainingjob.state.changed", "trainingjob.finished", "run.finished"),
        *("run.contradicted", "delivery.failed", "delivery.succeeded"),
    ]
    assert {(event.run_id, event.job_id, event.pipeline_name) for event in events} == {(run_id, "7", "qoe")}
    finished, contradicted, failed = events[3], events[5], events[6]
    assert (finished.subject, finished.state, finished.data["attempt"]) == ("7", "failed", 1)
    assert (contradicted.subject, contradicted.state, contradicted.data["kept"]) == (run_id, "SUCCEEDED", "FAILED")
    assert failed.data["answer"] == "away"


async def test_an_event_of_a_change_that_was_refused_is_not_there(ledger: Ledger, url: str) -> None:
    run = await intend(ledger)
    await ledger.close_intention(run.run_id, RunState.REFUSED, reason="no", is_told=False, now=later(0))
    events = await told(url)
    assert kinds(events) == ["trainingjob.state.changed", "trainingjob.finished"]


async def test_a_superseded_run_is_told_as_such(ledger: Ledger, url: str) -> None:
    first = await start(ledger)
    second = await start(ledger, at=1, parameters={"n": 2})
    [event] = [one for one in await told(url) if one.type.endswith("superseded")]
    assert (event.run_id, event.data["superseded_by"]) == (first, second)


async def test_a_dead_notification_is_sent_again_when_somebody_asks(ledger: Ledger, url: str) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    await deliver(ledger, "dead", 10, status=503)
    assert await claim(ledger, 1000) == []
    assert await ledger.redeliver("7", 1, now=later(2000)) is not None
    [notification] = await claim(ledger, 2000)
    assert notification.first_attempt_at is None  # giving up counts anew
    await ledger.write_back(report(notification, 2000))
    record = await ledger.run_record(run_id)
    assert record is not None
    assert record.notification is not None
    assert record.notification.state is NotificationState.DELIVERED
    assert [attempt.outcome for attempt in record.attempts] == ["retry", "delivered"]
    assert kinds(await told(url))[-2:] == ["delivery.dead", "delivery.succeeded"]


async def test_a_delivered_notification_may_be_sent_again_too(ledger: Ledger) -> None:
    await end(ledger, await start(ledger))
    await deliver(ledger, "delivered", 10)
    await ledger.redeliver("7", 1, now=later(20))
    assert len(await claim(ledger, 20)) == 1


async def test_a_redelivery_waits_for_nothing_but_the_grace_time(ledger: Ledger) -> None:
    await end(ledger, await start(ledger))
    redelivered = await ledger.redeliver("7", 1, now=later(1))
    assert redelivered is not None
    assert redelivered.not_before == later(5)


@pytest.mark.parametrize("outcome", ["delivered", "pending", "dead"])
async def test_a_redelivery_asked_for_during_a_try_follows_it(ledger: Ledger, outcome: str) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    [notification] = await claim(ledger, 10)
    assert await ledger.redeliver("7", 1, now=later(10.5)) is not None
    assert await claim(ledger, 10.6) == []  # the job's notifications go out one after the other
    assert await ledger.write_back(report(notification, 10, outcome, ended_at=later(11))) == outcome
    [again] = await claim(ledger, 11)
    await ledger.write_back(report(again, 11))
    assert await claim(ledger, 1000) == []
    record = await ledger.run_record(run_id)
    assert record is not None
    assert len(record.attempts) == 2


@pytest.mark.parametrize("why", ["deleted", "superseded"])
async def test_what_nobody_is_to_hear_cannot_be_redelivered(ledger: Ledger, why: str) -> None:
    run_id = await start(ledger)
    await end(ledger, run_id)
    await deliver(ledger, "delivered", 10)
    if why == "deleted":
        await ledger.dismiss(run_id, now=later(20))
    else:
        await start(ledger, at=20, parameters={"n": 2})
    with pytest.raises(NotRedeliverable, match="deleted" if why == "deleted" else "newer run"):
        await ledger.redeliver("7", 1, now=later(30))
    assert await claim(ledger, 1000) == []


async def test_there_is_nothing_to_redeliver_where_nothing_was(ledger: Ledger) -> None:
    assert await ledger.redeliver("7", 1, now=later(0)) is None
    await start(ledger)
    assert await ledger.redeliver("7", 1, now=later(0)) is None


async def test_a_key_leads_to_its_run_whatever_became_of_it(ledger: Ledger, second: Ledger) -> None:
    run_id = await start(ledger, key=KEY)
    await end(ledger, run_id)
    joined = await intend(second, at=100, key=KEY)
    assert joined.run_id == run_id
    known = await second.run_of_key("7", KEY)
    assert known is not None
    assert known.state is RunState.SUCCEEDED


async def test_a_key_with_another_request_is_refused(ledger: Ledger) -> None:
    run_id = await start(ledger, key=KEY)
    other = ExecutionKey(value=KEY.value, digest="other")
    with pytest.raises(IdempotencyKeyReused, match=run_id):
        await intend(ledger, key=other, parameters={"n": 2})
    with pytest.raises(IdempotencyKeyReused):
        await ledger.run_of_key("7", other)
    assert await ledger.run_of_key("8", other) is None  # a key counts for one job


async def test_a_launch_that_left_no_run_frees_its_key(ledger: Ledger) -> None:
    first = await intend(ledger, key=KEY)
    await ledger.close_intention(first.run_id, RunState.NOT_STARTED, reason="cut", is_told=True, now=later(1))
    assert (await intend(ledger, at=2, key=KEY)).run_id != first.run_id


async def test_equal_executions_with_different_keys_are_two(ledger: Ledger) -> None:
    first = await intend(ledger, key=KEY)
    second = await intend(ledger, key=ExecutionKey(value="other", digest="d"))
    assert first.run_id != second.run_id
    assert (await intend(ledger)).run_id == second.run_id  # without a key it joins what is open


async def test_a_stuck_run_is_told_and_stopped_where_that_is_wanted(ledger: Ledger, url: str) -> None:
    run_id = await start(ledger)
    symptom = Symptom(reason=Reason.PENDING, text="pending for 900 s")
    assert await ledger.report_stuck(run_id, symptom, stops=True, now=later(900))
    [going] = await ledger.watched(now=later(901))
    assert going.is_to_stop
    event = (await told(url))[-1]
    assert (event.type, event.data["reason"]) == ("org.kfadapter.run.stuck", "pending")
    await end(ledger, run_id, "FAILED", at=910)
    assert not await ledger.report_stuck(run_id, symptom, stops=True, now=later(920))
    run = await ledger.run(run_id)
    assert run is not None
    assert run.is_canceled
    assert await notification_of(ledger, run_id) is not None  # the Training Manager waits for this run


async def test_the_usual_time_is_that_of_the_runs_that_succeeded(ledger: Ledger) -> None:
    for number in range(4):
        run_id = await start(ledger, str(number))
        await end(ledger, run_id, "FAILED" if number == 3 else "SUCCEEDED", at=10)
    assert await ledger.durations(["v-1", "v-2"]) == {"v-1": [timedelta(seconds=10)] * 3}
    assert await ledger.going_runs() == []


async def test_only_what_is_over_and_told_is_forgotten(ledger: Ledger) -> None:
    over = await start(ledger, "over")
    await end(ledger, over)
    await deliver(ledger, "pending", 10, status=503)
    await deliver(ledger, "delivered", 30)
    untold = await start(ledger, "untold")
    await end(ledger, untold)
    await start(ledger, "going")
    await start(ledger, "young", at=1000)
    assert await ledger.forget_jobs(before=later(500), limit=10) == 1
    assert [job.head.job_id for job in await ledger.jobs(limit=10)] == ["young", "untold", "going"]
    assert await ledger.run(over) is None
    assert await ledger.forget_jobs(before=later(500), limit=10) == 0
    assert await ledger.job("over") is None
