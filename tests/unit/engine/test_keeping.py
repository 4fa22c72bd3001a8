"""Housekeeping: what goes and why, and what stays because somebody needs it."""

import asyncio
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kfadapter.cli.main import main
from kfadapter.engine.config import EngineSettings, Keeping
from kfadapter.engine.keeping.sweep import Removal, Sweep, everything
from kfadapter.engine.running.environment_files import hold, locked
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.server import EngineServer
from kfadapter.errors import EngineError
from kfadapter.lock import exclusive
from kfadapter.testing.clock import ManualClock
from support.engine_api import EngineApi
from support.scripted_supervisor import ScriptedSupervisor

KEYS = ["a" * 32, "b" * 32, "c" * 32]
KIBIBYTE = 1024


class Place:
    """An engine's data directory with an engine at work on it, and things in it as a test wants them."""

    def __init__(self, data_dir: Path, server: EngineServer, supervisor: ScriptedSupervisor, api: EngineApi) -> None:
        self.data_dir = data_dir
        self.server = server
        self.supervisor = supervisor
        self.api = api

    async def run(self, *, is_ended: bool = True, kibibytes: int = 4) -> str:
        """A run with files."""
        run_id = await self.api.start_run()
        await (self.supervisor.play(run_id) if is_ended else self.supervisor.begin(run_id))
        self.directory(run_id).mkdir(parents=True)
        (self.directory(run_id) / "file").write_bytes(b"x" * kibibytes * KIBIBYTE)
        return run_id

    def directory(self, run_id: str) -> Path:
        return self.data_dir / "runs" / run_id

    def environment(self, key: str, *, age: timedelta = timedelta(), kibibytes: int = 4, is_ready: bool = True) -> Path:
        path = self.data_dir / "environments" / key
        path.mkdir(parents=True)
        (path / "file").write_bytes(b"x" * kibibytes * KIBIBYTE)
        (path / ".ok").touch()
        at = (datetime.now(UTC) - age).timestamp()
        os.utime(path / ".ok", (at, at))
        if not is_ready:
            (path / ".ok").unlink()
        os.utime(path, (at, at))
        return path

    def sweep(self, **limits: Any) -> Sweep:
        settings = EngineSettings(data_dir=self.data_dir, keeping=Keeping(**limits))
        return Sweep(self.data_dir, everything(self.server.store, settings))

    async def found(self, now: datetime | None = None, **limits: Any) -> dict[str, str]:
        """Names and reasons of what would go."""
        surplus = await asyncio.to_thread(self.sweep(**limits).look, now or datetime.now(UTC))
        return {one.name: one.reason for one in surplus}

    async def cleared(self, now: datetime | None = None, **limits: Any) -> list[Removal]:
        return await asyncio.to_thread(lambda: list(self.sweep(**limits).clear(now or datetime.now(UTC))))

    async def known(self) -> set[str]:
        runs = (await self.api.get("/runs")).get("runs", [])
        return {run["run_id"] for run in runs}


@pytest.fixture
async def place(tmp_path: Path, engine: EngineServer, supervisor: ScriptedSupervisor, api: EngineApi) -> Place:
    (tmp_path / "runs").mkdir()
    (tmp_path / "environments").mkdir()
    return Place(tmp_path, engine, supervisor, api)


async def test_nothing_of_a_run_goes_unless_a_limit_is_set(place: Place) -> None:
    await place.run()
    assert await place.found(datetime.now(UTC) + timedelta(days=9999)) == {}


async def test_runs_go_by_age_with_rows_and_files_and_those_under_way_stay(place: Place) -> None:
    ended, running = await place.run(), await place.run(is_ended=False)
    assert await place.found(runs_days=30) == {}
    later = datetime.now(UTC) + timedelta(days=31)
    assert await place.found(later, runs_days=30) == {ended: "ended more than 30 days ago"}
    (removal,) = await place.cleared(later, runs_days=30)
    assert (removal.is_gone, removal.what.kind, removal.what.bytes) == (True, "run", 4 * KIBIBYTE)
    assert await place.known() == {running}
    assert not place.directory(ended).exists()
    assert (await place.api.refused("GET", f"/runs/{ended}"))[0] == 404


async def test_the_last_runs_stay_when_their_number_is_limited(place: Place) -> None:
    runs = [await place.run() for _ in range(4)]
    running = await place.run(is_ended=False)
    await place.cleared(runs=2)
    assert await place.known() == {runs[2], runs[3], running}


async def test_the_longest_ended_runs_go_while_files_take_too_much(place: Place) -> None:
    runs = [await place.run(kibibytes=100) for _ in range(3)]
    found = await place.found(runs_bytes=250 * KIBIBYTE)
    assert found == {runs[0]: "runs that ended since take 250.0 KiB with it"}
    await place.cleared(runs_bytes=250 * KIBIBYTE)
    assert await place.known() == {runs[1], runs[2]}


async def test_a_run_that_is_retried_meanwhile_stays(place: Place) -> None:
    run_id = await place.api.start_run()
    await place.supervisor.play(run_id, "FAILED")
    settings = EngineSettings(data_dir=place.data_dir, keeping=Keeping(runs_days=1))
    runs = everything(place.server.store, settings)[0]
    (found,) = await asyncio.to_thread(lambda: list(runs.surplus(datetime.now(UTC) + timedelta(days=2))))
    await place.api.post(f"/runs/{run_id}:retry")
    assert not await asyncio.to_thread(runs.remove, found)
    assert await place.known() == {run_id}


async def test_a_run_whose_process_lives_stays(place: Place) -> None:
    run_id = await place.run()
    claim = RunDirectory(place.directory(run_id)).claim(0)
    assert claim is not None
    (removal,) = await place.cleared(datetime.now(UTC) + timedelta(days=2), runs_days=1)
    assert not removal.is_gone
    assert await place.known() == {run_id}
    os.close(claim)


async def test_directories_without_a_run_go_after_a_day(place: Place) -> None:
    kept, (fresh, old) = await place.run(), ("fresh", "old")
    for name, age in ((fresh, timedelta(hours=1)), (old, timedelta(hours=25))):
        place.directory(name).mkdir()
        at = (datetime.now(UTC) - age).timestamp()
        os.utime(place.directory(name), (at, at))
    at = (datetime.now(UTC) - timedelta(days=9)).timestamp()
    os.utime(place.directory(kept), (at, at))
    assert await place.found() == {old: "no run has it"}
    await place.cleared()
    assert place.directory(kept).exists()
    assert place.directory(fresh).exists()
    assert not place.directory(old).exists()


async def test_environments_go_when_nothing_has_used_them_for_long(place: Place) -> None:
    used, unused, held = (
        place.environment(key, age=timedelta(days=days)) for key, days in zip(KEYS, (13, 15, 16), strict=True)
    )
    reason = "not used for more than 14 days"
    assert await place.found() == {held.name: reason, unused.name: reason}
    user = hold(held)
    assert user is not None
    assert {one.what.name: one.is_gone for one in await place.cleared()} == {held.name: False, unused.name: True}
    assert (used.exists(), unused.exists(), held.exists()) == (True, False, True)
    user.release()
    await place.cleared()
    assert not held.exists()
    assert hold(held) is None


@pytest.mark.parametrize("nanoseconds", [1, 400, 499, 999])
async def test_environments_go_whatever_the_nanosecond_of_their_last_use(place: Place, nanoseconds: int) -> None:
    marker = place.environment(KEYS[0]) / ".ok"
    at = 1_700_000_000_123_456_000 + nanoseconds
    os.utime(marker, ns=(at, at))
    assert [removal.is_gone for removal in await place.cleared(environments_bytes=1)] == [True]


async def test_the_cache_goes_first_and_then_the_longest_unused_environments(place: Place) -> None:
    old, new = (
        place.environment(key, age=timedelta(days=days), kibibytes=100)
        for key, days in zip(KEYS[:2], (2, 1), strict=True)
    )
    cache = place.data_dir / "environments" / ".cache"
    cache.mkdir()
    (cache / "package").write_bytes(b"x" * 100 * KIBIBYTE)
    (cache / "shared").hardlink_to(new / "file")
    found = await asyncio.to_thread(place.sweep(environments_bytes=250 * KIBIBYTE).look, datetime.now(UTC))
    assert [(one.kind, one.bytes) for one in found] == [("installer cache", 100 * KIBIBYTE)]
    assert list(await place.found(environments_bytes=150 * KIBIBYTE)) == [".cache", old.name]
    await place.cleared(environments_bytes=150 * KIBIBYTE)
    assert (cache.exists(), old.exists(), new.exists()) == (False, False, True)


async def test_what_a_broken_build_left_goes_and_one_under_way_stays(place: Place) -> None:
    left, built = (place.environment(key, age=timedelta(hours=2), is_ready=False) for key in KEYS[:2])
    with locked(built.with_suffix(".lock"), give_up=lambda: True) as lock:
        assert lock is not None
        removals = await place.cleared()
    assert {one.what.name: one.is_gone for one in removals} == {left.name: True, built.name: False}
    assert removals[0].what.reason == "its build was broken off"
    assert built.exists()


async def test_two_rounds_are_never_under_way_at_once(place: Place) -> None:
    with exclusive(place.data_dir / "keeping.lock"), pytest.raises(EngineError, match="under way already"):
        await place.cleared()


async def test_a_round_that_is_stopped_ends_with_the_thing_at_hand(place: Place) -> None:
    for _ in range(3):
        await place.run()
    stopped = threading.Event()

    def sweep() -> int:
        count = 0
        for _ in place.sweep(runs=1).clear(datetime.now(UTC), stopped.is_set):
            stopped.set()
            count += 1
        return count

    assert await asyncio.to_thread(sweep) == 1
    assert len(await place.known()) == 2


async def test_the_engine_sweeps_by_itself_and_spares_runs_that_have_just_ended(tmp_path: Path) -> None:
    clock, supervisor = ManualClock(datetime.now(UTC)), ScriptedSupervisor()
    settings = EngineSettings(data_dir=tmp_path, keeping=Keeping(runs=1))
    server = EngineServer(settings, clock=clock, supervisor=supervisor)
    supervisor.sink = server.events
    async with server, httpx.AsyncClient(base_url=server.base_url) as client:
        place = Place(tmp_path, server, supervisor, EngineApi(client))
        runs = [await place.run() for _ in range(3)]
        await clock.sleeping(2)
        clock.advance(61)
        await clock.sleeping(2)
        assert await place.known() == set(runs)
        clock.advance(3600)
        await clock.sleeping(2)
        assert await place.known() == {runs[2]}


async def test_the_command_tells_what_would_go_and_removes_it_beside_the_engine(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KFADAPTER_ENGINE_KEEP_RUNS", "1")
    runs = [await place.run() for _ in range(2)]

    async def gc(*options: str) -> str:
        def command() -> None:
            with pytest.raises(SystemExit) as ended:
                main(["engine", "gc", "--data-dir", str(place.data_dir), *options])
            assert ended.value.code == 0

        await asyncio.to_thread(command)
        return capsys.readouterr().out

    text = await gc("--dry-run")
    assert runs[0] in text
    assert "more than 1 runs have ended since" in text
    assert "would be freed" in text
    dry = json.loads(await gc("--dry-run", "--json"))
    assert (dry["dry_run"], [one["name"] for one in dry["removed"]], dry["in_use"]) == (True, [runs[0]], [])
    assert await place.known() == set(runs)
    assert "4.0 KiB freed" in await gc()
    assert await place.known() == {runs[1]}
    assert "nothing to remove" in await gc()


def test_the_command_says_when_there_is_no_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["engine", "gc", "--data-dir", str(tmp_path)])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"kfadapter: {tmp_path} holds no data of an engine\n"
