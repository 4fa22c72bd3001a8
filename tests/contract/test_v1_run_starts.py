"""`POST /v1/runs` in front of each kind of Kubeflow."""

from collections.abc import Callable

import yaml

from contract.test_v1_pipelines import FLOW, HELLO, NOWHERE, problem, upload
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter


def test_a_run_starts_by_names_with_converted_arguments(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="p")
    asked = {"pipeline_name": "p", "arguments": {"seed": "3"}, "experiment_name": "e", "create_experiment": True}
    answer = any_adapter.http.post("/v1/runs", json=asked)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["arguments"] == {"seed": 3}
    assert body["effective_arguments"] == {"seed": 3, "names": ["ada", "grace"]}
    assert body["pipeline_version_id"] == made["version"]["pipeline_version_id"]
    assert any_adapter.http.get(f"/v1/runs/{body['run_id']}").json()["arguments"]["seed"] == 3
    assert any_adapter.http.get("/v1/experiments/by-name/e").json()["experiment_id"] == body["experiment_id"]


def test_a_run_starts_with_a_specification_sent_along(any_adapter: RunningAdapter) -> None:
    asked = {"pipeline_spec": yaml.safe_load(HELLO), "arguments": {"word": "hi"}, "display_name": "inline"}
    answer = any_adapter.http.post("/v1/runs", json=asked)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["display_name"], answer.json()["pipeline_id"]) == ("inline", None)


def test_what_does_not_fit_is_named_at_once_and_nothing_starts(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, FLOW, name="p")
    asked = {"pipeline_name": "p", "arguments": {"seed": "x", "colour": "red"}}
    body = problem(adapter.http.post("/v1/runs", json=asked), 400, "arguments-do-not-fit")
    kinds = {one["pointer"]: one["kind"] for one in body["errors"]}
    assert kinds == {"/arguments/seed": "unfit", "/arguments/colour": "unknown"}
    assert fake.run_ids == []


def test_names_that_lead_nowhere_are_not_found(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, HELLO, name="p")
    for asked in (
        {"pipeline_name": "nobody"},
        {"pipeline_name": "p", "version": "nobody"},
        {"pipeline_name": "p", "experiment_name": "nobody", "arguments": {"word": "x"}},
    ):
        problem(any_adapter.http.post("/v1/runs", json=asked), 404, "name-not-found")
    problem(any_adapter.http.post("/v1/runs", json={"pipeline_id": NOWHERE}), 404, "not-found")


def test_exactly_one_source_is_wanted(adapter: RunningAdapter) -> None:
    for asked in ({}, {"pipeline_id": "a", "pipeline_name": "b"}, {"pipeline_spec": {}, "pipeline_id": "a"}):
        problem(adapter.http.post("/v1/runs", json=asked), 422, "invalid-request")


def test_a_bad_specification_never_reaches_kubeflow(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    problem(adapter.http.post("/v1/runs", json={"pipeline_spec": {"root": 1}}), 422, "package-refused")
    assert fake.count("POST", "/runs") == 0


def test_a_cut_answer_is_looked_up_and_never_sent_again(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, HELLO, name="p")
    fake.fail(Fault.cut(), method="POST", path="/runs", after=True)
    answer = adapter.http.post("/v1/runs", json={"pipeline_name": "p", "arguments": {"word": "x"}})
    assert answer.status_code == 201, answer.text
    assert fake.run_ids == [answer.json()["run_id"]]
    assert fake.workflows_started(answer.json()["run_id"]) == 1


def test_an_outcome_nobody_knows_names_the_runs_id(
    fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]
) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, request_timeout_seconds=4)
    upload(adapter, HELLO, name="p")
    fake.fail(Fault.close(), method="POST", path="/runs")
    answer = adapter.http.post("/v1/runs", json={"pipeline_name": "p", "arguments": {"word": "x"}})
    body = problem(answer, 502, "launch-failed")
    assert "looked up" in body["detail"]
    assert fake.count("POST", "/runs") == 1


def test_a_body_beyond_the_limit_is_refused_whether_it_says_so_or_not(
    fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]
) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, upload_limit_bytes=10_000)
    large = b'{"pipeline_name": "' + b"x" * 20_000 + b'"}'
    headers = {"content-type": "application/json"}
    declared = adapter.http.post("/v1/runs", content=large, headers=headers)
    problem(declared, 413, "package-too-large")
    streamed = adapter.http.post("/v1/runs", content=iter([large[:15_000], large[15_000:]]), headers=headers)
    assert (streamed.status_code, streamed.headers["content-type"]) == (413, "application/problem+json")
    assert "at most 10000 bytes" in streamed.json()["detail"]
