"""What Kubeflow may do to a watcher: each case has one documented outcome (docs/training-jobs.md)."""

import json
from datetime import timedelta

import pytest

from integration.test_training_watch import many
from kfadapter.kubeflow.resources import Run
from kfadapter.testing.faults import Fault
from kfadapter.training.states import RunState
from kfadapter.training.stuck import StuckLimits
from kfadapter.training.stuck_watch import StuckWatch
from support.training import Bridge

HOUR = timedelta(hours=1)


async def states(bridge: Bridge) -> dict[str, int]:
    return (await bridge.ledger.counts())["runs"]


@pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])
async def test_ends_are_seen_at_once_whatever_kubeflows_clock_says(bridge: Bridge, skew: timedelta) -> None:
    run_ids = await many(bridge, 400, skew=skew)
    runs = bridge.fake.world.runs
    await bridge.watcher.look()
    for number, run_id in enumerate(run_ids[::40]):
        bridge.clock.advance(1)
        runs[run_id].enter("SUCCEEDED", bridge.clock.now() + skew)
        await bridge.watcher.look()
        assert (await states(bridge))["succeeded"] == number + 1


async def test_ends_of_one_second_across_pages_are_all_seen(bridge: Bridge) -> None:
    run_ids = await many(bridge, 450)
    for run_id in run_ids:
        bridge.fake.finish(run_id, "SUCCEEDED")
    await bridge.watcher.look()
    assert await states(bridge) == {"succeeded": 450}


async def test_an_archived_run_still_counts(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.kubeflow.runs.archive(run_id)
    await bridge.end(run_id)
    assert (await bridge.record(run_id)).run.state is RunState.SUCCEEDED


async def test_a_deleted_run_is_lost_after_its_time_and_not_before(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.kubeflow.runs.delete(run_id)
    await bridge.look_for(590, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
    await bridge.look_for(30, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.LOST


async def test_a_kubeflow_that_loses_its_database_loses_every_run_once(bridge: Bridge) -> None:
    run_ids = await many(bridge, 12)
    for run_id in run_ids:
        bridge.fake.forget_run(run_id)
    await bridge.look_for(590, step=10)
    assert await states(bridge) == {"active": 12}
    await bridge.look_for(60, step=10)
    assert await states(bridge) == {"lost": 12}
    bridge.clock.advance(60)
    await bridge.outbox.deliver_due()
    told = bridge.training_manager.notifications
    assert sorted(one.job_id for one in told) == sorted(str(job) for job in range(12))
    assert {one.run_status for one in told} == {"FAILED"}


async def test_a_database_that_is_restored_in_time_loses_nothing(bridge: Bridge) -> None:
    run_ids = await many(bridge, 12)
    kept = {run_id: bridge.fake.world.runs[run_id] for run_id in run_ids}
    for run_id in run_ids:
        bridge.fake.forget_run(run_id)
    await bridge.look_for(500, step=10)
    bridge.fake.world.runs.update(kept)
    await bridge.look_for(300, step=10)
    assert await states(bridge) == {"active": 12}


@pytest.mark.parametrize("fault", [Fault.status(500), Fault.html(200), Fault.status(503), Fault.hang()], ids=str)
async def test_a_run_that_is_neither_shown_nor_denied_hinders_no_other(bridge: Bridge, fault: Fault) -> None:
    lone, *run_ids = await many(bridge, 200)
    bridge.fake.forget_run(lone)
    bridge.fake.fail(fault, path=f"/runs/{lone}$", times=None)
    await bridge.look_for(595, step=35)
    for number, run_id in enumerate(run_ids[::66]):
        bridge.clock.advance(10)
        bridge.fake.finish(run_id)
        await bridge.watcher.look()
        assert (await states(bridge))["succeeded"] == number + 1
    assert (await bridge.record(lone)).run.state is RunState.ACTIVE


async def test_a_login_page_for_an_hour_concludes_nothing(bridge: Bridge) -> None:
    run_id = await bridge.start()
    bridge.fake.fail(Fault.html(200), times=None)
    await bridge.look_for(3600, step=60)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE
    bridge.fake.faults.clear()
    await bridge.end(run_id)
    assert (await bridge.record(run_id)).run.state is RunState.SUCCEEDED


async def test_an_answer_for_another_run_is_no_news(bridge: Bridge) -> None:
    run_id = await bridge.start()
    other = bridge.fake.add_runs(1, state="FAILED")[0]
    answer = bridge.fake.run(other)
    assert Run.from_json(answer).run_id == other
    bridge.fake.fail(
        Fault.answer(200, json.dumps({"runs": [answer]}), content_type="application/json"), path=r"/runs$", times=None
    )
    bridge.fake.fail(
        Fault.answer(200, json.dumps(answer), content_type="application/json"), path=rf"/runs/{run_id}$", times=None
    )
    await bridge.look_for(700, step=10)
    assert (await bridge.record(run_id)).run.state is RunState.ACTIVE


async def test_ten_minutes_without_kubeflow_lose_and_falsify_nothing(bridge: Bridge) -> None:
    run_ids = await many(bridge, 30)
    bridge.fake.outage()
    await bridge.look_for(600, step=60)
    bridge.fake.restore()
    for run_id in run_ids[::3]:
        bridge.fake.finish(run_id, "SUCCEEDED")
    await bridge.look_for(3)
    assert await states(bridge) == {"active": 20, "succeeded": 10}
    bridge.clock.advance(60)
    await bridge.outbox.deliver_due()
    assert {one.run_status for one in bridge.training_manager.notifications} == {"SUCCEEDED"}


def stuck_watch(bridge: Bridge, *, stops: bool = False, **limits: float) -> StuckWatch:
    nothing = {"pending_seconds": 0.0, "idle_seconds": 0.0, "overdue_factor": 0.0}
    chosen = StuckLimits(**{**nothing, **limits})
    return StuckWatch(bridge.kubeflow.runs, bridge.ledger, bridge.clock, limits=chosen, stops=stops)


async def reasons(bridge: Bridge, run_id: str) -> list[str]:
    record = await bridge.record(run_id)
    return [str(event.detail["reason"]) for event in record.events if event.kind == "stuck"]


async def test_a_run_that_stays_pending_is_told_of_once(bridge: Bridge) -> None:
    run_id, watch = await bridge.start(), stuck_watch(bridge, pending_seconds=900)
    bridge.clock.advance(899)
    await watch.look()
    assert await reasons(bridge, run_id) == []
    for _ in range(3):
        bridge.clock.advance(1)
        await watch.look()
    assert await reasons(bridge, run_id) == ["pending"]


async def test_a_run_whose_tasks_stand_still_is_told_of(bridge: Bridge) -> None:
    run_id, watch = await bridge.start(), stuck_watch(bridge, idle_seconds=600)
    bridge.fake.advance(run_id, "RUNNING")
    await bridge.watcher.look()
    for _ in range(59):
        await watch.look()
        bridge.clock.advance(10)
    bridge.fake.outage()  # no answer is no evidence
    bridge.clock.advance(100)
    await watch.look()
    bridge.fake.restore()
    assert await reasons(bridge, run_id) == []
    for _ in range(61):
        await watch.look()
        bridge.clock.advance(10)
    await watch.look()
    assert await reasons(bridge, run_id) == ["no-progress"]


async def test_a_run_that_is_overdue_by_its_pipelines_history_is_stopped(bridge: Bridge) -> None:
    for job in range(3):
        run_id = await bridge.start(str(job))
        bridge.clock.advance(100)
        await bridge.end(run_id)
    run_id, watch = await bridge.start("9"), stuck_watch(bridge, overdue_factor=3, stops=True)
    bridge.clock.advance(299)
    await watch.look()
    assert await reasons(bridge, run_id) == []
    bridge.clock.advance(2)
    await watch.look()
    assert await reasons(bridge, run_id) == ["overdue"]
    await bridge.watcher.look()
    assert bridge.fake.run(run_id)["state"] == "CANCELING"
    await bridge.end(run_id, "FAILED")
    record = await bridge.record(run_id)
    assert record.run.is_canceled
    assert record.notification is not None


async def test_a_notification_names_the_task_that_failed(bridge: Bridge) -> None:
    run_id = await bridge.start()
    tasks = [
        {"task_id": "t-1", "display_name": "root", "state": "FAILED", "end_time": "2030-01-01T00:00:09Z"},
        {
            "task_id": "t-2",
            "display_name": "train",
            "state": "FAILED",
            "parent_task_id": "t-1",
            "end_time": "2030-01-01T00:00:05Z",
            "error": {"message": "out of memory"},
        },
        {"task_id": "t-3", "display_name": "load", "state": "SUCCEEDED", "end_time": "2030-01-01T00:00:02Z"},
    ]
    bridge.fake.finish(run_id, "FAILED", error="failed", tasks=tasks)
    await bridge.watcher.look()
    await bridge.tell()
    body = bridge.training_manager.notifications[0].body
    assert body["failed_task"] == {"task_id": "t-2", "name": "train", "error": "out of memory"}
    assert (body["state"], body["reason"]) == ("failed", "failed")


async def test_a_notification_waits_for_no_report(bridge: Bridge) -> None:
    run_id = await bridge.start()
    await bridge.end(run_id)
    bridge.fake.outage()
    await bridge.tell()
    body = bridge.training_manager.notifications[0].body
    assert body["run_status"] == "SUCCEEDED"
    assert "failed_task" not in body
