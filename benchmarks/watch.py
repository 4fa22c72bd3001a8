"""How soon ends are told, and what watching costs Kubeflow: the service beside a scriptable Kubeflow.

Prints the time from the moment Kubeflow shows an end until the Training Manager has the notification, for one end and
for many at once, and the calls a second at many active runs. The grace time after an execution is set to nothing.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import uvloop
from processes import program

from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager

HELLO = Path(__file__).parents[1] / "tests" / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
SINGLE_ENDS = 7
WATCHED_SECONDS = 10.0
AT_ONCE = 16
BODY = {"pipeline_name": "hello", "pipeline_version": "hello", "experiment_name": "Default", "arguments": {}}


def main() -> None:
    """Start everything, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--active", type=int, default=1000, help="active runs while calls are counted")
    parser.add_argument("--ends", type=int, default=200, help="runs that end together")
    arguments = parser.parse_args()
    env = {"KFADAPTER_NOTIFY_GRACE_SECONDS": "0", "KFADAPTER_LOG_LEVEL": "warning"}
    with FakeKubeflow() as kubeflow, FakeTrainingManager() as manager, tempfile.TemporaryDirectory() as directory:
        urls = ("--kubeflow-url", kubeflow.url, "--training-manager-url", manager.url)
        with program("serve", Path(directory), *urls, env=env) as adapter:
            uvloop.run(measure(kubeflow, manager, adapter.url, arguments.active, arguments.ends))


async def measure(kubeflow: FakeKubeflow, manager: FakeTrainingManager, adapter: str, active: int, ends: int) -> None:
    """All rows."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        form = aiohttp.FormData({"description": ""})
        form.add_field("file", HELLO.read_bytes(), filename="file")
        async with session.post(f"{adapter}/pipelineIds/hello", data=form) as answer:
            answer.raise_for_status()
        run_ids = await executed(session, adapter, active)
        print(f"{'what':44} {'median':>9} {'longest':>9}")
        singles = [await told_after(kubeflow, manager, [run_ids.pop()]) for _ in range(SINGLE_ENDS)]
        print(f"{f'one of {active} runs ends, until it is told':44} {statistics.median(singles):8.2f}s ", end="")
        print(f"{max(singles):8.2f}s")
        many = [run_ids.pop() for _ in range(ends)]
        print(f"{f'{ends} of them end together, until all are told':44} {'':9} ", end="")
        print(f"{await told_after(kubeflow, manager, many):8.2f}s")
        before = kubeflow.count()
        await asyncio.sleep(WATCHED_SECONDS)
        calls = (kubeflow.count() - before) / WATCHED_SECONDS
        print(f"{f'calls a second at {len(run_ids)} active runs':44} {calls:9.2f}")


async def executed(session: aiohttp.ClientSession, adapter: str, count: int) -> list[str]:
    """So many training jobs, started."""
    jobs, run_ids = iter(range(count)), []

    async def caller() -> None:
        for job in jobs:
            async with session.post(f"{adapter}/trainingjobs/{job}/execution", json=BODY) as answer:
                answer.raise_for_status()
                run_ids.append(str((await answer.json())["run_id"]))

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return run_ids


async def told_after(kubeflow: FakeKubeflow, manager: FakeTrainingManager, run_ids: list[str]) -> float:
    """End these runs at once; the seconds until the Training Manager has been told of the last."""
    known = len(manager.notifications)
    await asyncio.sleep(0.37)  # anywhere in the watcher's round
    for run_id in run_ids:
        kubeflow.finish(run_id)
    began = time.perf_counter()
    await manager.received(known + len(run_ids), within=60)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
