"""A disk that is full: the engine survives, says so, and goes on when there is room again."""

# mypy: ignore-errors

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine_client import EngineClient, until
from support.processes import AdapterProcess

pytestmark = [pytest.mark.process, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")]
MEBIBYTE = 1024 * 1024


class SmallDisk:
    """A file system of its own, of a few MiB, which a test can fill to the last byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, but: int = 0) -> None:
        """Leave so many bytes."""
        with self._filler.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            if but:
                file.truncate(max(0, file.tell() - but))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(path)], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield SmallDisk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def engine(disk: SmallDisk, environments: Path, settings: Any) -> Iterator[AdapterProcess]:
    (disk.path / "environments").symlink_to(environments)
    with AdapterProcess("engine", disk.path, dict(settings.installer_environment)) as process:
        yield process


@pytest.fixture
def client(engine: AdapterProcess) -> Iterator[EngineClient]:
    with EngineClient(engine.url) as client:
        yield client


@pytest.fixture
def hello(conformance: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return conformance("hello")


@pytest.fixture
def writing(hello: dict[str, Any]) -> dict[str, Any]:
    """A pipeline whose task writes a file of so many bytes when another file is there."""
    (executor,) = hello["deploymentSpec"]["executors"].values()
    source = """
from kfp import dsl
def greet(word: str) -> str:
    import os, time
    place, size = word.split(":")
    while not os.path.exists(place):
        time.sleep(0.02)
    with open("written", "wb") as file:
        file.write(bytes(int(size)))
    return "written"
"""
    executor["container"]["command"][-1] = source
    return hello


def test_a_run_that_cannot_be_stored_is_refused_and_the_next_one_runs(
    engine: AdapterProcess, client: EngineClient, disk: SmallDisk, hello: dict[str, Any]
) -> None:
    assert client.until(client.run(hello))["state"] == "SUCCEEDED"
    disk.fill()
    refused = client.create(hello)
    assert refused.status_code in (500, 503), refused.text
    assert "disk is full" in refused.json()["message"]
    assert client.create(hello).status_code == refused.status_code
    disk.free()
    assert client.until(client.run(hello))["state"] == "SUCCEEDED"
    assert "Traceback" not in engine.log


def test_a_disk_that_fills_up_during_a_run_fails_it_with_the_reason(
    engine: AdapterProcess, client: EngineClient, disk: SmallDisk, writing: dict[str, Any], tmp_path: Path
) -> None:
    run_id = client.run(writing, word=f"{tmp_path / 'go'}:10")
    client.until(run_id, ("RUNNING",))
    until(lambda: bool(list((disk.path / "runs" / run_id).glob("tasks/*/attempt-0/log.txt"))))
    disk.fill()
    (tmp_path / "go").touch()
    run = client.until(run_id)
    assert run["state"] == "FAILED"
    assert "No space left on device" in client.messages(run_id)
    assert "engine_disk_full" in engine.log
    disk.free()
    assert client.until(client.run(writing, word=f"{tmp_path / 'go'}:10"))["state"] == "SUCCEEDED"


def test_a_task_that_fills_the_disk_fails_and_leaves_room_for_others(
    client: EngineClient, writing: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    run_id = client.run(writing, word=f"{tmp_path / 'go'}:{64 * MEBIBYTE}")
    run = client.until(run_id)
    assert run["state"] == "FAILED"
    assert "No space left on device" in client.messages(run_id)
    client.delete(run_id)
    assert client.until(client.run(writing, word=f"{tmp_path / 'go'}:10"))["state"] == "SUCCEEDED"


def test_an_environment_that_does_not_fit_fails_the_task_and_is_removed(
    disk: SmallDisk, settings: Any, hello: dict[str, Any]
) -> None:
    with (
        AdapterProcess("engine", disk.path, settings.installer_environment) as process,
        EngineClient(process.url) as client,
    ):
        disk.fill(but=2 * MEBIBYTE)
        run_id = client.run(hello)
        assert client.until(run_id)["state"] == "FAILED"
        assert "No space left on device" in client.messages(run_id)
        assert not list((disk.path / "environments").glob("*/bin"))
        disk.free()


def test_an_engine_whose_own_log_does_not_fit_any_more_goes_on(
    disk: SmallDisk, environments: Path, settings: Any, hello: dict[str, Any]
) -> None:
    place = disk.path / "data"
    place.mkdir()
    (place / "environments").symlink_to(environments)
    with (
        AdapterProcess("engine", place, settings.installer_environment) as process,
        EngineClient(process.url) as client,
    ):
        disk.fill()
        assert "disk is full" in client.create(hello).json()["message"]
        disk.free()
        assert client.until(client.run(hello))["state"] == "SUCCEEDED"
