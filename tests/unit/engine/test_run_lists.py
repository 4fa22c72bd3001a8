"""Lists of runs: every order, every filter, totals that are kept and never wrong, and databases of earlier releases."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.engine.store.lists import RARE
from kfadapter.engine.store.runs import LISTABLE
from support.engine_api import EngineApi, predicates
from support.scripted_supervisor import ScriptedSupervisor

KEYS = sorted(LISTABLE.keys.columns)
COPY = """
INSERT INTO runs ({names}) SELECT {chosen} FROM
    (WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {number})
     SELECT n FROM numbers),
    (SELECT * FROM runs ORDER BY seq LIMIT 1) AS first
"""


async def every_run(api: EngineApi, **query: Any) -> list[str]:
    """The ids of all runs over all pages, each of which must tell the true total."""
    found: list[str] = []
    totals, token = set(), ""
    while True:
        page = await api.get("/runs", page_token=token, **query)
        found += [run["run_id"] for run in page.get("runs", [])]
        totals.add(page.get("total_size", 0))
        token = page.get("next_page_token", "")
        if not token:
            assert totals == {len(found)}
            return found


def where(key: str, operation: str, value: str) -> dict[str, str]:
    return {"filter": predicates({"key": key, "operation": operation, "string_value": value})}


@pytest.fixture
async def runs(api: EngineApi, supervisor: ScriptedSupervisor) -> list[str]:
    """Runs in different states, experiments and storage."""
    other = (await api.post("/experiments", {"display_name": "other"}))["experiment_id"]
    found = [await api.start_run(display_name=f"run {number % 3}") for number in range(6)]
    found += [await api.start_run(experiment_id=other) for _ in range(3)]
    for run_id in found[:3]:
        await supervisor.play(run_id)
    await supervisor.play(found[3], "FAILED")
    await supervisor.begin(found[4])
    for run_id in (found[0], found[6]):
        await api.post(f"/runs/{run_id}:archive")
    return found


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", KEYS)
async def test_every_order_shows_every_run_once(api: EngineApi, runs: list[str], key: str, direction: str) -> None:
    assert sorted(await every_run(api, page_size=2, sort_by=f"{key} {direction}")) == sorted(runs)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("operation", ["EQUALS", "NOT_EQUALS", "IS_SUBSTRING", "GREATER_THAN"])
async def test_every_filter_is_answered(api: EngineApi, runs: list[str], key: str, operation: str) -> None:
    await every_run(api, page_size=2, **where(key, operation, "run 1"))


async def test_totals_are_true_whatever_happened_to_the_runs(api: EngineApi, runs: list[str]) -> None:
    other = (await api.get(f"/runs/{runs[6]}"))["experiment_id"]
    not_archived = where("storage_state", "NOT_EQUALS", "ARCHIVED")
    for query, expected in (
        ({}, runs),
        (where("state", "EQUALS", "SUCCEEDED"), runs[:3]),
        (where("state", "EQUALS", "succeeded"), runs[:3]),
        (where("state", "NOT_EQUALS", "SUCCEEDED"), runs[3:]),
        (not_archived, [*runs[1:6], *runs[7:]]),
        ({"experiment_id": other}, runs[6:]),
        ({"experiment_id": other, **not_archived}, runs[7:]),
        (where("name", "IS_SUBSTRING", "RUN 1"), [runs[1], runs[4]]),
        ({**where("name", "IS_SUBSTRING", "run"), "experiment_id": other}, []),
    ):
        assert await every_run(api, page_size=2, **query) == expected, query
    await api.client.delete(f"/apis/v2beta1/runs/{runs[0]}")
    await api.post(f"/runs/{runs[3]}:retry")
    await api.post(f"/runs/{runs[6]}:unarchive")
    assert await every_run(api, page_size=2, **where("state", "EQUALS", "SUCCEEDED")) == runs[1:3]
    assert await every_run(api, page_size=2, **where("state", "EQUALS", "FAILED")) == []
    assert await every_run(api, page_size=2, **not_archived) == runs[1:]


async def test_a_search_that_finds_many_is_paged_like_one_that_finds_few(api: EngineApi, tmp_path: Path) -> None:
    await api.start_run(display_name="found")
    copy_runs(tmp_path / "engine.sqlite", RARE + 50)
    found = await every_run(api, page_size=200, sort_by="created_at desc", **where("name", "IS_SUBSTRING", "ound"))
    assert len(found) == len(set(found)) == RARE + 51
    few = await every_run(api, page_size=2, sort_by="name desc", **where("name", "IS_SUBSTRING", "found 55"))
    assert few == ["copy 550", "copy 55"]


async def test_a_database_of_the_release_before_is_taken_over(tmp_path: Path) -> None:
    server = EngineServer(EngineSettings(data_dir=tmp_path), supervisor=ScriptedSupervisor())
    await server.start()
    await server.stop()
    with closing(sqlite3.connect(tmp_path / "engine.sqlite")) as database, database:
        for name in ("runs_come", "runs_leave", "runs_change"):
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DROP TABLE run_counts")
        for name in named(database, "index", "runs_in_%"):
            database.execute(f"DROP INDEX {name}")
        database.execute("CREATE INDEX runs_by_creation ON runs (created_at, seq)")
        database.execute("INSERT INTO runs (run_id, state) VALUES ('a', 'FAILED'), ('b', 'FAILED')")
        database.execute("ANALYZE")
        database.execute("PRAGMA user_version = 1")
    server = EngineServer(EngineSettings(data_dir=tmp_path), supervisor=ScriptedSupervisor())
    await server.start()
    await server.stop()
    with closing(sqlite3.connect(tmp_path / "engine.sqlite")) as database:
        assert database.execute("SELECT state, number FROM run_counts").fetchall() == [("FAILED", 2)]
        assert len(named(database, "index", "runs_in_%")) == 7
        assert len(named(database, "trigger", "runs_%")) == 3
        assert named(database, "index", "runs_by_creation") == []


def named(database: sqlite3.Connection, kind: str, pattern: str) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = ? AND name LIKE ?", (kind, pattern))
    return [row[0] for row in rows]


def copy_runs(path: Path, number: int) -> None:
    """Copy the first run so often."""
    with closing(sqlite3.connect(path)) as database, database:
        columns: Iterable[str] = [row[1] for row in database.execute("PRAGMA table_info(runs)") if row[1] != "seq"]
        values = {"run_id": "'copy ' || n", "display_name": "'found ' || n", "created_at": "first.created_at + n % 7"}
        chosen = ", ".join(values.get(name, f"first.{name}") for name in columns)
        database.execute(COPY.format(names=", ".join(columns), chosen=chosen, number=number))
