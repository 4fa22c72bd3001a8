"""`kfadapter runs`: what came out: comparisons, timelines, artifacts, labels, events."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from kfadapter.cli.http import AdapterFailed, open_adapter, segment
from kfadapter.cli.names import run_id_of
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import heading, print_json, screen, show_facts, show_table, state_text, value_text
from kfadapter.cli.times import duration

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's name, its id, or the beginning of its id.")]
NAME = re.compile(r"filename=\"([A-Za-z0-9._-]+)\"")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (compare, timeline, artifacts, download, label, events):
        app.command()(command)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two or more, by name or id.")],
    every: Annotated[bool, typer.Option("--all", help="Also what is equal in all of them.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show runs side by side: the arguments, metrics and tasks in which they differ."""
    with open_adapter(url) as adapter:
        ids = [run_id_of(adapter, one) for one in runs]
        body, text = adapter.fetch("GET", "/v1/runs:compare", params={"ids": ids})
    if as_json:
        print_json(text)
        return
    console = screen()
    columns = ("", *(f"RUN {number}" for number in range(1, len(ids) + 1)))
    show_table(
        console,
        columns,
        [
            ("run", *(one["name"] for one in body["runs"])),
            ("state", *(state_text(one["state"]) for one in body["runs"])),
            ("took", *(duration(seconds) for seconds in body["seconds"])),
        ],
        nothing="",
    )
    for title in ("arguments", "metrics"):
        rows = [(row["name"], *map(value_text, row["values"])) for row in body[title] if every or row["differs"]]
        if rows:
            heading(console, title.capitalize())
            show_table(console, columns, rows, nothing="")
    tasks = [
        (row["name"], *(_state(state, took) for state, took in zip(row["states"], row["seconds"], strict=True)))
        for row in body["tasks"]
        if every or row["differs"]
    ]
    if tasks:
        heading(console, "Tasks")
        show_table(console, columns, tasks, nothing="")


def timeline(run: Run, url: Url = None, as_json: Json = False) -> None:
    """Show when each task ran, and which ones decided how long the run took."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"/v1/runs/{run_id_of(adapter, run)}/timeline")
    if as_json:
        print_json(text)
        return
    console = screen()
    rows = [
        (
            Text(f"{'» ' if row['on_slowest_path'] else '  '}{row['name']}"),
            state_text(row["state"]),
            duration(row["starts_at_seconds"]),
            duration(row["seconds"]),
        )
        for row in body["rows"]
        if row["kind"] != "root"
    ]
    show_table(console, ("TASK", "STATE", "STARTS AT", "TOOK"), rows, nothing="No task has begun.")
    facts = [("run", duration(body["seconds"])), ("slowest path", " → ".join(body["slowest_path"]))]
    show_facts(console, facts)


def artifacts(run: Run, url: Url = None, as_json: Json = False) -> None:
    """List what a run's tasks have made."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"/v1/runs/{run_id_of(adapter, run)}/artifacts")
    if as_json:
        print_json(text)
        return
    console = screen()
    rows = [(f"{one['task']}.{one['output']}", one["type"], one["uri"]) for one in body["artifacts"]]
    reasons = "; ".join(gap["reason"] for gap in body["unavailable"])
    show_table(console, ("ARTIFACT", "TYPE", "ADDRESS"), rows, nothing=reasons or "The run has made none.")


def download(
    run: Run,
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="Its name, as `train.model` or `model`.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; `-` is standard output.")
    ] = None,
    url: Url = None,
) -> None:
    """Fetch an artifact's content into a file of its own name, which must not be there yet."""
    with open_adapter(url) as adapter:
        path = f"/v1/runs/{run_id_of(adapter, run)}/artifacts/{segment(artifact)}"
        with adapter.stream(path, headers={"accept": "*/*"}) as response:
            if output == Path("-"):
                for block in response.iter_bytes():
                    sys.stdout.buffer.write(block)
                return
            found = NAME.search(response.headers.get("content-disposition", ""))
            place = output or Path(Path(found[1] if found else "artifact").name)
            try:
                with place.open("wb" if output else "xb") as file:
                    size = sum(file.write(block) for block in response.iter_bytes())
            except FileExistsError as exc:
                raise AdapterFailed(f"{place} is there already; name another file with --output") from exc
            except OSError as exc:
                raise AdapterFailed(f"{place} cannot be written: {exc.strerror}") from exc
    print(f"{place}: {size} bytes", file=sys.stderr)


def label(
    run: Run,
    labels: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Labels; `KEY-` removes one.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Add, change and remove labels of a run."""
    changes: dict[str, Any] = dict(map(_change, labels))
    with open_adapter(url) as adapter:
        run_id = run_id_of(adapter, run)
        body, text = adapter.fetch("PATCH", f"/v1/runs/{run_id}", json={"labels": changes})
    if as_json:
        print_json(text)
        return
    screen().print(", ".join(f"{key}={value}" for key, value in body["labels"].items()) or "no labels", markup=False)


def events(
    run: Run,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what happens from now on.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many of the past.")] = 100,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show what has happened to a run."""
    from kfadapter.cli.events import Wanted, show_events

    with open_adapter(url) as adapter:
        run_id = run_id_of(adapter, run)
    show_events(url, Wanted(criteria={"run": [run_id]}), limit=limit, is_followed=follow, as_json=as_json)


def _state(state: str | None, took: float | None) -> Text:
    if state is None:
        return Text("")
    return state_text(state).append(f" {duration(took)}" if took is not None else "")


def _change(text: str) -> tuple[str, str | None]:
    key, sign, value = text.partition("=")
    if sign and key:
        return key, value
    if text.endswith("-") and len(text) > 1:
        return text[:-1], None
    raise typer.BadParameter(f"{text!r} is written neither KEY=VALUE nor KEY-", param_hint="KEY=VALUE")
