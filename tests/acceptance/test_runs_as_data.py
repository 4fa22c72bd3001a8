"""`/v1/runs` in front of the embedded engine, which really runs what is started."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl
from kfp.dsl import Metrics, Model, Output

from support.adapter import RunningAdapter
from support.eventually import eventually


@dsl.component(base_image="python:3.11")  # type: ignore[untyped-decorator]
def greet(word: str, model: Output[Model], metrics: Output[Metrics]) -> str:
    print("hello", word, flush=True)  # noqa: T201 - what a task prints is its log
    if word == "bad":
        raise ValueError("it cannot be done")
    with open(model.path, "w") as file:
        file.write("0123456789")
    metrics.log_metric("accuracy", 0.5)
    return word


@dsl.pipeline(name="greet")  # type: ignore[untyped-decorator]
def pipeline(word: str = "you") -> None:
    greet(word=word)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAdapter]:
    """An adapter with its engine, and the pipeline `greet`."""
    place: Path = tmp_path_factory.mktemp("greet")
    compiler.Compiler().compile(pipeline, str(place / "greet.yaml"))
    with RunningAdapter(place / "data") as adapter:
        sent = adapter.http.post("/v1/pipelines", params={"name": "greet"}, content=(place / "greet.yaml").read_bytes())
        assert sent.status_code in (200, 201), sent.text
        yield adapter


def ended(adapter: RunningAdapter, run_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = adapter.http.get(f"/v1/runs/{run_id}", params={"wait": 5}).json()
        return run if run["state"] in ("SUCCEEDED", "FAILED") else None

    found = eventually(look, within=120)
    assert found is not None
    return found


def test_a_run_with_its_values_log_and_artifact(adapter: RunningAdapter) -> None:
    body = {"pipeline": "greet", "arguments": {"word": "world"}, "labels": {"a": "b"}}
    run_id = adapter.http.post("/v1/runs", json=body).json()["run_id"]
    follow = adapter.http.get(f"/v1/runs/{run_id}/logs", params={"follow": True, "task": "greet"})
    run = ended(adapter, run_id)
    assert run["state"] == "SUCCEEDED", run["failure"]
    assert "hello world" in follow.text
    assert follow.text.rstrip().endswith('{"state": "SUCCEEDED", "reason": null}')
    [task] = [one for one in run["tasks"] if one["name"] == "greet"]
    assert task["inputs"]["parameters"] == {"word": "world"}
    artifacts = adapter.http.get(f"/v1/runs/{run_id}/artifacts").json()["artifacts"]
    [found] = [one for one in artifacts if one["output"] == "model"]
    assert (found["task"], found["type"]) == ("greet", "system.Model")
    assert run["metrics"] == {"accuracy": 0.5}
    for name in (found["artifact_id"], "model", "greet.model"):
        content = adapter.http.get(f"/v1/runs/{run_id}/artifacts/{name}")
        assert content.content == b"0123456789"
        assert content.headers["content-disposition"].startswith("attachment")
    part = adapter.http.get(f"/v1/runs/{run_id}/artifacts/model", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    one = adapter.http.get(f"/v1/runs/{run_id}/tasks/greet").json()
    assert one["state"] == "SUCCEEDED"
    [row] = adapter.http.get("/v1/runs", params={"label": "a=b", "pipeline": "greet"}).json()["runs"]
    assert row["run_id"] == run_id


def test_a_failed_run_tells_why_and_is_retried(adapter: RunningAdapter) -> None:
    run_id = adapter.http.post("/v1/runs", json={"pipeline": "greet", "arguments": {"word": "bad"}}).json()["run_id"]
    run = ended(adapter, run_id)
    assert run["state"] == "FAILED"
    assert run["failure"]["task"] == "greet"
    assert any("it cannot be done" in line for line in run["failure"]["log_tail"])
    assert run["effective_arguments"] == {"word": "bad"}
    retried = adapter.http.post(f"/v1/runs/{run_id}:retry")
    assert retried.status_code == 202
    clone = adapter.http.post(f"/v1/runs/{run_id}:clone", json={"arguments": {"word": None}}).json()
    again = ended(adapter, clone["run_id"])
    assert again["state"] == "SUCCEEDED"
    assert again["effective_arguments"] == {"word": "you"}


def test_what_happens_to_tasks_and_artifacts_is_told_once(adapter: RunningAdapter) -> None:
    body = {"pipeline": "greet", "arguments": {"word": "events"}}
    run_id = adapter.http.post("/v1/runs", json=body).json()["run_id"]
    assert ended(adapter, run_id)["state"] == "SUCCEEDED"

    def told() -> list[tuple[str, str | None]]:
        page = adapter.http.get(
            "/v1/events", params={"run": run_id, "page_size": 100}, headers={"accept": "application/json"}
        ).json()
        return [(one["type"].removeprefix("org.kfadapter."), one["data"].get("state")) for one in page["events"]]

    eventually(lambda: ("task.state.changed", "SUCCEEDED") in told())
    kinds = [kind for kind, _ in told()]
    assert kinds[0] == "run.created"
    assert kinds.count("run.created") == kinds.count("run.finished") == 1
    eventually(lambda: "artifact.created" in [kind for kind, _ in told()])
    assert told().count(("task.state.changed", "SUCCEEDED")) == 1
