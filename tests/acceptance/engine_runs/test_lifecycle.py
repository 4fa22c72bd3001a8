"""Runs under way: parallel tasks, termination, restarts of the service, lost processes, retries, the queue."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors
# ruff: noqa: T201

import asyncio
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from kfadapter.clock import SystemClock
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.events import EventReader
from kfadapter.engine.running.processes import RUN_MARKER, all_pids, carries, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_process import RunnerProcess
from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.engine.running.supervisor import Supervisor
from kfadapter.errors import EngineError

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


@pytest.fixture
def holding(kfp: Any, compiled: Compile) -> dict[str, Any]:
    """A pipeline whose first task waits for a file, with children, and whose second needs the first."""
    dsl = kfp.dsl

    @dsl.component
    def wait(place: str) -> str:
        import os
        import subprocess
        import time

        subprocess.Popen(["sleep", "600"])
        subprocess.Popen(["setsid", "sleep", "601"])
        subprocess.Popen(["sh", "-c", "(setsid sleep 602 &) ; true"]).wait()
        print("waiting", flush=True)
        while not os.path.exists(place):
            time.sleep(0.02)
        return "waited"

    @dsl.component
    def then(word: str) -> str:
        return f"{word} long"

    def pipeline(place: str) -> str:
        return then(word=wait(place=place).output).output

    return compiled(pipeline)


@pytest.fixture
def flaky(kfp: Any, compiled: Compile) -> dict[str, Any]:
    """A pipeline whose second task needs a file to be there."""
    dsl = kfp.dsl

    @dsl.component
    def stamp() -> str:
        import time

        return str(time.time_ns())

    @dsl.component
    def need(place: str, word: str) -> str:
        with open(place) as file:
            return file.read() + word

    @dsl.component
    def end(word: str) -> str:
        return word

    def pipeline(place: str) -> str:
        return end(word=need(place=place, word=stamp().output).output).output

    return compiled(pipeline)


def pids(run_id: str) -> list[int]:
    """Every living process that carries the run's marker."""
    return [pid for pid in all_pids() if start_ticks(pid) is not None and carries(pid, {RUN_MARKER: run_id})]


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that announces itself to nobody."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def test_independent_tasks_run_at_the_same_time(engine: Any, kfp: Any, compiled: Compile, tmp_path: Path) -> None:
    dsl = kfp.dsl

    @dsl.component
    def meet(place: str, own: str, other: str):
        import os
        import time

        open(f"{place}/{own}", "w").close()
        for _ in range(1000):
            if os.path.exists(f"{place}/{other}"):
                return
            time.sleep(0.01)
        raise SystemExit("the other never came")

    def pipeline(place: str):
        meet(place=place, own="a", other="b")
        meet(place=place, own="b", other="a")

    _, end = await engine.run(compiled(pipeline), parameters={"place": str(tmp_path)})
    assert end["state"] == "SUCCEEDED", end["error"]


async def test_termination_leaves_no_process(engine: Any, holding: dict[str, Any]) -> None:
    run_id = await engine.submit(holding, parameters={"place": "/nowhere/at/all"})
    await engine.rows.running(run_id, "wait")
    await until(lambda: len(pids(run_id)) >= 5)
    await engine.supervisor.terminate(run_id)
    await engine.supervisor.terminate(run_id)
    end = await engine.rows.end(run_id)
    assert (end["state"], end["error"]["code"]) == ("CANCELED", 1)
    assert engine.rows.states(run_id) == {"wait": "CANCELED", "then": "CANCELED"}
    assert pids(run_id) == []
    states = [event.data["state"] for event in engine.rows.events[run_id] if event.type == "run.state"]
    assert states == ["CANCELING"]


async def test_a_run_that_is_terminated_before_its_process_has_begun_is_canceled(
    make_order: Any, holding: dict[str, Any], tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.write_order(make_order(holding, parameters={"place": "/nowhere"}).to_json(), 0)
    directory.cancel()
    process = RunnerProcess.start(directory, RunnerSettings(data_dir=tmp_path))
    process.signal(signal.SIGTERM)
    await asyncio.wait_for(process.ended(), 20)
    ends = [event.data for event in EventReader(directory.events) if event.type == "run.finished"]
    assert [(end["state"], end["error"]["message"]) for end in ends] == [("CANCELED", "the run was terminated")]


async def test_what_a_task_leaves_behind_ends_with_it(engine: Any, holding: dict[str, Any], tmp_path: Path) -> None:
    run_id = await engine.submit(holding, parameters={"place": str(tmp_path / "go")})
    await engine.rows.running(run_id, "wait")
    await until(lambda: len(pids(run_id)) >= 5)
    (tmp_path / "go").touch()
    end = await engine.rows.end(run_id)
    assert end["outputs"]["parameters"] == {"Output": "waited long"}
    assert pids(run_id) == []


async def test_a_task_that_ignores_sigterm_is_killed(
    engine: Any, kfp: Any, compiled: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def stubborn():
        import signal
        import time

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        time.sleep(600)

    def pipeline():
        stubborn()

    run_id = await engine.submit(compiled(pipeline))
    await engine.rows.running(run_id, "stubborn")
    row = engine.rows.tasks(run_id)["stubborn"]
    log = engine.directory(run_id) / "tasks" / row["task_id"] / "attempt-0" / "log.txt"
    await until(lambda: "deaf" in log.read_text())
    begin = time.monotonic()
    await engine.supervisor.terminate(run_id)
    assert (await engine.rows.end(run_id))["state"] == "CANCELED"
    assert engine.settings.grace_seconds <= time.monotonic() - begin < 20
    assert pids(run_id) == []


async def test_a_run_survives_the_service(start: Any, holding: dict[str, Any], tmp_path: Path) -> None:
    first = await start()
    run_id = await first.submit(holding, parameters={"place": str(tmp_path / "go")})
    await first.rows.running(run_id, "wait")
    await first.supervisor.stop()
    (tmp_path / "go").touch()
    events = first.directory(run_id) / "events.jsonl"
    await until(lambda: b"run.finished" in events.read_bytes())
    second = await start(rows=first.rows)
    await second.supervisor.adopt([run_id])
    assert (await second.rows.end(run_id))["outputs"]["parameters"] == {"Output": "waited long"}
    assert [event.seq for event in second.rows.events[run_id]] == list(range(1, len(second.rows.events[run_id]) + 1))


async def test_an_adopted_run_is_followed_and_can_be_terminated(start: Any, holding: dict[str, Any]) -> None:
    first = await start()
    run_id = await first.submit(holding, parameters={"place": "/nowhere/at/all"})
    await first.rows.running(run_id, "wait")
    await first.supervisor.stop()
    second = await start(rows=first.rows)
    await second.supervisor.adopt([run_id])
    await second.supervisor.terminate(run_id)
    assert (await second.rows.end(run_id))["state"] == "CANCELED"
    assert pids(run_id) == []


async def test_a_killed_runner_fails_its_run_and_leaves_nothing(engine: Any, holding: dict[str, Any]) -> None:
    run_id = await engine.submit(holding, parameters={"place": "/nowhere/at/all"})
    await engine.rows.running(run_id, "wait")
    await until(lambda: len(pids(run_id)) >= 5)
    mark = RunDirectory(engine.directory(run_id)).living_runner()
    os.kill(mark.pid, signal.SIGKILL)
    end = await engine.rows.end(run_id)
    assert end["state"] == "FAILED"
    assert "runner lost (ended by SIGKILL)" in end["error"]["message"]
    assert engine.rows.states(run_id) == {"wait": "FAILED", "then": "SKIPPED"}
    assert pids(run_id) == []


async def test_a_killed_runner_leaves_no_process_without_marks_either(
    engine: Any, kfp: Any, compiled: Compile, tmp_path: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def hide(place: str):
        import subprocess
        import time

        hidden = subprocess.Popen(["env", "-i", "sleep", "603"])
        with open(place, "w") as file:
            file.write(str(hidden.pid))
        time.sleep(600)

    def pipeline(place: str):
        hide(place=place)

    run_id = await engine.submit(compiled(pipeline), parameters={"place": str(tmp_path / "pid")})
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    hidden = int((tmp_path / "pid").read_text())
    assert start_ticks(hidden) is not None
    os.kill(RunDirectory(engine.directory(run_id)).living_runner().pid, signal.SIGKILL)
    await engine.rows.end(run_id)
    assert start_ticks(hidden) is None


async def test_a_disk_that_takes_no_more_events_fails_the_run(
    engine: Any, holding: dict[str, Any], tmp_path: Path
) -> None:
    run_id = await engine.submit(holding, parameters={"place": str(tmp_path / "go")})
    await engine.rows.running(run_id, "wait")
    pid = RunDirectory(engine.directory(run_id)).living_runner().pid
    size = (engine.directory(run_id) / "events.jsonl").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 50, size + 50))
    (tmp_path / "go").touch()
    end = await engine.rows.end(run_id)
    assert end["state"] == "FAILED"
    assert "the run's events cannot be written: File too large" in end["error"]["message"]
    assert pids(run_id) == []


async def test_environments_are_prepared_ahead(
    start: Any, settings: Any, environments: Path, tmp_path: Path, conformance: Callable[[str], dict[str, Any]]
) -> None:
    installer = {"UV_CACHE_DIR": str(environments / ".cache" / "uv"), **settings.installer_environment}
    engine = await start(data_dir=tmp_path / "other", installer_environment=installer)
    await engine.supervisor.prepare(conformance("hello"))
    await until(lambda: bool(list((tmp_path / "other" / "environments").glob("*/.ok"))), 60)
    run_id, end = await engine.run(conformance("hello"))
    assert end["state"] == "SUCCEEDED", end["error"]
    assert not [event for event in engine.rows.events[run_id] if event.type.startswith("env.")]


async def test_a_runner_that_died_unseen_is_found_out(start: Any, holding: dict[str, Any]) -> None:
    first = await start()
    run_id = await first.submit(holding, parameters={"place": "/nowhere/at/all"})
    await first.rows.running(run_id, "wait")
    mark = RunDirectory(first.directory(run_id)).living_runner()
    await first.supervisor.stop()
    os.kill(mark.pid, signal.SIGKILL)
    os.waitpid(mark.pid, 0)
    second = await start(rows=first.rows)
    await second.supervisor.adopt([run_id])
    end = await second.rows.end(run_id)
    assert (end["state"], end["error"]["message"][:11]) == ("FAILED", "runner lost")
    assert pids(run_id) == []


async def test_a_run_whose_directory_is_gone_is_closed(engine: Any) -> None:
    run_id = "0d9c1e0e-0000-4000-8000-000000000000"
    await engine.supervisor.adopt([run_id])
    end = await engine.rows.end(run_id)
    assert end["state"] == "FAILED"
    assert "gone" in end["error"]["message"]


async def test_a_run_that_lost_its_events_is_closed_for_a_store_that_had_read_them(
    start: Any, holding: dict[str, Any], tmp_path: Path
) -> None:
    first = await start()
    run_id = await first.submit(holding, parameters={"place": "/nowhere/at/all"})
    await first.rows.running(run_id, "wait")
    mark = RunDirectory(first.directory(run_id)).living_runner()
    await first.supervisor.stop()
    os.kill(mark.pid, signal.SIGKILL)
    os.waitpid(mark.pid, 0)
    shutil.rmtree(first.directory(run_id))
    second = await start(rows=first.rows)
    await second.supervisor.adopt([run_id])
    assert (await second.rows.end(run_id))["state"] == "FAILED"
    assert pids(run_id) == []


async def test_garbled_events_end_the_run(engine: Any, holding: dict[str, Any]) -> None:
    run_id = await engine.submit(holding, parameters={"place": "/nowhere/at/all"})
    await engine.rows.running(run_id, "wait")
    runner = RunDirectory(engine.directory(run_id)).living_runner().pid
    with (engine.directory(run_id) / "events.jsonl").open("ab") as file:
        file.write(b"garbage\n")
    end = await engine.rows.end(run_id)
    assert end["state"] == "FAILED"
    assert "events cannot be read" in end["error"]["message"]
    assert pids(run_id) == []
    async with asyncio.timeout(10):
        while psutil.pid_exists(runner):
            await asyncio.sleep(0.01)


async def test_waiting_runs_are_queued_again_after_a_restart(
    start: Any, holding: dict[str, Any], conformance: Callable[[str], dict[str, Any]]
) -> None:
    first = await start(task_slots=1)
    blocking = [await first.submit(holding, parameters={"place": "/nowhere/at/all"}) for _ in range(4)]
    waiting, canceled = await first.submit(conformance("hello")), await first.submit(conformance("hello"))
    await until(lambda: all(first.rows.events[run_id] for run_id in blocking))
    assert not first.rows.events[waiting]
    (first.directory(canceled) / "cancel").touch()
    await first.supervisor.stop()
    second = await start(rows=first.rows, task_slots=1)
    await second.supervisor.adopt([*blocking, waiting, canceled])
    for run_id in blocking:
        await second.supervisor.terminate(run_id)
    assert (await second.rows.end(waiting))["state"] == "SUCCEEDED"
    assert (await second.rows.end(canceled))["state"] == "CANCELED"
    assert all([(await second.rows.end(run_id))["state"] == "CANCELED" for run_id in blocking])


async def test_a_queued_run_that_is_terminated_never_starts(
    start: Any, holding: dict[str, Any], conformance: Callable[[str], dict[str, Any]]
) -> None:
    engine = await start(task_slots=1)
    blocking = [await engine.submit(holding, parameters={"place": "/nowhere/at/all"}) for _ in range(4)]
    waiting = await engine.submit(conformance("hello"))
    await engine.supervisor.terminate(waiting)
    assert (await engine.rows.end(waiting))["state"] == "CANCELED"
    assert [event.type for event in engine.rows.events[waiting]] == ["run.finished"]
    for run_id in blocking:
        await engine.supervisor.terminate(run_id)
        await engine.rows.end(run_id)


async def test_a_retried_run_keeps_what_succeeded(
    engine: Any, make_order: Any, flaky: dict[str, Any], tmp_path: Path
) -> None:
    order = make_order(flaky, {"place": str(tmp_path / "needed")})
    run_id = order.run_id
    await engine.supervisor.submit(order)
    assert (await engine.rows.end(run_id))["state"] == "FAILED"
    assert engine.rows.states(run_id) == {"stamp": "SUCCEEDED", "need": "FAILED", "end": "SKIPPED"}
    stamp = engine.rows.tasks(run_id)["stamp"]
    (tmp_path / "needed").write_text("at ")
    await engine.supervisor.retry(order)
    end = await engine.rows.end(run_id, number=2)
    assert end["outputs"]["parameters"] == {"Output": f"at {stamp['outputs']['parameters']['Output']}"}
    tasks = engine.rows.tasks(run_id)
    assert tasks["stamp"] == stamp
    assert (tasks["need"]["attempt"], tasks["need"]["attempts"], tasks["need"]["state"]) == (1, 2, "SUCCEEDED")
    assert tasks["need"]["log"]["path"].endswith("attempt-1/log.txt")
    assert [event.seq for event in engine.rows.events[run_id]] == list(range(1, len(engine.rows.events[run_id]) + 1))


async def test_a_terminated_run_can_be_retried(
    engine: Any, make_order: Any, holding: dict[str, Any], tmp_path: Path
) -> None:
    order = make_order(holding, {"place": str(tmp_path / "go")})
    await engine.supervisor.submit(order)
    await engine.rows.running(order.run_id, "wait")
    await engine.supervisor.terminate(order.run_id)
    await engine.rows.end(order.run_id)
    (tmp_path / "go").touch()
    await engine.supervisor.retry(order)
    end = await engine.rows.end(order.run_id, number=2)
    assert end["outputs"]["parameters"] == {"Output": "waited long"}


async def test_events_replayed_give_the_same_rows(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    run_id, _ = await engine.run(conformance("control_flow"))
    before = engine.rows.tasks(run_id)
    events = list(EventReader(engine.directory(run_id) / "events.jsonl"))
    engine.rows.apply(run_id, events, engine.rows.offset(run_id))
    engine.rows.apply(run_id, events[3:], engine.rows.offset(run_id))
    assert engine.rows.tasks(run_id) == before
    assert engine.rows.offset(run_id) == (engine.directory(run_id) / "events.jsonl").stat().st_size


async def test_a_sink_in_trouble_loses_nothing(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    engine.rows.failures_left = 3
    run_id, end = await engine.run(conformance("hello"))
    assert end["state"] == "SUCCEEDED", end["error"]
    assert [event.seq for event in engine.rows.events[run_id]] == list(range(1, len(engine.rows.events[run_id]) + 1))


async def test_a_forgotten_run_is_gone(engine: Any, holding: dict[str, Any], conformance: Any) -> None:
    ended, _ = await engine.run(conformance("hello"))
    await engine.supervisor.forget(ended)
    assert not engine.directory(ended).exists()
    running = await engine.submit(holding, parameters={"place": "/nowhere/at/all"})
    await engine.rows.running(running, "wait")
    await engine.supervisor.forget(running)
    await until(lambda: not engine.directory(running).exists())
    assert pids(running) == []
    assert not engine.rows.ends(running)


async def test_two_services_cannot_share_a_data_directory(engine: Any) -> None:
    second = Supervisor(engine.settings, engine.rows, SystemClock())
    with pytest.raises(EngineError, match="another engine"):
        await second.start()
    await second.stop()


async def test_a_data_directory_that_cannot_be_made_is_named(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = EngineSettings(data_dir=tmp_path / "file" / "data")
    broken = Supervisor(settings, engine.rows, SystemClock())
    with pytest.raises(EngineError, match=r"data directory .*file/data cannot be used"):
        await broken.start()
    await broken.stop()


async def test_many_queued_runs_all_finish_within_little_memory(
    engine: Any, conformance: Callable[[str], dict[str, Any]]
) -> None:
    spec = conformance("hello")
    await engine.run(spec)
    before = psutil.Process().memory_info().rss
    run_ids = [await engine.submit(spec, parameters={"word": str(number)}) for number in range(60)]
    most = 0
    for number, run_id in enumerate(run_ids):
        assert (await engine.rows.end(run_id))["outputs"]["parameters"] == {"Output": f"hello, {number}"}
        children = psutil.Process().children()
        most = max(most, sum("kfadapter.engine.runner" in _command(child) for child in children))
    assert most <= 8
    assert psutil.Process().memory_info().rss - before < 30 * 1024 * 1024


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
