"""`kfadapter pipelines`: what can be run."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kfadapter.cli.http import Adapter, AdapterFailed, open_adapter, segment
from kfadapter.cli.names import pipeline_id_of
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import (
    heading,
    one_line,
    print_json,
    printable,
    screen,
    show_facts,
    show_table,
    value_text,
)
from kfadapter.cli.times import moment

SUFFIXES = (".tar.gz", ".tgz", ".yaml", ".yml", ".json", ".zip")

app = typer.Typer(help="Pipelines: list them, read what they declare, upload and delete.", no_args_is_help=True)

Wanted = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name or id.")]


@app.command("list")
def list_pipelines(url: Url = None, as_json: Json = False) -> None:
    """List all pipelines, oldest first."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", "/pipelines")
    if as_json:
        print_json(text)
        return
    rows = [
        (one["display_name"], moment(one["created_at"]), one["description"] or "", one["pipeline_id"])
        for one in body["pipelines"]
    ]
    nothing = "There are no pipelines yet. Upload one with 'kfadapter pipelines upload FILE'."
    show_table(screen(), ("NAME", "CREATED (UTC)", "DESCRIPTION", "ID"), rows, nothing=nothing)


@app.command()
def show(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Show a pipeline: the inputs its latest version declares, and its versions."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"/pipelines/{segment(pipeline_id_of(adapter, name))}")
    if as_json:
        print_json(text)
    else:
        show_pipeline(screen(), body)


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A compiled pipeline: yaml, json, zip or tar.gz.")],
    name: Annotated[
        str | None, typer.Option(help="The pipeline's name; without it the file's. A known name gets a new version.")
    ] = None,
    description: Annotated[str, typer.Option(help="What the pipeline is for.")] = "",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Upload a compiled pipeline: a new one, or the next version of one."""
    try:
        content = file.read_bytes()
    except OSError as exc:
        raise AdapterFailed(f"cannot read {file}: {exc.strerror}") from exc
    with open_adapter(url) as adapter:
        body, text = _upload(adapter, name or _stem(file), file.name, content, description)
    if as_json:
        print_json(text)
    else:
        version = printable(str(body["version_name"]))
        screen().print(f"{printable(body['name'])} has version {version} now ({body['id']})", markup=False)


@app.command()
def delete(
    name: Wanted,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete a pipeline with all its versions."""
    with open_adapter(url) as adapter:
        pipeline_id = pipeline_id_of(adapter, name)
        if not yes:
            _confirm(f"Delete pipeline {printable(name)} with all its versions?")
        _, text = adapter.fetch("DELETE", f"/pipelines/{segment(pipeline_id)}")
    if as_json:
        print_json(text)
    else:
        screen().print(f"{printable(name)} is deleted", markup=False)


def show_pipeline(console: Console, body: dict[str, Any]) -> None:
    """A pipeline as a page: facts, inputs, versions."""
    latest = body.get("default_version") or {}
    show_facts(
        console,
        [
            ("name", body["name"]),
            ("id", body["id"]),
            ("description", body.get("description") or ""),
            ("created", moment(body.get("created_at"))),
            ("latest version", latest.get("name") or "none"),
        ],
    )
    heading(console, "Inputs")
    show_inputs(console, body["parameters"])
    heading(console, "Versions")
    rows = [(one["name"], moment(one["created_at"]), one["description"] or "", one["id"]) for one in body["versions"]]
    show_table(console, ("NAME", "CREATED (UTC)", "DESCRIPTION", "ID"), rows, nothing="There are none.")


def show_inputs(console: Console, parameters: list[dict[str, Any]]) -> None:
    """The inputs a pipeline declares: name, type, whether it is required or what it is otherwise, description."""
    rows = [(one["name"], one["type"], requirement(one), _meaning(one)) for one in required_first(parameters)]
    columns = ("INPUT", "TYPE", "DEFAULT", "DESCRIPTION")
    show_table(console, columns, rows, nothing="It takes no inputs.")


def required_first(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must be given, then what may be."""
    return sorted(parameters, key=lambda one: not one["required"])


def requirement(parameter: dict[str, Any]) -> str:
    """`required`, or the default, or `optional` where there is neither."""
    if parameter["required"]:
        return "required"
    return "optional" if parameter.get("default") is None else value_text(parameter["default"])


def _meaning(parameter: dict[str, Any]) -> str:
    allowed = parameter.get("allowed")
    limits = f"one of {', '.join(map(value_text, allowed))}" if allowed else ""
    return "; ".join(part for part in (one_line(parameter.get("description") or ""), limits) if part)


def _upload(adapter: Adapter, name: str, file_name: str, content: bytes, description: str) -> tuple[Any, str]:
    return adapter.fetch(
        "POST",
        f"/pipelineIds/{segment(name)}",
        files={"file": (file_name, content)},
        data={"description": description},
    )


def _stem(file: Path) -> str:
    for suffix in SUFFIXES:
        if file.name.lower().endswith(suffix) and len(file.name) > len(suffix):
            return file.name[: -len(suffix)]
    return file.name


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is nobody to ask; say --yes", param_hint="--yes")
    typer.confirm(question, abort=True, err=True)
