"""Noticing ends: level-triggered, with a bounded number of calls, and nothing concluded from silence."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow.world import NOT_YET
from kfadapter.training.ledger_watch import Sighting
from kfadapter.training.states import NotificationState, RunState
from support.training import Bridge, make_request

BOTH_WIRES = pytest.mark.parametrize("wire", ["2.17", "2.3.0"])


def calls(bridge: Bridge) -> int:
    return bridge.fake.count("GET")


async def many(bridge: Bridge, count: int, *, skew: timedelta = timedelta(0)) -> list[str]:
    """Active runs of as many jobs."""
    run_ids = bridge.fake.add_runs(count, state="PENDING")
    now = bridge.clock.now()
    for job, run_id in enumerate(run_ids):
        await bridge.ledger.intend(make_request(str(job)), run_id=run_id, claimed_until=now, now=now)
    await bridge.ledger.observe(
        [Sighting(run_id=run_id, word="PENDING", created_at=now + skew) for run_id in run_ids], now=now
    )
    return run_ids


@BOTH_WIRES
@pytest.mark.parametrize("word", ["SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"])
async def test_every_end_is_recorded_with_kubeflows_word(bridge: Bridge, word: str) -> None:
    run_id = await bridge.start()
    bridge.fake.finish(run_id, word, error="the third task failed" if word == "FAILED" else "")
    await bridge.watcher.look()
    record = await bridge.record(run_id)
    assert record.run.state is RunState(word.lower())
    assert record.run.kubeflow_state == word
    assert record.run.reason == ("the third task failed" if word == "FAILED" else "")
    assert record.run.finished_at is not None
    assert record.notification is not None
    read = {"run_id": run_id, "run_status": word, "trainingjob_id": "7"}
    assert {key: record.notification.payload[key] for key in read} == read


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "CANCELING", "PAUSED", "A_NEW_WORD"])
async def test_other_words_are_no_ends(bridge: Bridge, word: str) -> None:
    run_id = await bridge.start()
    bridge.fake.advance(run_id, word)
    await bridge.watcher.look()
    record = await bridge.record(run_id)
    assert record.run.state is RunState.ACTIVE
    assert record.run.kubeflow_state == word
    assert record.notification is None


async def test_with_nothing_to_watch_kubeflow_is_left_alone(bridge: Bridge) -> None:
    before = calls(bridge)
    await bridge.look_for(3)
    await bridge.end(await bridge.start())
    after_end = calls(bridge)
    await bridge.look_for(3)
    assert calls(bridge) == after_end
    assert after_end - before == 1


@BOTH_WIRES
async def test_a_round_costs_at_most_two_calls_however_many_are_active(bridge: Bridge) -> None:
    run_ids = await many(bridge, 450)
    await bridge.watcher.look()
    before = calls(bridge)
    for _ in range(3):
        bridge.clock.advance(1)
        await bridge.watcher.look()
    assert calls(bridge) - before <= 6
    for run_id in run_ids[::9]:
        bridge.fake.finish(run_id, "SUCCEEDED")
    await bridge.watcher.look()
    ended = await bridge.ledger.counts()
    assert ended["runs"] == {"active": 400, "succeeded": 50}


async def test_every_run_is_looked_at_within_a_few_rounds_even_if_the_list_of_ends_says_nothing(
    bridge: Bridge,
) -> None:
    run_ids = await many(bridge, 450)
    bridge.fake.advance(run_ids[225], "RUNNING")
    for run_id in (run_ids[0], run_ids[225], run_ids[449]):
        bridge.fake.world.runs[run_id].enter("SUCCEEDED", bridge.clock.now())
        bridge.fake.world.runs[run_id].finished_at = NOT_YET
    for _ in range(3):
        await bridge.watcher.look()
    assert (await bridge.ledger.counts())["runs"] == {"active": 447, "succeeded": 3}


async def test_an_outage_during_a_run_concludes_nothing_and_is_logged_once(bridge: Bridge) -> None:
    run_id = await bridge.start()
    with capture_logs() as logs:
        bridge.fake.outage()
        await bridge.look_for(50, step=5)
        bridge.fake.finish(run_id, "SUCCEEDED")
        assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
        bridge.fake.restore()
        await bridge.watcher.look()
    assert (await bridge.record(run_id)).run.state is RunState.SUCCEEDED
    actions = [line["action"] for line in logs]
    assert actions.count("kubeflow_away") == 1
    assert actions.count("kubeflow_back") == 1


@BOTH_WIRES
@pytest.mark.parametrize(
    "fault",
    [Fault.status(503), Fault.status(500), Fault.html(200), Fault.reset(), Fault.cut(), Fault.status(403)],
    ids=str,
)
async def test_one_bad_answer_is_no_news(bridge: Bridge, fault: Fault) -> None:
    run_id = await bridge.start()
    bridge.fake.fail(fault, path="/runs", times=4)
    await bridge.watcher.look()
    record = await bridge.record(run_id)
    assert record.run.state is RunState.ACTIVE
    assert record.notification is None


async def test_a_hanging_kubeflow_is_no_news(make_bridge: Any) -> None:
    bridge = await make_bridge(kubeflow_timeout_seconds=0.2)
    run_id = await bridge.start()
    bridge.fake.fail(Fault.hang(), path="/runs", times=None)
    await bridge.watcher.look()
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE


@BOTH_WIRES
async def test_a_lost_run_is_told_once_after_its_time(bridge: Bridge) -> None:
    run_id = await bridge.start()
    bridge.fake.forget_run(run_id)
    await bridge.look_for(590, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
    await bridge.look_for(20, step=10)
    record = await bridge.record(run_id)
    assert record.run.state is RunState.LOST
    assert record.notification is not None
    assert record.notification.payload["run_status"] == "FAILED"
    await bridge.tell()
    await bridge.look_for(100, step=10)
    assert await bridge.outbox.deliver_due() == 0
    assert len(bridge.training_manager.notifications) == 1


async def test_an_outage_does_not_count_towards_losing_a_run(bridge: Bridge) -> None:
    run_id = await bridge.start()
    bridge.fake.forget_run(run_id)
    await bridge.look_for(500, step=10)
    bridge.fake.outage()
    await bridge.look_for(1200, step=300)
    bridge.fake.restore()
    await bridge.look_for(90, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
    await bridge.look_for(40, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.LOST


async def test_a_run_that_comes_back_is_not_lost(bridge: Bridge) -> None:
    run_id = await bridge.start()
    kept = bridge.fake.world.runs[run_id]
    bridge.fake.forget_run(run_id)
    await bridge.look_for(500, step=10)
    bridge.fake.world.runs[run_id] = kept
    await bridge.look_for(20, step=10)
    bridge.fake.forget_run(run_id)
    await bridge.look_for(500, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE


async def test_the_first_end_wins_and_a_contradiction_is_kept_as_an_event(bridge: Bridge) -> None:
    run_ids = await many(bridge, 201)
    await bridge.end(run_ids[0], "FAILED")
    bridge.clock.advance(1)
    bridge.fake.world.runs[run_ids[0]].enter("SUCCEEDED", bridge.clock.now())
    await bridge.start("300")
    for _ in range(3):
        await bridge.watcher.look()
    record = await bridge.record(run_ids[0])
    assert record.run.state is RunState.FAILED
    assert [event.kind for event in record.events].count("contradicted") == 1
    assert record.notification is not None
    assert record.notification.payload["run_status"] == "FAILED"


async def test_an_end_with_a_time_from_the_future_does_not_blind_the_watch(bridge: Bridge) -> None:
    run_ids = await many(bridge, 250)
    bridge.fake.world.runs[run_ids[0]].enter("SUCCEEDED", bridge.clock.now().replace(year=2099))
    await bridge.watcher.look()
    bridge.clock.advance(10)
    bridge.fake.finish(run_ids[249], "SUCCEEDED")
    await bridge.watcher.look()
    assert (await bridge.ledger.counts())["runs"]["succeeded"] == 2


async def test_the_loop_outlives_trouble_and_polls_gently_during_an_outage(bridge: Bridge) -> None:
    run_id = await bridge.start()
    loop = asyncio.create_task(bridge.watcher.run())
    bridge.fake.outage()
    for _ in range(6):
        await bridge.clock.sleeping()
        bridge.clock.advance(5)
    bridge.fake.restore()
    bridge.fake.finish(run_id, "SUCCEEDED")
    async with asyncio.timeout(10):
        while (await bridge.record(run_id)).run.state is RunState.ACTIVE:
            await bridge.clock.sleeping()
            bridge.clock.advance(5)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


async def test_a_dismissed_run_is_stopped_and_not_told(bridge: Bridge) -> None:
    run_id = await bridge.start()
    stopped = await bridge.jobs.stop(run_id)
    assert stopped.to_json() == {"run_id": run_id, "status": "terminating", "run_status": None, "accepted": True}
    await bridge.end(run_id, "FAILED")
    record = await bridge.record(run_id)
    assert record.run.state is RunState.FAILED
    assert record.run.to_json()["canceled"] is True
    assert record.notification is None


@BOTH_WIRES
async def test_a_stop_is_repeated_until_kubeflow_takes_it(bridge: Bridge) -> None:
    run_id = await bridge.start()
    bridge.fake.outage()
    stopped = await bridge.jobs.stop(run_id)
    assert not stopped.is_accepted
    bridge.fake.restore()
    await bridge.watcher.look()
    await bridge.watcher.look()
    assert bridge.fake.count("POST", ":terminate$") == 1
    assert (await bridge.record(run_id)).run.stop_accepted_at is not None


async def test_a_stop_survives_a_restart(make_bridge: Any) -> None:
    bridge = await make_bridge()
    run_id = await bridge.start()
    bridge.fake.outage()
    await bridge.jobs.stop(run_id)
    bridge = await make_bridge()
    bridge.fake.restore()
    await bridge.watcher.look()
    assert bridge.fake.count("POST", ":terminate$") == 1


async def test_stopping_an_ended_run_cancels_its_notification(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    stopped = await bridge.jobs.stop(run_id)
    assert (stopped.outcome, stopped.state) == ("ended", "SUCCEEDED")
    record = await bridge.record(run_id)
    assert record.notification is not None
    assert record.notification.state is NotificationState.CANCELLED
    await bridge.tell()
    assert bridge.training_manager.notifications == []


@BOTH_WIRES
async def test_a_run_that_has_ended_unseen_is_stopped_calmly(bridge: Bridge) -> None:
    run_id = await bridge.start()
    bridge.fake.finish(run_id, "SUCCEEDED")
    stopped = await bridge.jobs.stop(run_id)
    assert (stopped.outcome, stopped.state) == ("ended", "SUCCEEDED")


async def test_deleting_a_job_stops_a_later_run_it_never_heard_of(bridge: Bridge) -> None:
    first = await bridge.start()
    second = await bridge.start(is_answered=False)
    await bridge.jobs.stop(first)
    await bridge.watcher.look()
    assert bridge.fake.count("POST", f"/runs/{second}:terminate$") == 1
    await bridge.end(second, "FAILED")
    assert (await bridge.record(second)).notification is None
