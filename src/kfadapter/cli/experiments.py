"""`kfadapter experiments`: KFP's folders of runs."""

import json
from typing import Annotated, Any

import typer

from kfadapter.cli.http import Adapter, open_adapter, segment
from kfadapter.cli.names import is_id
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import print_json, printable, screen, show_facts, show_table
from kfadapter.cli.times import moment

app = typer.Typer(help="Experiments: KFP's folders of runs.", no_args_is_help=True)

Wanted = Annotated[str, typer.Argument(metavar="NAME", help="The experiment's name or id.")]


@app.command("list")
def list_experiments(url: Url = None, as_json: Json = False) -> None:
    """List all experiments, oldest first."""
    with open_adapter(url) as adapter:
        found: list[Any] = []
        token: str | None = ""
        body: dict[str, Any] = {}
        text = ""
        while token is not None:
            params = {"page_size": 200, "page_token": token, **({} if token else {"sort_by": "created_at"})}
            body, text = adapter.fetch("GET", "/v1/experiments", params=params)
            found += body["experiments"]
            token = body["next_page_token"]
    if as_json:
        whole = len(found) == len(body["experiments"])
        print_json(text if whole else json.dumps({**body, "experiments": found}))
        return
    rows = [
        (
            one["display_name"],
            one["storage_state"].lower(),
            moment(one["created_at"]),
            moment(one["last_run_created_at"]),
            one["description"] or "",
            one["experiment_id"],
        )
        for one in found
    ]
    columns = ("NAME", "STATE", "CREATED (UTC)", "LAST RUN (UTC)", "DESCRIPTION", "ID")
    show_table(screen(), columns, rows, nothing="There are no experiments.")


@app.command()
def show(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Show an experiment."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", _path(name))
    _print(body, text, as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create an experiment."""
    with open_adapter(url) as adapter:
        new = {"display_name": name, "description": description}
        body, text = adapter.fetch("POST", "/v1/experiments", json=new)
    _print(body, text, as_json)


@app.command()
def archive(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Put an experiment away, with its runs."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"/v1/experiments/{_id_of(adapter, name)}:archive")
    _print(body, text, as_json)


@app.command()
def unarchive(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Take an experiment back; its runs stay archived."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"/v1/experiments/{_id_of(adapter, name)}:unarchive")
    _print(body, text, as_json)


@app.command()
def delete(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Delete an experiment; its runs stay."""
    with open_adapter(url) as adapter:
        experiment_id = _id_of(adapter, name)
        adapter.send("DELETE", f"/v1/experiments/{experiment_id}")
    if as_json:
        print_json(json.dumps({"experiment_id": experiment_id, "status": "Deleted"}))
    else:
        screen().print(f"{printable(name)} is deleted", markup=False)


def _path(wanted: str) -> str:
    return f"/v1/experiments/{wanted}" if is_id(wanted) else f"/v1/experiments/by-name/{segment(wanted)}"


def _id_of(adapter: Adapter, wanted: str) -> str:
    if is_id(wanted):
        return wanted
    found, _ = adapter.fetch("GET", _path(wanted))
    return segment(found["experiment_id"])


def _print(body: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_json(text)
        return
    show_facts(
        screen(),
        [
            ("name", body["display_name"]),
            ("id", body["experiment_id"]),
            ("state", body["storage_state"].lower()),
            ("description", body["description"] or ""),
            ("created", moment(body["created_at"])),
            ("last run", moment(body["last_run_created_at"])),
        ],
    )
