"""Logs, pods and artifacts as the UI's server of an installation gives them, and as the API reads them by node."""

import base64
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.engine_api import EngineApi
from support.told_run import AFTER, INNER, LOOP, ROOT


async def pod(api: EngineApi, name: str) -> dict[str, Any]:
    answer = await api.client.get("/k8s/pod", params={"podname": name, "podnamespace": "kubeflow"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_attempt_is_told_as_a_pod(api: EngineApi, run_id: str) -> None:
    found = await pod(api, f"{INNER}-1")
    assert (found["kind"], found["metadata"]["name"], found["metadata"]["namespace"]) == (
        "Pod",
        f"{INNER}-1",
        "kubeflow",
    )
    assert found["metadata"]["labels"] == {"pipeline/runid": run_id}
    (main,) = found["status"]["containerStatuses"]
    ended = main["state"]["terminated"]
    assert (found["status"]["phase"], main["name"], ended["exitCode"], ended["reason"]) == (
        "Succeeded",
        "main",
        0,
        "Completed",
    )
    assert ended["startedAt"] <= ended["finishedAt"]


async def test_the_pod_of_a_failed_attempt_says_why(api: EngineApi, run_id: str) -> None:
    first, last = await pod(api, f"{INNER}-0"), await pod(api, f"{AFTER}-0")
    for found, message in ((first, "unlucky"), (last, "no luck at all")):
        ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (found["status"]["phase"], ended["exitCode"], ended["reason"]) == ("Failed", 1, "Error")
        assert ended["message"] == found["status"]["message"] == message


@pytest.mark.parametrize("name", ["p", f"{INNER}-2", f"{INNER}-", f"{LOOP}-0", f"../{INNER}-1", INNER])
async def test_what_is_no_attempt_has_no_pod(api: EngineApi, run_id: str, name: str) -> None:
    answer = await api.client.get("/pipeline/k8s/pod", params={"podname": name, "podnamespace": "n"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert name in answer.text


async def test_pods_have_no_events_and_must_be_named(api: EngineApi, run_id: str) -> None:
    query = {"podname": f"{INNER}-1", "podnamespace": "n"}
    assert (await api.client.get("/k8s/pod/events", params=query)).json()["items"] == []
    for path in ("/k8s/pod", "/k8s/pod/events"):
        for missing in query:
            answer = await api.client.get(path, params={key: value for key, value in query.items() if key != missing})
            assert (answer.status_code, answer.text) == (422, f"{missing} argument is required")


@pytest.mark.parametrize("prefix", ["", "/pipeline"])
async def test_the_log_of_an_attempt_is_served(api: EngineApi, run_id: str, prefix: str) -> None:
    for query in ({"podname": f"{INNER}-1", "runid": run_id}, {"podname": f"{INNER}-1"}):
        answer = await api.client.get(f"{prefix}/k8s/pod/logs", params=query)
        assert (answer.status_code, answer.text) == (200, "it worked\n")
        assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"podname": "unknown-0"}, 404),
        ({"podname": f"{INNER}-0"}, 404),
        ({"podname": f"{INNER}-1", "runid": "another"}, 404),
        ({"podname": f"../{INNER}-1"}, 404),
        ({"podname": f"{INNER}-1/../../x"}, 404),
    ],
)
async def test_a_log_that_is_not_there_is_said_in_text(
    api: EngineApi, run_id: str, query: dict[str, str], status: int
) -> None:
    answer = await api.client.get("/k8s/pod/logs", params=query)
    assert answer.status_code == status
    assert answer.text
    assert answer.headers["content-type"].startswith("text/plain")


async def test_an_artifact_is_served_whole_and_in_part(api: EngineApi, run_id: str) -> None:
    key = f"v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/model"
    query = {"source": "minio", "bucket": "mlpipeline", "key": key}
    whole = await api.client.get("/artifacts/get", params=query)
    part = await api.client.get("/artifacts/get", params={**query, "peek": "3"})
    direct = await api.client.get(f"/pipeline/artifacts/minio/mlpipeline/{key}")
    assert (whole.content, part.content, direct.content) == (b"\x00weights", b"\x00we", b"\x00weights")


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("{run}/../../engine.sqlite", 404),
        ("../../../../etc/passwd", 404),
        ("{run}/run.json", 404),
        ("{run}/tasks/../run.json", 404),
        ("{run}/tasks/link", 404),
        ("{run}/tasks", 404),
        ("{run}/tasks/" + "x" * 1100, 400),
        ("/etc/passwd", 404),
        ("{run}/tasks/\u0000", 404),
    ],
)
async def test_nothing_outside_a_runs_tasks_is_served(
    api: EngineApi, run_id: str, tmp_path: Path, key: str, status: int
) -> None:
    run_dir = tmp_path / "runs" / run_id
    (run_dir / "run.json").write_text("secret")
    (run_dir / "tasks" / "link").symlink_to("/etc/passwd")
    full = "v2/artifacts/" + key.format(run=run_id)
    answer = await api.client.get("/artifacts/get", params={"source": "minio", "bucket": "mlpipeline", "key": full})
    assert answer.status_code == status
    assert "secret" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("asked", "status", "content", "place"),
    [
        ("bytes=0-0", 206, b"\x00", "bytes 0-0/8"),
        ("bytes=1-3", 206, b"wei", "bytes 1-3/8"),
        ("bytes=6-", 206, b"ts", "bytes 6-7/8"),
        ("bytes=-2", 206, b"ts", "bytes 6-7/8"),
        ("bytes=-99", 200, b"\x00weights", None),
        ("bytes=2-99", 206, b"eights", "bytes 2-7/8"),
        ("bytes=8-", 416, b"the range lies beyond the end\n", "bytes */8"),
        ("bytes=-0", 416, b"the range lies beyond the end\n", "bytes */8"),
        ("bytes=3-1", 200, b"\x00weights", None),
        ("bytes=0-1,3-4", 200, b"\x00weights", None),
        ("bytes=x-y", 200, b"\x00weights", None),
        ("bytes=-", 200, b"\x00weights", None),
        ("lines=1-2", 200, b"\x00weights", None),
    ],
)
async def test_a_range_of_an_artifact_is_served(
    api: EngineApi, run_id: str, asked: str, status: int, content: bytes, place: str | None
) -> None:
    path = f"/artifacts/minio/mlpipeline/v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/model"
    answer = await api.client.get(path, headers={"range": asked})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, place)


async def test_an_artifact_is_no_page_of_this_server_and_its_size_can_be_asked(api: EngineApi, run_id: str) -> None:
    path = f"/artifacts/minio/mlpipeline/v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/model"
    answer = await api.client.head(path)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["accept-ranges"] == "bytes"


async def test_an_artifact_that_is_a_directory_is_served_as_an_archive(
    api: EngineApi, run_id: str, tmp_path: Path
) -> None:
    directory = tmp_path / "runs" / run_id / "tasks" / INNER / "attempt-1" / "outputs" / "folder"
    directory.mkdir()
    (directory / "a").write_text("one")
    key = f"v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/folder"
    answer = await api.client.get("/artifacts/get", params={"source": "minio", "bucket": "mlpipeline", "key": key})
    assert answer.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert archive.getnames() == ["folder", "folder/a"]


@pytest.mark.parametrize("missing", ["source", "bucket", "key"])
async def test_an_artifact_request_needs_all_its_parts(api: EngineApi, missing: str) -> None:
    query = {"source": "minio", "bucket": "mlpipeline", "key": "k"}
    del query[missing]
    assert (await api.client.get("/artifacts/get", params=query)).status_code == 400


async def artifact(api: EngineApi, run_id: str, node: str, name: str) -> tuple[int, dict[str, Any]]:
    answer = await api.client.get(f"/apis/v2beta1/runs/{run_id}/nodes/{node}/artifacts/{name}:read")
    return answer.status_code, answer.json()


@pytest.mark.parametrize("node", [INNER, f"{INNER}-1"])
async def test_an_artifact_is_read_by_its_node_as_base64(api: EngineApi, run_id: str, node: str) -> None:
    status, document = await artifact(api, run_id, node, "model")
    assert (status, base64.b64decode(document["data"])) == (200, b"\x00weights")


async def test_a_large_artifact_is_read_whole(api: EngineApi, run_id: str, tmp_path: Path) -> None:
    content = os.urandom(1_000_003)
    (tmp_path / "runs" / run_id / "tasks" / INNER / "attempt-1" / "outputs" / "model").write_bytes(content)
    _, document = await artifact(api, run_id, INNER, "model")
    assert base64.b64decode(document["data"], validate=True) == content


async def test_a_directory_is_read_as_an_archive(api: EngineApi, run_id: str, tmp_path: Path) -> None:
    model = tmp_path / "runs" / run_id / "tasks" / INNER / "attempt-1" / "outputs" / "model"
    model.unlink()
    model.mkdir()
    (model / "weights").write_bytes(b"w")
    _, document = await artifact(api, run_id, INNER, "model")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(document["data"])), mode="r:gz") as archive:
        assert "model/weights" in archive.getnames()


async def test_a_pipe_left_by_a_task_is_no_artifact(api: EngineApi, run_id: str, tmp_path: Path) -> None:
    model = tmp_path / "runs" / run_id / "tasks" / INNER / "attempt-1" / "outputs" / "model"
    model.unlink()
    os.mkfifo(model)
    key = f"v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/model"
    query = {"source": "minio", "bucket": "mlpipeline", "key": key}
    assert (await api.client.get("/artifacts/get", params=query)).status_code == 404
    assert (await artifact(api, run_id, INNER, "model"))[0] == 404


@pytest.mark.parametrize(("node", "name"), [(INNER, "other"), (AFTER, "model"), ("nobody", "model")])
async def test_what_is_no_artifact_of_a_node_is_not_found(api: EngineApi, run_id: str, node: str, name: str) -> None:
    assert (await artifact(api, run_id, node, name))[0] == 404


@pytest.mark.parametrize("version", ["v1beta1", "v2beta1"])
@pytest.mark.parametrize("node", [INNER, f"{INNER}-1"])
async def test_a_log_is_read_by_its_node(api: EngineApi, run_id: str, node: str, version: str) -> None:
    answer = await api.client.get(f"/apis/{version}/runs/{run_id}/nodes/{node}/log", params={"follow": "false"})
    assert (answer.status_code, answer.text) == (200, "it worked\n")


@pytest.mark.parametrize("node", [AFTER, f"{INNER}-7", "nobody", f"{ROOT}-0"])
async def test_a_node_without_a_log_is_said_to_have_none(api: EngineApi, run_id: str, node: str) -> None:
    answer = await api.client.get(f"/apis/v2beta1/runs/{run_id}/nodes/{node}/log")
    assert (answer.status_code, "not found" in answer.json()["error_message"]) == (404, True)
