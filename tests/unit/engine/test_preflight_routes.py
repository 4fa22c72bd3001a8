"""What of a pipeline would not be honoured, asked over HTTP."""

import contextlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from support.engine_api import API, PIPELINES, EngineApi, spec
from support.scripted_supervisor import ScriptedSupervisor

IMAGE = "container image busybox:1.36"


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts an engine with other settings."""
    stack = contextlib.AsyncExitStack()

    async def start(**settings: Any) -> EngineApi:
        supervisor = ScriptedSupervisor()
        server = EngineServer(EngineSettings(data_dir=tmp_path / "other", **settings), supervisor=supervisor)
        supervisor.sink = server.events
        await stack.enter_async_context(server)
        client = httpx.AsyncClient(base_url=server.base_url, timeout=30)
        return EngineApi(await stack.enter_async_context(client))

    async with stack:
        yield start


async def uploaded(api: EngineApi, pipeline: str, **query: str) -> httpx.Response:
    files = {"uploadfile": ("pipeline.yaml", (PIPELINES / f"{pipeline}.yaml").read_bytes())}
    return await api.client.post(f"{API}/pipelines/upload", params={"name": pipeline, **query}, files=files)


async def test_a_version_tells_what_is_refused(api: EngineApi) -> None:
    pipeline = await api.upload("mine", "imports")
    versions = (await api.get(f"/pipelines/{pipeline['pipeline_id']}/versions"))["pipeline_versions"]
    path = f"/pipelines/{pipeline['pipeline_id']}/versions/{versions[0]['pipeline_version_id']}:preflight"
    (finding,) = (await api.get(path))["findings"]
    assert (finding["task"], finding["feature"], finding["severity"]) == ("count-lines", IMAGE, "refused")
    assert "KFADAPTER_ENGINE_CONTAINERS is off" in finding["message"]
    status, message = await api.refused("GET", f"/pipelines/{pipeline['pipeline_id']}/versions/nowhere:preflight")
    assert (status, "nowhere" in message) == (404, True)


async def test_a_package_is_looked_through_and_not_kept(api: EngineApi) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(PIPELINES / "imports.yaml", "pipeline.yaml")
    bodies = [(PIPELINES / "imports.yaml").read_bytes(), (PIPELINES / "imports.json").read_bytes(), archive.getvalue()]
    for body in bodies:
        answer = await api.client.post(f"{API}/pipelines:preflight", content=body)
        assert [one["feature"] for one in answer.json()["findings"]] == [IMAGE], answer.text
    wrapped = await api.post("/pipelines:preflight", {"pipeline_spec": spec("imports"), "display_name": "a run's"})
    assert [one["feature"] for one in wrapped["findings"]] == [IMAGE]
    assert await api.post("/pipelines:preflight", spec("hello")) == {"findings": []}
    assert await api.get("/pipelines") == {}


@pytest.mark.parametrize("body", [b"", b"a: [", b"nothing: here", b"PK\x03\x04broken", b"\xff\xfe"])
async def test_what_is_no_package_is_refused(api: EngineApi, body: bytes) -> None:
    status, message = await api.refused("POST", "/pipelines:preflight", content=body)
    assert status == 400
    assert message.startswith("Failed to look through a pipeline")


async def test_an_upload_is_answered_as_by_kubeflow_and_warns_in_a_header(api: EngineApi) -> None:
    answer = await uploaded(api, "imports")
    assert answer.headers["kfadapter-preflight"] == "refused=1"
    assert "warnings" not in answer.json()
    assert "kfadapter-preflight" not in (await uploaded(api, "hello")).headers


async def test_the_full_view_of_an_upload_has_the_warnings(api: EngineApi) -> None:
    answer = (await uploaded(api, "imports", view="FULL")).json()
    assert [one["feature"] for one in answer["warnings"]] == [IMAGE]
    assert (await uploaded(api, "hello", view="FULL")).json()["warnings"] == []


async def test_the_list_depends_on_what_the_engine_can(other: Callable[..., Any]) -> None:
    host = await other(containers="host")
    (finding,) = (await host.post("/pipelines:preflight", spec("imports")))["findings"]
    assert finding["severity"] == "warning"
    assert "on the engine's machine itself, without the image" in finding["message"]
    assert await host.start_run("imports")
