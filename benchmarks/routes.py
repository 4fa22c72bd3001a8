"""The adapter against direct calls to the same server: how much slower is a call that goes through it?

The server is a `kfadapter engine`, or a stand-in that takes as long as a real Kubeflow.
The adapter runs beside it. Each round asks directly and
through the adapter in turn, so that a change of the machine's speed meets both.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from processes import program, stand_in

HELLO = Path(__file__).parents[1] / "tests" / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
API = "/apis/v2beta1"
ROUNDS = 5

Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One thing asked both ways; `after` clears up after a batch and is not timed."""

    name: str
    direct: Call
    adapted: Call
    calls: int
    after: Call | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One batch of calls: each call's seconds, and the batch's."""

    latencies: list[float]
    seconds: float


def main() -> None:
    """Start both programs, fill them, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="calls a round (executions: a tenth)")
    parser.add_argument(
        "--stand-in", type=float, metavar="MS", help="a stand-in that takes so long for an answer, not the engine"
    )
    parser.add_argument("--only", default="", metavar="NAME", help="only calls whose name has this in it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        if arguments.stand_in is None:
            server = stack.enter_context(program("engine", directories[0]))
        else:
            server = stack.enter_context(stand_in(arguments.stand_in))
        adapter = stack.enter_context(program("serve", directories[1], "--kubeflow-url", server.url))
        uvloop.run(measure(server.url, adapter.url, arguments.calls, arguments.only))


async def measure(engine: str, adapter: str, calls: int, only: str = "") -> None:
    """Compare the calls, one and sixteen at a time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        ids = await fill(session, engine)
        print(f"{'call':28} {'at once':>7} {'direct':>9} {'adapter':>9} {'median':>8} {'throughput':>11}")
        for comparison in comparisons(session, engine, adapter, ids, calls):
            if only not in comparison.name:
                continue
            for at_once in (1, 16):
                await compare(comparison, at_once)


async def fill(session: aiohttp.ClientSession, engine: str) -> dict[str, str]:
    """Twenty pipelines, an experiment and twenty runs that have ended."""
    content = HELLO.read_bytes()
    made: dict[str, Any] = {}
    for number in range(20):
        form = aiohttp.FormData()
        form.add_field("uploadfile", content, filename="pipeline.yaml")
        async with session.post(
            f"{engine}{API}/pipelines/upload", params={"name": f"hello-{number}"}, data=form
        ) as answer:
            answer.raise_for_status()
            made = await answer.json()
    async with session.get(f"{engine}{API}/pipelines/{made['pipeline_id']}/versions") as answer:
        version = (await answer.json())["pipeline_versions"][0]
    async with session.get(f"{engine}{API}/experiments") as answer:
        experiment = (await answer.json())["experiments"][0]
    ids = {
        "pipeline_id": made["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
        "experiment_id": experiment["experiment_id"],
    }
    runs = [await create_run(session, engine, ids) for _ in range(20)]
    for run_id in runs:
        await terminate(session, engine, run_id)
    return ids


async def create_run(session: aiohttp.ClientSession, engine: str, ids: dict[str, str]) -> str:
    """One run, created directly."""
    body = {
        "run_id": str(uuid.uuid4()),
        "display_name": "bench",
        "experiment_id": ids["experiment_id"],
        "pipeline_version_reference": {
            "pipeline_id": ids["pipeline_id"],
            "pipeline_version_id": ids["pipeline_version_id"],
        },
        "runtime_config": {"parameters": {"word": "bench"}},
    }
    async with session.post(f"{engine}{API}/runs", json=body) as answer:
        answer.raise_for_status()
        return str((await answer.json())["run_id"])


async def terminate(session: aiohttp.ClientSession, engine: str, run_id: str) -> None:
    """End a run whose work nobody needs."""
    async with session.post(f"{engine}{API}/runs/{run_id}:terminate") as answer:
        await answer.read()


def comparisons(
    session: aiohttp.ClientSession, engine: str, adapter: str, ids: dict[str, str], calls: int
) -> list[Comparison]:
    """What is asked, both ways."""

    def get(url: str) -> Call:
        async def call() -> None:
            async with session.get(url) as answer:
                answer.raise_for_status()
                await answer.read()

        return call

    started: list[str] = []

    async def create() -> None:
        started.append(await create_run(session, engine, ids))

    async def execute() -> None:
        body = {
            "pipeline_name": "hello-19",
            "pipeline_version": "hello-19",
            "experiment_name": "Default",
            "arguments": {"word": "bench", "modellocation": ""},
        }
        async with session.post(f"{adapter}/trainingjobs/{uuid.uuid4()}/execution", json=body) as answer:
            answer.raise_for_status()
            started.append((await answer.json())["run_id"])

    async def end_started() -> None:
        while started:
            await terminate(session, engine, started.pop())

    names = f"{API}/pipelines"
    return [
        Comparison(
            name="GET /pipelines (20)",
            direct=get(f"{engine}{names}?page_size=200"),
            adapted=get(f"{adapter}/pipelines"),
            calls=calls,
        ),
        Comparison(
            name="GET /pipelineIds/{name}",
            direct=get(f"{engine}{names}/names/hello-7"),
            adapted=get(f"{adapter}/pipelineIds/hello-7"),
            calls=calls,
        ),
        Comparison(
            name="GET /runs (20)",
            direct=get(f"{engine}{API}/runs?page_size=20"),
            adapted=get(f"{adapter}/runs?page_size=20"),
            calls=calls,
        ),
        Comparison(name="execution", direct=create, adapted=execute, calls=max(calls // 10, 16), after=end_started),
    ]


async def compare(comparison: Comparison, at_once: int) -> None:
    """Measure in turn and print one line."""
    ways = (comparison.direct, comparison.adapted)
    for call in ways:
        await batch(call, at_once, at_once)
    pairs = []
    for _ in range(ROUNDS):
        pairs.append([await batch(call, comparison.calls, at_once) for call in ways])
        if comparison.after is not None:
            await comparison.after()
    direct = statistics.median(one for sample, _ in pairs for one in sample.latencies)
    adapted = statistics.median(one for _, sample in pairs for one in sample.latencies)
    throughput = statistics.median(first.seconds / second.seconds for first, second in pairs)
    print(
        f"{comparison.name:28} {at_once:7} {direct * 1000:7.2f}ms {adapted * 1000:7.2f}ms "
        f"{adapted / direct:7.2f}x {throughput:10.2f}x"
    )


async def batch(call: Call, calls: int, at_once: int) -> Sample:
    """So many calls, so many at a time."""
    latencies: list[float] = []
    todo = iter(range(calls))

    async def worker() -> None:
        for _ in todo:
            started = time.perf_counter()
            await call()
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return Sample(latencies=latencies, seconds=time.perf_counter() - started)


if __name__ == "__main__":
    main()
