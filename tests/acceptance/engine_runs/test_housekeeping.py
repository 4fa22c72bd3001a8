"""Housekeeping beside an engine at work, and directories that cannot be used."""

# mypy: ignore-errors

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine_client import EngineClient, until
from support.processes import AdapterProcess

pytestmark = pytest.mark.process
WAITING = """
from kfp import dsl
def greet(word: str) -> str:
    import os, time
    while not os.path.exists(word):
        time.sleep(0.02)
    import json, kfp
    return "still there"
"""


@pytest.fixture
def engine(tmp_path: Path, environments: Path, settings: Any) -> Iterator[AdapterProcess]:
    caches = {"UV_CACHE_DIR": str(environments / ".cache" / "uv")}
    with AdapterProcess("engine", tmp_path / "data", {**settings.installer_environment, **caches}) as process:
        yield process


@pytest.fixture
def client(engine: AdapterProcess) -> Iterator[EngineClient]:
    with EngineClient(engine.url) as client:
        yield client


@pytest.fixture
def waiting(conformance: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A pipeline whose task waits for the file that `word` names, and needs its environment then."""
    spec = conformance("hello")
    (executor,) = spec["deploymentSpec"]["executors"].values()
    executor["container"]["command"][-1] = WAITING
    return spec


def gc(data_dir: Path, *options: str, code: int | None = 0, **limits: str) -> dict[str, Any]:
    """`kfadapter engine gc` in a process of its own; with no code to expect, the one that goes with what it says."""
    variables = {f"KFADAPTER_ENGINE_KEEP_{name.upper()}": value for name, value in limits.items()}
    done = subprocess.run(
        [sys.executable, "-m", "kfadapter", "engine", "gc", "--data-dir", str(data_dir), "--json", *options],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    expected = (1 if said["in_use"] else 0) if code is None else code
    assert done.returncode == expected, (said, done.stderr)
    return said


def test_what_a_task_uses_stays_and_what_went_is_made_again(
    client: EngineClient, tmp_path: Path, waiting: dict[str, Any]
) -> None:
    data = tmp_path / "data"
    run_id = client.run(waiting, word=str(tmp_path / "go"))
    until(lambda: bool(list((data / "runs" / run_id).glob("tasks/*/attempt-0/log.txt"))), 60)
    until(lambda: bool(list(data.glob("environments/*/.ok"))), 60)
    client.until(run_id, ("RUNNING",))
    until(lambda: b'"RUNNING"' in (data / "runs" / run_id / "events.jsonl").read_bytes())
    until(lambda: any("executor_main" in line for line in commands(run_id)))

    kept = gc(data, code=1, environments_bytes="1", runs="1")
    assert [one["kind"] for one in kept["in_use"]] == ["environment"]
    (tmp_path / "go").touch()
    assert client.until(run_id)["state"] == "SUCCEEDED", client.messages(run_id)

    (key,) = [path.parent.name for path in data.glob("environments/*/.ok")]
    dry = gc(data, "--dry-run", environments_bytes="1")
    assert [one["name"] for one in dry["removed"] if one["kind"] == "environment"] == [key]
    assert (data / "environments" / key / ".ok").exists()
    # The run's process holds the environment for a moment after its task has ended.
    until(lambda: key in [one["name"] for one in gc(data, code=None, environments_bytes="1", runs="1")["removed"]])
    assert not (data / "environments" / key).exists()

    second = client.run(waiting, word=str(tmp_path / "go"))
    assert client.until(second)["state"] == "SUCCEEDED", client.messages(second)
    gone = gc(data, runs="1")
    assert [one["name"] for one in gone["removed"]] == [run_id]
    assert not (data / "runs" / run_id).exists()
    assert client.get(second)["state"] == "SUCCEEDED"


def commands(run_id: str) -> list[str]:
    """The command lines of a run's processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if run_id.encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


def test_a_directory_for_runs_that_cannot_be_used_fails_them_until_it_can(
    client: EngineClient, tmp_path: Path, waiting: dict[str, Any]
) -> None:
    (tmp_path / "go").touch()
    runs = tmp_path / "data" / "runs"
    runs.rename(tmp_path / "away")
    runs.write_text("in the way")
    run_id = client.run(waiting, word=str(tmp_path / "go"))
    assert client.until(run_id)["state"] == "FAILED"
    assert "the run could not be started" in client.messages(run_id)
    runs.unlink()
    (tmp_path / "away").rename(runs)
    assert client.until(client.run(waiting, word=str(tmp_path / "go")))["state"] == "SUCCEEDED"
