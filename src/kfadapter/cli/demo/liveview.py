"""The run as it goes: a table that moves on a terminal, one line after the other elsewhere."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from kfadapter.cli.demo.stage import Stage
from kfadapter.cli.demo.tasklines import TaskLines
from kfadapter.cli.following import LogLine, RunFollower, has_ended
from kfadapter.cli.runs import in_tree_order
from kfadapter.cli.tables import printable, state_text
from kfadapter.cli.times import duration, seconds_between

LOOK_SECONDS = 0.15
LINES_SHOWN = 8
RUNNING = "RUNNING"
PENDING = "PENDING"


class View(Protocol):
    """Something that shows a run again and again."""

    def show(self, run: dict[str, Any], lines: list[LogLine]) -> None:
        """Show what is new."""
        ...


class PlainView:
    """States and log lines in the order they come."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._states: dict[str, list[str]] = {}

    def show(self, run: dict[str, Any], lines: list[LogLine]) -> None:
        """Task by task in the order they started: that it runs, what it printed, how it ended."""
        for _, task in in_tree_order(run["tasks"]):
            own = [line for line in lines if line.task_id == task["task_id"]]
            if own or task["started_at"]:
                self._tell(task, RUNNING)
            for line in own:
                self._stage.line(f"  {line.task} | {line.text}")
            if task["state"] not in (PENDING, RUNNING):
                self._tell(task, task["state"])

    def _tell(self, task: dict[str, Any], state: str) -> None:
        told = self._states.setdefault(task["task_id"], [])
        if state in told:
            return
        told.append(state)
        took = duration(seconds_between(task["started_at"], task["finished_at"]))
        after = f" after {took}" if took and state != RUNNING else ""
        self._stage.line(f"{task['name']}: {state}{after}")


class LiveView:
    """A table of the tasks, and below it the last lines they printed."""

    def __init__(self, stage: Stage, live: Live) -> None:
        self._stage = stage
        self._live = live
        self._lines: deque[LogLine] = deque(maxlen=LINES_SHOWN)
        self._spinners: dict[str, Spinner] = {}

    def show(self, run: dict[str, Any], lines: list[LogLine]) -> None:
        self._lines.extend(lines)
        parts: list[RenderableType] = [self._tasks(run)]
        if self._lines:
            parts += [Text(), *(self._line(line) for line in self._lines)]
        self._live.update(self._stage.indented(Group(*parts)))

    def _tasks(self, run: dict[str, Any]) -> Table:
        now = datetime.now(UTC)
        table = Table.grid(padding=(0, 2))
        for _ in range(3):
            table.add_column(no_wrap=True)
        for depth, task in in_tree_order(run["tasks"]):
            took = duration(seconds_between(task["started_at"], task["finished_at"], now))
            table.add_row(self._mark(task), Text("  " * depth + printable(task["name"])), Text(took, style="dim"))
        return table

    def _mark(self, task: dict[str, Any]) -> RenderableType:
        if task["state"] != RUNNING:
            return state_text(task["state"])
        spinner = self._spinners.setdefault(task["task_id"], Spinner("dots", style="cyan"))
        spinner.text = Text(RUNNING, style="cyan")
        return spinner

    def _line(self, line: LogLine) -> Text:
        text = Text.assemble((f"{printable(line.task)} ", "dim cyan"), ("│ ", "dim"), printable(line.text))
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def watch(stage: Stage, follower: RunFollower, check: Callable[[], None], *, within_seconds: float) -> dict[str, Any]:
    """Show a run until it has ended; the run as it was then.

    Args:
        check: Called between looks; raises when there is no sense in going on.
        within_seconds: After so long the run is returned as it is.
    """
    if not stage.is_live:
        return _watch(PlainView(stage), follower, check, within_seconds)
    with Live(console=stage.console, refresh_per_second=12) as live:
        return _watch(LiveView(stage, live), follower, check, within_seconds)


def _watch(view: View, follower: RunFollower, check: Callable[[], None], within_seconds: float) -> dict[str, Any]:
    own = TaskLines()
    deadline = time.monotonic() + within_seconds
    while True:
        check()
        run, lines = follower.look()
        view.show(run, own.keep(lines))
        if has_ended(run) or time.monotonic() > deadline:
            return run
        time.sleep(LOOK_SECONDS)
