"""The embedded engine: a run against kfp.local, runs a second, pages of large lists, memory of a long queue.

Parts may be chosen by name; all of them otherwise. Programs of the project are started on loopback and ended again.
"""

import argparse
import asyncio
import json
import math
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import psutil
import yaml
from processes import program

from kfadapter.clock import SystemClock
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.http.app import App
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.running.supervisor import Supervisor
from kfadapter.engine.runs import Runs
from kfadapter.engine.store.database import Store
from kfadapter.engine.store.events import RunEvents

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "tests" / "data" / "corpus" / "tasks" / "order-without-data.yaml"
ORACLE = ROOT / "tests" / "support" / "oracle.py"
API = "/apis/v2beta1"
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
RUNS, PIPELINES = 100_000, 10_000
QUEUE = 100
ROUNDS = 7
POLL_SECONDS = 0.01
PAGE_CALLS = 40
ORDERS = ("id", "state", "storage_state", "finished_at", "scheduled_at", "description", "experiment_id")
MEBIBYTE = 2**20


def main() -> None:
    """Measure what was chosen, and print."""
    parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "sample": sample,
        "throughput": throughput,
        "lists": lists,
        "queue": queue,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="what to measure")
    for name in parser.parse_args().parts or parts:
        print(f"\n== {name}")
        asyncio.run(parts[name]())


class Client:
    """Asks an engine over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str) -> Any:
        return json.loads(await self.content(path))

    async def content(self, path: str) -> bytes:
        async with self._session.get(f"{self._url}{API}{path}") as answer:
            answer.raise_for_status()
            return await answer.read()

    async def create(self) -> str:
        """Start a run of the sample; its id."""
        body = {"display_name": "bench", "pipeline_spec": sample_spec()}
        async with self._session.post(f"{self._url}{API}/runs", json=body) as answer:
            answer.raise_for_status()
            return str((await answer.json())["run_id"])

    async def end(self, run_id: str, pause: float = POLL_SECONDS) -> str:
        """Wait for the end of a run; its state."""
        while (state := (await self.get(f"/runs/{run_id}"))["state"]) not in ENDED:
            await asyncio.sleep(pause)
        return str(state)

    async def whole_run(self) -> float:
        """Seconds from the request to the end as a client sees it."""
        started = time.perf_counter()
        state = await self.end(await self.create())
        assert state == "SUCCEEDED", state
        return time.perf_counter() - started


def sample_spec() -> dict[str, Any]:
    """Three tasks, one after the other."""
    return dict(yaml.load(SAMPLE.read_text(), Loader=yaml.CSafeLoader))


async def sample() -> None:
    """One run at a time, in turn with kfp.local in a process of its own whose packages are there already."""
    with tempfile.TemporaryDirectory() as place, program("engine", Path(place)) as engine:
        async with aiohttp.ClientSession() as session:
            client = Client(session, engine.url)
            print(f"first run, environment included: {await client.whole_run():.2f} s")
            pairs = [(await client.whole_run(), *await asyncio.to_thread(kfp_local)) for _ in range(ROUNDS)]
    ours, whole, inside = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"engine, from the request to the end: {ours:.2f} s (worst {max(one[0] for one in pairs):.2f})")
    print(f"kfp.local: {whole:.2f} s with its start, {inside:.2f} s without")
    print(f"ratio engine / kfp.local: {ours / whole:.2f} with its start, {ours / inside:.2f} without")


def kfp_local() -> tuple[float, float]:
    """Seconds of kfp.local's whole process for one run, and of the run alone (a second one in the same process)."""
    case = {"name": "sample", "spec": sample_spec(), "parameters": {}}
    seconds = []
    for cases in ([case], [case, case]):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(ORACLE)], input=json.dumps(cases), capture_output=True, text=True, check=True
        )
        seconds.append(time.perf_counter() - started)
        assert all(json.loads(line)["state"] == "SUCCEEDED" for line in done.stdout.splitlines()), done.stdout
    return seconds[0], seconds[1] - seconds[0]


async def throughput() -> None:
    """Whole runs a second, so many at once."""
    with tempfile.TemporaryDirectory() as place, program("engine", Path(place)) as engine:
        async with aiohttp.ClientSession() as session:
            client = Client(session, engine.url)
            await client.whole_run()
            for at_once in (1, 2, 4, 8):
                started, todo = time.perf_counter(), iter(range(24))

                async def worker(todo: Any = todo) -> None:
                    for _ in todo:
                        await client.whole_run()

                await asyncio.gather(*(worker() for _ in range(at_once)))
                print(f"{at_once} at once: {24 / (time.perf_counter() - started):.1f} runs a second")


async def queue() -> None:
    """A hundred runs at once: memory of the service and of everything it starts, and how they end."""
    with tempfile.TemporaryDirectory() as place, program("engine", Path(place)) as engine:
        async with aiohttp.ClientSession() as session:
            client = Client(session, engine.url)
            await client.whole_run()
            process = psutil.Process(engine.pid)
            before = process.memory_info().rss / MEBIBYTE
            runs = [await client.create() for _ in range(QUEUE)]
            waiting = asyncio.create_task(all_ends(client, runs))
            service, together = [], []
            while not waiting.done():
                service.append(process.memory_info().rss / MEBIBYTE)
                together.append(service[-1] + sum(resident(one) for one in process.children(recursive=True)))
                await asyncio.sleep(0.2)
            states = waiting.result()
    print(f"{QUEUE} runs: " + ", ".join(f"{states.count(one)} {one}" for one in sorted(set(states))))
    print(f"service: {before:.0f} MiB before, {max(service):.0f} at most, {service[-1]:.0f} after")
    print(f"with all processes of the runs: {max(together):.0f} MiB at most")


async def all_ends(client: Client, runs: Sequence[str]) -> list[str]:
    """The end states of runs, in their order."""
    return [await client.end(run_id, 0.2) for run_id in runs]


def resident(process: psutil.Process) -> float:
    """Memory of a process, in MiB; 0 once it has ended."""
    try:
        return float(process.memory_info().rss) / MEBIBYTE
    except psutil.Error:
        return 0.0


async def lists() -> None:
    """Pages of lists over HTTP and inside the server, without the network."""
    with tempfile.TemporaryDirectory() as place:
        with program("engine", Path(place)) as engine:
            async with aiohttp.ClientSession() as session:
                experiment = await first_rows(Client(session, engine.url), engine.url, session)
        fill(Path(place) / "engine.sqlite")
        inside = await pages_inside(Path(place), experiment)
        with program("engine", Path(place)) as engine:
            async with aiohttp.ClientSession() as session:
                outside = await pages(Client(session, engine.url).content, experiment)
    print(f"{'page':58} {'rows':>5} {'inside':>9} {'worst':>9} {'HTTP':>9}")
    for name, (rows, seconds) in inside.items():
        over = statistics.median(outside[name][1])
        middle, worst = statistics.median(seconds), max(seconds)
        print(f"{name:58} {rows:5} {middle * 1000:7.2f}ms {worst * 1000:7.2f}ms {over * 1000:7.2f}ms")


async def first_rows(client: Client, url: str, session: aiohttp.ClientSession) -> str:
    """One pipeline and one run that has ended, to be multiplied; the default experiment's id."""
    form = aiohttp.FormData()
    form.add_field("uploadfile", SAMPLE.read_bytes(), filename="pipeline.yaml")
    async with session.post(f"{url}{API}/pipelines/upload", params={"name": "bench"}, data=form) as answer:
        answer.raise_for_status()
    await client.whole_run()
    return str((await client.get("/experiments"))["experiments"][0]["experiment_id"])


def fill(path: Path) -> None:
    """Multiply the rows in one transaction."""
    with closing(sqlite3.connect(path)) as database, database:
        database.create_function("new_id", 0, lambda: str(uuid.uuid4()))
        multiply(database, "runs", RUNS, RUN_VALUES)
        multiply(database, "pipelines", PIPELINES, PIPELINE_VALUES)
        multiply(database, "pipeline_versions", PIPELINES, VERSION_VALUES)
        tasks = columns(database, "tasks")
        chosen = ", ".join("runs.run_id" if name == "run_id" else f"tasks.{name}" for name in tasks)
        database.execute(
            f"INSERT INTO tasks ({', '.join(tasks)}) SELECT {chosen} FROM runs JOIN tasks ON tasks.run_id = "
            "(SELECT run_id FROM runs ORDER BY seq LIMIT 1) WHERE runs.seq > (SELECT min(seq) FROM runs)"
        )
        database.execute("ANALYZE")


RUN_VALUES = {
    "run_id": "new_id()",
    "display_name": "'bench ' || printf('%06d', n * 7919 % 100000)",
    "created_at": "first.created_at - n * 13",
    "scheduled_at": "first.scheduled_at - n * 13",
    "finished_at": "CASE WHEN n % 10 = 0 THEN 0 ELSE first.finished_at - n * 13 END",
    "state": "CASE n % 10 WHEN 0 THEN 'RUNNING' WHEN 1 THEN 'FAILED' ELSE 'SUCCEEDED' END",
    "storage_state": "CASE WHEN n % 50 = 0 THEN 'ARCHIVED' ELSE 'AVAILABLE' END",
}
PIPELINE_VALUES = {
    "pipeline_id": "printf('%032d', n)",
    "name": "'bench ' || printf('%06d', n * 7919 % 10000)",
    "display_name": "'bench ' || printf('%06d', n * 7919 % 10000)",
    "created_at": "first.created_at - n",
}
VERSION_VALUES = {
    "pipeline_version_id": "new_id()",
    "pipeline_id": "printf('%032d', n)",
    "name": "'version ' || n",
    "display_name": "'version ' || n",
    "created_at": "first.created_at - n",
}


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns."""
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def multiply(database: sqlite3.Connection, table: str, number: int, values: Mapping[str, str]) -> None:
    """Copy a table's first row so often, with some columns' values counted by `n`."""
    names = [name for name in columns(database, table) if name != "seq"]
    chosen = ", ".join(values.get(name, f"first.{name}") for name in names)
    database.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {number}) "
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM numbers, "
        f"(SELECT * FROM {table} ORDER BY seq LIMIT 1) AS first"
    )


async def pages_inside(place: Path, experiment: str) -> dict[str, tuple[int, list[float]]]:
    """The same pages from the application itself."""
    settings = EngineSettings(data_dir=place)
    store, clock = Store(place / "engine.sqlite"), SystemClock()
    await asyncio.to_thread(store.open)
    supervisor = Supervisor(settings, RunEvents(store, place / "runs"), clock)
    runs = Runs(store, supervisor, clock, place / "runs")
    app = App(Parts(store=store, clock=clock, runs=runs, runs_dir=place / "runs"))
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:

            async def get(path: str) -> bytes:
                return (await client.get(f"{API}{path}")).raise_for_status().content

            return await pages(get, experiment)
    finally:
        await asyncio.to_thread(store.close)


Get = Callable[[str], Awaitable[bytes]]


async def pages(get: Get, experiment: str) -> dict[str, tuple[int, list[float]]]:
    """Rows and seconds of every kind of page."""
    found = {}
    for name, path, query in asked(experiment):
        found[name] = await measured(get, f"{path}?{urlencode(query)}")
        if name.endswith(("newest first", "by name")):
            token = json.loads(await get(f"{path}?{urlencode(query)}"))["next_page_token"]
            found[f"{name}, next page"] = await measured(get, f"{path}?{urlencode({**query, 'page_token': token})}")
    return found


async def measured(get: Get, path: str) -> tuple[int, list[float]]:
    """Rows of a page, and the seconds that each of some calls took."""
    answer, seconds = json.loads(await get(path)), []
    for _ in range(PAGE_CALLS):
        started = time.perf_counter()
        await get(path)
        seconds.append(time.perf_counter() - started)
    rows = next((len(value) for value in answer.values() if isinstance(value, list)), 0)
    return rows, sorted(seconds)[: math.ceil(PAGE_CALLS * 0.95)]


def asked(experiment: str) -> list[tuple[str, str, dict[str, str]]]:
    """Kinds of pages: what each is called, its path and its query."""

    def where(key: str, operation: str, value: str) -> dict[str, str]:
        predicate = {"key": key, "operation": operation, "string_value": value}
        return {"page_size": "20", "filter": json.dumps({"predicates": [predicate]})}

    not_archived = where("storage_state", "NOT_EQUALS", "ARCHIVED")
    newest = {"page_size": "20", "sort_by": "created_at desc"}
    return [
        ("runs, 20, oldest first", "/runs", {"page_size": "20"}),
        ("runs, 20, newest first", "/runs", newest),
        ("runs, 200, newest first", "/runs", {**newest, "page_size": "200"}),
        ("runs, 20, by name", "/runs", {"page_size": "20", "sort_by": "name"}),
        ("runs, 20, of an experiment, newest first", "/runs", {**newest, "experiment_id": experiment}),
        ("runs, 20, that failed, newest first", "/runs", {**newest, **where("state", "EQUALS", "FAILED")}),
        ("runs, 20, not archived, newest first", "/runs", {**newest, **not_archived}),
        ("runs, 20, whose name contains 0421", "/runs", where("name", "IS_SUBSTRING", "0421")),
        ("runs, 20, whose name contains what none does", "/runs", {**newest, **where("name", "IS_SUBSTRING", "zz")}),
        ("runs, 20, of an experiment, not archived", "/runs", {**newest, **not_archived, "experiment_id": experiment}),
        *((f"runs, 20, in order of {key}", "/runs", {"page_size": "20", "sort_by": f"{key} desc"}) for key in ORDERS),
        ("runs, 20, of one name", "/runs", where("name", "EQUALS", "bench 004213")),
        ("pipelines, 20, newest first", "/pipelines", newest),
        ("pipelines, 200, by name", "/pipelines", {"page_size": "200", "sort_by": "name"}),
        ("pipelines, 20, whose name contains 42", "/pipelines", where("name", "IS_SUBSTRING", "42")),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
