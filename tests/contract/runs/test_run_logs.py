"""Logs and artifacts: whole, their end, a part, followed; from the pod, or from where KFP's launcher kept them."""

import json
import threading
from typing import Any

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of Server-Sent Events."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_whole_tail_offset_and_range(adapter: RunningAdapter, failed_run: str) -> None:
    path = f"/v1/runs/{failed_run}/logs"
    whole = adapter.http.get(path, params={"task": "train"})
    assert whole.text.splitlines() == [f"line {number}" for number in range(100)]
    assert whole.headers["accept-ranges"] == "bytes"
    assert adapter.http.get(path, params={"task": "id-train", "tail": 2}).text == "line 98\nline 99\n"
    assert adapter.http.get(path, params={"task": "train", "offset": 7}).text == whole.text[7:]
    size = len(whole.content)
    for header, expected, where in (
        ("bytes=0-6", "line 0\n", f"bytes 0-6/{size}"),
        ("bytes=7-13", "line 1\n", "bytes 7-13/*"),
        ("bytes=-8", "line 99\n", f"bytes {size - 8}-{size - 1}/{size}"),
        (f"bytes={size - 8}-", "line 99\n", f"bytes {size - 8}-{size - 1}/{size}"),
    ):
        part = adapter.http.get(path, params={"task": "train"}, headers={"Range": header})
        assert (part.status_code, part.text) == (206, expected)
        assert part.headers["content-range"].split("/")[0] == where.split("/")[0]
    beyond = adapter.http.get(path, params={"task": "train"}, headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{size}"


def test_every_task_of_a_run(cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str) -> None:
    cluster.add_log("train-x7f2k-55", b"ready")
    text = adapter.http.get(f"/v1/runs/{failed_run}/logs", params={"tail": 1}).text
    assert text == "prepare | ready\ntrain | line 99\n"


def test_following_an_ended_task_ends(adapter: RunningAdapter, failed_run: str) -> None:
    answer = adapter.http.get(f"/v1/runs/{failed_run}/logs", params={"task": "train", "follow": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    assert [kind for kind, _ in found] == ["log", "task", "end"]
    assert found[0][1]["lines"][-1] == "line 99"
    assert found[-1][1]["state"] == "FAILED"


def test_following_tells_lines_as_they_come_and_goes_on_where_it_was(
    cluster: FakeKubeflow, adapter: RunningAdapter
) -> None:
    [run_id] = cluster.add_runs(1, state="RUNNING")
    task = {"task_id": "t", "display_name": "train", "state": "RUNNING", "child_tasks": [{"pod_name": "p"}]}
    with cluster.lock:
        cluster.world.runs[run_id].tasks = [task]
    cluster.add_log("p", b"one\ntw")
    lines: list[str] = []
    ids: list[str] = []
    with adapter.http.stream("GET", f"/v1/runs/{run_id}/logs", params={"follow": True}) as stream:
        for line in stream.iter_lines():
            if line.startswith("id: "):
                ids.append(line[4:])
            if not line.startswith("data: "):
                continue
            data = json.loads(line[6:])
            lines += data.get("lines", [])
            if lines == ["one"]:
                cluster.add_log("p", b"one\ntwo\nthree")
            if lines == ["one", "two"]:
                cluster.finish(run_id, "SUCCEEDED", tasks=[{**task, "state": "SUCCEEDED"}])
    assert lines == ["one", "two", "three"]
    rest = adapter.http.get(f"/v1/runs/{run_id}/logs", params={"follow": True}, headers={"Last-Event-ID": ids[0]})
    assert events(rest.text)[0][1]["lines"] == ["two", "three"]
    assert adapter.http.get(f"/v1/runs/{run_id}/logs?follow=true", headers={"Last-Event-ID": "x"}).status_code == 400


def test_a_kubeflow_that_stumbles_does_not_end_the_following(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    [run_id] = cluster.add_runs(1, state="RUNNING")
    found: list[str] = []
    follower = threading.Thread(
        target=lambda: found.append(adapter.http.get(f"/v1/runs/{run_id}/logs", params={"follow": True}).text)
    )
    follower.start()
    cluster.log.wait_for("GET", f"/runs/{run_id}", count=3)
    cluster.fail(Fault.status(500), path=f"/runs/{run_id}", times=3)
    cluster.finish(run_id, "SUCCEEDED")
    follower.join(20)
    assert events(found[0]) == [("end", {"state": "SUCCEEDED", "reason": None})]


def test_a_log_that_is_not_there(adapter: RunningAdapter, failed_run: str) -> None:
    path = f"/v1/runs/{failed_run}/logs"
    assert adapter.http.get(path, params={"task": "prepare"}).status_code == 404
    unknown = adapter.http.get(path, params={"task": "nothing"})
    assert unknown.status_code == 404
    assert "its tasks are: prepare, for-loop-1, train" in unknown.json()["detail"]


def test_a_login_page_is_no_log(cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str) -> None:
    cluster.fail(Fault.html(), path="/k8s/pod/logs")
    answer = adapter.http.get(f"/v1/runs/{failed_run}/logs", params={"task": "train"})
    assert answer.status_code == 502
    assert answer.json()["type"] == "urn:kfadapter:problem:kubeflow-malformed-answer"


def test_artifacts_of_a_cluster_are_not_known_and_that_is_said(adapter: RunningAdapter, failed_run: str) -> None:
    body = adapter.http.get(f"/v1/runs/{failed_run}/artifacts").json()
    assert body["artifacts"] == []
    assert body["unavailable"][0]["what"] == "artifacts"
    missing = adapter.http.get(f"/v1/runs/{failed_run}/artifacts/model")
    assert missing.status_code == 404
    assert "not known" in missing.json()["detail"]
