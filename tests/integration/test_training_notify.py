"""Telling the Training Manager: once, in order, not too early, through outages and restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.training.states import NotificationState, RunState
from support.training import Bridge

NOTIFY: dict[str, Any] = {"method": "POST", "path": "pipelineNotification"}


@contextlib.asynccontextmanager
async def running(bridge: Bridge) -> AsyncIterator[None]:
    task = asyncio.create_task(bridge.outbox.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_notification_is_what_the_training_manager_reads_and_what_it_passes_over(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    await bridge.tell()
    seen = bridge.training_manager.requests[0]
    read = {"trainingjob_id": "7", "run_id": run_id, "run_status": "SUCCEEDED"}
    assert {key: seen.json()[key] for key in read} == read
    assert seen.json().keys() - read.keys() == {
        *("reason", "finished_at", "state", "canceled", "attempt", "pipeline_name", "pipeline_version"),
        *("failed_task", "artifacts"),
    }
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept-charset"] == "UTF-8"
    record = await bridge.record(run_id)
    assert record.notification is not None
    assert record.notification.state is NotificationState.DELIVERED
    assert [(one.outcome, one.status) for one in record.attempts] == [("delivered", 200)]


async def test_nothing_is_told_before_the_grace_time_after_the_answer(bridge: Bridge) -> None:
    run_id = await bridge.start(is_answered=False)
    await bridge.end(run_id)
    bridge.clock.advance(9)
    await bridge.launcher.answered(run_id)
    bridge.clock.advance(4.9)
    assert await bridge.outbox.deliver_due() == 0
    bridge.clock.advance(0.2)
    assert await bridge.outbox.deliver_due() == 1


async def test_its_own_500_is_an_understanding(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id, "FAILED")
    await bridge.tell()
    record = await bridge.record(run_id)
    assert record.notification is not None
    assert record.notification.state is NotificationState.DELIVERED
    assert (record.notification.last_status, record.notification.last_answer) == (500, '{"Error":"Training Failed"}')


@pytest.mark.parametrize(
    "fault",
    [Fault.status(500), Fault.status(502), Fault.status(503), Fault.status(404), Fault.html(200), Fault.reset()],
    ids=str,
)
async def test_what_is_not_the_training_managers_answer_is_tried_again(bridge: Bridge, fault: Fault) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    bridge.training_manager.fail(fault, **NOTIFY)
    await bridge.tell()
    assert bridge.training_manager.notifications == []
    bridge.clock.advance(61)
    await bridge.outbox.deliver_due()
    assert len(bridge.training_manager.notifications) == 1
    assert [one.number for one in (await bridge.record(run_id)).attempts] == [1, 2]


async def test_a_redirect_is_not_followed(bridge: Bridge) -> None:
    await bridge.end(await bridge.start())
    bridge.training_manager.fail(Fault.redirect(bridge.training_manager.url + "/elsewhere"), **NOTIFY)
    await bridge.tell()
    assert len(bridge.training_manager.requests) == 1


async def test_retry_after_is_kept_to(bridge: Bridge) -> None:
    await bridge.end(await bridge.start())
    bridge.training_manager.fail(Fault.status(429, headers={"Retry-After": "120"}), **NOTIFY)
    await bridge.tell()
    bridge.clock.advance(119)
    assert await bridge.outbox.deliver_due() == 0
    bridge.clock.advance(2)
    assert await bridge.outbox.deliver_due() == 1


async def test_a_timeout_is_tried_again_slowly(make_bridge: Any) -> None:
    bridge = await make_bridge(notify_timeout_seconds=0.2)
    await bridge.end(await bridge.start())
    bridge.training_manager.hang_on("7")
    await bridge.tell()
    bridge.training_manager.answer_again()
    bridge.clock.advance(59)
    assert await bridge.outbox.deliver_due() == 0
    bridge.clock.advance(2)
    assert await bridge.outbox.deliver_due() == 1


async def test_a_day_without_training_manager_loses_nothing_and_everybody_is_told_at_its_return(
    bridge: Bridge,
) -> None:
    bridge.training_manager.outage()
    run_ids = [await bridge.start(str(job)) for job in range(5)]
    for run_id in run_ids:
        bridge.fake.finish(run_id, "SUCCEEDED")
    await bridge.watcher.look()
    await bridge.tell()
    for _ in range(24 * 2):
        bridge.clock.advance(1800)
        await bridge.outbox.deliver_due()
    bridge.training_manager.restore()
    record = await bridge.record(run_ids[0])
    assert record.notification is not None
    assert record.notification.attempts > 40
    assert len(record.attempts) <= 21
    bridge.clock.advance((record.notification.not_before - bridge.clock.now()).total_seconds())
    async with running(bridge):
        told = await bridge.training_manager.received(5)
    assert {one.run_id for one in told} == set(run_ids)


async def test_after_days_it_is_given_up_visibly(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    bridge.training_manager.outage()
    await bridge.tell()
    for _ in range(74):
        bridge.clock.advance(3600)
        await bridge.outbox.deliver_due()
    record = await bridge.record(run_id)
    assert record.notification is not None
    assert record.notification.state is NotificationState.DEAD
    assert "no connection" in str(record.notification.last_answer)
    bridge.clock.advance(timedelta(days=2).total_seconds())
    assert await bridge.outbox.deliver_due() == 0


async def test_one_job_that_hangs_delays_nobody_else(bridge: Bridge) -> None:
    run_ids = {str(job): await bridge.start(str(job)) for job in range(60)}
    bridge.training_manager.hang_on("0")
    for run_id in run_ids.values():
        bridge.fake.finish(run_id, "SUCCEEDED")
    await bridge.watcher.look()
    bridge.clock.advance(5)
    async with running(bridge):
        told = await bridge.training_manager.received(59)
    assert {one.job_id for one in told} == set(run_ids) - {"0"}


async def test_the_loop_wakes_when_something_becomes_due(bridge: Bridge) -> None:
    async with running(bridge):
        await bridge.clock.sleeping()
        run_id = await bridge.start()
        await bridge.end(run_id)
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while not bridge.training_manager.notifications:
                await bridge.clock.sleeping()
                bridge.clock.advance(1)
    told = bridge.training_manager.notifications[0]
    record = await bridge.record(run_id)
    assert record.run.quiet_until is not None
    assert told.at <= record.run.quiet_until + timedelta(seconds=1)


async def test_a_restart_forgets_no_notification(make_bridge: Any) -> None:
    bridge = await make_bridge()
    run_ids = [await bridge.start(str(job)) for job in range(10)]
    bridge.fake.finish(run_ids[0], "SUCCEEDED")
    await bridge.watcher.look()
    bridge = await make_bridge()
    for run_id in run_ids[1:]:
        bridge.fake.finish(run_id, "FAILED")
    await bridge.watcher.look()
    await bridge.tell()
    told = await bridge.training_manager.received(10)
    assert sorted(one.run_id for one in told) == sorted(run_ids)


async def test_a_crash_repeats_only_what_was_on_its_way(make_bridge: Any) -> None:
    bridge = await make_bridge()
    done, on_its_way = await bridge.start("1"), await bridge.start("2")
    await bridge.end(done)
    await bridge.tell()
    await bridge.end(on_its_way)
    bridge.clock.advance(5)
    until = bridge.clock.now() + timedelta(seconds=90)
    claimed = await bridge.ledger.claim_due(now=bridge.clock.now(), until=until, limit=5)
    assert [one.run_id for one in claimed] == [on_its_way]
    bridge = await make_bridge()
    assert await bridge.outbox.deliver_due() == 1
    assert [one.run_id for one in bridge.training_manager.notifications] == [done, on_its_way]


async def test_a_stop_of_the_service_records_what_was_on_its_way(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    bridge.clock.advance(5)
    bridge.training_manager.hang_on("7")
    async with running(bridge):
        await bridge.training_manager.log.seen(**NOTIFY)
    record = await bridge.record(run_id)
    assert [one.outcome for one in record.attempts] == ["interrupted"]
    assert record.notification is not None
    assert record.notification.state is NotificationState.PENDING
    assert record.notification.claimed_by is None


async def test_a_job_deleted_during_a_retry_is_not_told(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    bridge.training_manager.fail(Fault.status(503), **NOTIFY)
    await bridge.tell()
    await bridge.jobs.stop(run_id)
    bridge.clock.advance(1000)
    assert await bridge.outbox.deliver_due() == 0


async def test_a_job_number_used_again_after_a_deletion_is_told_of_its_new_run_alone(bridge: Bridge) -> None:
    """A Training Manager whose database was set up anew counts its jobs from 1 again."""
    deleted = await bridge.start()
    await bridge.jobs.stop(deleted)
    used_again = await bridge.start()
    await bridge.end(deleted, "FAILED")
    await bridge.end(used_again)
    await bridge.tell()
    told = bridge.training_manager.notifications
    assert [(one.run_id, one.run_status) for one in told] == [(used_again, "SUCCEEDED")]


async def test_without_a_training_manager_no_notification_is_made(make_bridge: Any) -> None:
    bridge = await make_bridge(is_told=False)
    run_id = await bridge.start()
    await bridge.end(run_id, "FAILED")
    record = await bridge.record(run_id)
    assert record.run.state is RunState.FAILED
    assert record.notification is None


async def test_jobs_are_read_with_runs_and_deliveries(bridge: Bridge) -> None:
    for number in range(5):
        bridge.clock.advance(1)
        run_id = await bridge.start(str(number))
    await bridge.end(run_id)
    await bridge.tell()
    first = await bridge.jobs.list(page_size=3)
    assert [job.head.job_id for job in first.items] == ["4", "3", "2"]
    second = await bridge.jobs.list(page_size=3, page_token=first.next_page_token)
    assert [job.head.job_id for job in second.items] == ["1", "0"]
    assert second.next_page_token == ""
    job = await bridge.jobs.get("4")
    assert job is not None
    body = job.to_json()
    assert body["state"] == "succeeded"
    told = body["runs"][0]["notifications"][0]
    assert (told["state"], told["tries"], told["deliveries"][0]["status"]) == ("delivered", 1, 200)
    assert [event["kind"] for event in body["runs"][0]["events"]] == [
        "intended",
        "accepted",
        "answered",
        "ended",
        "notification_delivered",
    ]
    assert await bridge.jobs.get("no such job") is None
