"""Inputs, outputs and artifacts of tasks, read from ML Metadata behind the UI's server."""

import asyncio
import struct
import time
from typing import Any

import pytest

from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.tasks import RunTasks
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeArtifact, FakeExecution, FakeKubeflow
from kfadapter.training.run_report import RunReports

STORE = "/ml_metadata"
LOOP = FakeExecution(task_name="for-loop-1", type="system.DAGExecution", iteration_count=2)
DATA = FakeArtifact(name="data", type="system.Dataset", uri="minio://mlpipeline/v2/data")


def detail(name: str, state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {"task_id": f"id-{name}", "display_name": name, "state": state, **more}


@pytest.fixture
def door() -> Any:
    with FakeKubeflow(wire="2.3.0", prefix="/pipeline") as fake:
        yield fake


@pytest.fixture
def run_id(door: FakeKubeflow) -> str:
    """A run of two tasks, the second of which has used the first one's data."""
    [run_id] = door.add_runs(1, state="RUNNING")
    door.finish(run_id, tasks=[detail("prepare", child_tasks=[{"pod_name": "p-11"}]), detail("train")])
    door.record(
        run_id,
        FakeExecution(task_name="prepare", pod_name="p-11", inputs={"rows": 5}, output_artifacts={"data": [DATA]}),
        FakeExecution(
            task_name="train",
            inputs={"epochs": 3, "rate": 0.5, "names": ["a"], "none": None, "deep": {"x": True}},
            outputs={"accuracy": 0.75},
            input_artifacts={"dataset": [DATA]},
            output_artifacts={
                "model": [FakeArtifact(name="model", type="system.Model", uri="minio://b/m", metadata={"layers": [1]})],
                "metrics": [FakeArtifact(name="metrics", type="system.Metrics", metadata={"loss": 0.25, "best": True})],
            },
            cached_from="17",
        ),
    )
    return run_id


async def values(door: FakeKubeflow, run_id: str, **limits: float) -> RunTasks:
    async with Kubeflow(door.base_url, timeout_seconds=5.0) as kubeflow:
        return await kubeflow.tasks.with_values(await kubeflow.runs.get(run_id), **limits)


async def test_what_went_in_and_came_out(door: FakeKubeflow, run_id: str) -> None:
    told = await values(door, run_id)
    prepare, train = told.tasks
    assert (told.values_missing, prepare.kind, prepare.cached, train.cached) == ((), "container", False, True)
    assert prepare.inputs is not None
    assert prepare.inputs.parameters == {"rows": 5}
    assert train.inputs is not None
    assert train.outputs is not None
    assert train.inputs.to_json() == {
        "parameters": {"epochs": 3, "rate": 0.5, "names": ["a"], "none": None, "deep": {"x": True}},
        "artifacts": {"dataset": [{"name": "data", "type": "system.Dataset", "uri": DATA.uri, "metadata": {}}]},
    }
    assert train.outputs.to_json() == {
        "parameters": {"accuracy": 0.75},
        "artifacts": {
            "model": [{"name": "model", "type": "system.Model", "uri": "minio://b/m", "metadata": {"layers": [1]}}],
            "metrics": [
                {"name": "metrics", "type": "system.Metrics", "uri": "", "metadata": {"loss": 0.25, "best": 1}}
            ],
        },
    }


async def test_four_calls_beside_the_api_whatever_the_number_of_tasks(door: FakeKubeflow) -> None:
    [run_id] = door.add_runs(1)
    names = [f"task-{number}" for number in range(150)]
    door.finish(run_id, tasks=[detail(name) for name in names])
    door.record(run_id, *(FakeExecution(task_name=name, outputs={"name": name}) for name in names))
    told = await values(door, run_id)
    assert [task.outputs and task.outputs.parameters["name"] for task in told.tasks] == [one.name for one in told.tasks]
    assert len(told.tasks) == 150
    assert [seen.path.rpartition("/")[0] for seen in door.log.matching("POST")] == [
        "/ml_metadata.MetadataStoreService"
    ] * 4
    assert door.log.matching("POST")[0].headers["content-type"] == "application/grpc-web+proto"


async def test_what_is_known_of_an_ended_run_is_kept(door: FakeKubeflow, run_id: str) -> None:
    async with Kubeflow(door.base_url) as kubeflow:
        run = await kubeflow.runs.get(run_id)
        first = await kubeflow.tasks.with_values(run)
        assert await kubeflow.tasks.with_values(run) == first
    assert door.count("POST", STORE) == 4


async def test_a_proxy_that_has_the_store_below_its_prefix_only() -> None:
    with FakeKubeflow(prefix="/pipeline", metadata_prefix="/pipeline") as door:
        [run_id] = door.add_runs(1, tasks=[detail("train")])
        door.record(run_id, FakeExecution(task_name="train", outputs={"x": 1}))
        assert (await values(door, run_id)).tasks[0].outputs is not None
        assert door.count("POST", f"^{STORE}") == 1


async def test_types_that_an_old_store_tells_by_number(door: FakeKubeflow) -> None:
    [run_id] = door.add_runs(1, tasks=[detail("train")])
    door.record(run_id, FakeExecution(task_name="train", output_artifacts={"model": [FakeArtifact(type="")]}))
    [task] = (await values(door, run_id)).tasks
    assert task.outputs is not None
    assert task.outputs.artifacts["model"][0].type == "system.Model"
    assert task.outputs.artifacts["model"][0].name == "model"


async def test_iterations_of_a_loop_are_told_apart_by_their_pods(door: FakeKubeflow) -> None:
    runs = [
        {**detail("train"), "task_id": f"t{at}", "child_tasks": [{"pod_name": f"w-{9000001 + at}"}]} for at in (0, 1)
    ]
    [run_id] = door.add_runs(1, tasks=[detail("for-loop-1"), *runs])
    each = [
        FakeExecution(task_name="for-loop-1", type="system.DAGExecution", parent=LOOP, iteration_index=at)
        for at in (0, 1)
    ]
    trains = [
        FakeExecution(task_name="train", parent=each[at], pod_name=f"w-impl-{9000001 + at}", inputs={"item": at})
        for at in (1, 0)
    ]
    door.record(run_id, LOOP, *each, *trains)
    tasks = {task.task_id: task for task in (await values(door, run_id)).tasks}
    assert {key: (task.iteration_index, task.inputs and task.inputs.parameters) for key, task in tasks.items()} == {
        "id-for-loop-1": (None, {}),
        "t0": (0, {"item": 0}),
        "t1": (1, {"item": 1}),
    }
    assert (tasks["id-for-loop-1"].kind, tasks["t1"].parent_task_id) == ("loop", "id-for-loop-1")


async def test_executions_that_cannot_be_told_apart_are_not_guessed(door: FakeKubeflow) -> None:
    twins = [{**detail("train"), "task_id": "a"}, {**detail("train"), "task_id": "b"}]
    [run_id] = door.add_runs(1, tasks=twins)
    door.record(run_id, LOOP, FakeExecution(task_name="train", parent=LOOP), FakeExecution(task_name="train"))
    told = await values(door, run_id)
    assert [task.inputs for task in told.tasks] == [None, None]
    assert "train" in told.values_missing[0]


async def test_the_bare_api_server_has_no_store() -> None:
    for wire in ("2.17", "2.3.0"):
        with FakeKubeflow(wire=wire) as bare:
            [run_id] = bare.add_runs(1, tasks=[detail("train")])
            told = await values(bare, run_id)
            assert told.tasks[0].outputs is None
            assert "in ML Metadata" in told.values_missing[0]
            assert "not served" in told.values_missing[0]


async def test_a_run_that_is_not_recorded_yet(door: FakeKubeflow) -> None:
    [first, second] = door.add_runs(2, tasks=[detail("train", "RUNNING")])
    assert "nothing of this run" in (await values(door, first)).values_missing[0]  # no type of context
    door.record(second, FakeExecution(task_name="train"))
    assert "nothing of this run" in (await values(door, first)).values_missing[0]  # no context of this name
    assert (await values(door, second)).values_missing == ()


def trailers(text: str) -> bytes:
    return struct.pack(">BI", 0x80, len(text)) + text.encode()


def grpc(body: bytes, **headers: str) -> Fault:
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault.answer(200, body, content_type="application/grpc-web+proto", headers=pairs)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.html(), "login page"),
        (Fault.redirect("/login"), "login page"),
        (Fault.status(404), "not served"),
        (Fault.status(503), "503"),
        (Fault.status(403, "Authentication required"), "Authentication required"),
        (Fault.hang(), "did not answer"),
        (Fault.trickle(), "did not answer"),
        (Fault.reset(), "broke"),
        (Fault.cut(), "broke off"),
        (Fault.answer(200, "{}", content_type="application/json"), "cut off"),
        (grpc(b""), "cut off"),
        (grpc(struct.pack(">BI", 0, 100) + b"short"), "cut off"),
        (grpc(b"\x00\x00"), "cut off"),
        (grpc(struct.pack(">BI", 0, 2) + b"\xff\xff" + trailers("grpc-status:0")), "not its message"),
        (grpc(trailers("grpc-status:5\r\ngrpc-message:no%20type\r\n")), "nothing of this run"),
        (grpc(b"", grpc_status="14", grpc_message="upstream%20connect%20error"), "upstream connect error"),
        (grpc(trailers("grpc-status: 13\r\ngrpc-message: mysql\r\n")), "mysql"),
    ],
)
async def test_a_store_that_fails_says_why_and_hinders_nothing(
    door: FakeKubeflow, run_id: str, fault: Fault, words: str
) -> None:
    door.fail(fault, path=STORE, times=None)
    begun = time.monotonic()
    told = await values(door, run_id, within_seconds=0.6)
    assert time.monotonic() - begun < 3
    assert [task.state for task in told.tasks] == ["SUCCEEDED", "SUCCEEDED"]
    assert words in told.values_missing[0]


async def test_a_notification_tells_artifacts_and_without_the_store_still_the_failed_task(
    door: FakeKubeflow, run_id: str
) -> None:
    async with Kubeflow(door.base_url) as kubeflow:
        told = await RunReports(kubeflow.runs, kubeflow.tasks).of(run_id)
    assert [one["name"] for one in told["artifacts"]] == ["data", "model", "metrics"]
    door.finish(run_id, "FAILED", tasks=[detail("train", "FAILED")])
    door.fail(Fault.hang(), path=STORE, times=None)
    async with Kubeflow(door.base_url) as kubeflow:
        told = await RunReports(kubeflow.runs, kubeflow.tasks).of(run_id)
    assert told["failed_task"]["name"] == "train"
    assert told["artifacts"] is None


async def test_a_store_that_hangs_is_left_alone_for_a_while(door: FakeKubeflow, run_id: str) -> None:
    door.fail(Fault.hang(), path=STORE, times=None)
    async with Kubeflow(door.base_url) as kubeflow:
        run = await kubeflow.runs.get(run_id)
        await kubeflow.tasks.with_values(run, within_seconds=0.3)
        begun = time.monotonic()
        told = await asyncio.gather(*(kubeflow.tasks.with_values(run, within_seconds=5) for _ in range(20)))
        assert time.monotonic() - begun < 1
    assert all("did not answer" in one.values_missing[0] for one in told)
    assert door.count("POST", STORE) == 1


async def test_many_who_ask_at_once_do_not_take_all_connections(door: FakeKubeflow, run_id: str) -> None:
    door.fail(Fault.hang(), path=STORE, times=None)
    async with Kubeflow(door.base_url) as kubeflow:
        run = await kubeflow.runs.get(run_id)
        asking = [asyncio.create_task(kubeflow.tasks.with_values(run, within_seconds=1.0)) for _ in range(200)]
        await door.log.seen("POST", STORE, count=8)
        await kubeflow.ping()
        told = await asyncio.gather(*asking)
    assert all(one.values_missing for one in told)
    assert door.count("POST", STORE) == 8
