"""`/v1/server`, and what `/v1` says while Kubeflow fails."""

import time
from collections.abc import Callable

import pytest

from contract.test_v1_pipelines import problem
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter


def test_each_kubeflow_says_what_it_is(any_adapter: RunningAdapter) -> None:
    body = any_adapter.http.get("/v1/server").json()
    kubeflow = body["kubeflow"]
    assert (kubeflow["reachable"], kubeflow["proven"]) == (True, True)
    missing = {one["feature"] for one in body["degraded"]}
    if kubeflow["kind"] == "embedded":
        assert missing == set()
    elif kubeflow["version"] == "2.3.0":
        assert {"cascade-delete", "tags", "update", "literals"} <= missing
    else:
        assert missing == {"task-values"}
    assert all(one["detail"].endswith(".") for one in body["degraded"])


def test_it_answers_soon_while_kubeflow_hangs(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    assert adapter.http.get("/v1/server").json()["kubeflow"]["reachable"] is True
    fake.fail(Fault.hang(), times=None)
    started = time.monotonic()
    body = adapter.http.get("/v1/server").json()
    assert time.monotonic() - started < 4
    assert body["kubeflow"]["reachable"] is False
    assert "1.5 s" in body["kubeflow"]["problem"]
    assert body["kubeflow"]["version"]  # what it said last


def test_a_kubeflow_that_never_was_there_is_unknown(make_adapter: Callable[..., RunningAdapter]) -> None:
    adapter = make_adapter(kubeflow_url="http://127.0.0.1:9")
    body = adapter.http.get("/v1/server").json()
    assert body["kubeflow"]["kind"] == "unknown"
    assert body["kubeflow"]["version"] is None
    assert body["degraded"] == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.status(503), 503),
        (Fault.html(), 502),
        (Fault.cut(), 502),
        (Fault.reset(), 503),
        (Fault.redirect("http://login.example/"), 502),
        (Fault.answer(200, "[1]", content_type="application/json"), 502),
    ],
    ids=["503", "html", "cut", "reset", "redirect", "list"],
)
def test_a_failing_kubeflow_is_told_as_a_problem(
    fake: FakeKubeflow, adapter: RunningAdapter, fault: Fault, status: int
) -> None:
    pipeline_id = fake.add_pipeline("p")
    fake.fail(fault, times=None)
    for path in (
        f"/v1/pipelines/{pipeline_id}",
        f"/v1/pipelines/{pipeline_id}/versions/latest/graph",
        f"/v1/pipelines/{pipeline_id}/versions/p/parameters",
    ):
        answer = adapter.http.get(path)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert 500 <= answer.status_code <= 504 or answer.status_code == status, (path, answer.text)
        assert "<html" not in answer.text


def test_a_hanging_kubeflow_costs_the_caller_the_time_limit_and_no_more(
    fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]
) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, request_timeout_seconds=1)
    pipeline_id = fake.add_pipeline("p")
    fake.fail(Fault.hang(), times=None)
    for path in ("/v1/pipelines?view=FULL", f"/v1/pipelines/{pipeline_id}", "/v1/experiments"):
        started = time.monotonic()
        answer = adapter.http.get(path)
        assert time.monotonic() - started < 4
        assert answer.status_code == 504, answer.text


def test_what_is_kept_is_answered_while_kubeflow_is_away(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    pipeline_id = fake.add_pipeline("p")
    version_id = adapter.http.get(f"/v1/pipelines/{pipeline_id}").json()["latest_version"]["pipeline_version_id"]
    fake.outage()
    path = f"/v1/pipelines/{pipeline_id}/versions/{version_id}"
    assert adapter.http.get(f"{path}/graph").status_code == 200
    assert adapter.http.get(f"{path}/spec.yaml").status_code == 200
    problem(adapter.http.get(path), 503, "kubeflow-unavailable")
