"""Processes, slots and the run's own process: what is left behind is found, what is held is freed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kfadapter
from kfadapter.engine.running.processes import end_marked, group_lives, is_alive, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.slots import TaskSlots
from kfadapter.errors import EngineError

HEAVY = {
    *("kfp", "fastapi", "starlette", "sqlalchemy", "pydantic", "aiohttp", "yaml", "google", "structlog", "asyncio"),
    *("orjson", "uvicorn", "logging", "shutil", "tempfile", "http", "socket", "ssl", "multiprocessing"),
}


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"], env={"MARK": "this one"}, process_group=0)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_told_from_a_later_one_with_its_number(sleeper: "subprocess.Popen[bytes]") -> None:
    ticks = start_ticks(sleeper.pid)
    assert ticks is not None
    assert is_alive(sleeper.pid, ticks)
    assert not is_alive(sleeper.pid, ticks + 1)
    assert group_lives(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(sleeper.pid, ticks)
    assert not group_lives(sleeper.pid)


def test_only_marked_processes_are_ended(sleeper: "subprocess.Popen[bytes]") -> None:
    assert end_marked({"MARK": "another"}) == 0
    assert sleeper.poll() is None
    assert end_marked({"MARK": "this one"}) == 1
    assert sleeper.wait() == -signal.SIGKILL


def test_slots_are_limited_and_come_back(tmp_path: Path) -> None:
    one, other = TaskSlots(tmp_path, 2), TaskSlots(tmp_path, 2)
    first, second = one.take(), other.take()
    assert first is not None
    assert second is not None
    assert one.take() is None
    first.release()
    third = other.take()
    assert third is not None
    second.release()
    third.release()


def test_a_slot_comes_back_when_its_holder_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from kfadapter.engine.running.slots import TaskSlots;"
        "slot = TaskSlots(pathlib.Path(sys.argv[1]), 1).take(); print(slot is not None, flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert TaskSlots(tmp_path, 1).take() is None
        holder.kill()
    slot = TaskSlots(tmp_path, 1).take()
    assert slot is not None
    slot.release()


def test_a_run_has_one_process_at_a_time(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    claim = directory.claim(3)
    assert claim is not None
    assert directory.claim(3) is None
    mark = directory.living_runner()
    assert mark is not None
    assert (mark.pid, mark.round) == (os.getpid(), 3)
    os.close(claim)


def test_orders_are_read_back_and_rubbish_is_named(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(EngineError, match="holds no run"):
        directory.read_order()
    directory.write_order({"run_id": "a"}, 2)
    directory.cancel()
    assert directory.is_canceled
    assert directory.read_order() == ({"run_id": "a"}, 2)
    assert oct((tmp_path / "run" / "run.json").stat().st_mode)[-3:] == "600"
    directory.write_order({"run_id": "a"}, 3)
    assert not directory.is_canceled


def test_the_runners_imports_are_light() -> None:
    program = "import kfadapter.engine.runner, sys; print(*sys.modules)"
    root = str(Path(kfadapter.__file__).parents[1])
    argv = [sys.executable, "-S", "-s", "-P", "-c", program]
    output = subprocess.run(argv, env={"PYTHONPATH": root}, capture_output=True, check=True, text=True).stdout
    modules = set(output.split())
    assert not {name.split(".")[0] for name in modules} & HEAVY
    assert not {name for name in modules if name.startswith("kfadapter.") and name.endswith((".server", ".supervisor"))}


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    root = str(Path(kfadapter.__file__).parents[1])
    argv = [sys.executable, "-S", "-m", "kfadapter.engine.runner", str(tmp_path)]
    done = subprocess.run(
        argv,
        input=f'{{"data_dir": "{tmp_path}"}}',
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert "holds no run" in done.stderr
