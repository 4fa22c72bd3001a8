"""Starting runs: exactly one run per intention, whatever happens to the create call."""

import asyncio
from typing import Any

import pytest

from kfadapter.errors import KubeflowForbidden, KubeflowInvalid, KubeflowUnavailable, LaunchFailed
from kfadapter.testing.faults import Fault
from kfadapter.training.states import NotificationState, RunState
from support.training import Bridge

pytestmark = pytest.mark.parametrize("wire", ["2.17", "2.3.0"])

CREATE: dict[str, Any] = {"method": "POST", "path": r"/runs$"}


async def test_the_intention_is_in_the_ledger_before_kubeflow_hears_of_it(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.hang(), **CREATE)
    launch = asyncio.create_task(bridge.launcher.launch(bridge.request()))
    seen = (await bridge.fake.log.seen(**CREATE))[0]
    record = await bridge.only_run()
    assert record.run.state is RunState.INTENDED
    assert record.run.run_id == seen.json()["run_id"]
    launch.cancel()


async def test_a_run_carries_the_id_and_name_that_were_written_down(bridge: Bridge) -> None:
    run_id = await bridge.start("12")
    run = bridge.fake.run(run_id)
    assert run["display_name"] == f"trainingjob-12-{run_id[:8]}"
    record = await bridge.record(run_id)
    assert record.run.state is RunState.ACTIVE
    assert [event.kind for event in record.events] == ["intended", "accepted", "answered"]


async def test_a_refusal_closes_the_intention_and_only_the_caller_is_told(bridge: Bridge) -> None:
    with pytest.raises(KubeflowInvalid):
        await bridge.launcher.launch(bridge.request(parameters={"unheard_of": 1}))
    record = await bridge.only_run()
    assert record.run.state is RunState.REFUSED
    assert record.run.reason
    assert record.notification is None


async def test_a_forbidden_create_is_a_refusal(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.status(403), **CREATE)
    with pytest.raises(KubeflowForbidden):
        await bridge.launcher.launch(bridge.request())
    assert (await bridge.only_run()).run.state is RunState.REFUSED


async def test_a_create_that_surely_did_not_arrive_is_closed_at_once(bridge: Bridge) -> None:
    bridge.fake.outage()
    with pytest.raises(KubeflowUnavailable):
        await bridge.launcher.launch(bridge.request())
    record = await bridge.only_run()
    assert record.run.state is RunState.NOT_STARTED
    assert record.notification is None


ANOTHER_RUN = Fault.answer(200, '{"run_id": "another", "state": "SUCCEEDED"}', content_type="application/json")


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.reset(), Fault.cut(), Fault.close(), Fault.status(503), Fault.status(504), Fault.status(500)),
        *(Fault.html(502), Fault.html(200), ANOTHER_RUN),
    ],
    ids=str,
)
async def test_a_run_whose_create_answer_was_lost_is_found_and_adopted(bridge: Bridge, fault: Fault) -> None:
    bridge.fake.fail(fault, after=True, **CREATE)
    run_id = await bridge.start()
    assert bridge.fake.workflows_started(run_id) == 1
    assert bridge.fake.count(**CREATE) == 1
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE


async def test_a_lost_create_without_a_run_is_never_sent_again_and_told_as_failed(make_bridge: Any) -> None:
    bridge = await make_bridge(answer_seconds=0.2)
    bridge.fake.fail(Fault.reset(), **CREATE)
    with pytest.raises(LaunchFailed) as failure:
        await bridge.launcher.launch(bridge.request())
    run_id = failure.value.run_id
    await bridge.look_for(19)
    assert (await bridge.record(run_id)).run.state is RunState.UNCERTAIN
    await bridge.look_for(2)
    assert (await bridge.record(run_id)).run.state is RunState.NOT_STARTED
    await bridge.tell()
    told = await bridge.training_manager.received(1)
    assert [(one.run_id, one.run_status, one.job_id) for one in told] == [(run_id, "FAILED", "7")]
    assert bridge.fake.count(**CREATE) == 1


async def test_a_create_without_an_answer_is_answered_by_the_run_that_is_there(make_bridge: Any) -> None:
    bridge = await make_bridge(answer_seconds=1.0)
    bridge.fake.fail(Fault.hang(), after=True, **CREATE)
    launched = await bridge.launcher.launch(bridge.request())
    run_id = bridge.fake.run_ids[0]
    assert launched.run.run_id == run_id
    assert launched.run.state is RunState.ACTIVE
    assert bridge.fake.workflows_started(run_id) == 1
    assert bridge.fake.count(**CREATE) == 1


async def test_a_hanging_kubeflow_is_answered_for_in_time_and_the_run_adopted_later(make_bridge: Any) -> None:
    bridge = await make_bridge(answer_seconds=0.2, kubeflow_timeout_seconds=0.6)
    bridge.fake.fail(Fault.hang(), after=True, **CREATE)
    bridge.fake.fail(Fault.hang(), method="GET", path=r"/runs/", times=None)
    with pytest.raises(LaunchFailed):
        await asyncio.wait_for(bridge.launcher.launch(bridge.request()), 0.5)
    run_id = bridge.fake.run_ids[0]
    await bridge.launcher.close(within_seconds=5)
    bridge.fake.faults.clear()
    await bridge.watcher.look()
    record = await bridge.record(run_id)
    assert record.run.state is RunState.ACTIVE
    assert record.run.answered_at is None
    await bridge.end(run_id)
    bridge.clock.advance(60)
    await bridge.outbox.deliver_due()
    assert [one.run_status for one in await bridge.training_manager.received(1)] == ["SUCCEEDED"]


async def test_a_cancelled_caller_does_not_stop_the_launch(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.delay(0.2), **CREATE)
    caller = asyncio.create_task(bridge.launcher.launch(bridge.request()))
    await bridge.fake.log.seen(**CREATE)
    caller.cancel()
    await bridge.launcher.close(within_seconds=5)
    run_id = bridge.fake.run_ids[0]
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE


async def test_a_refusal_after_the_caller_has_left_is_told(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.delay(0.2), **CREATE)
    caller = asyncio.create_task(bridge.launcher.launch(bridge.request(parameters={"unheard_of": 1})))
    await bridge.fake.log.seen(**CREATE)
    caller.cancel()
    await bridge.launcher.close(within_seconds=5)
    record = await bridge.only_run()
    assert record.run.state is RunState.REFUSED
    assert record.notification is not None


async def test_parallel_equal_executions_of_a_job_share_one_run(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.delay(0.1), **CREATE)
    launched = await asyncio.gather(*(bridge.launcher.launch(bridge.request()) for _ in range(5)))
    assert len({one.run.run_id for one in launched}) == 1
    assert bridge.fake.count(**CREATE) == 1


async def test_a_retry_joins_a_run_whose_answer_never_went_out(bridge: Bridge) -> None:
    run_id = await bridge.start(is_answered=False)
    again = await bridge.launcher.launch(bridge.request())
    assert again.run.run_id == run_id
    assert again.is_joined
    assert bridge.fake.count(**CREATE) == 1


async def test_the_same_execution_after_the_answer_is_a_new_run(bridge: Bridge) -> None:
    first, second = await bridge.start(), await bridge.start()
    assert first != second
    assert (await bridge.record(first)).run.superseded_by == second


async def test_executions_of_different_jobs_do_not_meet(bridge: Bridge) -> None:
    runs = await asyncio.gather(*(bridge.start(str(job)) for job in range(20)))
    assert len(set(runs)) == 20


async def test_a_crash_before_the_create_call_ends_in_a_told_failure(make_bridge: Any) -> None:
    bridge = await make_bridge()
    now = bridge.clock.now()
    await bridge.ledger.intend(bridge.request(), run_id="11111111-0000", claimed_until=now, now=now)
    bridge = await make_bridge()
    await bridge.look_for(22)
    record = await bridge.record("11111111-0000")
    assert record.run.state is RunState.NOT_STARTED
    await bridge.tell()
    assert [one.run_status for one in await bridge.training_manager.received(1)] == ["FAILED"]


async def test_a_crash_during_the_create_call_adopts_the_run(make_bridge: Any) -> None:
    bridge = await make_bridge()
    bridge.fake.fail(Fault.hang(), after=True, **CREATE)
    caller = asyncio.create_task(bridge.launcher.launch(bridge.request()))
    await bridge.fake.log.seen(**CREATE)
    caller.cancel()
    bridge = await make_bridge()
    run_id = bridge.fake.run_ids[0]
    assert (await bridge.record(run_id)).run.state is RunState.UNCERTAIN
    await bridge.watcher.look()
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
    assert bridge.fake.workflows_started(run_id) == 1


async def test_a_crash_between_acceptance_and_answer_tells_the_end(make_bridge: Any) -> None:
    bridge = await make_bridge()
    run_id = await bridge.start(is_answered=False)
    bridge = await make_bridge()
    await bridge.end(run_id, "FAILED")
    bridge.clock.advance(14)
    assert await bridge.outbox.deliver_due() == 0
    bridge.clock.advance(2)
    assert await bridge.outbox.deliver_due() == 1


async def test_the_lookup_does_not_conclude_anything_from_an_outage(make_bridge: Any) -> None:
    bridge = await make_bridge(answer_seconds=0.2)
    bridge.fake.fail(Fault.reset(), after=True, **CREATE)
    bridge.fake.fail(Fault.status(503), method="GET", path="/runs", times=None)
    with pytest.raises(LaunchFailed) as failure:
        await bridge.launcher.launch(bridge.request())
    await bridge.look_for(60, step=20)
    assert (await bridge.record(failure.value.run_id)).run.state is RunState.UNCERTAIN
    bridge.fake.faults.clear()
    await bridge.watcher.look()
    assert (await bridge.record(failure.value.run_id)).run.state is RunState.ACTIVE


async def test_an_adopted_run_that_was_never_answered_is_terminated_when_a_newer_is_accepted(
    bridge: Bridge,
) -> None:
    first = await bridge.start(is_answered=False)
    second = await bridge.start(parameters={}, experiment_id="", effective_arguments={"epochs": 2})
    record = await bridge.record(first)
    assert record.run.superseded_by == second
    await bridge.watcher.look()
    assert bridge.fake.count("POST", f"/runs/{first}:terminate$") == 1
    assert bridge.fake.count("POST", f"/runs/{second}:terminate$") == 0


async def test_only_the_newest_run_of_a_job_is_told(bridge: Bridge) -> None:
    first = await bridge.start()
    await bridge.end(first, "FAILED")
    second = await bridge.start()
    record = await bridge.record(first)
    assert record.notification is not None
    assert record.notification.state is NotificationState.CANCELLED
    await bridge.end(second)
    await bridge.tell()
    assert [one.run_id for one in await bridge.training_manager.received(1)] == [second]
    assert len(bridge.training_manager.notifications) == 1


async def test_a_run_that_comes_too_late_is_ended_however_many_attempts_that_takes(bridge: Bridge) -> None:
    bridge.fake.fail(Fault.delay(0.3), **CREATE)
    bridge.fake.fail(Fault.status(503), method="POST", path=":terminate$", times=2)
    launch = asyncio.create_task(bridge.launcher.launch(bridge.request()))
    run_id = (await bridge.fake.log.seen(**CREATE))[0].json()["run_id"]
    await bridge.ledger.close_intention(
        run_id, RunState.NOT_STARTED, reason="given up", is_told=False, now=bridge.clock.now()
    )
    for attempts in (1, 2):
        await bridge.fake.log.seen("POST", ":terminate$", count=attempts)
        await bridge.clock.sleeping()
        bridge.clock.advance(60)
    with pytest.raises(LaunchFailed, match="given up"):
        await launch
    assert bridge.fake.run(run_id)["state"] in ("CANCELING", "FAILED")
