"""The stream of events over real sockets: nothing is lost or repeated, whoever comes back, is slow, or stays."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from httpx_sse import EventSource, ServerSentEvent, connect_sse

from kfadapter.api.eventstream import EventStream, OpenStreams
from kfadapter.clock import SystemClock
from kfadapter.database.transactions import Transactions
from kfadapter.events import log
from kfadapter.events.filters import EventFilter
from kfadapter.events.stream import Start, frames
from kfadapter.events.tail import KEPT_EVENTS, Tail
from kfadapter.events.types import EventType
from kfadapter.testing.clock import ManualClock
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import NOW, add, new_event
from support.ledgers import new_database

MakeAdapter = Callable[..., RunningAdapter]


@contextmanager
def listening(adapter: RunningAdapter, path: str = "/v1/events", **parts: Any) -> Iterator[Iterator[ServerSentEvent]]:
    """The events of a stream; blocks that only move the reader's place are left out."""
    with connect_sse(adapter.http, "GET", path, **parts) as source:
        yield (one for one in source.iter_sse() if one.data)


def tell(adapter: RunningAdapter, *events: Any) -> None:
    adapter.call(add(adapter.service.database, *events))


def subjects(events: list[ServerSentEvent]) -> list[str]:
    return [json.loads(one.data)["subject"] for one in events]


def test_a_stream_shows_what_happens_from_now_on(adapter: RunningAdapter) -> None:
    tell(adapter, new_event("before"))
    with listening(adapter) as events:
        tell(adapter, new_event("r-1", EventType.RUN_FINISHED, job_id="7", state="FAILED", data={"error": "x"}))
        event = next(events)
    assert event.event == "org.kfadapter.run.finished"
    assert int(event.id) > 0
    body = json.loads(event.data)
    assert body["data"]["training_job_id"] == "7"
    assert body["data"]["state"] == "FAILED"
    assert body["data"]["error"] == "x"
    assert int(body["sequence"]) == int(event.id)


def test_what_a_stream_shows_is_a_cloud_event(adapter: RunningAdapter) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with listening(adapter) as events:
        tell(adapter, new_event("r-1", traceparent=trace))
        event = next(events)
    message = HTTPMessage(headers={"content-type": "application/cloudevents+json"}, body=event.data.encode())
    read = from_http(message, JSONFormat())
    assert read.get_type() == "org.kfadapter.run.state.changed"
    assert read.get_source() == "urn:kfadapter"
    assert read.get_time() == NOW
    assert read.get_extension("traceparent") == trace


def test_a_reader_that_comes_back_goes_on_where_it_was(adapter: RunningAdapter) -> None:
    with listening(adapter) as events:
        tell(adapter, new_event("1"), new_event("2"))
        seen = [next(events), next(events)]
    tell(adapter, new_event("3"))
    with listening(adapter, headers={"Last-Event-ID": seen[0].id}, params={"after": "0"}) as events:
        tell(adapter, new_event("4"))
        assert subjects([next(events), next(events), next(events)]) == ["2", "3", "4"]
    with listening(adapter, params={"after": seen[1].id}) as events:
        assert subjects([next(events), next(events)]) == ["3", "4"]


def test_a_stream_goes_on_over_a_restart_without_loss_or_repeat(fake: FakeKubeflow, tmp_path: Path) -> None:
    seen: list[ServerSentEvent] = []
    for turn in range(3):
        with RunningAdapter(tmp_path / "data", kubeflow_url=fake.url) as adapter:
            tell(adapter, new_event(f"{turn}a"))
            headers = {"Last-Event-ID": seen[-1].id} if seen else {}
            with listening(adapter, headers=headers, params={"after": "0"}) as events:
                tell(adapter, new_event(f"{turn}b"))
                seen += [next(events), next(events)]
            tell(adapter, new_event(f"{turn}c"))
            if turn:
                with listening(adapter, headers={"Last-Event-ID": seen[-1].id}) as events:
                    seen.append(next(events))
    assert subjects(seen) == ["0a", "0b", "0c", "1a", "1b", "1c", "2a", "2b", "2c"][: len(seen)]


def test_a_stream_shows_only_what_is_wanted(adapter: RunningAdapter) -> None:
    with listening(adapter, params={"type": ["run.*", "task.*"], "state": "failed", "pipeline": "qoe"}) as events:
        tell(
            adapter,
            new_event("no state", pipeline_name="qoe", state="RUNNING"),
            new_event("no pipeline", state="FAILED"),
            new_event("no type", EventType.TRAINING_JOB_FINISHED, pipeline_name="qoe", state="FAILED"),
            new_event("by name", pipeline_name="qoe", state="FAILED"),
            new_event("by id", EventType.TASK_STATE_CHANGED, pipeline_id="qoe", state="FAILED"),
        )
        assert subjects([next(events), next(events)]) == ["by name", "by id"]


def test_a_runs_stream_begins_at_its_beginning(adapter: RunningAdapter) -> None:
    tell(adapter, new_event("r-1", state="PENDING"), new_event("r-2"))
    with listening(adapter, "/v1/runs/r-1/events") as events:
        tell(adapter, new_event("r-2"), new_event("r-1", EventType.RUN_FINISHED))
        assert [next(events).event, next(events).event] == [
            "org.kfadapter.run.state.changed",
            "org.kfadapter.run.finished",
        ]


def test_a_run_nobody_knows_has_no_stream(adapter: RunningAdapter) -> None:
    answer = adapter.http.get("/v1/runs/nonsense/events")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:kfadapter:problem:not-found"


def test_events_of_another_process_appear_too(fake: FakeKubeflow, tmp_path: Path, postgresql: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'shared.sqlite'}", new_database(postgresql)):
        adapter = RunningAdapter(tmp_path / "data", kubeflow_url=fake.url, database_url=url)
        with adapter, listening(adapter) as events, Transactions.open(url) as other:
            asyncio.run(add(other, new_event("from the other")))
            assert subjects([next(events)]) == ["from the other"]


def test_events_come_in_pages_to_those_who_ask_for_json(adapter: RunningAdapter) -> None:
    tell(adapter, *(new_event(str(number), at=NOW + timedelta(hours=number)) for number in range(5)))
    json_only = {"accept": "application/json"}

    def page(**params: Any) -> tuple[list[str], dict[str, Any]]:
        body = adapter.http.get("/v1/events", params=params, headers=json_only).json()
        return [one["subject"] for one in body["events"]], body

    first, body = page(after=0, page_size=2)
    assert (first, body["has_more"], body["oldest"]) == (["0", "1"], True, 1)
    second, body = page(after=body["next_after"], page_size=2)
    third, body = page(after=body["next_after"], page_size=2)
    assert (second, third, body["has_more"]) == (["2", "3"], ["4"], False)
    assert page(after=body["next_after"])[0] == []
    assert page(page_size=2)[0] == ["3", "4"]
    assert page(since=(NOW + timedelta(hours=3)).isoformat())[0] == ["3", "4"]
    assert page(after=0, run="2")[0] == ["2"]


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason"),
    [
        ("type=nonsense", {}, 400, "query/type: no event has a type like"),
        ("after=-1", {}, 422, "greater than or equal to 0"),
        ("after=x", {}, 422, "valid integer"),
        ("page_size=0", {}, 422, "page_size"),
        ("since=yesterday", {}, 422, "since"),
        ("", {"last-event-id": "x"}, 400, "Last-Event-ID must be an id of this stream"),
    ],
)
def test_a_question_that_is_wrong_is_answered_at_once(
    adapter: RunningAdapter, query: str, headers: dict[str, str], status: int, reason: str
) -> None:
    answer = adapter.http.get(f"/v1/events?{query}", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]


def test_who_asks_for_what_is_forgotten_is_told(adapter: RunningAdapter) -> None:
    tell(adapter, *(new_event(str(number)) for number in range(6)))
    adapter.call(adapter.service.database.write(lambda c: log.forget(c, before=NOW - timedelta(1), kept=2, limit=100)))
    answer = adapter.http.get("/v1/events?after=2", headers={"accept": "application/json"})
    assert answer.status_code == 410
    assert answer.json()["type"] == "urn:kfadapter:problem:events-forgotten"
    for missed in ("2", "999"):
        with listening(adapter, headers={"Last-Event-ID": missed}) as events:
            told, following = next(events), next(events)
        assert told.event == "reset"
        assert json.loads(told.data)["oldest"] == 5
        assert subjects([following]) == ["4"]
    with listening(adapter, params={"after": 0}) as events:
        assert next(events).event != "reset"


def test_a_stop_ends_streams_at_once(fake: FakeKubeflow, tmp_path: Path) -> None:
    adapter = RunningAdapter(tmp_path / "data", kubeflow_url=fake.url)
    with adapter, connect_sse(adapter.http, "GET", "/v1/events") as source:
        blocks = source.response.iter_raw()
        next(blocks)
        began = time.monotonic()
        adapter.stop()
        assert list(blocks) == []
    assert time.monotonic() - began < 3


def test_one_reader_that_takes_nothing_hurts_nobody(adapter: RunningAdapter) -> None:
    """Its connection fills up; the others go on, and so does the log."""
    idle = socket.create_connection(("127.0.0.1", int(adapter.url.rsplit(":", 1)[1])))
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(16).startswith(b"HTTP/1.1 200")
    with listening(adapter) as events:
        for turn in range(20):
            tell(adapter, *(new_event(f"{turn}", data={"x": "y" * 20_000}) for _ in range(20)))
            for _ in range(20):
                assert subjects([next(events)]) == [f"{turn}"]
    idle.close()


def test_a_hundred_readers_see_the_same(adapter: RunningAdapter) -> None:
    readers, count = 100, 50

    def read() -> list[str]:
        client = httpx.Client(base_url=adapter.url, trust_env=False, timeout=60)
        with client, client.stream("GET", "/v1/events", params={"after": 0}) as response:
            events = (one for one in EventSource(response).iter_sse() if one.data)
            return [next(events).id for _ in range(count)]

    with ThreadPoolExecutor(readers) as threads:
        running = [threads.submit(read) for _ in range(readers)]
        for _ in range(count):
            tell(adapter, new_event())
        seen = [one.result() for one in running]
    assert all(one == seen[0] for one in seen)
    assert len(set(seen[0])) == count


async def test_waiting_readers_are_moved_on_by_heartbeats(database: Transactions) -> None:
    clock = ManualClock()
    tail = Tail(database, clock, source="x")
    await tail.advance()
    stream = frames(tail, clock, EventFilter(types=("artifact.*",)), Start(position=0), heartbeat_seconds=15)
    assert await anext(stream) == b"retry: 2000\n\n"
    waiting = asyncio.ensure_future(anext(stream))
    await clock.sleeping()
    await add(database, new_event("not wanted"))
    await tail.advance()
    await clock.slept(2)  # the first sleep may not have heard yet that it is over
    clock.advance(15)
    assert await waiting == b"id: 1\n: nothing new\n\n"
    await stream.aclose()


async def test_a_reader_far_behind_catches_up_from_the_log(database: Transactions) -> None:
    tail = Tail(database, SystemClock(), source="x")
    await tail.advance()
    total = KEPT_EVENTS + 700
    for start in range(0, total, 1900):
        await database.note(log.append, *(new_event(str(n)) for n in range(start, min(start + 1900, total))))
    await tail.advance()
    position = 0
    seen: list[str] = []
    while len(seen) < total:
        span = await tail.after(position, EventFilter())
        seen += [one.event.subject for one in span.events]
        assert span.through > position
        position = span.through
    assert seen == [str(number) for number in range(total)]


async def test_a_reader_that_is_too_slow_is_dropped() -> None:
    dropped: list[bool] = []
    scope: Any = {"extensions": {"kfadapter.abort": {"abort": lambda: dropped.append(True)}}}

    async def blocks() -> Any:
        while True:
            yield b"x"

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await never()

    streams = OpenStreams(1)
    await EventStream(blocks(), streams, slowest_seconds=0.01)(scope, never, send)
    assert dropped == [True]
    assert streams.count == 0
