"""`kfadapter recurring`: schedules that start runs."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kfadapter.cli.http import Adapter, open_adapter, segment
from kfadapter.cli.names import is_id
from kfadapter.cli.options import ArgumentOption, Json, Url, read_argument
from kfadapter.cli.tables import print_json, printable, screen, show_facts, show_table, value_text
from kfadapter.cli.times import duration, moment

app = typer.Typer(help="Recurring runs: make them, change them, see when they are due.", no_args_is_help=True)

PATH = "/v1/recurring-runs"
Wanted = Annotated[str, typer.Argument(metavar="NAME", help="The recurring run's name or id.")]
Cron = Annotated[
    str | None,
    typer.Option(help="Second, minute, hour, day of month, month and, if given, day of week, as '0 30 2 * * *'."),
]
Every = Annotated[int | None, typer.Option(min=1, help="In place of --cron: so many seconds from one run to the next.")]
Concurrency = Annotated[int | None, typer.Option(min=1, max=10, help="So many of its runs at the same time.")]
Catchup = Annotated[
    bool | None, typer.Option("--catchup/--no-catchup", help="Start what was missed while it was off or away.")
]


@app.command("list")
def list_all(url: Url = None, as_json: Json = False) -> None:
    """List recurring runs."""
    with open_adapter(url) as adapter:
        found = _every_one(adapter)
    if as_json:
        print_json(json.dumps({"recurring_runs": found}))
        return
    rows = [
        (
            one["name"],
            "on" if one["enabled"] else "off",
            _schedule_text(one["schedule"]),
            one["pipeline_name"] or one["pipeline_id"] or "",
            moment(one["next_times"][0]) if one["next_times"] else "",
            one["recurring_run_id"],
        )
        for one in found
    ]
    columns = ("NAME", "STATE", "SCHEDULE", "PIPELINE", "NEXT (UTC)", "ID")
    show_table(screen(), columns, rows, nothing="There are no recurring runs.")


@app.command()
def show(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Show a recurring run."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", _path(adapter, name))
    _show(body, text, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    pipeline: Annotated[str, typer.Option(help="The pipeline's name or id.")],
    cron: Cron = None,
    every: Every = None,
    version: Annotated[str, typer.Option(help="The version's name or id; without it the newest each time.")] = "latest",
    arg: ArgumentOption = None,
    experiment: Annotated[str, typer.Option(help="The experiment's name or id.")] = "",
    concurrency: Concurrency = None,
    catchup: Catchup = None,
    off: Annotated[bool, typer.Option("--off", help="Make it switched off.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a recurring run."""
    wanted = {
        "name": name,
        "pipeline": pipeline,
        "version": version,
        "schedule": {"cron": cron, "interval_seconds": every},
        "arguments": dict(map(read_argument, arg or [])),
        "experiment": experiment,
        "max_concurrency": concurrency or 1,
        "catchup": bool(catchup),
        "enabled": not off,
    }
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", PATH, json=wanted)
    _show(body, text, as_json=as_json)


@app.command()
def change(
    name: Wanted,
    cron: Cron = None,
    every: Every = None,
    version: Annotated[
        str | None, typer.Option(help="The version's name or id; `latest`: the newest each time.")
    ] = None,
    arg: ArgumentOption = None,
    rename: Annotated[str | None, typer.Option(help="Another name.")] = None,
    concurrency: Concurrency = None,
    catchup: Catchup = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change a recurring run. A new one takes its place; the old id leads there."""
    schedule = {"cron": cron, "interval_seconds": every} if cron or every else None
    wanted = {
        "schedule": schedule,
        "version": version,
        "arguments": dict(map(read_argument, arg or [])) or None,
        "name": rename,
        "max_concurrency": concurrency,
        "catchup": catchup,
    }
    changes = {key: value for key, value in wanted.items() if value is not None}
    if not changes:
        raise typer.BadParameter("say what is to be different")
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("PATCH", _path(adapter, name), json=changes)
    _show(body, text, as_json=as_json)


@app.command()
def enable(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Switch a recurring run on."""
    _switch(name, "enable", url, as_json=as_json)


@app.command()
def disable(name: Wanted, url: Url = None, as_json: Json = False) -> None:
    """Switch a recurring run off."""
    _switch(name, "disable", url, as_json=as_json)


@app.command()
def delete(name: Wanted, url: Url = None) -> None:
    """Delete a recurring run. The runs it has started stay."""
    with open_adapter(url) as adapter:
        adapter.send("DELETE", _path(adapter, name))
    screen().print(f"{printable(name)} is deleted", markup=False)


@app.command("next")
def next_times(
    name: Wanted,
    count: Annotated[int, typer.Option(min=1, max=1000, help="So many.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the next moments at which a run is due, in UTC."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", f"{_path(adapter, name)}/fire-times", params={"count": count})
    if as_json:
        print_json(text)
        return
    for at in body["times"]:
        screen().print(f"{moment(at)} UTC", markup=False)
    for note in (body["time_zone_note"], None if body["enabled"] else "It is switched off: nothing is started."):
        if note:
            screen(to_stderr=True).print(note, markup=False, soft_wrap=True)


def _path(adapter: Adapter, wanted: str) -> str:
    if is_id(wanted):
        return f"{PATH}/{wanted}"
    found, _ = adapter.fetch("GET", f"{PATH}/by-name/{segment(wanted)}")
    return f"{PATH}/{found['recurring_run_id']}"


def _every_one(adapter: Adapter) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        body, _ = adapter.fetch("GET", PATH, params={"page_size": 200, "page_token": token})
        found += body["recurring_runs"]
        token = body["next_page_token"]
        if not token:
            return found


def _switch(name: str, verb: str, url: str | None, *, as_json: bool) -> None:
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"{_path(adapter, name)}:{verb}")
    _show(body, text, as_json=as_json)


def _show(body: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(text)
        return
    console: Console = screen()
    show_facts(
        console,
        [
            ("name", body["name"]),
            ("id", body["recurring_run_id"]),
            ("state", "on" if body["enabled"] else "off"),
            ("schedule", _schedule_text(body["schedule"])),
            ("next (UTC)", ", ".join(moment(at) for at in body["next_times"][:3])),
            ("pipeline", body["pipeline_name"] or body["pipeline_id"] or ""),
            ("version", body["pipeline_version_id"] or "the newest each time"),
            ("arguments", ", ".join(f"{key}={value_text(value)}" for key, value in body["arguments"].items())),
            ("at the same time", str(body["max_concurrency"])),
            ("catches up", "yes" if body["catchup"] else "no"),
        ],
    )
    for remark in body.get("warnings", ()):
        console.print(Text(f"! {remark['message']}; {remark['advice']} ({remark['rule']})", style="yellow"))


def _schedule_text(schedule: dict[str, Any]) -> str:
    if schedule["cron"]:
        return f"cron {schedule['cron']}"
    return f"every {duration(schedule['interval_seconds'])}" if schedule["interval_seconds"] else "once"
