"""A steady load for a long time: does the service grow?

Executions, reads of the Training Manager's routes and of /v1, ends and notifications, at a rate, beside a scriptable
Kubeflow in this process. Prints memory and open descriptors of the service once a minute, and the growth from the end
of the warm-up, when lists are as long as they get and caches have filled, to the last minute.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path

import aiohttp
import uvloop
from processes import program

from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager

HELLO = Path(__file__).parents[1] / "tests" / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
BODY = {"pipeline_name": "hello", "pipeline_version": "hello", "experiment_name": "Default", "arguments": {}}
RUN_SECONDS = 5.0
# Of ten requests one is an execution; the rest are reads.
READS = (
    "/pipelines",
    "/pipelines/hello/versions",
    "/experiments",
    "/v1/training-jobs",
    "/v1/runs?page_size=20",
    "/v1/pipelines?view=FULL",
    "/v1/pipelines/by-name/hello",
    "/healthz",
    "/metrics",
)
REPORT_SECONDS = 60.0
# Read at once before the load begins: all connections that may be held are open then, to the service and from it.
BURST = 200
# The fakes remember everything they were asked; here they must not.
FORGET_SECONDS = 5.0


def main() -> None:
    """Start everything and keep it busy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--warm-up", type=int, default=5, help="minutes that are shown and not counted")
    arguments = parser.parse_args()
    env = {"KFADAPTER_NOTIFY_GRACE_SECONDS": "1", "KFADAPTER_LOG_LEVEL": "error"}
    with FakeKubeflow() as kubeflow, FakeTrainingManager() as manager, tempfile.TemporaryDirectory() as directory:
        kubeflow.auto_finish(RUN_SECONDS)
        urls = ("--kubeflow-url", kubeflow.url, "--training-manager-url", manager.url)
        with program("serve", Path(directory), *urls, env=env) as adapter:
            lines = uvloop.run(soak(kubeflow, adapter.url, adapter.pid, arguments.minutes * 60, arguments.rate))
    for begin in sorted({1, min(arguments.warm_up, len(lines))}):
        (first, opened), (last, still) = lines[begin - 1], lines[-1]
        print(f"growth since minute {begin}: {last / first - 1:+.1%} of memory, {still - opened:+} descriptors")


async def soak(kubeflow: FakeKubeflow, url: str, pid: int, seconds: float, rate: float) -> list[tuple[float, int]]:
    """The load and the reports; memory in MiB and descriptors at the end of each minute."""
    statuses: Counter[int] = Counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session, asyncio.TaskGroup() as group:
        form = aiohttp.FormData({"description": ""})
        form.add_field("file", HELLO.read_bytes(), filename="file")
        async with session.post(f"{url}/pipelineIds/hello", data=form) as answer:
            answer.raise_for_status()
        await asyncio.gather(*(read(session, url + path) for path in READS for _ in range(BURST)))
        report = group.create_task(reports(pid, seconds, statuses))
        reads, jobs, began = itertools.cycle(READS), itertools.count(), time.monotonic()
        for number in itertools.count():
            due = began + number / rate
            if due - began >= seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            call = execution(session, url, next(jobs)) if number % 10 == 0 else read(session, url + next(reads))
            group.create_task(counted(call, statuses))
            if number % int(rate * FORGET_SECONDS) == 0:
                kubeflow.log.clear()
        return await report


async def reports(pid: int, seconds: float, statuses: Counter[int]) -> list[tuple[float, int]]:
    """A line a minute."""
    print(f"{'minute':>6} {'MiB':>7} {'descriptors':>11}  statuses", flush=True)
    lines = []
    for minute in range(1, max(1, round(seconds / REPORT_SECONDS)) + 1):
        await asyncio.sleep(min(REPORT_SECONDS, seconds))
        lines.append((memory_mib(pid), descriptors(pid)))
        print(f"{minute:6} {lines[-1][0]:7.1f} {lines[-1][1]:11}  {dict(statuses)}", flush=True)
    return lines


async def execution(session: aiohttp.ClientSession, url: str, job: int) -> int:
    async with session.post(f"{url}/trainingjobs/{job}/execution", json=BODY) as answer:
        await answer.read()
        return answer.status


async def read(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        await answer.read()
        return answer.status


async def counted(call: Coroutine[None, None, int], statuses: Counter[int]) -> None:
    statuses[await call] += 1


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1024**2


def descriptors(pid: int) -> int:
    """Open files and sockets of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


if __name__ == "__main__":
    main()
