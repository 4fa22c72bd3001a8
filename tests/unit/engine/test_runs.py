"""Runs: what is stored, handed on, shown."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.errors import EngineError
from support.engine_api import API, EngineApi, spec
from support.scripted_supervisor import ScriptedSupervisor


async def history(api: EngineApi, run_id: str) -> list[str]:
    return [entry["state"] for entry in (await api.get(f"/runs/{run_id}"))["state_history"]]


async def refused_run(api: EngineApi) -> str:
    """A run of a pipeline that needs a volume claim."""
    return await api.start_run("two_documents", runtime_config={"parameters": {"place": "/data"}})


async def ended(api: EngineApi, run_id: str) -> Any:
    async with asyncio.timeout(10):
        while (run := await api.get(f"/runs/{run_id}"))["state"] in ("PENDING", "RUNNING", "CANCELING"):
            await asyncio.sleep(0.02)
        return run


async def test_a_run_is_handed_on_with_its_spec_and_arguments(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    config = {"parameters": {"word": "you"}, "pipeline_root": "s3://bucket/root"}
    run_id = await api.start_run(runtime_config=config)
    (order,) = supervisor.submitted
    assert (order.run_id, order.pipeline_name, order.parameters) == (run_id, "hello", {"word": "you"})
    assert (order.pipeline_spec, order.platform_spec) == (spec("hello"), None)
    assert order.pipeline_root == "s3://bucket/root"


async def test_a_second_create_with_the_same_id_is_refused_and_starts_nothing(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    run_id = str(uuid4())
    await api.start_run(run_id=run_id)
    document = {"display_name": "again", "pipeline_spec": spec("hello"), "run_id": run_id}
    status, message = await api.refused("POST", "/runs", json=document)
    assert status == 500
    assert "Duplicate entry" in message
    assert len(supervisor.submitted) == 1


async def test_racing_creates_with_one_id_start_one_run(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    document = {"display_name": "race", "pipeline_spec": spec("hello"), "run_id": str(uuid4())}
    answers = await asyncio.gather(*(api.client.post(f"{API}/runs", json=document) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [500] * 9
    assert len(supervisor.submitted) == 1


@pytest.mark.parametrize("run_id", ["../../evil", "a/b", "x", "\u0000"])
async def test_an_id_that_is_no_uuid_is_refused(api: EngineApi, run_id: str) -> None:
    document = {"display_name": "x", "pipeline_spec": spec("hello"), "run_id": run_id}
    assert (await api.refused("POST", "/runs", json=document))[0] == 400


async def test_a_run_the_engine_cannot_honour_is_seen_pending_and_ends_with_the_reasons(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    run_id = await refused_run(api)
    assert (await api.get(f"/runs/{run_id}"))["state"] == "PENDING"
    await api.post(f"/runs/{run_id}:archive")
    run = await ended(api, run_id)
    assert (run["state"], run["storage_state"]) == ("FAILED", "ARCHIVED")
    assert await history(api, run_id) == ["PENDING", "FAILED"]
    assert run["finished_at"] >= run["created_at"]
    reason = run["state_history"][-1]["error"]
    assert reason["code"] == 12
    assert "volume claim" in reason["message"]
    assert reason["message"].startswith("task ")
    assert run["run_details"]["task_details"][0]["error"] == reason
    assert (await api.get(f"/runs/{run_id}", view="FULL"))["error"] == reason
    assert supervisor.submitted == []
    assert (await api.refused("POST", f"/runs/{run_id}:retry"))[0] == 409


async def test_a_run_that_is_about_to_be_refused_can_be_terminated_and_deleted(
    api: EngineApi, engine: EngineServer
) -> None:
    terminated, deleted = await refused_run(api), await refused_run(api)
    await api.post(f"/runs/{terminated}:terminate")
    assert (await api.client.delete(f"{API}/runs/{deleted}")).status_code == 200
    assert (await ended(api, terminated))["state"] == "FAILED"
    assert await history(api, terminated) == ["PENDING", "CANCELING", "FAILED"]
    assert (await api.refused("GET", f"/runs/{deleted}"))[0] == 404


async def test_a_run_that_was_to_be_refused_when_the_engine_stopped_is_refused_at_the_next_start(
    tmp_path: Path, supervisor: ScriptedSupervisor
) -> None:
    settings = EngineSettings(data_dir=tmp_path)
    async with (
        EngineServer(settings, supervisor=supervisor) as engine,
        httpx.AsyncClient(base_url=engine.base_url) as client,
    ):
        run_id = await refused_run(EngineApi(client))
    async with (
        EngineServer(settings, supervisor=supervisor) as engine,
        httpx.AsyncClient(base_url=engine.base_url) as client,
    ):
        run = await EngineApi(client).get(f"/runs/{run_id}")
    assert run["state"] == "FAILED"
    assert "volume claim" in run["state_history"][-1]["error"]["message"]
    assert supervisor.submitted == []


async def test_a_run_that_cannot_be_handed_on_fails_with_the_reason(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    supervisor.failure = EngineError("no space left on device")
    run = await api.get(f"/runs/{await api.start_run()}")
    assert run["state"] == "FAILED"
    assert "no space left" in run["state_history"][-1]["error"]["message"]


async def test_an_end_is_never_seen_without_its_time(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_ids = [await api.start_run() for _ in range(20)]
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        while not seen or any(run["state"] in ("PENDING", "RUNNING") for run in seen[-20:]):
            seen.extend((await api.get("/runs", page_size=200))["runs"])

    looking = asyncio.create_task(look())
    await asyncio.gather(*(supervisor.play(run_id) for run_id in run_ids))
    await looking
    never = "1970-01-01T00:00:00Z"
    assert all((run["state"] == "SUCCEEDED") == (run["finished_at"] != never) for run in seen)


async def test_events_applied_twice_change_nothing(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run()
    events = [
        supervisor.event(run_id, "run.started"),
        supervisor.event(run_id, "task.created", task_id="t", path="root", kind="root", name="hello"),
        supervisor.event(run_id, "task.state", task_id="t", state="RUNNING", attempt=0),
    ]
    await supervisor.tell(run_id, *events)
    once = await api.get(f"/runs/{run_id}")
    await supervisor.tell(run_id, *events)
    await supervisor.tell(run_id, *events[1:])
    assert await api.get(f"/runs/{run_id}") == once


async def test_the_offset_is_kept_with_the_events(
    api: EngineApi, engine: EngineServer, supervisor: ScriptedSupervisor
) -> None:
    run_id = await api.start_run()
    assert engine.events.offset(run_id) == 0
    await supervisor.play(run_id)
    assert engine.events.offset(run_id) > 0
    assert engine.events.offset("unknown") == 0


async def test_events_of_a_deleted_run_go_nowhere(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run()
    await api.client.delete(f"{API}/runs/{run_id}")
    await supervisor.play(run_id)
    assert supervisor.forgotten == [run_id]
    assert (await api.refused("GET", f"/runs/{run_id}"))[0] == 404


async def test_a_terminated_run_is_canceling_and_then_failed_as_on_a_cluster(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    run_id = await api.start_run()
    await supervisor.begin(run_id)
    await api.post(f"/runs/{run_id}:terminate")
    assert (await api.get(f"/runs/{run_id}"))["state"] == "CANCELING"
    await supervisor.end(run_id, "CANCELED", {"code": 1, "message": "terminated"})
    assert await history(api, run_id) == ["PENDING", "RUNNING", "FAILED"]
    assert (await api.refused("POST", f"/runs/{run_id}:terminate"))[0] == 400


async def test_a_run_terminated_before_it_began_shows_it_in_its_history(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    run_id = await api.start_run()
    await api.post(f"/runs/{run_id}:terminate")
    await supervisor.end(run_id, "CANCELED")
    assert await history(api, run_id) == ["PENDING", "CANCELING", "FAILED"]


async def test_a_run_that_succeeds_while_it_is_canceled_has_succeeded(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    run_id = await api.start_run()
    await supervisor.begin(run_id)
    await api.post(f"/runs/{run_id}:terminate")
    await supervisor.end(run_id, "SUCCEEDED")
    assert (await api.get(f"/runs/{run_id}"))["state"] == "SUCCEEDED"


async def test_a_retried_run_goes_on_in_its_history(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run("failing")
    await supervisor.play(run_id, "FAILED")
    await api.post(f"/runs/{run_id}:retry")
    assert [order.run_id for order in supervisor.retried] == [run_id]
    await supervisor.begin(run_id)
    await supervisor.end(run_id, "SUCCEEDED")
    assert await history(api, run_id) == ["PENDING", "RUNNING", "FAILED", "RUNNING", "SUCCEEDED"]


async def test_the_error_of_a_run_without_a_failed_task_stands_in_its_history(
    api: EngineApi, supervisor: ScriptedSupervisor
) -> None:
    lost, told = await api.start_run(), await api.start_run()
    await supervisor.begin(lost)
    await supervisor.end(lost, "FAILED", {"code": 14, "message": "runner lost"})
    await supervisor.play(told, "FAILED")
    entries = [(await api.get(f"/runs/{run_id}"))["state_history"][-1] for run_id in (lost, told)]
    assert [entry.get("error", {}).get("message") for entry in entries] == ["runner lost", None]


async def test_a_spec_is_kept_as_long_as_something_names_it(api: EngineApi, engine: EngineServer) -> None:
    from sqlalchemy import func, select

    from kfadapter.engine.store.tables import SPECS

    async def specs() -> int:
        return await engine.store.read(lambda c: c.execute(select(func.count()).select_from(SPECS)).scalar_one())

    first, second = await api.upload("one"), await api.upload("two")
    run_id = await api.start_run()
    assert await specs() == 1
    for pipeline in (first, second):
        await api.client.delete(f"{API}/pipelines/{pipeline['pipeline_id']}", params={"cascade": "true"})
    assert (await api.get(f"/runs/{run_id}"))["pipeline_spec"] == spec("hello")
    await api.client.delete(f"{API}/runs/{run_id}")
    assert await specs() == 0


async def test_the_default_experiment_comes_back_when_it_is_needed(api: EngineApi) -> None:
    (default,) = (await api.get("/experiments"))["experiments"]
    await api.client.delete(f"{API}/experiments/{default['experiment_id']}")
    run = await api.get(f"/runs/{await api.start_run()}")
    (again,) = (await api.get("/experiments"))["experiments"]
    assert (again["display_name"], run["experiment_id"]) == ("Default", again["experiment_id"])
    assert again["last_run_created_at"] == run["created_at"]


async def test_racing_retries_start_a_run_once(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run("failing")
    await supervisor.play(run_id, "FAILED")
    answers = await asyncio.gather(*(api.client.post(f"{API}/runs/{run_id}:retry") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    assert len(supervisor.retried) == 1
