"""`POST /v1/runs`: started by names or ids, with arguments that fit, and never twice."""

import json
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.eventually import eventually

from .conftest import SPEC

KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8"'}


def start(adapter: RunningAdapter, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return adapter.http.post("/v1/runs", json={"pipeline": "train", **body}, headers=headers or {})


def test_by_name_with_texts_for_arguments_and_a_new_experiment(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    answer = start(
        adapter,
        arguments={"rate": "0.25", "epochs": "10"},
        experiment="fresh",
        create_experiment=True,
        labels={"team": "radio"},
        display_name="mine",
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/v1/runs/{body['run_id']}"
    assert body["arguments"] == {"epochs": 10, "rate": 0.25}
    assert body["effective_arguments"] == {"epochs": 10, "rate": 0.25, "name": "qoe"}
    stored = cluster.run(body["run_id"])
    assert stored["display_name"] == "mine"
    assert stored["runtime_config"]["parameters"] == {"epochs": 10, "rate": 0.25}
    listed = adapter.http.get("/v1/runs", params={"label": "team=radio", "experiment": "fresh"}).json()["runs"]
    assert [(run["run_id"], run["pipeline_name"]) for run in listed] == [(body["run_id"], "train")]


def test_every_argument_that_does_not_fit_is_named(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    answer = start(adapter, arguments={"epochs": "many", "colour": "red"})
    assert answer.status_code == 400
    problems = {(one["pointer"], one["kind"]) for one in answer.json()["errors"]}
    assert problems == {
        ("/arguments/epochs", "unfit"),
        ("/arguments/rate", "missing"),
        ("/arguments/colour", "unknown"),
    }
    assert cluster.run_ids == []


def test_unknown_names_are_not_found(adapter: RunningAdapter) -> None:
    assert start(adapter, pipeline="nothing").status_code == 404
    assert start(adapter, version="nothing").status_code == 404
    assert start(adapter, experiment="nothing", arguments={"rate": 1}).status_code == 404
    assert adapter.http.post("/v1/runs", json={}).status_code == 422
    assert adapter.http.post("/v1/runs", json={"pipeline": "a", "pipeline_id": "b"}).status_code == 422
    assert adapter.http.post("/v1/runs", content=b"[", headers={"content-type": "application/json"}).status_code == 400


def test_a_package_or_a_specification_sent_along(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    package = json.dumps(SPEC).encode()
    sent = adapter.http.post(
        "/v1/runs",
        files={"file": ("pipeline.json", package)},
        data={"request": json.dumps({"arguments": {"rate": "1"}})},
    )
    assert sent.status_code == 201, sent.text
    inline = adapter.http.post("/v1/runs", json={"pipeline_spec": SPEC, "arguments": {"rate": 2}})
    assert inline.status_code == 201, inline.text
    run = adapter.http.get(f"/v1/runs/{inline.json()['run_id']}").json()
    assert run["effective_arguments"] == {"epochs": 3, "rate": 2, "name": "qoe"}
    broken = adapter.http.post("/v1/runs", files={"file": ("p.yaml", b"a: [")})
    assert broken.status_code == 422
    assert broken.json()["type"] == "urn:kfadapter:problem:package-refused"


def test_an_equal_request_with_the_same_key_gets_the_same_run(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    first = start(adapter, KEY, arguments={"rate": 1})
    second = start(adapter, KEY, arguments={"rate": 1})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json()["run_id"] == second.json()["run_id"]
    assert len(cluster.run_ids) == 1
    other = start(adapter, KEY, arguments={"rate": 2})
    assert other.status_code == 422
    assert other.json()["type"] == "urn:kfadapter:problem:idempotency-key-reused"
    assert start(adapter, {"Idempotency-Key": '"unclosed'}, arguments={"rate": 1}).status_code == 400


def test_a_refused_start_may_be_repeated_with_its_key(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    cluster.fail(Fault.status(400, "no"), method="POST", path="/runs$")
    assert start(adapter, KEY, arguments={"rate": 1}).status_code == 400
    assert start(adapter, KEY, arguments={"rate": 1}).status_code == 201


@pytest.mark.parametrize("fault", [Fault.close(), Fault.reset(), Fault.cut(), Fault.html(), Fault.status(503)])
def test_an_answer_that_is_lost_does_not_start_a_second_run(
    cluster: FakeKubeflow, adapter: RunningAdapter, fault: Fault
) -> None:
    cluster.fail(fault, method="POST", path="/runs$", after=True)
    answer = start(adapter, KEY, arguments={"rate": 1})
    assert answer.status_code == 201, answer.text
    assert [cluster.workflows_started(run_id) for run_id in cluster.run_ids] == [1]


def test_a_create_call_that_hangs_is_answered_in_time_and_adopted_later(
    cluster: FakeKubeflow, make_adapter: Any
) -> None:
    adapter = make_adapter(kubeflow_url=cluster.url, request_timeout_seconds=4)
    cluster.fail(Fault.delay(6), method="POST", path="/runs$")
    answer = start(adapter, KEY, arguments={"rate": 1})
    assert answer.status_code == 502
    assert answer.json()["type"] == "urn:kfadapter:problem:launch-failed"
    cluster.log.wait_for("POST", "/runs$")
    eventually(lambda: cluster.run_ids)
    eventually(lambda: start(adapter, KEY, arguments={"rate": 1}).status_code == 200)
    again = start(adapter, KEY, arguments={"rate": 1})
    assert again.json()["run_id"] == cluster.run_ids[0]
    assert len(cluster.run_ids) == 1


def test_a_clone_keeps_its_pipeline_and_takes_changes(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str
) -> None:
    adapter.http.patch(f"/v1/runs/{failed_run}", json={"labels": {"team": "radio"}})
    clone = adapter.http.post(f"/v1/runs/{failed_run}:clone", json={"arguments": {"epochs": 9}})
    assert clone.status_code == 201, clone.text
    run = adapter.http.get(f"/v1/runs/{clone.json()['run_id']}").json()
    assert run["pipeline_name"] == "train"
    assert run["arguments"] == {"epochs": 9, "rate": 0.5}
    assert run["labels"] == {"team": "radio"}
    assert run["made_from"] == {"run_id": failed_run, "verb": "clone"}
    assert adapter.http.post(f"/v1/runs/{failed_run}:clone").status_code == 201
    refused = adapter.http.post(f"/v1/runs/{failed_run}:clone", json={"arguments": {"rate": None}})
    assert refused.status_code == 400


def test_a_retry_is_the_servers(cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str) -> None:
    answer = adapter.http.post(f"/v1/runs/{failed_run}:retry")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["by"], answer.json()["run_id"]) == ("server", failed_run)
    assert adapter.http.post(f"/v1/runs/{failed_run}:retry").status_code == 409


@pytest.mark.parametrize("fault", [Fault.status(501), Fault.status(500), Fault.status(405)])
def test_where_the_server_cannot_retry_a_clone_runs(
    cluster: FakeKubeflow, adapter: RunningAdapter, failed_run: str, fault: Fault
) -> None:
    cluster.fail(fault, method="POST", path=":retry")
    body = adapter.http.post(f"/v1/runs/{failed_run}:retry").json()
    assert body["by"] == "clone"
    assert body["retried_run_id"] == failed_run
    run = adapter.http.get(f"/v1/runs/{body['run_id']}").json()
    assert run["made_from"] == {"run_id": failed_run, "verb": "retry"}
