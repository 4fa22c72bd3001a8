"""The real programs, started for a measurement and ended by it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"is ready at (http://\S+)")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A running program.

    Attributes:
        pid: Its process.
        url: Where it listens.
    """

    pid: int
    url: str


@contextmanager
def program(command: str, data_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Run `kfadapter COMMAND` on a free port until the block ends."""
    listening = ("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir))
    with _started(["-m", "kfadapter", command, *listening, *arguments], {**os.environ, **(env or {})}) as running:
        yield running


@contextmanager
def stand_in(milliseconds: float) -> Iterator[Program]:
    """Run the scriptable Kubeflow that takes so long for each answer."""
    script = str(Path(__file__).with_name("stand_in.py"))
    with _started([script, "--milliseconds", str(milliseconds)], dict(os.environ)) as running:
        yield running


@contextmanager
def _started(arguments: list[str], env: dict[str, str]) -> Iterator[Program]:
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            found = READY.search(process.stdout.readline())
            if found is None:
                raise SystemExit(f"did not start: {' '.join(arguments)}")
            yield Program(pid=process.pid, url=found[1])
        finally:
            process.terminate()
            process.wait(30)
