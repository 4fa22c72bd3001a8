"""Runs whose tasks look as those of a real cluster, in front of which the UI's server stands."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter

AT = "2030-01-01T00:00:{:02d}Z"

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "train"},
    "root": {
        "dag": {
            "tasks": {
                "prepare": {"taskInfo": {"name": "prepare"}, "componentRef": {"name": "comp-prepare"}},
                "for-loop-1": {"taskInfo": {"name": "for-loop-1"}, "componentRef": {"name": "comp-for-loop-1"}},
            }
        },
        "inputDefinitions": {
            "parameters": {
                "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0, "isOptional": True},
                "rate": {"parameterType": "NUMBER_DOUBLE"},
                "name": {"parameterType": "STRING", "defaultValue": "qoe", "isOptional": True},
            }
        },
    },
    "components": {
        "comp-prepare": {"executorLabel": "exec-prepare"},
        "comp-train": {"executorLabel": "exec-train"},
        "comp-for-loop-1": {
            "dag": {"tasks": {"train": {"taskInfo": {"name": "train"}, "componentRef": {"name": "comp-train"}}}}
        },
    },
    "deploymentSpec": {
        "executors": {
            "exec-prepare": {"container": {"image": "python:3.11", "command": ["true"]}},
            "exec-train": {"container": {"image": "python:3.11", "command": ["true"]}},
        }
    },
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
}


def node(name: str, state: str, second: int, **more: Any) -> dict[str, Any]:
    """A row of `task_details` as Argo's node becomes one."""
    return {
        "run_id": "x",
        "task_id": f"id-{name}",
        "display_name": name,
        "create_time": AT.format(second),
        "start_time": AT.format(second),
        "end_time": AT.format(second + 5),
        "state": state,
        **more,
    }


TASKS = [
    node("train", "FAILED", 20, child_tasks=[{"pod_name": "train-x7f2k-77"}]),
    node("executor", "FAILED", 21),
    node("train-driver", "SUCCEEDED", 15, child_tasks=[{"pod_name": "train-x7f2k-66"}]),
    node("prepare", "SUCCEEDED", 8, child_tasks=[{"pod_name": "train-x7f2k-55"}]),
    node("prepare-driver", "SUCCEEDED", 5, child_tasks=[{"pod_name": "train-x7f2k-54"}]),
    node("for-loop-1", "FAILED", 14),
    node("for-loop-1-driver", "SUCCEEDED", 13),
    node("root", "FAILED", 4),
    node("root-driver", "SUCCEEDED", 1),
    node("train-x7f2k", "FAILED", 0),
]


@pytest.fixture(params=["2.17", "2.3.0"])
def cluster(request: pytest.FixtureRequest) -> Iterator[FakeKubeflow]:
    """A Kubeflow behind the UI's server, with the pipeline `train`."""
    with FakeKubeflow(wire=request.param, prefix="/pipeline") as server:
        server.add_pipeline("train", spec=SPEC)
        yield server


@pytest.fixture
def adapter(cluster: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]) -> RunningAdapter:
    """An adapter in front of it."""
    return make_adapter(kubeflow_url=cluster.url)


@pytest.fixture
def failed_run(cluster: FakeKubeflow) -> str:
    """A run that has failed in its task `train`."""
    with cluster.lock:
        version = next(iter(cluster.world.versions.values()))
    [run_id] = cluster.add_runs(
        1,
        state="RUNNING",
        pipeline_id=version.pipeline_id,
        pipeline_version_id=version.pipeline_version_id,
        runtime_config={"parameters": {"rate": 0.5}},
    )
    cluster.add_log("train-x7f2k-77", b"".join(f"line {number}\n".encode() for number in range(100)))
    cluster.finish(run_id, "FAILED", tasks=TASKS)
    return run_id
