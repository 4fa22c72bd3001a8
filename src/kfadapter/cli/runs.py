"""`kfadapter runs`: what has run, what runs, and what it prints."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kfadapter.cli.following import LogLine, RunFollower, has_ended, read_log, started_at, tasks_with_logs
from kfadapter.cli.http import Adapter, AdapterFailed, open_adapter
from kfadapter.cli.names import run_id_of
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import (
    heading,
    print_json,
    printable,
    run_id_text,
    screen,
    show_facts,
    show_table,
    state_text,
    value_text,
)
from kfadapter.cli.times import duration, moment, parse_time, seconds_between

FOLLOW_SECONDS = 0.5

app = typer.Typer(help="Runs: list them, see their tasks, read their logs, stop them.", no_args_is_help=True)

Wanted = Annotated[str, typer.Argument(metavar="RUN", help="The run's name, its id, or the beginning of its id.")]


class _LinePrinter:
    """Writes log lines at once, so that whoever reads a pipe sees them as they come."""

    def __init__(self, *, as_json: bool, is_named: bool) -> None:
        self._as_json = as_json
        self._is_named = is_named

    def __call__(self, line: LogLine) -> None:
        if self._as_json:
            text = json.dumps(line.to_json(), ensure_ascii=False)
        else:
            text = f"{printable(line.task)} | {line.text}" if self._is_named else line.text
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


@app.command("list")
def list_runs(url: Url = None, as_json: Json = False) -> None:
    """List all runs, oldest first."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", "/runs")
    if as_json:
        print_json(text)
        return
    now, console = datetime.now(UTC), screen()
    rows = [
        (
            one["run_name"],
            state_text(one["run_status"]),
            one["pipeline_name"] or "",
            moment(one["created_at"]),
            duration(seconds_between(one["created_at"], one["finished_at"], now)),
            run_id_text(console, one["run_id"]),
        )
        for one in sorted(body.values(), key=_created)
    ]
    nothing = "There are no runs yet. Start one with 'kfadapter jobs start ID --pipeline NAME'."
    show_table(console, ("NAME", "STATE", "PIPELINE", "CREATED (UTC)", "TOOK", "ID"), rows, nothing=nothing)


@app.command()
def show(run: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Show a run: its arguments, its tasks with their states, and why it failed if it did."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"/v1/runs/{run_id_of(adapter, run)}")
    if as_json:
        print_json(text)
    else:
        show_run(screen(), body)


@app.command()
def logs(
    run: Wanted,
    task: Annotated[str | None, typer.Option(help="Only this task, by name or id.")] = None,
    tail: Annotated[int | None, typer.Option(min=1, help="Only so many last lines of each task.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print what a run's tasks have printed; with several tasks each line begins with its task's name."""
    with open_adapter(url) as adapter:
        run_id = run_id_of(adapter, run)
        body, _ = adapter.fetch("GET", f"/v1/runs/{run_id}")
        _check_task(body, task)
        show_line = _LinePrinter(as_json=as_json, is_named=task is None)
        if follow:
            _follow(RunFollower(adapter, run_id, task=task, tail=tail), show_line)
        else:
            _read(adapter, body, task, tail, show_line)


@app.command()
def stop(run: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Stop a run. The Training Manager is told of its end."""
    with open_adapter(url) as adapter:
        run_id = run_id_of(adapter, run)
        body, text = adapter.fetch("POST", f"/v1/runs/{run_id}:terminate")
    if as_json:
        print_json(text)
    else:
        screen().print(f"{run_id} is told to stop; it is {printable(str(body['state']))} now", markup=False)


def show_run(console: Console, body: dict[str, Any]) -> None:
    """A run as a page: facts, arguments, tasks, errors."""
    now = datetime.now(UTC)
    show_facts(
        console,
        [
            ("name", body["name"]),
            ("id", body["run_id"]),
            ("state", state_text(body["state"])),
            ("error", body.get("error") or ""),
            ("training job", body.get("training_job_id") or ""),
            ("created", moment(body["created_at"])),
            ("took", duration(seconds_between(body["created_at"], body.get("finished_at"), now))),
        ],
    )
    if arguments := body.get("effective_arguments") or body["arguments"]:
        heading(console, "Arguments")
        show_facts(console, [(name, value_text(value)) for name, value in arguments.items()])
    heading(console, "Tasks")
    show_tasks(console, body["tasks"], now)
    _show_failures(console, body["tasks"])
    for reason in body.get("unavailable") or []:
        console.print(Text(f"not available: {printable(reason)}", style="yellow"))


def show_tasks(console: Console, tasks: list[dict[str, Any]], now: datetime) -> None:
    """The tasks, those inside of others indented below them."""
    rows = [
        (
            Text("  " * depth + printable(task["name"])),
            state_text("CACHED" if task.get("cached") else task["state"]),
            duration(seconds_between(task["started_at"], task["finished_at"], now)),
            str(task["attempts"] or ""),
            task["task_id"],
        )
        for depth, task in in_tree_order(tasks)
    ]
    show_table(console, ("TASK", "STATE", "TOOK", "ATTEMPTS", "ID"), rows, nothing="There are none yet.")


def in_tree_order(tasks: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Each task behind its parent, with its depth, in the order they started.

    The run's own root is left out; its tasks are at depth 0.
    """
    shown = {task["task_id"] for task in tasks if task["kind"] != "root"}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for task in sorted(tasks, key=started_at):
        if task["task_id"] in shown:
            parent = task["parent_task_id"]
            children.setdefault(parent if parent in shown else None, []).append(task)
    ordered: list[tuple[int, dict[str, Any]]] = []
    waiting = [(0, task) for task in reversed(children.get(None, []))]
    while waiting:
        depth, task = waiting.pop()
        ordered.append((depth, task))
        waiting += [(depth + 1, child) for child in reversed(children.get(task["task_id"], []))]
    return ordered


def _show_failures(console: Console, tasks: list[dict[str, Any]]) -> None:
    for task in tasks:
        if task["state"] == "FAILED" and task.get("error") and task["kind"] != "root":
            heading(console, f"Why {task['name']} failed")
            console.print(Text(printable(task["error"]).rstrip(), style="red"), soft_wrap=True)


def _created(run: dict[str, Any]) -> tuple[datetime, str]:
    return parse_time(run["created_at"]) or datetime.max.replace(tzinfo=UTC), str(run["run_name"])


def _check_task(body: dict[str, Any], wanted: str | None) -> None:
    names = [task["name"] for task in body["tasks"] if task["kind"] != "root"]
    known = {*names, *(task["task_id"] for task in body["tasks"])}
    if wanted is not None and wanted not in known and (names or has_ended(body)):
        raise AdapterFailed(f"The run has no task {wanted}; its tasks are: {', '.join(names) or 'none'}")


def _read(
    adapter: Adapter, body: dict[str, Any], wanted: str | None, tail: int | None, show_line: _LinePrinter
) -> None:
    tasks = tasks_with_logs(body, wanted)
    if not tasks:
        reasons = "; ".join(body.get("unavailable") or [])
        raise AdapterFailed(f"There is no log yet{': ' + reasons if reasons else ''}")
    for task in tasks:
        content = read_log(adapter, body["run_id"], task["task_id"], tail) or b""
        for text in content.decode(errors="replace").removesuffix("\n").split("\n") if content else []:
            show_line(LogLine(task_id=task["task_id"], task=task["name"], text=text))


def _follow(follower: RunFollower, show_line: _LinePrinter) -> None:
    is_over = False
    while not is_over:
        run, lines = follower.look()
        for line in lines:
            show_line(line)
        is_over = has_ended(run)
        if not is_over:
            time.sleep(FOLLOW_SECONDS)
