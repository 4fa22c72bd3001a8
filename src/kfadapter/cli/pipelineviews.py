"""The commands that read one version of a pipeline, and compare two: part of `kfadapter pipelines`."""

import json
import tempfile
import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kfadapter.cli.http import open_adapter
from kfadapter.cli.names import LATEST, version_below
from kfadapter.cli.options import ArgumentOption, Json, Url, VersionOption, Wanted, read_argument
from kfadapter.cli.packages import read_package, write_out
from kfadapter.cli.pipelinepage import show_versions, some_names
from kfadapter.cli.tables import (
    heading,
    one_line,
    print_json,
    printable,
    screen,
    show_facts,
    show_gaps,
    show_table,
    value_text,
)

EXIT_NO = 3
"""The command worked, and the answer is no: invalid, breaking, not accepted."""

app = typer.Typer()


class GraphFormat(StrEnum):
    """What a graph is written as."""

    MERMAID = "mermaid"
    SVG = "svg"
    DOT = "dot"
    JSON = "json"

    @property
    def suffix(self) -> str:
        return "mmd" if self is GraphFormat.MERMAID else self.value


class SpecFormat(StrEnum):
    """What a specification is written as."""

    YAML = "yaml"
    JSON = "json"


Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file to write to; standard output without it.")]


@app.command()
def versions(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """List the versions of a pipeline, newest first."""
    with open_adapter(url) as adapter:
        below = version_below(adapter, name).rpartition("/")[0]
        found: list[Any] = []
        token: str | None = ""
        text = ""
        while token is not None:
            body, text = adapter.fetch("GET", below, params={"page_size": 200, "page_token": token})
            found += body["pipeline_versions"]
            token = body["next_page_token"]
    if as_json:
        print_json(text if len(found) == len(body["pipeline_versions"]) else json.dumps({**body, **_all(found)}))
    else:
        show_versions(screen(), found)


@app.command()
def graph(
    name: Wanted,
    version: VersionOption = LATEST,
    form: Annotated[GraphFormat, typer.Option("--format", help="What to write.")] = GraphFormat.MERMAID,
    output: Output = None,
    should_open: Annotated[bool, typer.Option("--open", help="Show the picture in the browser.")] = False,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draw a pipeline's steps and what leads to what."""
    chosen = GraphFormat.JSON if as_json else form
    if should_open and not as_json:
        chosen = GraphFormat.SVG
    with open_adapter(url) as adapter:
        below = version_below(adapter, name, version)
        content = adapter.send("GET", f"{below}/graph.{chosen.suffix}", headers={"Accept": "*/*"}).content
    if should_open and output is None:
        output = Path(tempfile.mkdtemp(prefix="kfadapter-")) / f"graph.{chosen.suffix}"
    write_out(content, output)
    if should_open and output is not None:
        webbrowser.open(output.resolve().as_uri())
        screen().print(f"written to {output}", markup=False)


@app.command()
def download(
    name: Wanted,
    version: VersionOption = LATEST,
    form: Annotated[SpecFormat, typer.Option("--format", help="What to write.")] = SpecFormat.YAML,
    output: Output = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Write the compiled pipeline as it was uploaded."""
    suffix = "json" if as_json else form.value
    with open_adapter(url) as adapter:
        below = version_below(adapter, name, version)
        content = adapter.send("GET", f"{below}/spec.{suffix}", headers={"Accept": "*/*"}).content
    write_out(content, output)


@app.command()
def schema(name: Wanted, version: VersionOption = LATEST, url: Url = None, as_json: Json = False) -> None:
    """Print the JSON Schema of the arguments: a form can be built from it."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"{version_below(adapter, name, version)}/schema", headers={"Accept": "*/*"})
    print_json(text if as_json else json.dumps(body, indent=2, ensure_ascii=False))


@app.command()
def diff(
    name: Wanted,
    old: Annotated[str, typer.Argument(metavar="FROM", help="The old version: name, id, or latest.")],
    new: Annotated[str, typer.Argument(metavar="TO", help="The new version: name, id, or latest.")] = LATEST,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 when jobs with today's arguments would break.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two versions, and whether jobs with today's arguments still start."""
    with open_adapter(url) as adapter:
        below = version_below(adapter, name).rpartition("/versions/")[0]
        body, text = adapter.fetch("GET", f"{below}/diff", params={"from": old, "to": new})
    if as_json:
        print_json(text)
    else:
        show_difference(screen(), body)
    if exit_code and body["verdict"] == "breaking":
        raise typer.Exit(EXIT_NO)


@app.command()
def validate(
    file: Annotated[str, typer.Argument(help="A compiled pipeline, yaml, json, zip or tar.gz: a path or a URL.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Check a compiled pipeline on this machine; no adapter is needed. Ends with 3 when something is wrong."""
    from kfadapter.pipelines.description import describe
    from kfadapter.pipelines.lint import lint
    from kfadapter.pipelines.validation import validate as check

    package = read_package(file)
    report = check(package.content)
    remarks = []
    if report.is_valid and report.document is not None:
        remarks = [remark.to_json() for remark in lint(describe(report.document))]
    body = {**report.to_json(), "warnings": remarks}
    if as_json:
        print_json(json.dumps(body, ensure_ascii=False))
    else:
        _show_report(screen(), package.name, body)
    if not report.is_valid:
        raise typer.Exit(EXIT_NO)


@app.command("check-arguments")
def check_arguments(
    name: Wanted,
    arg: ArgumentOption = None,
    version: VersionOption = LATEST,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Tell what would become of arguments, as the Training Manager would send them; nothing is started.

    Ends with 3 when a job with them would be refused.
    """
    arguments = dict(read_argument(one) for one in arg or [])
    with open_adapter(url) as adapter:
        path = f"{version_below(adapter, name, version)}:checkArguments"
        body, text = adapter.fetch("POST", path, json={"arguments": arguments})
    if as_json:
        print_json(text)
    else:
        _show_arguments(screen(), body)
    if not body["accepted"]:
        raise typer.Exit(EXIT_NO)


@app.command()
def preflight(name: Wanted, version: VersionOption = LATEST, url: Url = None, as_json: Json = False) -> None:
    """Tell what this Kubeflow, or the engine, could not honour. Ends with 3 when a run would fail for it."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"{version_below(adapter, name, version)}/preflight")
    if as_json:
        print_json(text)
    else:
        console = screen()
        rows = [
            (one["severity"], one["task"] or "", one["feature"], one_line(one["message"])) for one in body["findings"]
        ]
        show_table(
            console, ("SEVERITY", "STEP", "FEATURE", "WHAT"), rows, nothing="Nothing is known to stand in the way."
        )
        show_gaps(console, body["unavailable"])
    if body["ok"] is False:
        raise typer.Exit(EXIT_NO)


def show_difference(console: Console, body: dict[str, Any]) -> None:
    """What changed, section by section."""
    from kfadapter.pipelines.diff import Section

    style = {"breaking": "red", "compatible": "green", "identical": "green"}[body["verdict"]]
    title = Text(f"{printable(body['from']['name'])} → {printable(body['to']['name'])}: ")
    console.print(title.append(body["verdict"], style=style))
    for reason in body["reasons"]:
        console.print(Text(f"  {one_line(reason)}"), soft_wrap=True)
    for section in (one.value for one in Section):
        changes = [change for change in body["changes"].get(section, []) if change["key"] != "digest"]
        if not changes:
            continue
        heading(console, section.replace("_", " ").capitalize())
        for change in changes:
            console.print(Text(f"  {one_line(change['text'])}"), soft_wrap=True)
            if lines := change.get("diff"):
                console.print(Text(printable(lines), style="dim"), soft_wrap=True)


def _show_report(console: Console, name: str, body: dict[str, Any]) -> None:
    if body["valid"]:
        told = "is valid; not every Kubeflow may take what is newer" if body["notes"] else "can be uploaded"
        console.print(f"{printable(name)} {told}", markup=False)
    for problem in body["problems"]:
        where = f"{problem['path']}: " if problem["path"] else ""
        console.print(Text(f"✗ {one_line(where + problem['message'])}", style="red"), soft_wrap=True)
    for note in body["notes"]:
        console.print(Text(f"· {one_line(note['path'] + ': ' + note['message'])}", style="dim"), soft_wrap=True)
    _show_remarks(console, body["warnings"])


def _show_remarks(console: Console, remarks: list[dict[str, str]]) -> None:
    """Each remark once, with all that it holds of: hundreds of steps without a limit are one line."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for remark in remarks:
        places.setdefault((remark["message"], remark["advice"], remark["rule"]), []).append(remark["path"])
    for (message, advice, rule), paths in places.items():
        line = f"! {some_names(paths)}: {message}; {advice} ({rule})"
        console.print(Text(one_line(line), style="yellow"), soft_wrap=True)


def _show_arguments(console: Console, body: dict[str, Any]) -> None:
    for problem in body["problems"]:
        console.print(Text(f"✗ {one_line(problem['message'])}", style="red"), soft_wrap=True)
    if body["accepted"]:
        console.print("A job with these arguments would start.")
    heading(console, "What the pipeline would see")
    show_facts(console, [(name, value_text(value)) for name, value in body["effective"].items()])
    if body["ignored"]:
        heading(console, "Without effect")
        console.print(Text(", ".join(map(printable, body["ignored"]))), soft_wrap=True)


def _all(found: list[Any]) -> dict[str, Any]:
    return {"pipeline_versions": found, "next_page_token": None}
