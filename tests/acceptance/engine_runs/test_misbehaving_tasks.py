"""Tasks that misbehave: each has a clear end, within limits of time, disk and memory, and leaves nothing."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from kfadapter.engine.running.processes import RUN_MARKER, all_pids, carries, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")
MEBIBYTE = 1024 * 1024


def pids(run_id: str) -> list[int]:
    """Every living process that carries the run's marker."""
    return [pid for pid in all_pids() if start_ticks(pid) is not None and carries(pid, {RUN_MARKER: run_id})]


@pytest.fixture
def shell(conformance: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A pipeline of one task whose Python source is given; it declares the output parameter `Output`."""

    def made(source: str) -> dict[str, Any]:
        spec = conformance("hello")
        (executor,) = spec["deploymentSpec"]["executors"].values()
        head, program = "from typing import *\nfrom kfp import dsl\ndef greet(word: str) -> str:\n", source
        indented = "".join(f"    {line}\n" for line in program.strip().splitlines())
        executor["container"]["command"][-1] = f"\n{head}{indented}    return 'done'\n"
        return spec

    return made


def task(spec: dict[str, Any]) -> str:
    """The name of a pipeline's only task."""
    (name,) = spec["root"]["dag"]["tasks"]
    return name


async def test_a_task_that_prints_a_gibibyte_ends_soon_with_a_short_log(engine: Any, shell: Any) -> None:
    spec = shell("import os\nfor _ in range(16384):\n    os.write(1, b'x' * 65535 + b'\\n')")
    begin = time.monotonic()
    run_id = await engine.submit(spec)
    await engine.rows.running(run_id, task(spec))
    runner = psutil.Process(RunDirectory(engine.directory(run_id)).living_runner().pid)
    most = runner.memory_info().rss
    while not engine.rows.ends(run_id):
        try:
            await engine.rows.wait(lambda: bool(engine.rows.ends(run_id)), 0.05)
        except AssertionError:
            most = max(most, _resident(runner))
    end = engine.rows.ends(run_id)[-1].data
    assert end["state"] == "SUCCEEDED", end["error"]
    assert time.monotonic() - begin < 60
    assert most < 64 * MEBIBYTE
    log = engine.rows.tasks(run_id)[task(spec)]["log"]
    assert log["truncated"]
    assert log["bytes"] < 11 * MEBIBYTE
    files = [path for path in engine.directory(run_id).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12 * MEBIBYTE


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


ANSWER = (
    "import os, signal, time\nfrom pathlib import Path\nattempt = Path(os.environ['TMPDIR']).parent\n"
    "runner = int(open(f'/proc/{os.getppid()}/stat').read().rsplit(')', 1)[1].split()[1])\n"
)


CASES = {
    "an answer of 200 MiB": (
        """
with open(attempt / "executor_output.json", "w") as file:
    file.write('{"parameterValues": {"Output": [' + "{}," * (70 * 1024 * 1024) + "{}]}}")
os._exit(0)""",
        "executor_output.json is larger than 33554432 bytes",
    ),
    "a parameter of 8 GiB": (
        """
os.truncate(os.open(attempt / "parameters" / "Output", os.O_CREAT | os.O_WRONLY), 1 << 33)
os._exit(0)""",
        "the output parameter 'Output' is larger than 33554432 bytes",
    ),
    "a pipe for a parameter": (
        """
os.mkfifo(attempt / "parameters" / "Output")
os._exit(0)""",
        "the output parameter 'Output' is not a plain file",
    ),
    "a pipe for an answer": (
        """
os.mkfifo(attempt / "executor_output.json")
os._exit(0)""",
        "executor_output.json is not a plain file",
    ),
    "an answer without end": (
        """
os.symlink("/dev/zero", attempt / "executor_output.json")
os._exit(0)""",
        "executor_output.json is not a plain file",
    ),
    "a link to what is not its own": (
        """
os.symlink("/etc/passwd", attempt / "parameters" / "Output")
os._exit(0)""",
        "the output parameter 'Output' is not a plain file",
    ),
    "its directory removed": (
        """
import shutil
shutil.rmtree(attempt)
os._exit(0)""",
        "ended without its output parameter 'Output'",
    ),
    "its directories closed": (
        """
os.chmod(attempt, 0)
os.chmod(attempt.parent, 0)
os._exit(3)""",
        "exit code 3",
    ),
    "its runner killed": (
        """
os.kill(runner, signal.SIGKILL)
time.sleep(60)""",
        "runner lost (ended by SIGKILL)",
    ),
    "everything closed": (
        """
for number in range(3):
    os.close(number)
os._exit(7)""",
        "exit code 7",
    ),
    "a file beyond the limit": (
        """
with open(attempt / "outputs" / "file", "wb") as file:
    for _ in range(80):
        file.write(bytes(1024 * 1024))""",
        "File too large",
    ),
    "many files beyond the limit": (
        """
for number in range(8):
    (attempt / "outputs" / str(number)).write_bytes(b"x" * 10 * 1024 * 1024)""",
        "bytes, and may leave 67108864; its artifacts were removed",
    ),
    "many files beyond the limit, and then a failure": (
        """
for number in range(8):
    (attempt / "outputs" / str(number)).write_bytes(b"x" * 10 * 1024 * 1024)
os._exit(9)""",
        "exit code 9",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_a_task_does_to_its_surroundings_fails_it_and_nothing_else(
    start: Any, shell: Any, case: str
) -> None:
    source, reason = CASES[case]
    engine = await start(output_limit_bytes=64 * MEBIBYTE if "limit" in case else 10 * 1024 * MEBIBYTE)
    run_id, end = await engine.run(shell(ANSWER + source))
    assert end["state"] == "FAILED"
    assert reason in end["error"]["message"]
    assert pids(run_id) == []
    files = [path for path in engine.directory(run_id).rglob("*") if path.is_file() and not path.is_symlink()]
    assert "limit" not in case or sum(path.stat().st_size for path in files) < 65 * MEBIBYTE
    await engine.supervisor.forget(run_id)
    assert not engine.directory(run_id).exists()


async def test_a_task_may_close_its_output_and_go_on(engine: Any, shell: Any) -> None:
    spec = shell("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(0.3)")
    _, end = await engine.run(spec)
    assert end["state"] == "SUCCEEDED", end["error"]


async def test_a_task_that_reads_its_input_without_end_finds_none(engine: Any, shell: Any) -> None:
    spec = shell("import sys\nassert sys.stdin.buffer.read() == b''")
    _, end = await engine.run(spec)
    assert end["state"] == "SUCCEEDED", end["error"]


async def test_a_farm_of_zombies_and_orphans_is_cleared_away(engine: Any, shell: Any) -> None:
    spec = shell(
        "import os, time\n"
        "for _ in range(300):\n"
        "    if os.fork() == 0:\n"
        "        os._exit(0)\n"
        "for _ in range(50):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(600)\n"
        "        os._exit(0)\n"
    )
    run_id, end = await engine.run(spec)
    assert end["state"] == "SUCCEEDED", end["error"]
    assert pids(run_id) == []
    runner = RunDirectory(engine.directory(run_id)).runner()
    async with asyncio.timeout(10):
        while [one for one in psutil.process_iter() if one.ppid() == runner.pid]:
            await asyncio.sleep(0.01)


async def test_a_task_that_takes_its_runs_directory_away_fails_its_run(engine: Any, shell: Any) -> None:
    source = "import shutil; shutil.rmtree(attempt.parents[2], ignore_errors=True)\nraise SystemExit(5)"
    run_id, end = await engine.run(shell(ANSWER + source))
    assert end["state"] == "FAILED"
    assert pids(run_id) == []


async def test_a_task_that_stops_its_runner_can_be_terminated(engine: Any, shell: Any) -> None:
    spec = shell(ANSWER + "os.kill(runner, signal.SIGSTOP)\ntime.sleep(600)")
    run_id = await engine.submit(spec)
    await engine.rows.wait(lambda: bool(engine.rows.events[run_id]))
    pid = RunDirectory(engine.directory(run_id)).runner().pid
    deadline = time.monotonic() + 20
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    await engine.supervisor.terminate(run_id)
    end = await engine.rows.end(run_id)
    assert end["state"] == "CANCELED"
    assert pids(run_id) == []


async def test_a_link_out_of_the_directory_is_neither_read_nor_followed(
    engine: Any, shell: Any, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    source = f"os.symlink({str(tmp_path / 'kept')!r}, attempt / 'outputs' / 'kept')\n"
    source += f"os.symlink({str(tmp_path / 'kept')!r}, attempt.parent / 'work' / 'kept')"
    run_id, end = await engine.run(shell(ANSWER + source))
    assert end["state"] == "SUCCEEDED", end["error"]
    await engine.supervisor.forget(run_id)
    assert not engine.directory(run_id).exists()
    assert os.listdir(tmp_path / "kept") == ["file"]
