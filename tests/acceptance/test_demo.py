"""`kfadapter demo` as a first-time user runs it: the whole story, and how it ends when it is not let finish."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kfadapter.settings import installer_environment

pytestmark = pytest.mark.process

DEMO = ("-m", "kfadapter", "demo")


@contextmanager
def demo(temporary: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, *DEMO, *arguments],
        env={**installer_environment(), "TMPDIR": str(temporary), "KUBEFLOW_HOST": "not-to-be-used"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def told_until(process: "subprocess.Popen[str]", needle: str) -> str:
    """What it prints, up to the line with this in it."""
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if needle in line:
            return told
    raise AssertionError(f"{needle!r} was never told:\n{told}")


def rest_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.read()


def processes_with(directory: Path) -> list[str]:
    """Command lines of all processes that have to do with a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            variables = process.environ().values()
        except psutil.Error:
            continue
        is_ours = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        if is_ours and any(str(directory) in word for word in (*words, *variables)):
            found.append(" ".join(words))
    return found


def test_the_story_is_told_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path, "--plain") as process:
        told = rest_of(process)
        assert process.wait(60) == 0, told
    assert re.search(r"^\s+epochs +NUMBER_INTEGER +required", told, re.MULTILINE)
    assert re.search(r'^\s+normalise +"True" +true +text to bool', told, re.MULTILINE)
    assert re.search(r'^\s+modelname +modelName=qoe-model +"qoe-model"', told, re.MULTILINE)
    assert "refused before  the same with epochs='many'" in told
    assert "train | epoch  60/60  training error" in told
    for task in ("generate-measurements", "train", "evaluate"):
        assert told.index(f"{task}: RUNNING") < told.index(f"{task}: SUCCEEDED after")
    model, mean = (
        float(re.search(rf"^\s+{name} +([\d.]+)", told, re.MULTILINE)[1])  # type: ignore[index]
        for name in ("rmse_mbps", "rmse_of_mean_mbps")
    )
    assert model < mean / 2
    assert "a system.Model" in told
    body = json.loads(re.search(r"^\s+body +(\{.*\})$", told, re.MULTILINE)[1])  # type: ignore[index]
    assert (body["trainingjob_id"], body["run_status"]) == ("7", "SUCCEEDED")
    assert '200 {"Message":"Training successful"}' in told
    assert told.count("✓") == 6
    assert "\x1b" not in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert list(tmp_path.iterdir()) == []
    assert processes_with(tmp_path) == []


def test_on_a_terminal_the_tasks_move_in_colour(tmp_path: Path) -> None:
    code = f"import os, pty; raise SystemExit(os.waitstatus_to_exitcode(pty.spawn([{sys.executable!r}, *{DEMO!r}])))"
    played = subprocess.run(
        [sys.executable, "-c", code],
        env={**installer_environment(), "TMPDIR": str(tmp_path), "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    told = played.stdout.decode()
    assert played.returncode == 0, told
    assert "\x1b[32m✓" in told
    assert "\x1b[?25h" in told  # the cursor is back
    assert told.count("RUNNING") > 3  # the same line, drawn again and again
    assert processes_with(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_neither_processes_nor_files(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, "--plain") as process:
        told_until(process, "train | epoch")
        assert processes_with(tmp_path)
        process.send_signal(number)
        assert "Interrupted." in rest_of(process)
        assert process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
    assert processes_with(tmp_path) == []


def test_a_demo_whose_service_dies_says_so_shows_its_log_and_fails(tmp_path: Path) -> None:
    with demo(tmp_path, "--plain") as process:
        told = told_until(process, "train | epoch")
        service = int(re.search(r"\(process (\d+),", told)[1])  # type: ignore[index]
        os.kill(service, signal.SIGKILL)
        rest = rest_of(process)
        assert process.wait(60) == 1
    assert "✗ " in rest
    assert "The last lines of the service's log:" in rest
    assert "engine_started" in rest
    assert list(tmp_path.iterdir()) == []
    assert processes_with(tmp_path) == []


def test_keep_leaves_everything_running_and_what_it_suggests_works(tmp_path: Path) -> None:
    data_dir = tmp_path / "kept"
    with demo(tmp_path, "--plain", "--keep", "--data-dir", str(data_dir)) as process:
        told = told_until(process, "Ctrl-C ends everything")
        for url in re.findall(r"curl -s '?(http://[^\s']+)", told):
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200
        script = re.search(r"<<'END'\n(.*?)\n\s+END$", told, re.DOTALL | re.MULTILINE)
        assert script is not None
        lines = [line.removeprefix("     ") for line in script[1].splitlines()]
        client = subprocess.run(
            [sys.executable, "-c", "\n".join(lines)],
            env={**installer_environment(), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert client.returncode == 0, client.stderr
        assert client.stdout.splitlines()[-1] == "SUCCEEDED"
        process.send_signal(signal.SIGINT)
        assert f"The data is kept in {data_dir}" in rest_of(process)
        assert process.wait(60) == 0
    assert (data_dir / "ledger.sqlite").exists()
    assert processes_with(tmp_path) == []


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with demo(tmp_path, "--plain", "--data-dir", str(tmp_path / "file" / "below")) as process:
        told = rest_of(process)
        assert process.wait(60) == 1
    assert "Not a directory" in told.splitlines()[-1]
