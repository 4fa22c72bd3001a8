"""`kfadapter subscriptions`: who is told of events over HTTP, and how that goes."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from kfadapter.cli.events import start_of
from kfadapter.cli.http import open_adapter, segment
from kfadapter.cli.options import Json, Url
from kfadapter.cli.tables import Cell, heading, print_json, screen, show_facts, show_table, state_text, value_text
from kfadapter.cli.times import moment

app = typer.Typer(help="Subscriptions: who is told of events over HTTP, and how that goes.", no_args_is_help=True)

ROUTE = "/v1/subscriptions"

Id = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type; `*` stands for anything: run.*.")]
Pipelines = Annotated[list[str] | None, typer.Option("--pipeline", help="Only this pipeline, by name or id.")]
Experiments = Annotated[list[str] | None, typer.Option("--experiment", help="Only this experiment, by name or id.")]
Runs = Annotated[list[str] | None, typer.Option("--run", help="Only this run, by id.")]
Jobs = Annotated[list[str] | None, typer.Option("--job", help="Only this training job.")]
States = Annotated[list[str] | None, typer.Option("--state", help="Only with this state after the event.")]


@app.command()
def create(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Where events are sent with POST.")],
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    type_: Types = None,
    pipeline: Pipelines = None,
    experiment: Experiments = None,
    run: Runs = None,
    job: Jobs = None,
    state: States = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a subscription and print its secret, which is not shown again."""
    criteria = _criteria(type_, pipeline, experiment, run, job, state)
    with open_adapter(url) as adapter:
        fields = {"url": receiver, "display_name": name, "filter": criteria}
        body, text = adapter.fetch("POST", ROUTE, json=fields)
    if as_json:
        print_json(text)
        return
    console = screen()
    show_facts(console, [*_facts(body), ("Secret", body["secret"])])


@app.command("list")
def list_subscriptions(url: Url = None, as_json: Json = False) -> None:
    """List the subscriptions."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", ROUTE)
    if as_json:
        print_json(text)
        return
    rows = [
        (
            one["subscription_id"],
            state_text(one["state"]),
            one["display_name"],
            one["url"],
            _filter_text(one["filter"]),
            moment(one["delivered_at"]),
        )
        for one in body["subscriptions"]
    ]
    columns = ("SUBSCRIPTION", "STATE", "NAME", "RECEIVER", "WANTS", "DELIVERED (UTC)")
    show_table(screen(), columns, rows, nothing="There are no subscriptions.")


@app.command()
def show(subscription_id: Id, url: Url = None, as_json: Json = False) -> None:
    """Show a subscription."""
    _fetch_and_show("GET", subscription_id, "", url, as_json=as_json)


@app.command()
def change(
    subscription_id: Id,
    receiver: Annotated[str | None, typer.Option(help="Where events are sent from now on.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    type_: Types = None,
    pipeline: Pipelines = None,
    experiment: Experiments = None,
    run: Runs = None,
    job: Jobs = None,
    state: States = None,
    everything: Annotated[bool, typer.Option("--everything", help="No filter any more: every event.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change a subscription; a filter that is given replaces the whole one before."""
    criteria = _criteria(type_, pipeline, experiment, run, job, state)
    fields: dict[str, Any] = {"url": receiver, "display_name": name}
    if criteria or everything:
        fields["filter"] = criteria
    given = {key: value for key, value in fields.items() if value is not None}
    _fetch_and_show("PATCH", subscription_id, "", url, as_json=as_json, json=given)


@app.command()
def pause(subscription_id: Id, url: Url = None, as_json: Json = False) -> None:
    """Send nothing until it is resumed; events are collected."""
    _fetch_and_show("POST", subscription_id, ":pause", url, as_json=as_json)


@app.command()
def resume(subscription_id: Id, url: Url = None, as_json: Json = False) -> None:
    """Send again, after a pause or when it was disabled."""
    _fetch_and_show("POST", subscription_id, ":resume", url, as_json=as_json)


@app.command()
def delete(subscription_id: Id, url: Url = None) -> None:
    """Delete a subscription and the record of its deliveries."""
    with open_adapter(url) as adapter:
        adapter.send("DELETE", f"{ROUTE}/{segment(subscription_id)}")
    screen().print(f"Subscription {subscription_id} is deleted.", markup=False)


@app.command("test")
def send_test(subscription_id: Id, url: Url = None, as_json: Json = False) -> None:
    """Send a test event now; exits with 1 when the receiver does not take it."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("POST", f"{ROUTE}/{segment(subscription_id)}:test", timeout=120)
    if as_json:
        print_json(text)
    else:
        outcome = body["outcome"].upper()
        facts: list[tuple[str, Cell]] = [
            ("Outcome", state_text(outcome)),
            ("Status", value_text(body["status"])),
            ("Answer", value_text(body["answer"])),
            ("Took", f"{body['seconds']} s"),
        ]
        show_facts(screen(), facts)
    if body["outcome"] != "delivered":
        raise typer.Exit(1)


@app.command("rotate-secret")
def rotate_secret(
    subscription_id: Id,
    overlap_hours: Annotated[float, typer.Option(min=0, help="The old secret signs as well for so long.")] = 24.0,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a new secret and print it; it is not shown again."""
    with open_adapter(url) as adapter:
        path = f"{ROUTE}/{segment(subscription_id)}:rotateSecret"
        body, text = adapter.fetch("POST", path, json={"overlap_seconds": overlap_hours * 3600})
    if as_json:
        print_json(text)
    else:
        screen().print(body["secret"], markup=False)


@app.command()
def deliveries(
    subscription_id: Id,
    delivery: Annotated[int | None, typer.Option(min=1, help="Show this one with its event and its tries.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only PENDING, DELIVERED or DEAD ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="So many of the newest.")] = 50,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List a subscription's deliveries, newest first, or show one with every try."""
    path = f"{ROUTE}/{segment(subscription_id)}/deliveries"
    with open_adapter(url) as adapter:
        if delivery is not None:
            body, text = adapter.fetch("GET", f"{path}/{delivery}")
        else:
            query = {"page_size": limit, "state": [one.upper() for one in state or []]}
            body, text = adapter.fetch("GET", path, params=query)
    if as_json:
        print_json(text)
    elif delivery is not None:
        _show_delivery(body)
    else:
        rows = [_delivery_row(one) for one in body["deliveries"]]
        columns = ("DELIVERY", "STATE", "TYPE", "SUBJECT", "TRIES", "LAST", "CREATED (UTC)", "NEXT TRY (UTC)")
        show_table(screen(), columns, rows, nothing="There are no such deliveries.")


@app.command()
def redeliver(
    subscription_id: Id,
    delivery: Annotated[int | None, typer.Option(min=1, help="Only this one.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Every event since then: 2026-03-12T09:00:00Z, or 90s, 30m, 2h, 1d ago.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Send again: every dead delivery, or one, or all wanted events since a time."""
    if delivery is not None and since is not None:
        raise typer.BadParameter("is not possible together with --delivery", param_hint="--since")
    path = f"{ROUTE}/{segment(subscription_id)}"
    with open_adapter(url) as adapter:
        if since is not None:
            start = start_of(since, datetime.now(UTC)).isoformat()
            body, text = adapter.fetch("POST", f"{path}:replay", json={"since": start}, timeout=600)
        else:
            one = "" if delivery is None else f"/deliveries/{delivery}"
            body, text = adapter.fetch("POST", f"{path}{one}:redeliver")
    if as_json:
        print_json(text)
    else:
        screen().print(f"To be sent again: {body['deliveries']}")


def _criteria(*values: list[str] | None) -> dict[str, list[str]]:
    names = ("types", "pipelines", "experiments", "runs", "jobs", "states")
    return {name: list(texts) for name, texts in zip(names, values, strict=True) if texts}


def _fetch_and_show(
    method: str, subscription_id: str, verb: str, url: str | None, *, as_json: bool, **parts: Any
) -> None:
    with open_adapter(url) as adapter:
        body, text = adapter.fetch(method, f"{ROUTE}/{segment(subscription_id)}{verb}", **parts)
    if as_json:
        print_json(text)
    else:
        show_facts(screen(), _facts(body))


def _facts(body: dict[str, Any]) -> list[tuple[str, Cell]]:
    return [
        ("Subscription", body["subscription_id"]),
        ("Name", body["display_name"]),
        ("State", state_text(body["state"])),
        ("Reason", value_text(body["reason"])),
        ("Receiver", body["url"]),
        ("Wants", _filter_text(body["filter"])),
        ("Created", moment(body["created_at"])),
        ("Delivered", moment(body["delivered_at"])),
        ("Failing since", moment(body["failing_since"])),
        ("Next try", moment(body["retry_at"])),
    ]


def _filter_text(wanted: dict[str, list[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in wanted.items()) or "everything"


def _delivery_row(one: dict[str, Any]) -> tuple[Cell, ...]:
    last = value_text(one["last_status"]) or value_text(one["last_outcome"])
    return (
        str(one["delivery_id"]),
        state_text(one["state"]),
        one["event_type"].removeprefix("org.kfadapter."),
        one["subject"],
        str(one["attempts"]),
        last,
        moment(one["created_at"]),
        moment(one["next_attempt_at"]),
    )


def _show_delivery(body: dict[str, Any]) -> None:
    console = screen()
    facts: list[tuple[str, Cell]] = [
        ("Delivery", str(body["delivery_id"])),
        ("State", state_text(body["state"])),
        ("Event", body["event_id"]),
        ("Type", body["event_type"]),
        ("Subject", body["subject"]),
        ("Next try", moment(body["next_attempt_at"])),
    ]
    show_facts(console, facts)
    heading(console, "Tries")
    rows = [
        (str(one["number"]), moment(one["started_at"]), one["outcome"], value_text(one["status"]), one["answer"])
        for one in body["tries"]
    ]
    columns = ("TRY", "STARTED (UTC)", "OUTCOME", "STATUS", "ANSWER")
    show_table(console, columns, rows, nothing="It has not been tried yet.")
