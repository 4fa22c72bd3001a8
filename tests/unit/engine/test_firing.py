"""Recurring runs fire: at their time, once, whatever stops or jumps in between."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.engine.store.recurring import NewRecurringRun, create_recurring_run
from kfadapter.testing.clock import START, ManualClock
from support.engine_api import PIPELINES, EngineApi, predicates, spec
from support.scripted_supervisor import ScriptedSupervisor

HOUR = 3600
WEEK = 7 * 24 * HOUR
PATIENCE_SECONDS = 20.0
LOOPS = 2
"""Loops of an engine that sleep by its clock: firing and housekeeping."""


class Rig:
    """An engine with a clock that the test turns, which can be stopped and started again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.clock = ManualClock()
        self.supervisor = ScriptedSupervisor()
        self.server: EngineServer | None = None
        self.client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        self.supervisor = ScriptedSupervisor()
        self.server = EngineServer(EngineSettings(data_dir=self.data_dir), clock=self.clock, supervisor=self.supervisor)
        self.supervisor.sink = self.server.events
        await self.server.start()
        self.client = httpx.AsyncClient(base_url=self.server.base_url, timeout=30)

    async def stop(self) -> None:
        if self.server is not None and self.client is not None:
            await self.client.aclose()
            await self.server.stop()
            self.server = None

    @property
    def api(self) -> EngineApi:
        assert self.client is not None
        return EngineApi(self.client)

    async def recurring(self, trigger: dict[str, Any] | None = None, **fields: Any) -> str:
        document = {
            "display_name": "every hour",
            "pipeline_spec": spec("hello"),
            "max_concurrency": "1",
            "mode": "ENABLE",
            "trigger": trigger if trigger is not None else {"periodic_schedule": {"interval_second": str(HOUR)}},
            **fields,
        }
        return str((await self.api.post("/recurringruns", document))["recurring_run_id"])

    async def runs(self) -> list[dict[str, Any]]:
        found = await self.api.get("/runs", sort_by="created_at asc", page_size=200)
        runs: list[dict[str, Any]] = found.get("runs", [])
        return runs

    async def slots(self) -> list[str]:
        """When the runs were due, in order, without the date of the first day."""
        return sorted(run["scheduled_at"].removeprefix("2030-01-01T").removesuffix(":00Z") for run in await self.runs())

    async def settled(self) -> None:
        """Wait until the loop sleeps again with nothing more to do."""
        for _ in range(3):
            await self.clock.sleeping(LOOPS, within=PATIENCE_SECONDS)
            await self.api.get("/healthz")

    async def expect(self, *expected: str) -> None:
        await eventually(self.slots, list(expected))
        await self.settled()
        assert await self.slots() == list(expected)

    async def advance(self, seconds: float) -> None:
        await self.settled()
        self.clock.advance(seconds)

    async def end_runs(self, state: str = "SUCCEEDED") -> None:
        for run in await self.runs():
            if run["state"] == "PENDING":
                await self.supervisor.play(run["run_id"], state)


async def eventually(read: Callable[[], Awaitable[Any]], expected: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await read() != expected:
            await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    await rig.start()
    yield rig
    await rig.stop()


async def test_a_run_starts_at_each_slot_and_says_where_it_comes_from(rig: Rig) -> None:
    recurring_run_id = await rig.recurring(runtime_config={"parameters": {"word": "at [[ScheduledTime]]"}})
    await rig.advance(HOUR - 1)
    await rig.expect()
    await rig.advance(1)
    await rig.expect("01:00")
    run = (await rig.runs())[0]
    assert run["recurring_run_id"] == recurring_run_id
    assert run["display_name"].startswith("everyhour")
    assert run["display_name"].split("-")[1] == "1"
    assert run["runtime_config"]["parameters"] == {"word": "at 20300101010000"}
    assert run["created_at"] == "2030-01-01T01:00:00Z"
    assert [order.run_id for order in rig.supervisor.submitted] == [run["run_id"]]
    of_it = predicates({"key": "recurring_run_id", "operation": "EQUALS", "string_value": recurring_run_id})
    assert (await rig.api.get("/runs", filter=of_it))["total_size"] == 1


async def test_cron_has_seconds(rig: Rig) -> None:
    await rig.recurring({"cron_schedule": {"cron": "30 15 * * * *"}})
    await rig.advance(15 * 60 + 30)
    await eventually(rig.slots, ["00:15:30Z"])


async def test_it_waits_for_its_start_and_stops_at_its_end(rig: Rig) -> None:
    times = {"start_time": "2030-01-01T03:00:00Z", "end_time": "2030-01-01T05:00:00Z"}
    await rig.recurring({"periodic_schedule": {"interval_second": str(HOUR), **times}})
    expected: list[str] = []
    for hour in range(1, 9):
        await rig.advance(HOUR)
        expected += [f"{hour:02}:00"] if hour in (4, 5) else []
        await rig.expect(*expected)
        await rig.end_runs()


async def test_no_more_runs_at_once_than_allowed_and_the_next_starts_when_one_ends(rig: Rig) -> None:
    await rig.recurring()
    for _ in range(3):
        await rig.advance(HOUR)
    await rig.expect("01:00")
    await rig.end_runs()
    await rig.expect("01:00", "02:00")
    await rig.end_runs()
    await rig.expect("01:00", "02:00", "03:00")


async def test_without_catching_up_only_the_latest_slot_follows_a_long_run(rig: Rig) -> None:
    await rig.recurring(no_catchup=True)
    for _ in range(3):
        await rig.advance(HOUR)
    await rig.expect("01:00")
    await rig.end_runs()
    await rig.expect("01:00", "03:00")


async def test_a_clock_that_jumps_ahead_starts_the_latest_slot_or_all_of_them(rig: Rig) -> None:
    await rig.recurring(no_catchup=True, max_concurrency="10")
    await rig.advance(5.5 * HOUR)
    await rig.expect("05:00")
    await rig.recurring(max_concurrency="10")
    await rig.advance(2 * HOUR)
    await rig.expect("05:00", "06:30", "07:00", "07:30")


async def test_a_disabled_one_does_not_fire_and_never_makes_up_for_that_time(rig: Rig) -> None:
    recurring_run_id = await rig.recurring(max_concurrency="10")
    await rig.api.post(f"/recurringruns/{recurring_run_id}:disable")
    await rig.advance(WEEK)
    await rig.api.post(f"/recurringruns/{recurring_run_id}:enable")
    await rig.expect()
    await rig.advance(HOUR)
    await rig.expect("2030-01-08T01:00")


async def test_enabling_what_is_enabled_moves_nothing(rig: Rig) -> None:
    recurring_run_id = await rig.recurring()
    await rig.advance(HOUR / 2)
    await rig.api.post(f"/recurringruns/{recurring_run_id}:enable")
    await rig.advance(HOUR / 2)
    await rig.expect("01:00")


async def test_after_an_absence_missed_slots_are_caught_up_one_by_one(rig: Rig) -> None:
    await rig.recurring()
    await rig.stop()
    rig.clock.advance(3 * HOUR)
    await rig.start()
    await rig.expect("01:00")
    await rig.end_runs()
    await rig.expect("01:00", "02:00")


async def test_after_an_absence_nothing_is_caught_up_when_that_is_not_wanted(rig: Rig) -> None:
    await rig.recurring(no_catchup=True)
    await rig.stop()
    rig.clock.advance(3.5 * HOUR)
    await rig.start()
    await rig.expect()
    await rig.advance(HOUR / 2)
    await rig.expect("04:00")


async def test_a_quick_restart_loses_no_slot(rig: Rig) -> None:
    await rig.recurring(no_catchup=True)
    await rig.advance(HOUR - 5)
    await rig.settled()
    await rig.stop()
    rig.clock.advance(10)
    await rig.start()
    await rig.expect("01:00")


async def test_a_long_absence_does_not_end_in_a_flood(rig: Rig) -> None:
    await rig.recurring({"periodic_schedule": {"interval_second": "1"}}, max_concurrency="10")
    await rig.stop()
    rig.clock.advance(WEEK)
    await rig.start()
    await eventually(lambda: _count(rig), 10)
    first = min(run["scheduled_at"] for run in await rig.runs())
    behind = rig.clock.now() - datetime.fromisoformat(first)
    assert behind.total_seconds() < 400


async def _count(rig: Rig) -> int:
    return len(await rig.runs())


async def test_a_slot_never_has_two_runs_even_if_the_clock_is_put_back(rig: Rig) -> None:
    await rig.recurring(max_concurrency="10")
    await rig.advance(2 * HOUR)
    await rig.expect("01:00", "02:00")
    await rig.stop()
    rig.clock = ManualClock(datetime(2030, 1, 1, 0, 30, tzinfo=UTC))
    await rig.start()
    await rig.advance(2 * HOUR)
    await rig.expect("01:00", "02:00")
    await rig.advance(HOUR)
    await rig.expect("01:00", "02:00", "03:00")


async def test_a_run_that_was_stored_and_not_started_is_started_after_a_restart_and_not_again(rig: Rig) -> None:
    await rig.recurring()
    rig.supervisor.failure = None
    await rig.advance(HOUR)
    await rig.expect("01:00")
    run_id = (await rig.runs())[0]["run_id"]
    await rig.stop()
    await rig.start()
    await rig.expect("01:00")
    assert [order.run_id for order in rig.supervisor.submitted] == [run_id]


async def test_two_engines_on_the_same_store_make_one_run_of_a_slot(rig: Rig) -> None:
    other = Rig(rig.data_dir)
    other.clock = rig.clock
    await other.start()
    await rig.recurring(max_concurrency="10")
    await other.api.post(f"/recurringruns/{await rig.recurring({}, mode='DISABLE')}:enable")
    await rig.clock.sleeping(2 * LOOPS)
    for _ in range(3):
        await rig.settled()
        rig.clock.advance(HOUR)
        await rig.clock.sleeping(2 * LOOPS)
    expected = ["00:00", "01:00", "02:00", "03:00"]
    await eventually(rig.slots, expected)
    await rig.settled()
    await other.settled()
    assert await rig.slots() == expected
    started = [order.run_id for each in (rig, other) for order in each.supervisor.submitted]
    assert sorted(started) == sorted(run["run_id"] for run in await rig.runs())
    await other.stop()


async def test_a_run_that_cannot_be_started_says_so_and_the_next_slot_has_its_turn(rig: Rig) -> None:
    await rig.recurring()
    rig.supervisor.failure = OSError("no space left on device")
    await rig.advance(HOUR)
    await rig.expect("01:00")
    assert [run["state"] for run in await rig.runs()] == ["FAILED"]
    rig.supervisor.failure = None
    await rig.advance(HOUR)
    await rig.expect("01:00", "02:00")
    assert len(rig.supervisor.submitted) == 1


async def test_recurring_runs_of_an_older_store_begin_now(rig: Rig) -> None:
    await rig.recurring(max_concurrency="10")
    await rig.stop()
    with contextlib.closing(sqlite3.connect(rig.data_dir / "engine.sqlite")) as connection, connection:
        connection.execute("DROP TABLE schedules")
    rig.clock.advance(10 * HOUR)
    await rig.start()
    await rig.expect()
    await rig.advance(HOUR)
    await rig.expect("11:00")


async def test_a_deleted_one_does_not_fire_and_its_runs_stay(rig: Rig) -> None:
    recurring_run_id = await rig.recurring(max_concurrency="10")
    await rig.advance(HOUR)
    await rig.expect("01:00")
    await rig.api.client.delete(f"/apis/v2beta1/recurringruns/{recurring_run_id}")
    await rig.advance(WEEK)
    await rig.expect("01:00")


async def test_a_run_that_is_deleted_does_not_come_again(rig: Rig) -> None:
    await rig.recurring()
    await rig.advance(HOUR)
    await rig.expect("01:00")
    await rig.api.client.delete(f"/apis/v2beta1/runs/{(await rig.runs())[0]['run_id']}")
    await rig.expect()
    await rig.advance(HOUR)
    await rig.expect("02:00")


async def test_those_of_an_archived_experiment_rest_and_do_not_make_up_for_it(rig: Rig) -> None:
    experiment_id = (await rig.api.post("/experiments", {"display_name": "trials"}))["experiment_id"]
    recurring_run_id = await rig.recurring(experiment_id=experiment_id)
    await rig.api.post(f"/experiments/{experiment_id}:archive")
    await rig.api.post(f"/recurringruns/{recurring_run_id}:enable")
    await rig.advance(3 * HOUR)
    await rig.expect()
    await rig.api.post(f"/experiments/{experiment_id}:unarchive")
    await rig.expect()
    await rig.advance(HOUR)
    await rig.expect("04:00")


async def test_those_of_a_deleted_experiment_rest(rig: Rig) -> None:
    experiment_id = (await rig.api.post("/experiments", {"display_name": "trials"}))["experiment_id"]
    await rig.recurring(experiment_id=experiment_id)
    await rig.api.client.delete(f"/apis/v2beta1/experiments/{experiment_id}")
    await rig.advance(3 * HOUR)
    await rig.expect()


async def test_without_a_version_each_run_takes_the_latest(rig: Rig) -> None:
    pipeline_id = (await rig.api.upload("nightly"))["pipeline_id"]
    await rig.recurring(pipeline_spec=None, pipeline_version_reference={"pipeline_id": pipeline_id})
    await rig.advance(HOUR)
    await rig.expect("01:00")
    await rig.end_runs()
    files = {"uploadfile": ("two.yaml", (PIPELINES / "hello.yaml").read_bytes())}
    query = {"pipelineid": pipeline_id, "name": "two"}
    added = await rig.api.client.post("/apis/v2beta1/pipelines/upload_version", params=query, files=files)
    await rig.advance(HOUR)
    await rig.expect("01:00", "02:00")
    second = (await rig.runs())[-1]["pipeline_version_reference"]["pipeline_version_id"]
    assert second == added.json()["pipeline_version_id"]


async def test_when_the_pipeline_is_gone_the_run_says_so(rig: Rig) -> None:
    pipeline_id = (await rig.api.upload("nightly"))["pipeline_id"]
    await rig.recurring(pipeline_spec=None, pipeline_version_reference={"pipeline_id": pipeline_id})
    deleted = await rig.api.client.delete(f"/apis/v2beta1/pipelines/{pipeline_id}", params={"cascade": "true"})
    assert deleted.status_code == 200
    await rig.advance(HOUR)
    await rig.expect("01:00")
    run = (await rig.runs())[0]
    assert run["state"] == "FAILED"
    assert "not found" in run["run_details"]["task_details"][0]["error"]["message"]
    assert rig.supervisor.submitted == []


async def test_without_a_trigger_there_is_one_run(rig: Rig) -> None:
    await rig.recurring({})
    await rig.expect("00:00")
    await rig.end_runs()
    await rig.advance(WEEK)
    await rig.expect("00:00")


@pytest.mark.parametrize(
    "schedule", [{"periodic_schedule": {"interval_second": "60"}}, {"cron_schedule": {"cron": "0 * * * * ?"}}]
)
async def test_a_time_that_has_passed_is_caught_up_or_ends_with_one_run(rig: Rig, schedule: dict[str, Any]) -> None:
    """As KFP's own suite expects it: two minutes long ago are two runs, or the last one only."""
    ((kind, given),) = schedule.items()
    trigger = {kind: {**given, "start_time": "1970-01-01T10:00:00Z", "end_time": "1970-01-01T10:02:00Z"}}
    await rig.recurring(trigger, no_catchup=True, max_concurrency="10")
    await rig.expect("1970-01-01T10:02")
    await rig.recurring(trigger, max_concurrency="10")
    await rig.expect("1970-01-01T10:01", "1970-01-01T10:02", "1970-01-01T10:02")


def a_thousand(connection: Any, experiment_id: str) -> None:
    for number in range(1000):
        new = NewRecurringRun(
            display_name=f"number {number}",
            experiment_id=experiment_id,
            max_concurrency=1,
            is_enabled=True,
            created_at=int(START.timestamp()),
            trigger={"cron_schedule": {"cron": "0 0 0 1 * *"}},
        )
        create_recurring_run(connection, new)


async def test_a_thousand_schedules_cost_little(rig: Rig) -> None:
    """The loop asks for the next moment once, and all that is due at a moment is started."""
    assert rig.server is not None
    experiment_id = (await rig.api.get("/experiments"))["experiments"][0]["experiment_id"]
    await rig.server.store.write(a_thousand, experiment_id)
    await rig.recurring()
    began = asyncio.get_running_loop().time()
    await rig.advance(HOUR)
    await rig.expect("01:00")
    assert asyncio.get_running_loop().time() - began < 5
