"""`kfadapter events`: what has happened, and with `-f` what happens."""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from httpx_sse import EventSource, ServerSentEvent
from rich.console import Console
from rich.text import Text

from kfadapter.cli.http import Adapter, AdapterFailed, open_adapter
from kfadapter.cli.tables import one_line, screen, state_text
from kfadapter.cli.times import moment, parse_time

PREFIX = "org.kfadapter."
PAGE_SIZE = 1000
RECONNECT_SECONDS = 2.0
AGO = re.compile(r"(\d{1,9})(s|m|h|d)")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to show.

    Attributes:
        criteria: Query parameters of the filter.
        since: A time, or how long ago.
    """

    criteria: Mapping[str, Sequence[str]]
    since: str | None = None

    def query(self) -> dict[str, Any]:
        """The query of the first request.

        Raises:
            typer.BadParameter: `since` is neither.
        """
        since = {} if self.since is None else {"since": start_of(self.since, datetime.now(UTC)).isoformat()}
        return {**self.criteria, **since}


def show_events(url: str | None, wanted: Wanted, *, limit: int, is_followed: bool, as_json: bool) -> None:
    """Print events, newest last, and when following whatever comes until interrupted."""
    console = screen()
    with open_adapter(url) as adapter:
        after = 0
        for body in _pages(adapter, wanted, limit):
            after = body["next_after"]
            for event in body["events"]:
                _print(console, event, as_json=as_json)
        if is_followed:
            for event in _followed(adapter, wanted.criteria, after):
                _print(console, event, as_json=as_json)


def start_of(text: str, now: datetime) -> datetime:
    """The moment that `--since` names.

    Raises:
        typer.BadParameter: It names none.
    """
    if found := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        at = parse_time(text)
    except ValueError:
        at = None
    if at is None:
        reason = "must be a time such as 2026-03-12T09:00:00Z, or 90s, 30m, 2h, 1d"
        raise typer.BadParameter(reason, param_hint="--since")
    return at


def _pages(adapter: Adapter, wanted: Wanted, limit: int) -> Iterator[dict[str, Any]]:
    """The newest events in one page, or all since a time in as many as it takes."""
    query = wanted.query()
    size = limit if wanted.since is None else PAGE_SIZE
    body, _ = adapter.fetch("GET", "/v1/events", params={**query, "page_size": size})
    yield body
    while body["has_more"]:
        query = {**wanted.criteria, "after": body["next_after"], "page_size": PAGE_SIZE}
        body, _ = adapter.fetch("GET", "/v1/events", params=query)
        yield body


def _followed(adapter: Adapter, criteria: Mapping[str, Sequence[str]], after: int) -> Iterator[dict[str, Any]]:
    """What comes after a position; when the connection ends it is made again, and nothing is missed."""
    place = str(after)
    while True:
        try:
            with adapter.stream(
                "/v1/events", params={**criteria, "after": place}, headers={"accept": "text/event-stream"}
            ) as response:
                for event in EventSource(response).iter_sse():
                    place = event.id or place
                    yield from _told(event)
        except AdapterFailed as exc:
            if exc.status is not None and exc.status < 500:
                raise
            print(f"kfadapter: {exc}; trying again", file=sys.stderr)
        time.sleep(RECONNECT_SECONDS)


def _told(event: ServerSentEvent) -> Iterator[dict[str, Any]]:
    if not event.data:
        return
    content: dict[str, Any] = json.loads(event.data)
    if event.event == "reset":
        print(f"kfadapter: some events are missing: {content['detail']}", file=sys.stderr)
        return
    yield content


def _print(console: Console, event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    console.print(_line(event), soft_wrap=True)


def _line(event: dict[str, Any]) -> Text:
    """One line: when, what, to what, its state, and what tells a person more."""
    data = event.get("data") or {}
    kind = event["type"].removeprefix(PREFIX)
    line = Text(f"{moment(event['time'])}  {one_line(kind):<24}  {one_line(event.get('subject') or '')}")
    if data.get("state"):
        line.append("  ").append(state_text(data["state"]))
    for name in ("task_name", "name", "pipeline_name", "training_job_id", "reason", "error", "answer"):
        if data.get(name) and data[name] != event.get("subject"):
            line.append(f"  {one_line(str(data[name]))}")
    return line
