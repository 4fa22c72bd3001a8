"""`/v1/training-jobs` over HTTP: filters, states with times, events, notifications, redelivery."""

import httpx
import pytest

from contract.conftest import MakeAdapter
from contract.test_training_manager_routes import execution_body, upload
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.adapter import RunningAdapter


def start(adapter: RunningAdapter, job_id: str, pipeline: str = "hello") -> str:
    answer = adapter.http.post(f"/trainingjobs/{job_id}/execution", json=execution_body(pipeline, "", {}))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["run_id"])


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [job["training_job_id"] for job in answer.json()["training_jobs"]]


def test_jobs_are_filtered_and_paged(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    upload(adapter, "other")
    runs = {job: start(adapter, job, "other" if job == "3" else "hello") for job in "1234"}
    for job in "13":
        fake.finish(runs[job], "FAILED")
    training_manager.wait_for(2)
    http = adapter.http
    assert ids(http.get("/v1/training-jobs")) == ["4", "3", "2", "1"]
    assert ids(http.get("/v1/training-jobs?state=failed")) == ["3", "1"]
    assert ids(http.get("/v1/training-jobs?state=failed&pipeline=other")) == ["3"]
    assert ids(http.get("/v1/training-jobs?state=failed&state=active")) == ["4", "3", "2", "1"]
    assert ids(http.get("/v1/training-jobs?notification=dead")) == []
    first = http.get("/v1/training-jobs?state=active&page_size=1")
    assert ids(first) == ["4"]
    token = first.json()["next_page_token"]
    assert ids(http.get("/v1/training-jobs", params={"state": "active", "page_token": token})) == ["2"]
    wrong = http.get("/v1/training-jobs?state=gone")
    assert wrong.status_code == 422
    assert "state" in wrong.json()["detail"]


def test_a_job_tells_its_states_and_is_told_again_by_hand(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    run_id = start(adapter, "7")
    training_manager.fail(Fault.status(418))  # a person must repair that: tried again slowly
    fake.finish(run_id)
    training_manager.log.wait_for("POST")
    answer = adapter.http.post("/v1/training-jobs/7/notifications/1:redeliver")
    while answer.status_code == 202 and not training_manager.notifications:
        answer = adapter.http.post("/v1/training-jobs/7/notifications/1:redeliver")
    assert answer.status_code == 202, answer.text
    training_manager.wait_for(1)

    run = adapter.http.get("/v1/training-jobs/7").json()["runs"][0]
    assert [one["state"] for one in run["states"]] == ["intended", "active", "succeeded"]
    assert all(one["at"].endswith("Z") for one in run["states"])
    [told] = adapter.http.get("/v1/training-jobs/7/notifications").json()["notifications"]
    assert (told["run_id"], told["sequence"], told["run_status"]) == (run_id, 1, "SUCCEEDED")
    assert (told["deliveries"][0]["outcome"], told["deliveries"][0]["status"]) == ("retry_slowly", 418)
    events = adapter.http.get("/v1/training-jobs/7/events").json()["events"]
    assert {"intended", "accepted", "answered", "ended", "redelivery_requested"} <= {one["kind"] for one in events}


def test_a_run_that_a_person_stops_is_told_as_canceled(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    run_id = start(adapter, "7")
    assert adapter.http.post(f"/v1/runs/{run_id}:terminate").status_code == 202
    fake.finish(run_id, "FAILED")
    [told] = training_manager.wait_for(1)
    assert (told.run_status, told.body["canceled"]) == ("FAILED", True)
    assert adapter.http.get("/v1/training-jobs/7").json()["runs"][0]["canceled"] is True


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED"])
def test_the_end_of_a_run_that_a_person_deletes_is_told_at_once(
    fake: FakeKubeflow, make_adapter: MakeAdapter, training_manager: FakeTrainingManager, state: str
) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, poll_seconds=30)
    upload(adapter, "hello")
    run_id = start(adapter, "7")
    if state == "SUCCEEDED":
        fake.finish(run_id)
    assert adapter.http.delete(f"/v1/runs/{run_id}").status_code == 204
    [told] = training_manager.wait_for(1)
    lost = ("FAILED", "the run was deleted")
    assert (told.run_status, told.body["reason"]) == (("SUCCEEDED", None) if state == "SUCCEEDED" else lost)


def test_a_deleted_job_is_not_told_again(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    run_id = start(adapter, "7")
    fake.finish(run_id)
    training_manager.wait_for(1)
    adapter.http.delete(f"/runs/{run_id}")
    answer = adapter.http.post("/v1/training-jobs/7/notifications/1:redeliver")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("not-redeliverable")
    assert "deleted" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/training-jobs/none", 404),
        ("GET", "/v1/training-jobs/none/events", 404),
        ("GET", "/v1/training-jobs/none/notifications", 404),
        ("POST", "/v1/training-jobs/none/notifications/1:redeliver", 404),
        ("POST", "/v1/training-jobs/none/notifications/0:redeliver", 422),
        ("POST", "/v1/training-jobs/none/notifications/99999999999999999999:redeliver", 422),
    ],
)
def test_what_is_not_there_says_so(
    fake: FakeKubeflow, adapter: RunningAdapter, method: str, path: str, status: int
) -> None:
    answer = adapter.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
