"""Runs: started once, looked up, found by their ends, ended."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.runs import NewRun
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

UNKNOWN = "00000000-0000-4000-8000-000000000000"
AT = datetime(2026, 1, 1, tzinfo=UTC)
TYPED = {
    "pipelineInfo": {"name": "typed"},
    "root": {
        "inputDefinitions": {
            "parameters": {
                "text": {"parameterType": "STRING"},
                "whole": {"parameterType": "NUMBER_INTEGER", "isOptional": True},
                "flag": {"parameterType": "BOOLEAN", "defaultValue": False, "isOptional": True},
                "items": {"parameterType": "LIST", "isOptional": True},
                "table": {"parameterType": "STRUCT", "isOptional": True},
            }
        }
    },
    "schemaVersion": "2.1.0",
}


def run_of(pipeline_id: str, parameters: dict[str, object], **fields: Any) -> NewRun:
    fields.setdefault("run_id", str(uuid.uuid4()))
    return NewRun(display_name="job", pipeline_id=pipeline_id, parameters=parameters, **fields)


async def test_a_run_gets_the_callers_id_and_typed_parameters(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("typed", spec=TYPED)
    version = await kubeflow.versions.latest(pipeline_id)
    experiment = await kubeflow.experiments.create("mine")
    parameters = {"text": "a", "whole": 3, "flag": True, "items": [1, "x"], "table": {"k": [None]}}
    new = run_of(
        pipeline_id,
        parameters,
        pipeline_version_id=version.pipeline_version_id,
        experiment_id=experiment.experiment_id,
        description="why",
    )
    run = await kubeflow.runs.create(new)
    assert (run.run_id, run.state, run.finished_at) == (new.run_id, "PENDING", None)
    stored = await kubeflow.runs.get(new.run_id)
    assert (stored.pipeline_id, stored.pipeline_version_id) == (pipeline_id, version.pipeline_version_id)
    assert (stored.experiment_id, stored.description) == (experiment.experiment_id, "why")
    assert stored.parameters == parameters


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "text"),
        ({"text": "a", "colour": "red"}, "colour"),
        ({"text": 1}, "text requires type string"),
        ({"text": "a", "whole": "3"}, "whole requires type double or integer"),
        ({"text": "a", "flag": "true"}, "flag requires type bool"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_with_the_reason(
    kubeflow: Kubeflow, fake: FakeKubeflow, parameters: dict[str, object], reason: str
) -> None:
    new = run_of(fake.add_pipeline("typed", spec=TYPED), parameters)
    with pytest.raises(KubeflowInvalid) as caught:
        await kubeflow.runs.create(new)
    assert reason in caught.value.reason
    assert "ExecutionSpec" not in caught.value.reason
    assert fake.workflows_started(new.run_id) == 0


async def test_what_a_run_needs_is_missing(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    for fields in ({"experiment_id": UNKNOWN}, {"pipeline_version_id": UNKNOWN}):
        with pytest.raises(KubeflowNotFound):
            await kubeflow.runs.create(run_of(pipeline_id, {}, **fields))
    with pytest.raises(KubeflowNotFound):
        await kubeflow.runs.create(run_of(UNKNOWN, {}))


async def test_an_id_that_is_taken_is_a_conflict(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    new = run_of(fake.add_pipeline("qoe"), {})
    await kubeflow.runs.create(new)
    with pytest.raises(KubeflowConflict):
        await kubeflow.runs.create(new)
    assert fake.workflows_started(new.run_id) == 2  # the fake is as careless as KFP


async def test_an_answer_for_another_run_is_malformed(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    new = run_of(fake.add_pipeline("qoe"), {})
    other = Fault.answer(200, f'{{"run_id": "{UNKNOWN}", "state": "SUCCEEDED"}}', content_type="application/json")
    fake.fail(other, path="/runs", times=None, after=True)
    with pytest.raises(KubeflowMalformed):
        await kubeflow.runs.create(new)
    with pytest.raises(KubeflowMalformed):
        await kubeflow.runs.get(new.run_id)


@pytest.mark.parametrize("run_id", [UNKNOWN, "None", "", "..", "a/b", "x y?z#", "größe"])
async def test_an_unknown_run(kubeflow: Kubeflow, run_id: str) -> None:
    for call in (
        kubeflow.runs.get,
        kubeflow.runs.terminate,
        kubeflow.runs.retry,
        kubeflow.runs.archive,
        kubeflow.runs.unarchive,
        kubeflow.runs.delete,
    ):
        with pytest.raises(KubeflowNotFound):
            await call(run_id)


async def test_a_run_is_terminated(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    new = run_of(fake.add_pipeline("qoe"), {})
    await kubeflow.runs.create(new)
    await kubeflow.runs.terminate(new.run_id)
    assert (await kubeflow.runs.get(new.run_id)).state == "CANCELING"
    await kubeflow.runs.terminate(new.run_id)


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"])
async def test_a_run_that_has_ended_cannot_be_terminated(kubeflow: Kubeflow, fake: FakeKubeflow, state: str) -> None:
    (run_id,) = fake.add_runs(1, state=state)
    with pytest.raises(KubeflowConflict, match=state):
        await kubeflow.runs.terminate(run_id)


async def test_an_old_servers_row_not_found_is_an_unknown_run(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    words = '{"code":3,"message":"Invalid input error: Row not found","details":[{"message":"Row not found"}]}'
    fake.fail(Fault.answer(400, words, content_type="application/json"), path=":terminate$")
    with pytest.raises(KubeflowNotFound):
        await kubeflow.runs.terminate(UNKNOWN)


async def test_a_termination_that_cannot_be_looked_into_says_so(fake: FakeKubeflow) -> None:
    (run_id,) = fake.add_runs(1)
    fake.fail(Fault.status(503), method="GET", times=None)
    async with Kubeflow(fake.base_url, timeout_seconds=1) as kubeflow:
        with pytest.raises(KubeflowUnavailable):
            await kubeflow.runs.terminate(run_id)


async def test_the_other_actions(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    failed, succeeded = fake.add_runs(1, state="FAILED") + fake.add_runs(1)
    await kubeflow.runs.archive(failed)
    assert (await kubeflow.runs.get(failed)).storage_state == "ARCHIVED"
    await kubeflow.runs.unarchive(failed)
    await kubeflow.runs.retry(failed)
    again = await kubeflow.runs.get(failed)
    assert (again.storage_state, again.state, again.finished_at) == ("AVAILABLE", "RUNNING", None)
    with pytest.raises(KubeflowConflict):
        await kubeflow.runs.retry(succeeded)
    await kubeflow.runs.delete(succeeded)
    with pytest.raises(KubeflowNotFound):
        await kubeflow.runs.get(succeeded)


async def test_runs_are_found_by_their_ends(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    early, late = (
        fake.add_runs(1, created_at=AT, finished_at=AT + timedelta(seconds=seconds))[0] for seconds in (5, 10)
    )
    fake.add_runs(3, state="RUNNING")
    ended = await kubeflow.runs.finished_since(AT + timedelta(seconds=5, milliseconds=700))
    assert [run.run_id for run in ended] == [late, early]
    assert [run.run_id for run in await kubeflow.runs.finished_since(AT + timedelta(seconds=6))] == [late]
    assert await kubeflow.runs.finished_since(AT + timedelta(seconds=11)) == []


async def test_no_more_ends_are_asked_for_than_are_wanted(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.add_runs(450, created_at=AT, finished_at=AT)
    newest = fake.add_runs(1, created_at=AT, finished_at=AT + timedelta(seconds=1))
    before = fake.count("GET", r"/runs$")
    ended = await kubeflow.runs.finished_since(AT, enough=lambda page: len(page) == 200)
    assert [run.run_id for run in ended[:1]] == newest
    assert len(ended) == 200
    assert fake.count("GET", r"/runs$") - before == 1


@pytest.mark.parametrize("since", [datetime(1970, 1, 1, tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
async def test_a_run_that_goes_on_has_not_ended_in_1970(
    kubeflow: Kubeflow, fake: FakeKubeflow, since: datetime
) -> None:
    fake.add_runs(5, state="RUNNING")
    ended = fake.add_runs(2)
    assert {run.run_id for run in await kubeflow.runs.finished_since(since)} == set(ended)


async def test_many_ends_in_one_second_are_all_found(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    ids = fake.add_runs(450, created_at=AT, finished_at=AT)
    assert {run.run_id for run in await kubeflow.runs.finished_since(AT)} == set(ids)


async def test_runs_of_one_experiment(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    experiment_id = fake.add_experiment("mine")
    mine = fake.add_runs(2, experiment_id=experiment_id)
    fake.add_runs(2)
    listed = await kubeflow.runs.list_all(experiment_id=experiment_id)
    assert {run.run_id for run in listed} == set(mine)
