"""`kfadapter pipelines`: what can be run."""

import sys
from typing import Annotated

import typer

from kfadapter.cli.http import open_adapter, segment
from kfadapter.cli.names import LATEST, pipeline_id_of, pipeline_path, version_path
from kfadapter.cli.options import Json, Url, VersionOption, Wanted
from kfadapter.cli.packages import read_package
from kfadapter.cli.pipelinepage import show_pipeline
from kfadapter.cli.pipelineviews import app as views
from kfadapter.cli.tables import print_json, printable, screen, show_table
from kfadapter.cli.times import moment

SUFFIXES = (".tar.gz", ".tgz", ".yaml", ".yml", ".json", ".zip")

app = typer.Typer(
    help="Pipelines: what they take, what comes out, what they run, what changed; upload and delete.",
    no_args_is_help=True,
)


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
def show(name: Wanted, version: VersionOption = LATEST, url: Url = None, as_json: Json = False) -> None:
    """Show a pipeline: what it takes, what comes out, its steps, what they run, and its versions."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", pipeline_path(name))
        shown = body["latest_version"]
        if version != LATEST:
            shown, text = adapter.fetch("GET", version_path(body["pipeline_id"], version))
        if as_json:
            print_json(text)
            return
        below = f"/v1/pipelines/{body['pipeline_id']}/versions"
        versions, _ = adapter.fetch("GET", below)
        graph, _ = adapter.fetch("GET", f"{below}/{shown['pipeline_version_id']}/graph.json") if shown else ({}, "")
    show_pipeline(screen(), body, shown, graph, versions)


@app.command()
def upload(
    file: Annotated[str, typer.Argument(help="A compiled pipeline, yaml, json, zip or tar.gz: a path or a URL.")],
    name: Annotated[
        str | None, typer.Option(help="The pipeline's name; without it the file's. A known name gets a new version.")
    ] = None,
    description: Annotated[str, typer.Option(help="What the pipeline is for.")] = "",
    version: Annotated[str, typer.Option(help="The version's name; without it the next number.")] = "",
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Add nothing when the newest version has the same content.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Upload a compiled pipeline: a new one, or the next version of one."""
    package = read_package(file)
    asked = {"name": name or _stem(package.name), "description": description, "version": version}
    params = {**{key: value for key, value in asked.items() if value}, **({"if_changed": "true"} if if_changed else {})}
    with open_adapter(url) as adapter:
        body, text = adapter.fetch(
            "POST", "/v1/pipelines", params=params, files={"file": (package.name, package.content)}
        )
    if as_json:
        print_json(text)
        return
    pipeline, made = body["pipeline"], printable(body["version"]["display_name"])
    says = f"has not changed: it is version {made}" if body["unchanged"] else f"has version {made} now"
    screen().print(f"{printable(pipeline['display_name'])} {says} ({pipeline['pipeline_id']})", markup=False)


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


app.add_typer(views)


def _stem(name: str) -> str:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is nobody to ask; say --yes", param_hint="--yes")
    typer.confirm(question, abort=True, err=True)
