"""kill -9 of the whole engine while runs are under way: they go on, and nothing is lost or told twice."""

# mypy: ignore-errors

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfadapter.engine.running.events import EventReader
from kfadapter.engine.running.processes import RUN_MARKER, all_pids, carries, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory
from support.engine_client import EngineClient, until
from support.processes import AdapterProcess

pytestmark = pytest.mark.process
SAMPLE = Path(__file__).parents[2] / "data" / "corpus" / "tasks" / "order-without-data.yaml"
RUNS = 12
KILLS = 4
HOLDING = """
from kfp import dsl
def greet(word: str) -> str:
    import os, subprocess, time
    subprocess.Popen(["setsid", "sleep", "600"])
    subprocess.Popen(["sh", "-c", "(setsid sleep 601 &) ; true"]).wait()
    while not os.path.exists(word):
        time.sleep(0.02)
    return "held"
"""


@pytest.fixture
def engine(tmp_path: Path, environments: Path, settings: Any) -> Iterator[AdapterProcess]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "environments").symlink_to(environments)
    with AdapterProcess("engine", tmp_path / "data", settings.installer_environment) as process:
        yield process


@pytest.fixture
def client(engine: AdapterProcess) -> Iterator[EngineClient]:
    with EngineClient(engine.url) as client:
        yield client


@pytest.fixture
def holding(conformance: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A pipeline whose task waits for the file that `word` names, with processes that have moved away."""
    spec = conformance("hello")
    (executor,) = spec["deploymentSpec"]["executors"].values()
    executor["container"]["command"][-1] = HOLDING
    return spec


def pids(run_id: str) -> list[int]:
    return [pid for pid in all_pids() if start_ticks(pid) is not None and carries(pid, {RUN_MARKER: run_id})]


@pytest.mark.parametrize("seed", [1, 2])
def test_runs_go_on_whenever_the_engine_is_killed(
    engine: AdapterProcess, client: EngineClient, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    spec = yaml.load(SAMPLE.read_text(), Loader=yaml.CSafeLoader)
    runs = [client.run(spec) for _ in range(RUNS)]
    for _ in range(KILLS):
        seen = events(tmp_path, runs)
        wanted = min(seen + chance.randint(1, 20), RUNS * 10)
        until(lambda wanted=wanted: events(tmp_path, runs) >= wanted or all_ended(client, runs), 60)
        engine.kill()
        engine.start()
    for run_id in runs:
        run = client.until(run_id)
        assert run["state"] == "SUCCEEDED", client.messages(run_id)
        assert [each["state"] for each in run["state_history"]] == ["PENDING", "RUNNING", "SUCCEEDED"]
        told = list(EventReader(tmp_path / "data" / "runs" / run_id / "events.jsonl"))
        assert [event.seq for event in told] == list(range(1, len(told) + 1))
        assert Counter(event.type for event in told)["run.started"] == 1
        for task in run["run_details"]["task_details"]:
            assert [each["state"] for each in task["state_history"]] == ["RUNNING", "SUCCEEDED"]
        attempts = Counter(event.data["task_id"] for event in told if event.data.get("state") == "RUNNING")
        assert set(attempts.values()) == {1}


def events(tmp_path: Path, runs: list[str]) -> int:
    files = [tmp_path / "data" / "runs" / run_id / "events.jsonl" for run_id in runs]
    return sum(path.read_bytes().count(b"\n") for path in files if path.exists())


def all_ended(client: EngineClient, runs: list[str]) -> bool:
    return all(client.get(run_id)["state"] == "SUCCEEDED" for run_id in runs)


def test_a_run_whose_process_dies_while_the_engine_is_away_fails_and_leaves_nothing(
    engine: AdapterProcess, client: EngineClient, tmp_path: Path, holding: dict[str, Any]
) -> None:
    run_id = client.run(holding, word="/nowhere/at/all")
    until(lambda: len(pids(run_id)) >= 4)
    runner = RunDirectory(tmp_path / "data" / "runs" / run_id).living_runner()
    engine.kill()
    os.kill(runner.pid, signal.SIGKILL)
    engine.start()
    assert client.until(run_id)["state"] == "FAILED"
    assert "runner lost" in client.messages(run_id)
    assert pids(run_id) == []


def test_a_run_is_terminated_after_the_engine_came_back(
    engine: AdapterProcess, client: EngineClient, holding: dict[str, Any]
) -> None:
    run_id = client.run(holding, word="/nowhere/at/all")
    until(lambda: len(pids(run_id)) >= 4)
    engine.kill()
    engine.start()
    client.terminate(run_id)
    assert client.until(run_id)["state"] == "FAILED"
    assert pids(run_id) == []
