"""The real programs as processes, for tests that start, kill and restart them."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

READY = re.compile(r"is ready at (http://\S+)")
START_SECONDS = 30.0
LASTING_PORTS = (12_000, 30_000)
STOP_SECONDS = 20.0


class AdapterProcess:
    """A `kfadapter` process on a free port that can be killed and started again on the same one.

    Args:
        command: `serve` or `engine`.
        data_dir: Its data directory; what it logs is kept beside it.
        env: Further variables.
    """

    def __init__(self, command: str, data_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._data_dir = data_dir
        self._env = {**os.environ, **(env or {})}
        self._port = free_port()
        self._process: subprocess.Popen[str] | None = None
        self._log = data_dir.with_suffix(".log")
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it has written to standard error, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--data-dir", str(self._data_dir)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kfadapter", self._command, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                text=True,
            )
        line = self._first_line(self._process)
        found = READY.search(line)
        assert found is not None, f"did not start: {line!r}\n{self.log}"
        self.url = found[1]

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """Ask it to stop; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        code = process.wait(STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def _first_line(self, process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        late = threading.Timer(START_SECONDS, process.kill)
        late.start()
        try:
            return process.stdout.readline()
        finally:
            late.cancel()


def free_port() -> int:
    """A port that stays free between two starts: below those the kernel hands out to connections."""
    while True:
        port = random.randrange(*LASTING_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
