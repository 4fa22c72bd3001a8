"""How soon an event is with those who follow, how many a second go out, and what a page of many costs.

The service runs in this process, with readers and a receiver on loopback; so the times hold their share too.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import structlog
import uvloop
from processes import stand_in
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kfadapter.api.app import create_app
from kfadapter.events import log
from kfadapter.events.records import NewEvent
from kfadapter.events.types import EventType
from kfadapter.httpserver import HTTPServer, address, listen
from kfadapter.service import Service, open_service
from kfadapter.settings import load_settings
from kfadapter.testing.loopback import LoopbackServer

TYPES = (EventType.RUN_STATE_CHANGED, EventType.TASK_STATE_CHANGED, EventType.RUN_FINISHED)


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300, help="events of a measurement")
    parser.add_argument("--kept", type=int, default=200_000, help="events kept while pages are read")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as directory, stand_in(1) as kubeflow:
        uvloop.run(_measure(Path(directory), kubeflow.url, arguments.events, arguments.kept))


async def _measure(directory: Path, kubeflow_url: str, events: int, kept: int) -> None:
    settings = load_settings(
        data_dir=directory, kubeflow_url=kubeflow_url, webhook_private_networks=("127.0.0.0/8",), port=0
    )
    async with open_service(settings) as service, _served(service) as url, aiohttp.ClientSession(url) as session:
        for readers in (1, 100):
            await _followed(service, session, readers, events)
        await _delivered(service, session, events)
        await _paged(service, session, kept)


@asynccontextmanager
async def _served(service: Service) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    server = HTTPServer(create_app(service))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield address(listener)
    server.should_exit = True
    await serving


def _event(number: int, name: str = "r") -> NewEvent:
    run_id = f"{name}-{number}"
    data = {"began": time.perf_counter(), "previous_state": "PENDING"}
    return NewEvent(
        type=TYPES[number % 3],
        subject=run_id,
        run_id=run_id,
        at=datetime.now(UTC),
        pipeline_name="qoe" if number % 100 == 0 else "other",
        state="RUNNING",
        data=data,
    )


async def _followed(service: Service, session: aiohttp.ClientSession, readers: int, events: int) -> None:
    """From an append to a reader, one event at a time; then all at once."""
    latencies: list[float] = []
    ready = asyncio.Semaphore(0)

    async def read() -> None:
        seen = 0
        async with session.get("/v1/events", timeout=aiohttp.ClientTimeout(total=None)) as response:
            ready.release()
            async for line in response.content:
                if line.startswith(b"data:"):
                    latencies.append(time.perf_counter() - json.loads(line[5:])["data"]["began"])
                    seen += 1
                if seen == events * 2:
                    return

    reading = [asyncio.create_task(read()) for _ in range(readers)]
    for _ in reading:
        await ready.acquire()
    for number in range(events):
        await service.database.write(log.append, _event(number))
        await asyncio.sleep(0.003 if readers == 1 else 0.02)
    single = sorted(latencies)
    began = time.perf_counter()
    await asyncio.gather(*(service.database.write(log.append, _event(number)) for number in range(events)))
    await asyncio.gather(*reading)
    seconds = time.perf_counter() - began
    print(
        f"{readers} readers: {statistics.median(single) * 1000:.1f} ms from append to reader, "
        f"p99 {single[int(len(single) * 0.99)] * 1000:.1f} ms; {events * readers / seconds:.0f} events read a second"
    )


async def _delivered(service: Service, session: aiohttp.ClientSession, events: int) -> None:
    """From an append to a receiver's socket, one at a time; then all at once."""
    latencies: list[float] = []

    async def receive_one(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.loads(await Request(scope, receive).body())
        latencies.append(time.perf_counter() - body["data"]["began"])
        await Response(status_code=204)(scope, receive, send)

    async def count(wanted: int) -> None:
        while len(latencies) < wanted:
            await asyncio.sleep(0.005)

    with LoopbackServer(receive_one) as receiver:
        wanted = {"url": f"http://127.0.0.1:{receiver.port}/", "filter": {"types": ["run.*", "task.*"]}}
        async with session.post("/v1/subscriptions", json=wanted) as response:
            made = await response.json()
        for number in range(events // 3):
            await service.database.write(log.append, _event(number, "d"))
            await count(number + 1)
        single = sorted(latencies)
        began = time.perf_counter()
        await asyncio.gather(*(service.database.write(log.append, _event(number, "e")) for number in range(events)))
        await count(events + events // 3)
        seconds = time.perf_counter() - began
        await session.delete(f"/v1/subscriptions/{made['subscription_id']}")
    print(
        f"deliveries: {statistics.median(single) * 1000:.1f} ms from append to receiver, "
        f"p99 {single[int(len(single) * 0.99)] * 1000:.1f} ms; {events / seconds:.0f} a second to one receiver"
    )


async def _paged(service: Service, session: aiohttp.ClientSession, kept: int) -> None:
    """Pages of a hundred where very many are kept."""
    for start in range(0, kept, 5000):
        new = [_event(number, "p") for number in range(start, min(start + 5000, kept))]
        await service.database.note(log.append, *new)
    queries = {"newest": "", "one run": "&run=p-77", "rare pipeline": "&pipeline=qoe", "a type": "&type=run.finished"}
    for name, query in queries.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            url = f"/v1/events?page_size=100{query}"
            async with session.get(url, headers={"accept": "application/json"}) as response:
                await response.read()
            times.append(time.perf_counter() - began)
        print(f"a page of {kept} events, {name}: {statistics.median(times) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
