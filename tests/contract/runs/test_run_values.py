"""What ML Metadata has of a cluster's tasks, in the answers about runs."""

import threading
import time
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeArtifact, FakeExecution, FakeKubeflow
from support.adapter import RunningAdapter


@pytest.fixture
def recorded_run(cluster: FakeKubeflow, failed_run: str) -> str:
    """The failed run, with what its tasks have used and made."""
    loop = FakeExecution(task_name="for-loop-1", type="system.DAGExecution", iteration_count=1)
    item = FakeExecution(task_name="for-loop-1", type="system.DAGExecution", parent=loop, iteration_index=0)
    data = FakeArtifact(name="data", type="system.Dataset", uri="minio://mlpipeline/v2/data")
    metrics = FakeArtifact(name="metrics", type="system.Metrics", metadata={"accuracy": 0.75})
    cluster.record(
        failed_run,
        FakeExecution(
            task_name="prepare", pod_name="train-x7f2k-55", output_artifacts={"data": [data]}, cached_from="3"
        ),
        loop,
        item,
        FakeExecution(
            task_name="train",
            parent=item,
            pod_name="train-x7f2k-77",
            inputs={"rate": 0.5},
            input_artifacts={"dataset": [data]},
            output_artifacts={"metrics": [metrics]},
            state=4,
        ),
    )
    cluster.add_artifact("mlpipeline", "v2/data", b"a,b\n1,2\n")
    return failed_run


def test_a_run_tells_values_metrics_and_artifacts_of_its_tasks(adapter: RunningAdapter, recorded_run: str) -> None:
    run = adapter.http.get(f"/v1/runs/{recorded_run}").json()
    prepare, loop, train = run["tasks"]
    assert [task["cached"] for task in run["tasks"]] == [True, False, False]
    assert [task["kind"] for task in run["tasks"]] == ["container", "loop", "container"]
    assert (train["parent_task_id"], train["iteration_index"]) == (loop["task_id"], 0)
    assert train["inputs"]["parameters"] == {"rate": 0.5}
    assert run["metrics"] == train["metrics"] == {"accuracy": 0.75}
    assert run["failure"]["task"] == "train"
    assert [gap["reason"] for gap in run["unavailable"] if gap["what"] == "tasks"] == [
        "attempts of tasks: this Kubeflow does not tell them"
    ]
    task = adapter.http.get(f"/v1/runs/{recorded_run}/tasks/prepare").json()
    assert task["outputs"] == prepare["outputs"]


def test_its_artifacts_are_listed_and_streamed(
    cluster: FakeKubeflow, adapter: RunningAdapter, recorded_run: str
) -> None:
    listed = adapter.http.get(f"/v1/runs/{recorded_run}/artifacts").json()
    assert [(one["task"], one["output"], one["type"]) for one in listed["artifacts"]] == [
        ("prepare", "data", "system.Dataset"),
        ("train", "metrics", "system.Metrics"),
    ]
    assert listed["unavailable"] == []
    content = adapter.http.get(f"/v1/runs/{recorded_run}/artifacts/prepare.data")
    assert content.content == b"a,b\n1,2\n"
    assert cluster.count("POST", "/ml_metadata") == 4


def test_runs_are_compared_by_their_metrics(cluster: FakeKubeflow, adapter: RunningAdapter, recorded_run: str) -> None:
    other = adapter.http.post(f"/v1/runs/{recorded_run}:clone", json={}).json()["run_id"]
    cluster.finish(other, tasks=[{"task_id": "t", "display_name": "train", "state": "SUCCEEDED"}])
    better = FakeArtifact(type="system.Metrics", metadata={"accuracy": 0.9})
    cluster.record(other, FakeExecution(task_name="train", output_artifacts={"metrics": [better]}))
    compared = adapter.http.get("/v1/runs:compare", params={"ids": f"{recorded_run},{other}"}).json()
    [row] = compared["metrics"]
    assert (row["name"], row["values"], row["differs"]) == ("accuracy", [0.75, 0.9], True)


def test_a_store_that_hangs_costs_one_answer_some_seconds_and_the_next_nothing(
    cluster: FakeKubeflow, adapter: RunningAdapter, recorded_run: str
) -> None:
    cluster.fail(Fault.hang(), path="/ml_metadata", times=None)
    adapter.http.get(f"/v1/runs/{recorded_run}")
    begun = time.monotonic()
    run = adapter.http.get(f"/v1/runs/{recorded_run}").json()
    assert time.monotonic() - begun < 2
    assert run["failure"]["task"] == "train"
    assert run["metrics"] is None
    assert any("did not answer" in gap["reason"] for gap in run["unavailable"] if gap["what"] == "tasks")


NODE, POD = "wf-x7f2k-1234567890", "wf-x7f2k-retry-system-container-impl-1234567890"


def running(cluster: FakeKubeflow) -> tuple[str, dict[str, Any]]:
    """A run whose task's pod has another name than Argo's node, as on all newer installations."""
    task = {"task_id": "t", "display_name": "train", "state": "RUNNING", "child_tasks": [{"pod_name": NODE}]}
    [run_id] = cluster.add_runs(1, state="RUNNING", tasks=[task])
    return run_id, task


def test_a_log_comes_from_the_pod_that_really_ran_the_task(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    run_id, task = running(cluster)
    cluster.record(run_id, FakeExecution(task_name="train", pod_name=POD))
    cluster.add_log(POD, b"epoch 1\n")
    log = adapter.http.get(f"/v1/runs/{run_id}/logs", params={"task": "train"})
    assert (log.status_code, log.text) == (200, "epoch 1\n")
    cluster.finish(run_id, "FAILED", tasks=[{**task, "state": "FAILED"}])
    assert adapter.http.get(f"/v1/runs/{run_id}").json()["failure"]["log_tail"] == ["epoch 1"]


def test_a_log_is_followed_once_its_pod_is_recorded(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    run_id, task = running(cluster)
    found: list[str] = []
    follow = {"task": "train", "follow": "true"}
    reader = threading.Thread(
        target=lambda: found.append(adapter.http.get(f"/v1/runs/{run_id}/logs", params=follow).text)
    )
    reader.start()
    cluster.log.wait_for("POST", "/ml_metadata", count=2)
    cluster.add_log(POD, b"epoch 1\n")
    cluster.record(run_id, FakeExecution(task_name="train", pod_name=POD))
    cluster.log.wait_for("GET", "/k8s/pod/logs", count=len(cluster.log.matching("GET", "/k8s/pod/logs")) + 2)
    cluster.finish(run_id, tasks=[{**task, "state": "SUCCEEDED"}])
    reader.join(20)
    assert "epoch 1" in found[0]
    assert '"state":"SUCCEEDED"' in found[0].replace(" ", "")


def test_the_pods_real_name_is_no_change_of_a_run(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    run_id, _ = running(cluster)
    cluster.record(run_id, FakeExecution(task_name="train", pod_name=POD))
    begun = time.monotonic()
    assert adapter.http.get(f"/v1/runs/{run_id}", params={"wait": 1}).json()["state"] == "RUNNING"
    assert time.monotonic() - begun >= 1


def test_argos_rows_around_iterations_are_left_out(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    names = [
        "for-loop-1",
        "iteration-driver",
        "iteration-iterations",
        "iteration-iterations(0:0)",
        "iteration-item-driver",
    ]
    rows = [
        {"task_id": name, "display_name": name, "state": "SUCCEEDED"} for name in (*names, "iteration-item", "train")
    ]
    [run_id] = cluster.add_runs(1, tasks=rows)
    tasks = {task["name"]: task for task in adapter.http.get(f"/v1/runs/{run_id}/tasks").json()["tasks"]}
    assert tasks.keys() == {"for-loop-1", "iteration-iterations(0:0)", "train"}
    assert (tasks["iteration-iterations(0:0)"]["kind"], tasks["train"]["kind"]) == ("iteration", None)
    assert tasks["iteration-iterations(0:0)"]["iteration_index"] == 0
