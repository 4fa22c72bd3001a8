"""The engine as a process, killed while a recurring run fires each second: every slot becomes a run, and only one."""

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from support.processes import AdapterProcess

HELLO = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines" / "hello.json"
API = "/apis/v2beta1"
KILLS = 3
RUNS_BETWEEN = 2
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.1


def runs_of(engine: AdapterProcess) -> list[dict[str, Any]]:
    # A connection of its own: the last one may have died with the engine.
    answer = httpx.get(f"{engine.url}{API}/runs", params={"page_size": 200}, timeout=30, trust_env=False)
    runs: list[dict[str, Any]] = answer.json().get("runs", [])
    return runs


def post(engine: AdapterProcess, path: str, document: dict[str, Any]) -> Any:
    return httpx.post(f"{engine.url}{API}{path}", json=document, timeout=30, trust_env=False).raise_for_status().json()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(LOOK_SECONDS)


def wait_for_more_runs(engine: AdapterProcess) -> None:
    wanted = len(runs_of(engine)) + RUNS_BETWEEN
    wait_until(lambda: len(runs_of(engine)) >= wanted)


def test_no_slot_is_lost_or_doubled_when_the_engine_is_killed(tmp_path: Path) -> None:
    recurring = {
        "display_name": "each second",
        "pipeline_spec": json.loads(HELLO.read_text()),
        "max_concurrency": "10",
        "mode": "ENABLE",
        "trigger": {"cron_schedule": {"cron": "* * * * * *"}},
    }
    with AdapterProcess("engine", tmp_path / "data") as engine:
        made = post(engine, "/recurringruns", recurring)
        for _ in range(KILLS):
            wait_for_more_runs(engine)
            engine.kill()
            engine.start()
        wait_for_more_runs(engine)
        post(engine, f"/recurringruns/{made['recurring_run_id']}:disable", {})
        wait_until(lambda: all(run["state"] == "SUCCEEDED" for run in runs_of(engine)))
        slots = sorted(datetime.fromisoformat(run["scheduled_at"]) for run in runs_of(engine))
    assert {(after - before).total_seconds() for before, after in pairwise(slots)} == {1.0}
