"""`GET /v1/runs/{id}`: one answer with everything about a run, and what is missing is named."""

import threading
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter


def read(adapter: RunningAdapter, run_id: str, **query: Any) -> dict[str, Any]:
    answer = adapter.http.get(f"/v1/runs/{run_id}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_tasks_come_without_argos_own_nodes_in_order_and_as_a_tree(adapter: RunningAdapter, failed_run: str) -> None:
    tasks = read(adapter, failed_run)["tasks"]
    assert [task["name"] for task in tasks] == ["prepare", "for-loop-1", "train"]
    assert [task["parent_task_id"] for task in tasks] == [None, None, "id-for-loop-1"]


def test_effective_arguments_hold_the_defaults(adapter: RunningAdapter, failed_run: str) -> None:
    run = read(adapter, failed_run)
    assert run["arguments"] == {"rate": 0.5}
    assert run["effective_arguments"] == {"epochs": 3, "rate": 0.5, "name": "qoe"}
    assert run["defaulted_arguments"] == ["epochs", "name"]
    assert (run["pipeline_name"], run["pipeline_version_name"], run["experiment_name"]) == ("train", "train", "Default")


def test_a_version_that_has_gone_leaves_the_arguments_and_a_reason(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str
) -> None:
    with cluster.lock:
        cluster.world.versions.clear()
    run = read(adapter, failed_run)
    assert run["arguments"] == {"rate": 0.5}
    assert run["effective_arguments"] is None
    assert any(gap["what"] == "effective_arguments" and "deleted" in gap["reason"] for gap in run["unavailable"])


def test_the_reason_of_a_failure_is_the_task_its_last_lines_and_its_pod(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str
) -> None:
    cluster.add_pod(
        "train-x7f2k-77",
        {
            "status": {
                "phase": "Failed",
                "containerStatuses": [
                    {"name": "main", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
                ],
            }
        },
        [{"type": "Warning", "reason": "Evicted", "message": "no memory", "lastTimestamp": "2030-01-01T00:00:30Z"}],
    )
    failure = read(adapter, failed_run)["failure"]
    assert (failure["task"], failure["task_id"]) == ("train", "id-train")
    assert failure["log_tail"] == [f"line {number}" for number in range(80, 100)]
    assert failure["pod"]["reasons"] == [{"where": "main", "reason": "OOMKilled", "message": "", "exit_code": 137}]
    assert failure["pod"]["events"][0]["reason"] == "Evicted"
    assert failure["message"] == "OOMKilled"


def test_why_a_pod_never_ran(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    [run_id] = cluster.add_runs(1, state="RUNNING")
    pending = {
        "task_id": "t",
        "display_name": "train",
        "state": "PENDING",
        "create_time": "2020-01-01T00:00:00Z",
        "child_tasks": [{"pod_name": "train-1"}],
    }
    with cluster.lock:
        cluster.world.runs[run_id].tasks = [pending]
    waiting = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    cluster.add_pod("train-1", {"status": {"phase": "Pending", "containerStatuses": [waiting]}}, [])
    [found] = read(adapter, run_id)["waiting"]
    assert found["task"] == "train"
    assert found["pod"]["reasons"][0]["reason"] == "ImagePullBackOff"


@pytest.mark.parametrize("fault", [Fault.html(), Fault.status(500, "boom"), Fault.hang(), Fault.reset(), Fault.flood()])
def test_a_front_door_that_fails_is_named_and_hinders_nothing(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str, fault: Fault
) -> None:
    cluster.fail(fault, path="/k8s", times=None)
    run = read(adapter, failed_run)
    assert run["failure"]["task"] == "train"
    assert {gap["what"] for gap in run["unavailable"]} >= {"failure.pod"}
    assert all(gap["reason"] for gap in run["unavailable"])


def test_a_bare_api_server_has_no_logs_and_says_so(fake: FakeKubeflow, make_adapter: Any) -> None:
    if fake.prefix:
        pytest.skip("this one stands behind the UI's server")
    with fake.lock:
        run_id = fake.add_runs(1)[0]
        task = {"task_id": "t", "display_name": "a", "state": "FAILED", "child_tasks": [{"pod_name": "p"}]}
        fake.finish(run_id, "FAILED", tasks=[task])
    run = read(make_adapter(kubeflow_url=fake.url), run_id)
    assert run["failure"]["log_tail"] is None
    assert {gap["what"] for gap in run["unavailable"]} >= {"tasks", "failure.log_tail", "failure.pod"}


def test_a_run_that_is_not_there(adapter: RunningAdapter) -> None:
    for path in ("", "/tasks", "/logs", "/timeline", "/artifacts", "/artifacts/x", "/tasks/x"):
        answer = adapter.http.get(f"/v1/runs/nothing{path}")
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "urn:kfadapter:problem:not-found"


def test_waiting_ends_when_something_happens(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    [run_id] = cluster.add_runs(1, state="RUNNING")
    answers: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: answers.append(read(adapter, run_id, wait=20)))
    waiter.start()
    cluster.log.wait_for("GET", f"/runs/{run_id}", count=3)
    assert waiter.is_alive()
    cluster.finish(run_id, "SUCCEEDED")
    waiter.join(10)
    assert answers[0]["state"] == "SUCCEEDED"


def test_waiting_ends_with_its_time_and_at_once_for_an_ended_run(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str
) -> None:
    assert read(adapter, failed_run, wait=100)["state"] == "FAILED"
    [run_id] = cluster.add_runs(1, state="RUNNING")
    answer = adapter.http.get(f"/v1/runs/{run_id}", headers={"Prefer": "wait=1"})
    assert answer.json()["state"] == "RUNNING"
    assert answer.headers["preference-applied"] == "wait=1"
    same = adapter.http.get(f"/v1/runs/{run_id}", headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304


def test_many_who_wait_cost_kubeflow_as_much_as_one(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    [run_id] = cluster.add_runs(1, state="RUNNING")
    answers: list[str] = []
    waiters = [
        threading.Thread(target=lambda: answers.append(read(adapter, run_id, wait=20)["state"])) for _ in range(10)
    ]
    for waiter in waiters:
        waiter.start()
    cluster.log.wait_for("GET", f"/runs/{run_id}", count=40)
    cluster.finish(run_id, "SUCCEEDED")
    for waiter in waiters:
        waiter.join(10)
    assert answers == ["SUCCEEDED"] * 10


def test_the_timeline_tells_the_slowest_path(adapter: RunningAdapter, failed_run: str) -> None:
    timeline = adapter.http.get(f"/v1/runs/{failed_run}/timeline").json()
    assert timeline["slowest_path"] == ["prepare", "train"]
    assert [row["seconds"] for row in timeline["rows"]] == [5, 5, 5]


def test_labels_are_kept_changed_and_asked_for(adapter: RunningAdapter, failed_run: str) -> None:
    patched = adapter.http.patch(f"/v1/runs/{failed_run}", json={"labels": {"team": "radio", "best": "yes"}})
    assert patched.json()["labels"] == {"best": "yes", "team": "radio"}
    adapter.http.patch(f"/v1/runs/{failed_run}", json={"labels": {"best": None}})
    assert read(adapter, failed_run)["labels"] == {"team": "radio"}
    found = adapter.http.get("/v1/runs", params={"label": ["team=radio"]}).json()["runs"]
    assert [run["run_id"] for run in found] == [failed_run]
    assert adapter.http.get("/v1/runs", params={"label": "best"}).json()["runs"] == []
    refused = adapter.http.patch(f"/v1/runs/{failed_run}", json={"labels": {"no blanks": "x"}})
    assert refused.status_code == 400


def test_archiving_and_deleting(cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str) -> None:
    assert adapter.http.post(f"/v1/runs/{failed_run}:archive").json()["archived"] is True
    listed = adapter.http.get("/v1/runs", params={"archived": True}).json()["runs"]
    assert [run["run_id"] for run in listed] == [failed_run]
    assert adapter.http.post(f"/v1/runs/{failed_run}:unarchive").json()["archived"] is False
    assert adapter.http.delete(f"/v1/runs/{failed_run}").status_code == 204
    assert adapter.http.get("/v1/runs").json()["runs"] == []
    assert adapter.http.delete(f"/v1/runs/{failed_run}").status_code == 404


def test_runs_side_by_side(cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str) -> None:
    clone = adapter.http.post(f"/v1/runs/{failed_run}:clone", json={"arguments": {"epochs": "7"}}).json()
    body = adapter.http.get("/v1/runs:compare", params={"ids": f"{failed_run},{clone['run_id']}"}).json()
    rows = {row["name"]: row for row in body["arguments"]}
    assert rows["epochs"]["values"] == [3, 7]
    assert rows["epochs"]["differs"] is True
    assert rows["rate"] == {"name": "rate", "values": [0.5, 0.5], "present": [True, True], "differs": False}
    assert [row["states"] for row in body["tasks"] if row["name"] == "train"] == [["FAILED", None]]
    assert adapter.http.get("/v1/runs:compare", params={"ids": failed_run}).status_code == 400
