"""The same routes in front of the embedded engine, which really runs what is started."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.adapter import RunningAdapter
from support.eventually import eventually

COMMAND = (
    'echo "hello $0"; [ "$0" != bad ] || { echo "it cannot be done" >&2; exit 3; }; '
    'mkdir -p "$(dirname "$1")"; printf 0123456789 > "$1"'
)

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "greet"},
    "root": {
        "dag": {
            "tasks": {
                "greet": {
                    "taskInfo": {"name": "greet"},
                    "componentRef": {"name": "comp-greet"},
                    "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}},
                }
            }
        },
        "inputDefinitions": {
            "parameters": {
                "word": {"parameterType": "STRING", "defaultValue": "you", "isOptional": True},
            }
        },
    },
    "components": {
        "comp-greet": {
            "executorLabel": "exec-greet",
            "inputDefinitions": {"parameters": {"word": {"parameterType": "STRING"}}},
            "outputDefinitions": {
                "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}}
            },
        }
    },
    "deploymentSpec": {
        "executors": {
            "exec-greet": {
                "container": {
                    "image": "python:3.11",
                    "command": [
                        "sh",
                        "-c",
                        COMMAND,
                        "{{$.inputs.parameters['word']}}",
                        "{{$.outputs.artifacts['model'].path}}",
                    ],
                }
            }
        }
    },
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
}


@pytest.fixture
def adapter(make_adapter: Callable[..., RunningAdapter]) -> RunningAdapter:
    """An adapter with its engine, and the pipeline `greet`."""
    adapter = make_adapter()
    sent = adapter.http.post("/v1/pipelines", params={"name": "greet"}, content=json.dumps(SPEC))
    assert sent.status_code in (200, 201), sent.text
    return adapter


def ended(adapter: RunningAdapter, run_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = adapter.http.get(f"/v1/runs/{run_id}", params={"wait": 5}).json()
        return run if run["state"] in ("SUCCEEDED", "FAILED") else None

    found = eventually(look, within=60)
    assert found is not None
    return found


def test_a_run_with_its_values_log_and_artifact(adapter: RunningAdapter) -> None:
    body = {"pipeline": "greet", "arguments": {"word": "world"}, "labels": {"a": "b"}}
    run_id = adapter.http.post("/v1/runs", json=body).json()["run_id"]
    follow = adapter.http.get(f"/v1/runs/{run_id}/logs", params={"follow": True, "task": "greet"})
    run = ended(adapter, run_id)
    assert run["state"] == "SUCCEEDED"
    assert "hello world" in follow.text
    assert follow.text.rstrip().endswith('{"state": "SUCCEEDED", "reason": null}')
    [task] = [one for one in run["tasks"] if one["name"] == "greet"]
    assert task["inputs"]["parameters"] == {"word": "world"}
    [found] = adapter.http.get(f"/v1/runs/{run_id}/artifacts").json()["artifacts"]
    assert (found["task"], found["output"], found["type"]) == ("greet", "model", "system.Model")
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
    assert "it cannot be done" in run["failure"]["log_tail"]
    assert run["effective_arguments"] == {"word": "bad"}
    retried = adapter.http.post(f"/v1/runs/{run_id}:retry")
    assert retried.status_code == 202
    clone = adapter.http.post(f"/v1/runs/{run_id}:clone", json={"arguments": {"word": None}}).json()
    again = ended(adapter, clone["run_id"])
    assert again["state"] == "SUCCEEDED"
    assert again["effective_arguments"] == {"word": "you"}
