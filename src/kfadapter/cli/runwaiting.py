"""Waiting for a run to end, with what happens on the way on standard error."""

import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from kfadapter.cli.exits import exit_code
from kfadapter.cli.following import has_ended
from kfadapter.cli.http import Adapter, AdapterFailed, segment
from kfadapter.cli.tables import one_line, print_json, printable, screen
from kfadapter.cli.times import duration, seconds_between

LONGEST_WAIT_SECONDS = 20.0
# An adapter that restarts, or a Kubeflow that is away for a moment, does not end the waiting.
PATIENCE_SECONDS = 120.0
RETRY_SECONDS = 1.0
GROUPS = frozenset({"root", "dag", "loop", "iteration"})

Tell = Callable[[str], None]


class Progress:
    """Says what has changed between two looks at a run, one line a change."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._state = ""
        self._tasks: dict[str, str] = {}

    def look(self, run: dict[str, Any]) -> None:
        """Compare with the last look."""
        for task in run["tasks"]:
            state = "CACHED" if task.get("cached") else str(task["state"])
            if task["kind"] in GROUPS or self._tasks.get(task["task_id"]) == state:
                continue
            self._tasks[task["task_id"]] = state
            took = duration(seconds_between(task["started_at"], task["finished_at"]))
            self._tell(f"task {one_line(task['name'])}: {state}{f' after {took}' if took else ''}")
        if run["state"] != self._state:
            self._state = str(run["state"])
            self._tell(f"run {one_line(run['name'])}: {self._state}")
        for one in run.get("waiting") or []:
            reasons = [reason for reason in one["pod"]["reasons"] if reason.get("reason")]
            if reasons and self._tasks.get(f"{one['task_id']} waits") != reasons[0]["reason"]:
                self._tasks[f"{one['task_id']} waits"] = reasons[0]["reason"]
                why = f"{reasons[0]['reason']} {reasons[0].get('message') or ''}".strip()
                self._tell(f"task {one_line(one['task'])} waits: {one_line(why)}")


def wait_for_end(
    adapter: Adapter, run_id: str, *, within_seconds: float | None, tell: Tell | None
) -> tuple[dict[str, Any], str]:
    """The run once it has ended, or when the time is over; its value, and its JSON as it came.

    Raises:
        AdapterFailed: There is no such run, or the adapter has not answered for long.
    """
    progress = Progress(tell or (lambda line: None))
    until = None if within_seconds is None else time.monotonic() + within_seconds
    is_first, silent_since = True, None
    while True:
        left = LONGEST_WAIT_SECONDS if until is None else min(LONGEST_WAIT_SECONDS, until - time.monotonic())
        query = {} if is_first or left <= 0 else {"wait": f"{max(left, 0.1):.1f}"}
        try:
            run, text = adapter.fetch("GET", f"/v1/runs/{segment(run_id)}", params=query)
        except AdapterFailed as exc:
            if exc.status is not None and exc.status < 500:
                raise
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > PATIENCE_SECONDS or (until is not None and left <= 0):
                raise
            time.sleep(RETRY_SECONDS)
            continue
        is_first, silent_since = False, None
        progress.look(run)
        if has_ended(run) or (until is not None and time.monotonic() >= until):
            return run, text


def to_stderr(line: str) -> None:
    """Progress is for people: standard output stays for what was asked for."""
    print(line, file=sys.stderr, flush=True)


def end_with(run: dict[str, Any]) -> int:
    """The number to exit with; says why a run failed, with the last lines of the task that did."""
    code = exit_code(run["state"])
    failure = run.get("failure") or {}
    if code and failure:
        console = screen(to_stderr=True)
        where = f"task {failure['task']}: " if failure.get("task") else ""
        console.print(f"{where}{failure.get('message') or 'it failed'}", markup=False, soft_wrap=True)
        for line in failure.get("log_tail") or []:
            console.print(f"  {printable(line)}", markup=False, soft_wrap=True)
    return code


def await_run(adapter: Adapter, run_id: str, within_seconds: float | None, *, as_json: bool) -> NoReturn:
    """Wait for the end of a run, show it, and leave with its number.

    Raises:
        typer.Exit: Always, with the number.
    """
    run, text = wait_for_end(adapter, run_id, within_seconds=within_seconds, tell=None if as_json else to_stderr)
    if as_json:
        print_json(text)
        raise typer.Exit(exit_code(run["state"]))
    screen().print(f"{run_id} {printable(str(run['state']))}", markup=False)
    raise typer.Exit(end_with(run))
