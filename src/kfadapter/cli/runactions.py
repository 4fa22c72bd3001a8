"""`kfadapter runs`: starting, waiting, stopping, taking up again."""

import json
from typing import Annotated, Any
from uuid import uuid4

import typer

from kfadapter.cli.http import Adapter, open_adapter
from kfadapter.cli.names import run_id_of
from kfadapter.cli.options import ArgumentOption, Json, Timeout, Url, WaitOption, read_argument
from kfadapter.cli.runwaiting import await_run, to_stderr
from kfadapter.cli.tables import print_json, printable, screen, show_facts, value_text

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's name, its id, or the beginning of its id.")]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label; may be given many times.")
]
VersionOption = Annotated[str, typer.Option(help="The version's name or id.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (start, wait, stop, retry, clone):
        app.command()(command)


def start(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="The pipeline's name or id.")],
    version: VersionOption = "latest",
    arg: ArgumentOption = None,
    experiment: Annotated[str, typer.Option(help="The experiment's name or id.")] = "",
    create_experiment: Annotated[bool, typer.Option("--create-experiment", help="Create it when missing.")] = False,
    name: Annotated[str, typer.Option(help="The run's name.")] = "",
    label: LabelOption = None,
    key: Annotated[
        str, typer.Option(help="An Idempotency-Key: repeated with the same, the command starts no second run.")
    ] = "",
    wait: WaitOption = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a run of a pipeline. Arguments are texts and become what the pipeline declares."""
    wanted = {
        "pipeline": pipeline,
        "version": version,
        "arguments": dict(map(read_argument, arg or [])),
        "experiment": experiment,
        "create_experiment": create_experiment,
        "display_name": name,
        "labels": dict(map(_label, label or [])),
    }
    with open_adapter(url) as adapter:
        # A key of this call's own: when the answer is lost on its way, asking again starts no second run.
        headers = {"Idempotency-Key": json.dumps(key or str(uuid4()))}
        body, text = adapter.fetch("POST", "/v1/runs", json=wanted, headers=headers)
        _started(adapter, body, text, is_awaited=wait, timeout=timeout, as_json=as_json)


def wait(run: Run, timeout: Timeout = None, url: Url = None, as_json: Json = False) -> None:
    """Wait until a run has ended. Ends with 0 when it succeeded, 3 failed, 4 canceled, 5 when the time is over."""
    with open_adapter(url) as adapter:
        await_run(adapter, run_id_of(adapter, run), timeout, as_json=as_json)


def stop(run: Run, url: Url = None, as_json: Json = False) -> None:
    """Stop a run. The Training Manager is told of its end."""
    with open_adapter(url) as adapter:
        run_id = run_id_of(adapter, run)
        body, text = adapter.fetch("POST", f"/v1/runs/{run_id}:terminate")
    if as_json:
        print_json(text)
    else:
        screen().print(f"{run_id} is told to stop; it is {printable(str(body['state']))} now", markup=False)


def retry(run: Run, wait: WaitOption = False, timeout: Timeout = None, url: Url = None, as_json: Json = False) -> None:
    """Let a failed run go on where it failed; where Kubeflow cannot, start it anew with a link to the first."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"/v1/runs/{run_id_of(adapter, run)}:retry")
        if wait:
            await_run(adapter, body["run_id"], timeout, as_json=as_json)
    if as_json:
        print_json(text)
        return
    how = "goes on" if body["by"] == "server" else f"takes its place ({body['reason']})"
    screen().print(f"{body['run_id']} {printable(how)}", markup=False)


def clone(
    run: Run,
    arg: ArgumentOption = None,
    version: Annotated[str, typer.Option(help="Another version of the pipeline, by name or id.")] = "",
    experiment: Annotated[str, typer.Option(help="Another experiment, by name or id.")] = "",
    name: Annotated[str, typer.Option(help="The new run's name.")] = "",
    wait: WaitOption = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a copy of a run, with some arguments changed."""
    changes = {
        "arguments": dict(map(read_argument, arg or [])),
        "version": version,
        "experiment": experiment,
        "display_name": name,
    }
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"/v1/runs/{run_id_of(adapter, run)}:clone", json=changes)
        _started(adapter, body, text, is_awaited=wait, timeout=timeout, as_json=as_json)


def _started(
    adapter: Adapter, body: dict[str, Any], text: str, *, is_awaited: bool, timeout: float | None, as_json: bool
) -> None:
    if is_awaited:
        to_stderr(f"run {printable(body['display_name'])} ({body['run_id']}) is started")
        await_run(adapter, body["run_id"], timeout, as_json=as_json)
    if as_json:
        print_json(text)
        return
    arguments = body["effective_arguments"] or body["arguments"]
    show_facts(
        screen(),
        [
            ("run", f"{body['display_name']} ({body['run_id']})"),
            ("state", str(body["state"])),
            ("arguments", ", ".join(f"{key}={value_text(value)}" for key, value in arguments.items())),
        ],
    )


def _label(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise typer.BadParameter(f"{text!r} is not written KEY=VALUE", param_hint="--label")
    return key, value
