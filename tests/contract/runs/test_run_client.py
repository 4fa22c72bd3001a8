"""The typed clients' verbs for runs and recurring runs, over a real socket."""

from typing import Any

import pytest

from kfadapter.client import AsyncClient, Client, RunTimeout
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter


@pytest.fixture
def client(adapter: RunningAdapter) -> Any:
    with Client(adapter.url) as client:
        yield client


def test_a_run_from_its_start_to_its_deletion(cluster: FakeKubeflow, client: Client, failed_run: str) -> None:
    wanted: Any = {"pipeline_name": "train", "arguments": {"rate": "1"}, "labels": {"team": "radio"}}
    started = client.runs.start(**wanted, idempotency_key="one")
    assert client.runs.start(**wanted, idempotency_key="one").run_id == started.run_id
    assert [run.run_id for run in client.runs.iterate(label=["team=radio"])] == [started.run_id]
    run = client.runs.get(failed_run, wait_seconds=5)
    found = client.runs.list(state=["FAILED", "PENDING"]).items
    assert {run.run_id for run in found} == {failed_run, started.run_id}
    assert run.effective_arguments == {"epochs": 3, "rate": 0.5, "name": "qoe"}
    assert run.failure is not None
    assert run.failure["task"] == "train"
    assert client.runs.log(failed_run, "train", tail=1) == b"line 99\n"
    assert [lines.lines for lines in client.runs.follow_log(failed_run, "train", tail=1)] == [("line 99",)]
    assert [task["name"] for task in client.runs.tasks(failed_run).tasks] == ["prepare", "for-loop-1", "train"]
    assert client.runs.timeline(failed_run).slowest_path[-1] == "train"
    assert client.runs.wait(failed_run).state == "FAILED"
    with pytest.raises(RunTimeout):
        client.runs.wait(started.run_id, timeout_seconds=0.1)
    assert client.runs.artifacts(failed_run).unavailable[0]["what"] == "artifacts"
    clone = client.runs.clone(failed_run, arguments={"epochs": 5})
    rows = {row["name"]: row for row in client.runs.compare(failed_run, clone.run_id).arguments}
    assert rows["epochs"]["values"] == [3, 5]
    client.runs.label(failed_run, {"best": "yes"})
    assert client.runs.get(failed_run).labels == {"best": "yes"}
    assert client.runs.retry(failed_run).by == "server"
    client.runs.terminate(started.run_id)
    client.runs.archive(started.run_id)
    assert client.runs.get(started.run_id).archived
    client.runs.unarchive(started.run_id)
    client.runs.delete(started.run_id)
    assert started.run_id not in cluster.run_ids


def test_a_recurring_run_from_its_making_to_its_deletion(client: Client) -> None:
    made = client.recurring_runs.create(name="n", pipeline="train", cron="0 30 2 * * *", arguments={"rate": 1})
    assert client.recurring_runs.by_name("n").recurring_run_id == made.recurring_run_id
    changed = client.recurring_runs.change(made.recurring_run_id, interval_seconds=60)
    assert changed.schedule["interval_seconds"] == 60
    assert client.recurring_runs.get(made.recurring_run_id).recurring_run_id == changed.recurring_run_id
    assert not client.recurring_runs.disable(changed.recurring_run_id).enabled
    assert client.recurring_runs.enable(changed.recurring_run_id).enabled
    assert len(client.recurring_runs.fire_times(changed.recurring_run_id, 3).times) == 3
    assert [one.name for one in client.recurring_runs.list().items] == ["n"]
    client.recurring_runs.delete(changed.recurring_run_id)
    assert client.recurring_runs.list().items == ()


async def test_the_same_awaited(adapter: RunningAdapter, failed_run: str) -> None:
    async with AsyncClient(adapter.url) as client:
        assert (await client.runs.get(failed_run)).state == "FAILED"
        assert (await client.runs.wait(failed_run)).state == "FAILED"
        assert [lines.task async for lines in client.runs.follow_log(failed_run, "train", tail=1)] == ["train"]
        assert len((await client.runs.tasks(failed_run)).tasks) == 3
        assert (await client.runs.timeline(failed_run)).run_id == failed_run
        assert [run.run_id async for run in client.runs.iterate(text="run-0")] == [failed_run]
        made = await client.recurring_runs.create(
            name="n", pipeline="train", interval_seconds=60, arguments={"rate": 1}
        )
        await client.recurring_runs.delete(made.recurring_run_id)
