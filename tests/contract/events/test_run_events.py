"""What events say of runs: names from a pipeline's first run on, and what happens after a run's end."""

from collections.abc import Sequence
from typing import Any

import pytest

from kfadapter.clock import SystemClock
from kfadapter.database.transactions import Transactions
from kfadapter.events.log import place_new, read_after
from kfadapter.events.types import EventType
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.runs.index import RunIndex
from kfadapter.runs.index_tasks import TaskWatch
from kfadapter.runs.indexing import Indexer
from kfadapter.runs.introductions import Introductions
from kfadapter.runs.sightings import SeenRuns
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.eventually import eventually


@pytest.fixture
def adapter(adapter: RunningAdapter) -> RunningAdapter:
    """One whose index is complete: what is found while it is filled is the past, and not told."""
    eventually(lambda: adapter.http.get("/v1/runs").json()["index"]["complete"])
    return adapter


def events_of(adapter: RunningAdapter, pipeline: str) -> list[dict[str, Any]]:
    answer = adapter.http.get(
        "/v1/events", params={"pipeline": pipeline, "after": 0}, headers={"Accept": "application/json"}
    )
    return list(answer.raise_for_status().json()["events"])


def wait_for_the_end(adapter: RunningAdapter, pipeline: str) -> list[str]:
    def ended() -> list[dict[str, Any]]:
        events = events_of(adapter, pipeline)
        return events if any(one["type"].endswith("run.finished") for one in events) else []

    found = eventually(ended)
    assert {one["data"]["pipeline_name"] for one in found} == {pipeline}
    assert {one["data"]["experiment_name"] for one in found} == {"Default"}
    return [one["type"].removeprefix("org.kfadapter.") for one in found]


def test_a_first_run_that_somebody_else_started(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    version_id = fake.add_version(pipeline_id, "v2")
    experiment_id = fake.add_experiment("Radio")
    fake.add_runs(1, pipeline_id=pipeline_id, pipeline_version_id=version_id, experiment_id=experiment_id)
    found = eventually(lambda: [one for one in events_of(adapter, "qoe") if one["type"].endswith("run.finished")])
    assert found[0]["data"]["pipeline_version"] == "v2"
    assert found[0]["data"]["experiment_name"] == "Radio"


def test_a_first_run_that_was_started_here(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    fake.add_pipeline("qoe")
    run_id = adapter.http.post("/v1/runs", json={"pipeline": "qoe"}).raise_for_status().json()["run_id"]
    fake.finish(run_id)
    assert {"run.created", "run.state.changed", "run.finished"} <= set(wait_for_the_end(adapter, "qoe"))


def test_a_first_run_of_a_training_job(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    fake.add_pipeline("qoe")
    body = {"pipeline_name": "qoe", "pipeline_version": "qoe", "experiment_name": "Default", "arguments": {}}
    run_id = adapter.http.post("/trainingjobs/7/execution", json=body).raise_for_status().json()["run_id"]
    fake.finish(run_id, "FAILED")
    assert {"run.created", "run.state.changed", "run.finished"} <= set(wait_for_the_end(adapter, "qoe"))


def types_of_run(adapter: RunningAdapter, run_id: str) -> list[str]:
    answer = adapter.http.get(f"/v1/runs/{run_id}/events", headers={"Accept": "application/json"})
    return [one["type"].removeprefix("org.kfadapter.run.") for one in answer.raise_for_status().json()["events"]]


def test_an_end_that_is_taken_back_is_told_as_a_contradiction(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    [run_id] = fake.add_runs(1, pipeline_id=pipeline_id)
    eventually(lambda: "finished" in types_of_run(adapter, run_id))
    fake.finish(run_id, "FAILED")
    eventually(lambda: "contradicted" in types_of_run(adapter, run_id))
    assert types_of_run(adapter, run_id).count("finished") == 1
    assert events_of(adapter, "qoe")[-1]["data"]["kept"] == "SUCCEEDED"


class _RunsComeMeanwhile(TaskWatch):
    """Looks at tasks, as a round does after it has asked for new runs; just then there is one."""

    def __init__(self, fake: FakeKubeflow, kubeflow: Kubeflow, database: Transactions) -> None:
        super().__init__(kubeflow, database, SystemClock())
        self._fake = fake

    async def look(self, runs: Sequence[Run]) -> int:
        self._fake.add_runs(1)
        return 0


async def test_a_run_that_comes_in_the_middle_of_a_round_is_told_of(
    kubeflow: Kubeflow, database: Transactions, fake: FakeKubeflow
) -> None:
    index = RunIndex(database, SystemClock())
    seen = SeenRuns(kubeflow.runs, index, SystemClock())
    tasks = _RunsComeMeanwhile(fake, kubeflow, database)
    await Indexer(kubeflow, index, seen, tasks, SystemClock(), source="one").round()
    [run_id] = fake.run_ids
    assert list(await index.rows([run_id])) == [run_id]
    if not database.is_sqlite:
        await database.write(place_new)
    told = await database.read(read_after, 0, 100)
    assert {one.type for one in told if one.run_id == run_id} >= {EventType.RUN_CREATED, EventType.RUN_FINISHED}


def test_what_is_archived_already_is_not_told_again(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    [run_id] = fake.add_runs(1)
    for action in ("archive", "archive", "unarchive", "unarchive"):
        assert adapter.http.post(f"/v1/runs/{run_id}:{action}").status_code == 200
    told = types_of_run(adapter, run_id)
    assert [kind for kind in told if "archived" in kind] == ["archived", "unarchived"]


async def test_names_that_kubeflow_does_not_tell_are_asked_for_once(
    kubeflow: Kubeflow, database: Transactions, fake: FakeKubeflow
) -> None:
    fake.fail(Fault.status(403, "no"), method="GET", path="/pipelines$", times=None)
    [run_id] = fake.add_runs(1, pipeline_id=fake.add_pipeline("qoe"))
    run = await kubeflow.runs.get(run_id)
    introduce = Introductions(kubeflow, database, SystemClock())
    before = len(fake.requests)
    await introduce([run])
    asked = len(fake.requests)
    await introduce([run])
    assert len(fake.requests) == asked > before
