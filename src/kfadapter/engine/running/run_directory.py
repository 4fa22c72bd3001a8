"""The directory of a run, which the service and the run's process share.

run.json        what to run, and how often it has been ordered (`round`: 0, then one more for each retry)
runner.json     locked by the run's process as long as it lives; its number, start time and round
cancel          there when the run is to be ended
events.jsonl    what happened
runner.log      what the run's process printed
tasks/<task_id>/attempt-<n>/{log.txt, executor_output.json, outputs/, parameters/}
tasks/<task_id>/{work/, result.json}
workspace/      shared by the tasks of the run
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfadapter.engine.running.processes import is_alive, start_ticks
from kfadapter.errors import EngineError

LOG_LINES_BYTES = 2048


@dataclass(frozen=True, kw_only=True)
class RunnerMark:
    """Which process runs a run, or did last."""

    pid: int
    start_ticks: int
    round: int


class RunDirectory:
    """Paths below a run's directory, and the small files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "runner.log"

    @property
    def workspace(self) -> Path:
        return self.path / "workspace"

    @property
    def shared(self) -> tuple[Path, Path]:
        """What containers of the run's tasks see of it, at the same paths."""
        return self.path / "tasks", self.workspace

    def task(self, task_id: str) -> Path:
        return self.path / "tasks" / task_id

    def attempt(self, task_id: str, attempt: int) -> Path:
        return self.task(task_id) / f"attempt-{attempt}"

    def relative(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    def write_order(self, order: Mapping[str, Any], round_: int) -> None:
        """Order the run (again).

        Raises:
            OSError: It cannot be written.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.uncancel()
        write_whole(self.path / "run.json", {"round": round_, "order": order})

    def read_order(self) -> tuple[dict[str, Any], int]:
        """The order and its round.

        Raises:
            EngineError: There is none that can be read.
        """
        try:
            document = json.loads((self.path / "run.json").read_bytes())
            return document["order"], int(document["round"])
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise EngineError(f"{self.path} holds no run: {exc}") from exc

    @property
    def is_canceled(self) -> bool:
        return (self.path / "cancel").exists()

    def cancel(self) -> None:
        """Ask for the run's end; stays asked until it is ordered again."""
        (self.path / "cancel").touch(mode=0o600)

    def uncancel(self) -> None:
        (self.path / "cancel").unlink(missing_ok=True)

    def claim(self, round_: int) -> int | None:
        """Become the run's process; a descriptor that keeps it so while open, or None when there is one already."""
        descriptor = os.open(self.path / "runner.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        mark = {"pid": os.getpid(), "start_ticks": start_ticks(os.getpid()), "round": round_}
        os.pwrite(descriptor, json.dumps(mark).encode().ljust(200) + b"\n", 0)
        return descriptor

    def runner(self) -> RunnerMark | None:
        """The run's latest process, living or not; None before the first."""
        try:
            document = json.loads((self.path / "runner.json").read_bytes())
            return RunnerMark(pid=document["pid"], start_ticks=document["start_ticks"], round=document["round"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def living_runner(self) -> RunnerMark | None:
        """The process that runs this run now, or None."""
        mark = self.runner()
        return mark if mark and is_alive(mark.pid, mark.start_ticks) else None

    def last_words(self) -> str:
        """The last lines of the runner's own log."""
        try:
            content = self.log.read_bytes()[-LOG_LINES_BYTES:]
        except OSError:
            return ""
        return content.decode(errors="replace").strip()


def write_whole(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file so that a reader finds the old one or the new one, never half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(document))
    draft.chmod(0o600)
    draft.replace(path)
