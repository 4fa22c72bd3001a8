"""The server itself: start, stop, restart, hostile requests."""

import asyncio
import sqlite3
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.http.app import App
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.server import EngineServer
from kfadapter.errors import EngineError
from support.engine_api import API, PIPELINES, EngineApi, predicates, spec
from support.scripted_supervisor import ScriptedSupervisor

MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


async def started(data_dir: Path, supervisor: ScriptedSupervisor) -> EngineServer:
    server = EngineServer(EngineSettings(data_dir=data_dir), supervisor=supervisor)
    supervisor.sink = server.events
    await server.start()
    return server


async def test_it_says_which_api_it_speaks(api: EngineApi) -> None:
    health = await api.get("/healthz")
    assert (health["tag_name"], health["multi_user"], health["pipeline_store"]) == ("2.17.0", False, "database")
    assert health["commit_sha"].startswith("kfadapter-")


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    first = await started(tmp_path, ScriptedSupervisor())
    async with httpx.AsyncClient(base_url=first.base_url) as client:
        uploaded = await EngineApi(client).upload("kept")
    await first.stop()
    second = await started(tmp_path, ScriptedSupervisor())
    async with httpx.AsyncClient(base_url=second.base_url) as client:
        found = await EngineApi(client).get(f"/pipelines/{uploaded['pipeline_id']}/versions")
    await second.stop()
    assert found["pipeline_versions"][0]["pipeline_spec"] == spec("hello")


async def test_runs_are_taken_over_after_a_restart_and_unstarted_ones_started(tmp_path: Path) -> None:
    before = ScriptedSupervisor()
    first = await started(tmp_path, before)
    async with httpx.AsyncClient(base_url=first.base_url) as client:
        api = EngineApi(client)
        running, waiting, ended = [await api.start_run() for _ in range(3)]
        canceled = await api.start_run()
        await before.begin(running)
        await before.play(ended)
        await api.post(f"/runs/{canceled}:terminate")
    (tmp_path / "runs" / running).mkdir(parents=True)
    (tmp_path / "runs" / running / "run.json").touch()
    await first.stop()

    after = ScriptedSupervisor()
    second = await started(tmp_path, after)
    async with httpx.AsyncClient(base_url=second.base_url) as client:
        state = (await EngineApi(client).get(f"/runs/{canceled}"))["state"]
    await second.stop()
    assert after.adopted == [running]
    assert [order.run_id for order in after.submitted] == [waiting]
    assert state == "FAILED"


async def test_stopping_leaves_runs_alone(tmp_path: Path) -> None:
    supervisor = ScriptedSupervisor()
    server = await started(tmp_path, supervisor)
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        await EngineApi(client).start_run()
    await server.stop()
    assert supervisor.terminated == []


async def test_a_data_directory_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    with pytest.raises(EngineError, match="cannot keep the engine's data"):
        await started(occupied, ScriptedSupervisor())


async def test_a_file_that_is_no_database_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "engine.sqlite").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(EngineError, match="file is not a database"):
        await started(tmp_path, ScriptedSupervisor())


async def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "engine.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    server = EngineServer(EngineSettings(data_dir=tmp_path), supervisor=ScriptedSupervisor())
    with pytest.raises(EngineError, match="newer release"):
        await server.start()


async def test_a_taken_port_is_said(engine: EngineServer, tmp_path: Path) -> None:
    port = int(engine.base_url.rsplit(":", 1)[1])
    second = EngineServer(EngineSettings(data_dir=tmp_path / "other", port=port), supervisor=ScriptedSupervisor())
    with pytest.raises(EngineError, match="cannot listen on"):
        await second.start()


@pytest.mark.parametrize("prefix", ["", "/pipeline"])
async def test_the_prefix_of_the_ui_leads_to_the_same_place(api: EngineApi, prefix: str) -> None:
    assert (await api.client.get(f"{prefix}{API}/experiments")).status_code == 200
    assert (await api.client.get(f"{prefix}/k8s/pod/logs")).status_code == 400


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: EngineApi) -> None:
    status, message = await api.refused("POST", "/experiments", content=b" " * (17 * 1024 * 1024))
    assert status == 413
    assert "larger than" in message


async def test_a_body_that_trickles_in_is_given_up(engine: EngineServer, tmp_path: Path) -> None:
    parts = Parts(store=engine.store, clock=engine._clock, runs=engine._runs, runs_dir=tmp_path)
    app = App(parts, body_timeout_seconds=0.05)
    sent: list[dict[str, object]] = []
    scope = {"type": "http", "method": "POST", "path": f"{API}/experiments", "query_string": b"", "headers": []}

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"garbage", MULTIPART),
        (b'--x\r\nContent-Disposition: form-data; name="uploadfile"; filename="p.yaml"\r\n\r\ncut', MULTIPART),
        (b"--x\r\n" + b"A: b\r\n" * 1000 + b"\r\n\r\n--x--\r\n", MULTIPART),
        (b"--x\r\n\r\n\r\n" * 1000 + b"--x--\r\n", MULTIPART),
        (b"x", {"content-type": "multipart/form-data"}),
        (b"{}", {"content-type": "application/json"}),
    ],
)
async def test_a_broken_form_is_refused_as_kfp_refuses_it(api: EngineApi, body: bytes, headers: dict[str, str]) -> None:
    answer = await api.client.post(f"{API}/pipelines/upload", params={"name": "x"}, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error_message"] == "Failed to read pipeline from file"


async def test_a_file_name_beyond_ascii_and_a_path_in_it_are_taken_as_go_takes_them(api: EngineApi) -> None:
    files = {"uploadfile": ("../../größe.json", b'{"a": 1}')}
    answer = await api.client.post(f"{API}/pipelines/upload", files=files)
    assert answer.status_code == 400
    assert answer.json()["error_message"] == "unknown template format"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("page_size=1&x=%zz", 'invalid URL escape "%zz"'),
        ("page_size=%4", 'invalid URL escape "%4"'),
        ("sort_by=name;page_size=1", "invalid semicolon separator in query"),
        ("page_size=1&page_size=2", 'too many values for field "page_size": 1, 2'),
    ],
)
async def test_a_malformed_query_is_refused_as_go_refuses_it(api: EngineApi, query: str, words: str) -> None:
    target = f"{API}/pipelines?{query}".encode()
    answer = await api.client.get(API, extensions={"target": target})
    assert (answer.status_code, answer.json()) == (400, {"code": 3, "message": words})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://engine.test:1", "host": "engine.test:1"}, 200),
        ({"origin": "http://engine.test", "host": "engine.test:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://proxy.test"}, 200),
        ({"sec-fetch-site": "none"}, 200),
    ],
)
async def test_no_other_website_may_change_anything_through_a_browser(
    api: EngineApi, headers: dict[str, str], status: int
) -> None:
    content = b'{"name": "x"}'
    answer = await api.client.post(
        f"{API}/pipelines", content=content, headers={"content-type": "text/plain", **headers}
    )
    assert answer.status_code == status
    files = {"uploadfile": ("p.yaml", (PIPELINES / "hello.yaml").read_bytes())}
    answer = await api.client.post(f"/pipeline{API}/pipelines/upload", files=files, headers=headers)
    assert answer.status_code == status
    assert (await api.client.get(f"{API}/pipelines", headers=headers)).status_code == 200


async def test_a_form_stands_for_a_query_that_is_too_long_for_an_address(api: EngineApi) -> None:
    """As on KFP's gateway; where something else is posted the method has to be named."""
    made = [await api.post("/pipelines", {"name": f"p{number}"}) for number in range(3)]
    ids = [each["pipeline_id"] for each in made[:2]] + [str(uuid4()) for _ in range(3000)]
    among = predicates({"key": "pipeline_id", "operation": "IN", "string_values": {"values": ids}})
    headers = {"x-http-method-override": "get"}
    answer = await api.client.post(
        f"{API}/pipelines", data={"filter": among}, headers=headers, params={"sort_by": "name desc"}
    )
    assert [each["name"] for each in answer.json()["pipelines"]] == ["p1", "p0"]
    path = f"{API}/pipelines/{ids[0]}"
    assert (await api.client.post(path, data={"x": "y"})).json() == made[0]
    assert (await api.client.post(path, json={})).status_code == 501
    assert (await api.client.post(f"{API}/runs/x:terminate", data={})).status_code == 404
    headers = {"x-http-method-override": "DELETE"}
    assert (await api.client.post(path, json={}, headers=headers)).status_code == 501
    assert (await api.client.post(path, data={"cascade": "true"}, headers=headers)).json() == {}
    assert (await api.client.get(path)).status_code == 404


async def test_a_body_that_is_no_utf_8_is_refused_with_its_place(api: EngineApi) -> None:
    status, message = await api.refused("POST", "/pipelines", content=b'{"name":\n "caf\xe9"}')
    assert (status, message) == (400, "proto: syntax error (line 2:2): invalid UTF-8 in string")


async def test_many_clients_at_once_are_all_answered(api: EngineApi) -> None:
    made = await asyncio.gather(*(api.post("/experiments", {"display_name": f"e{i}"}) for i in range(100)))
    assert len({each["experiment_id"] for each in made}) == 100


async def test_one_name_is_given_once_however_many_ask(api: EngineApi) -> None:
    answers = await asyncio.gather(*(api.client.post(f"{API}/pipelines", json={"name": "wanted"}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
