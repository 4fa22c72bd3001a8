"""`kfadapter runs`: what has run, what runs, and what it prints."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kfadapter.cli import runactions, runresults
from kfadapter.cli.following import LogLine, has_ended, read_log, started_at, tasks_with_logs
from kfadapter.cli.http import Adapter, AdapterFailed, open_adapter
from kfadapter.cli.logstream import follow_log
from kfadapter.cli.names import run_id_of
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import (
    heading,
    one_line,
    print_json,
    printable,
    run_id_text,
    screen,
    show_facts,
    show_gaps,
    show_table,
    state_text,
    value_text,
)
from kfadapter.cli.times import duration, moment, seconds_between

PAGE_SIZE = 200

app = typer.Typer(help="Runs: start them, follow them, compare them, fetch what they made.", no_args_is_help=True)

runactions.register(app)
runresults.register(app)

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
def list_runs(
    pipeline: Annotated[str | None, typer.Option(help="Only those of this pipeline, by name or id.")] = None,
    version: Annotated[str | None, typer.Option(help="Only those of this version, by name or id.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Only those in this experiment, by name or id.")] = None,
    job: Annotated[str | None, typer.Option(help="Only those of this training job.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only those in this state; may be given many times.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY[=VALUE]", help="Only those with this label; many times: all.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Only those with this in name, description or id.")] = None,
    sort: Annotated[str, typer.Option(help="created_at, finished_at, name or state; and then asc or desc.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    query = {
        "pipeline": pipeline,
        "version": version,
        "experiment": experiment,
        "job": job,
        "state": state,
        "label": label,
        "text": text,
        "sort_by": sort,
    }
    with open_adapter(url) as adapter:
        body = _listed(adapter, {name: value for name, value in query.items() if value}, limit)
    if as_json:
        print_json(json.dumps(body))
        return
    _show_list(body)


def _listed(adapter: Adapter, query: dict[str, Any], limit: int) -> dict[str, Any]:
    """So many runs, of as many pages as that takes."""
    runs: list[dict[str, Any]] = []
    token = ""
    while True:
        page = {"page_size": min(limit - len(runs), PAGE_SIZE), "page_token": token}
        body, _ = adapter.fetch("GET", "/v1/runs", params={**query, **page})
        runs += body["runs"]
        token = body["next_page_token"]
        if not token or len(runs) >= limit:
            return {**body, "runs": runs}


def _show_list(body: dict[str, Any]) -> None:
    now, console = datetime.now(UTC), screen()
    rows = [
        (
            one["name"],
            state_text(one["state"]),
            one["pipeline_name"] or one["pipeline_id"] or "",
            one["pipeline_version_name"] or "",
            moment(one["created_at"]),
            duration(seconds_between(one["created_at"], one["finished_at"], now)),
            run_id_text(console, one["run_id"]),
        )
        for one in body["runs"]
    ]
    nothing = "There are no such runs. Start one with 'kfadapter runs start PIPELINE'."
    columns = ("NAME", "STATE", "PIPELINE", "VERSION", "CREATED (UTC)", "TOOK", "ID")
    show_table(console, columns, rows, nothing=nothing)
    index = body["index"]
    if not index["complete"]:
        since = moment(index["indexed_back_to"])
        until = f"older runs than {since} may be missing" if since else "no run is listed yet"
        screen(to_stderr=True).print(f"The list is still being filled: {until}.", markup=False)


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
            for line in follow_log(adapter, run_id, task=task, tail=tail):
                show_line(line)
        else:
            _read(adapter, body, task, tail, show_line)


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
            ("pipeline", _pipeline_text(body)),
            ("experiment", body.get("experiment_name") or ""),
            ("labels", ", ".join(f"{key}={value}" for key, value in (body.get("labels") or {}).items())),
            ("made from", _origin_text(body)),
            ("created", moment(body["created_at"])),
            ("took", duration(seconds_between(body["created_at"], body.get("finished_at"), now))),
        ],
    )
    if arguments := body.get("effective_arguments") or body["arguments"]:
        heading(console, "Arguments")
        show_facts(console, [(name, value_text(value)) for name, value in arguments.items()])
    if metrics := body.get("metrics"):
        heading(console, "Metrics")
        show_facts(console, [(name, value_text(value)) for name, value in metrics.items()])
    heading(console, "Tasks")
    show_tasks(console, body["tasks"], now)
    _show_failures(console, body["tasks"])
    _show_failure(console, body.get("failure") or {})
    for one in body.get("waiting") or []:
        reasons = "; ".join(f"{why['reason']} {why['message']}".strip() for why in one["pod"]["reasons"])
        console.print(Text(f"{printable(one['task'])} waits: {one_line(reasons) or 'its pod has not begun'}"))
    show_gaps(console, body.get("unavailable") or [])


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


def _show_failure(console: Console, failure: dict[str, Any]) -> None:
    """The last lines of the task that failed, and what became of its pod."""
    pod = failure.get("pod") or {}
    for why in [*(pod.get("reasons") or []), *(pod.get("events") or [])]:
        console.print(Text(f"pod: {one_line(why['reason'])}: {one_line(why['message'] or '')}", style="red"))
    if lines := failure.get("log_tail"):
        heading(console, f"The last lines of {failure['task']}")
        for line in lines:
            console.print(Text(printable(line)), soft_wrap=True)


def _pipeline_text(body: dict[str, Any]) -> str:
    name = body.get("pipeline_name") or body.get("pipeline_id") or ""
    version = body.get("pipeline_version_name") or body.get("pipeline_version_id") or ""
    return f"{name}, version {version}" if name and version else name


def _origin_text(body: dict[str, Any]) -> str:
    origin = body.get("made_from")
    return f"{origin['run_id']} ({origin['verb']})" if origin else ""


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
        reasons = "; ".join(gap["reason"] for gap in body.get("unavailable") or [])
        raise AdapterFailed(f"There is no log yet{': ' + reasons if reasons else ''}")
    for task in tasks:
        content = read_log(adapter, body["run_id"], task["task_id"], tail) or b""
        for text in content.decode(errors="replace").removesuffix("\n").split("\n") if content else []:
            show_line(LogLine(task_id=task["task_id"], task=task["name"], text=text))
