"""The real service as a process of its own, which the demo starts, watches and ends."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from kfadapter.errors import KFAdapterError
from kfadapter.settings import installer_environment, passed_environment

READY = "kfadapter is ready at "
START_SECONDS = 40.0
STOP_SECONDS = 20.0
TAIL_LINES = 25
ALSO_PASSED = ("PYTHONPATH", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "LC_ALL")
RUNNER_MODULE = b"kfadapter.engine.runner"
RUN_MARKER = b"KFADAPTER_RUN_ID="
RUNS = Path("engine", "runs")


class AdapterDied(KFAdapterError):
    """The service did not start, or ended too early."""


class AdapterProcess:
    """`kfadapter serve` with the embedded engine, in a session of its own: Ctrl-C reaches the demo alone.

    Args:
        data_dir: The service's data directory; its log is kept in there too.
        settings: `KFADAPTER_*` variables; nothing else of this process's settings is passed on.
    """

    def __init__(self, data_dir: Path, settings: dict[str, str]) -> None:
        self._data_dir = data_dir
        self.log_path = data_dir / "service.log"
        self._environment = {
            **installer_environment(),
            **passed_environment(ALSO_PASSED),
            **settings,
            "KFADAPTER_DATA_DIR": str(data_dir),
            "PYTHONUNBUFFERED": "1",
        }
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """The service's process."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the service; returns when it answers.

        Raises:
            AdapterDied: It ended, or was not ready in time.
        """
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kfadapter", "serve", "--host", "127.0.0.1", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                text=True,
            )
        self.url = self._ready_url(self._process)

    def check(self) -> None:
        """Do nothing as long as the service lives.

        Raises:
            AdapterDied: It has ended.
        """
        if self._process is not None and (code := self._process.poll()) is not None:
            raise AdapterDied(f"the service has ended with exit code {code}")

    def stop(self) -> None:
        """End the service, and whatever is left of the runs it started: they outlive a service that is ended alone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        end_leftovers(self._data_dir)

    def log_tail(self) -> str:
        """The last lines the service wrote."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    def _ready_url(self, process: "subprocess.Popen[str]") -> str:
        """The address from the line the service prints when it is ready; its end ends the wait at once."""
        assert process.stdout is not None  # noqa: S101 - it was asked for; tells the type checker
        late = threading.Timer(START_SECONDS, process.kill)
        late.start()
        try:
            for line in process.stdout:
                if line.startswith(READY):
                    return line.removeprefix(READY).strip()
        finally:
            late.cancel()
        raise AdapterDied(f"the service did not start (exit code {process.wait()})")


def end_leftovers(data_dir: Path) -> None:
    """Kill the runners and tasks of this data directory that are still there: each is known by what it carries.

    A runner names its run's directory as an argument; a task has the run's id in its environment. Linux only: elsewhere
    there is nothing to look into, and the service has ended them already.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while (pids := leftovers(data_dir)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def leftovers(data_dir: Path) -> list[int]:
    """The processes that belong to the runs of this data directory."""
    runs = data_dir / RUNS
    marks = {RUN_MARKER + os.fsencode(run.name) for run in runs.iterdir()} if runs.is_dir() else set()
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _belongs(entry, marks, os.fsencode(runs))]


def _belongs(entry: Path, marks: set[bytes], runs: bytes) -> bool:
    try:
        if (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z":
            return False  # it has ended, and waits for its parent to notice
        arguments = (entry / "cmdline").read_bytes().split(b"\0")
        environment = (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    is_runner = RUNNER_MODULE in arguments and any(one.startswith(runs) for one in arguments)
    return is_runner or not marks.isdisjoint(environment)
