"""The typed clients' verbs for training jobs, over a real socket."""

import pytest

from kfadapter.client import AsyncClient, BadRequest, Client, NotFound
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.adapter import RunningAdapter


def test_a_training_job_from_its_start_to_its_redelivery(
    cluster: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    with Client(adapter.url) as client:
        jobs = client.training_jobs
        started = jobs.start("7", "train", arguments={"rate": "0.5"}, idempotency_key="one")
        assert started.run_status == "scheduled"
        assert started.effective_arguments == {"epochs": 3, "rate": 0.5, "name": "qoe"}
        assert jobs.start("7", "train", arguments={"rate": "0.5"}, idempotency_key="one").run_id == started.run_id
        with pytest.raises(BadRequest, match="rate"):
            jobs.start("8", "train")
        cluster.finish(started.run_id)
        training_manager.wait_for(1)
        assert jobs.redeliver("7", 1).run_status == "SUCCEEDED"
        training_manager.wait_for(2)
        job = jobs.get("7")
        assert (job.state, job.run_count, job.runs[0].run_id) == ("succeeded", 1, started.run_id)
        assert job.runs[0].notifications[0].deliveries[0]["status"] == 200
        assert [one.training_job_id for one in jobs.iterate(state=["succeeded"], pipeline="train")] == ["7"]
        assert jobs.list(notification=["dead"]).items == ()
        with pytest.raises(NotFound):
            jobs.get("nobody's")


async def test_the_same_awaited(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    async with AsyncClient(adapter.url) as client:
        started = await client.training_jobs.start("7", "train", arguments={"rate": 1})
        assert (await client.training_jobs.get("7")).runs[0].run_id == started.run_id
        assert [one.state async for one in client.training_jobs.iterate()] == ["active"]
        assert (await client.training_jobs.list()).items[0].training_job_id == "7"
        with pytest.raises(NotFound):
            await client.training_jobs.redeliver("7", 1)
