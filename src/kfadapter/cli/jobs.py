"""`kfadapter jobs`: training jobs, as the Training Manager starts them and is told of their ends."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from kfadapter.cli.http import Adapter, AdapterFailed, open_adapter, segment
from kfadapter.cli.names import pipeline_name_of
from kfadapter.cli.options import ArgumentOption, Json, Timeout, Url, WaitOption, read_argument
from kfadapter.cli.runwaiting import await_run, to_stderr
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
from kfadapter.cli.times import duration, moment, seconds_between

app = typer.Typer(help="Training jobs: start them, follow them, see who was told.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="ID", help="The training job's id.")]


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None, typer.Option(help="Only jobs whose latest run is in this state; may be given many times.")
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only jobs of this pipeline, by name or id.")] = None,
    told: Annotated[
        list[str] | None, typer.Option(help="Only jobs whose notification is pending, delivered, dead or cancelled.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the training jobs with the state of their latest run."""
    wanted: dict[str, Any] = {"state": state, "pipeline": pipeline, "notification": told}
    with open_adapter(url) as adapter:
        jobs, text = _every_job(adapter, {name: value for name, value in wanted.items() if value})
    if as_json:
        print_json(text)
        return
    console = screen()
    rows = [_job_row(console, job) for job in jobs]
    columns = ("JOB", "STATE", "PIPELINE", "VERSION", "RUNS", "STARTED (UTC)", "TOLD", "RUN")
    nothing = "There are no such training jobs." if any(wanted.values()) else "There are no training jobs yet."
    show_table(console, columns, rows, nothing=nothing)


@app.command()
def show(job_id: JobId, url: Url = None, as_json: Json = False) -> None:
    """Show a training job: its runs, newest first, and what the Training Manager was told."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"/v1/training-jobs/{segment(job_id)}")
    if as_json:
        print_json(text)
        return
    console = screen()
    for number, run in enumerate(body["runs"]):
        if number:
            console.print()
        _show_run(console, job_id, run)


@app.command()
def start(
    job_id: JobId,
    pipeline: Annotated[str, typer.Option(help="The pipeline's name or id.")],
    version: Annotated[str, typer.Option(help="The version's name.")] = "latest",
    experiment: Annotated[str, typer.Option(help="The experiment's name.")] = "Default",
    arg: ArgumentOption = None,
    wait: WaitOption = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a run for a training job, as the Training Manager does."""
    arguments = dict(read_argument(one) for one in arg or [])
    with open_adapter(url) as adapter:
        body, text = adapter.fetch(
            "POST",
            f"/trainingjobs/{segment(job_id)}/execution",
            json={
                "pipeline_name": pipeline_name_of(adapter, pipeline),
                "pipeline_version": version,
                "experiment_name": experiment,
                "arguments": arguments,
            },
        )
        if wait:
            if not as_json:
                to_stderr(f"training job {printable(job_id)} is started: run {body['run_id']}")
            await_run(adapter, str(body["run_id"]), timeout, as_json=as_json)
    if as_json:
        print_json(text)
    else:
        _show_started(screen(), body)


@app.command()
def redeliver(
    job_id: JobId,
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", help="The notification's number; the job's latest.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Tell the Training Manager once more how a training job's run ended."""
    with open_adapter(url) as adapter:
        job = f"/v1/training-jobs/{segment(job_id)}"
        sequence = _latest_notification(adapter, job) if number is None else number
        body, text = adapter.fetch("POST", f"{job}/notifications/{sequence}:redeliver")
    if as_json:
        print_json(text)
    else:
        line = f"notification {sequence} of training job {printable(job_id)} ({body['run_status']}) is sent again"
        screen().print(line, markup=False)


def _latest_notification(adapter: Adapter, job: str) -> int:
    body, _ = adapter.fetch("GET", f"{job}/notifications")
    if not body["notifications"]:
        raise AdapterFailed("the training job has no notification yet")
    return int(body["notifications"][-1]["sequence"])


def _every_job(adapter: Adapter, wanted: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """All training jobs; the text is the adapter's own when one page held them, and its shape otherwise."""
    body, text = adapter.fetch("GET", "/v1/training-jobs", params=wanted)
    jobs = list(body["training_jobs"])
    if not body.get("next_page_token"):
        return jobs, text
    while token := body.get("next_page_token"):
        body, _ = adapter.fetch("GET", "/v1/training-jobs", params={**wanted, "page_token": token})
        jobs += body["training_jobs"]
    return jobs, json.dumps({**body, "training_jobs": jobs})


def _job_row(console: Console, job: dict[str, Any]) -> tuple[Any, ...]:
    latest: dict[str, Any] = next(iter(job["runs"]), {})
    told = [printable(one["state"]) for one in latest.get("notifications") or []]
    return (
        job["training_job_id"],
        state_text(job["state"]),
        latest.get("pipeline_name") or "",
        latest.get("pipeline_version") or "",
        str(job["run_count"]),
        moment(job["started_at"]),
        ", ".join(told),
        run_id_text(console, latest.get("run_id") or ""),
    )


def _show_run(console: Console, job_id: str, run: dict[str, Any]) -> None:
    show_facts(
        console,
        [
            ("training job", f"{job_id}, run {run['attempt']}"),
            ("run", f"{run['name']} ({run['run_id']})"),
            ("state", state_text(run["state"])),
            ("reason", run["reason"] or ""),
            ("pipeline", f"{run['pipeline_name']}, version {run['pipeline_version']}"),
            ("experiment", run["experiment_name"]),
            ("started", moment(run["intended_at"])),
            ("took", duration(seconds_between(run["created_at"], run["finished_at"]))),
            ("arguments", _pairs(run["effective_arguments"])),
            ("ignored", ", ".join(run["ignored_arguments"])),
            ("superseded by", run["superseded_by"] or ""),
        ],
    )
    if run["notifications"]:
        heading(console, "Told to the Training Manager")
        rows = [row for one in run["notifications"] for row in _delivery_rows(one)]
        show_table(console, ("STATE", "RUN STATUS", "AT (UTC)", "OUTCOME", "ANSWER"), rows, nothing="")


def _delivery_rows(notification: dict[str, Any]) -> list[tuple[Any, ...]]:
    """One row a try, and one for a notification that was not tried yet."""
    state, status = state_text(notification["state"]), str(notification["run_status"])
    deliveries = notification["deliveries"]
    if not deliveries:
        return [(state, status, moment(notification["not_before"]), "not sent yet", "")]
    return [
        (state, status, moment(one["ended_at"]), one["outcome"], f"{one['status'] or ''} {one['answer']}".strip())
        for one in deliveries
    ]


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in values.items())


def _show_started(console: Console, body: dict[str, Any]) -> None:
    console.print(f"training job {printable(body['trainingjob_id'])} is {body['run_status']}", markup=False)
    ignored = body["ignored_arguments"]
    show_facts(
        console,
        [
            ("run", f"{body['run_name']} ({body['run_id']})"),
            ("pipeline", f"{body['pipeline_name']}, version {body['pipeline_version']}"),
            ("experiment", body["experiment_name"]),
            ("arguments", _pairs(body["effective_arguments"])),
            ("ignored", ", ".join(ignored)),
        ],
    )
