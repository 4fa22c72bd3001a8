"""The whole service as a process, killed at random moments: no job is lost, and none is told twice without need."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx
import pytest

from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.processes import AdapterProcess

HELLO = (Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines" / "hello.yaml").read_bytes()
JOBS = 50
KILLS = 6
RECONNECT_SECONDS = 0.02
CREATE = r"/runs$"
# From the Training Manager taking a notification until that is written down here, on a busy machine.
ON_ITS_WAY = timedelta(seconds=1)
MOST_ON_THEIR_WAY = 2
BODY = {"pipeline_name": "hello", "pipeline_version": "hello", "experiment_name": "Default", "arguments": {}}


@dataclass(frozen=True, kw_only=True)
class Started:
    """How an execution went: the run's id, or None when the connection broke before the answer."""

    job_id: str
    run_id: str | None


class Caller:
    """A Training Manager that starts jobs: waits while nobody listens, and takes a broken answer for lost."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._http.close()

    def start(self, job_id: str) -> Started:
        while not self._closed.wait(RECONNECT_SECONDS):
            try:
                answer = self._http.post(f"/trainingjobs/{job_id}/execution", json=BODY)
            except httpx.ConnectError:
                continue  # refused at once: the service is down and will be back
            except httpx.TransportError:
                return Started(job_id=job_id, run_id=None)
            assert answer.status_code == 200, answer.text
            return Started(job_id=job_id, run_id=answer.json()["run_id"])
        raise AssertionError("the test ended while jobs were still to be started")


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as server:
        server.auto_finish(2.0, lambda run: "FAILED" if run.display_name.endswith(("0", "7")) else "SUCCEEDED")
        yield server


@pytest.fixture
def training_manager() -> Iterator[FakeTrainingManager]:
    with FakeTrainingManager() as server:
        yield server


@pytest.fixture
def adapter(tmp_path: Path, kubeflow: FakeKubeflow, training_manager: FakeTrainingManager) -> Iterator[AdapterProcess]:
    env = {
        "KFADAPTER_KUBEFLOW_URL": kubeflow.url,
        "KFADAPTER_TRAINING_MANAGER_URL": training_manager.url,
        "KFADAPTER_POLL_SECONDS": "0.1",
        "KFADAPTER_NOTIFY_GRACE_SECONDS": "0.5",
        "KFADAPTER_REQUEST_TIMEOUT_SECONDS": "5",
        "KFADAPTER_LAUNCH_LOOKUP_SECONDS": "1",
    }
    with AdapterProcess("serve", tmp_path / "data", env) as process:
        yield process


def upload(adapter: AdapterProcess) -> None:
    answer = httpx.post(f"{adapter.url}/pipelineIds/hello", files={"file": ("file", HELLO)}, data={"description": ""})
    assert answer.status_code == 200, answer.text


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1])
def test_every_job_is_told_when_the_service_is_killed_at_random_moments(
    adapter: AdapterProcess, kubeflow: FakeKubeflow, training_manager: FakeTrainingManager, seed: int
) -> None:
    upload(adapter)
    chance = random.Random(seed)
    kills: list[datetime] = []
    with ThreadPoolExecutor(8) as pool, Caller(adapter.url) as caller:
        calls = [pool.submit(caller.start, str(job)) for job in range(JOBS)]
        for number in range(KILLS):
            await_moment(chance, number, kubeflow, training_manager)
            adapter.kill()
            kills.append(datetime.now(UTC))
            adapter.start()
        started = results(calls)

    expected = set(kubeflow.run_ids)
    assert {one.run_id for one in started if one.run_id is not None} <= expected
    told = wait_until_told(training_manager, expected)
    assert all(kubeflow.workflows_started(run_id) == 1 for run_id in expected)
    for run_id in expected:
        assert told[run_id] == {kubeflow.run(run_id)["state"]}
    assert told_again_without_need(training_manager, kills) == []
    assert len(training_manager.notifications) <= len(expected) + MOST_ON_THEIR_WAY * KILLS + lost_executions(started)


def lost_executions(started: list[Started]) -> int:
    """Executions whose answer was lost may have left an intention without a run, which is told as failed."""
    return sum(one.run_id is None for one in started)


def told_again_without_need(training_manager: FakeTrainingManager, kills: list[datetime]) -> list[str]:
    """Runs that were told again although the notification before was not on its way when the service was killed."""
    needless = []
    before: dict[str, datetime] = {}
    for one in training_manager.notifications:
        at = before.get(one.run_id)
        if at is not None and not any(at <= kill <= at + ON_ITS_WAY for kill in kills):
            needless.append(f"{one.run_id} at {at} and {one.at}; killed at {[str(kill) for kill in kills]}")
        before[one.run_id] = one.at
    return needless


def await_moment(
    chance: random.Random, number: int, kubeflow: FakeKubeflow, training_manager: FakeTrainingManager
) -> None:
    """The first kills fall into the executions, the later ones into the notifications."""
    if number < KILLS // 2:
        seen = len(kubeflow.log.matching("POST", CREATE))
        kubeflow.log.wait_for("POST", CREATE, count=min(JOBS - 10, seen + chance.randint(1, 10)), within=60)
    else:
        seen = len(training_manager.notifications)
        training_manager.wait_for(min(JOBS // 2, seen + chance.randint(1, 10)), within=60)


def results(calls: list[Future[Started]]) -> list[Started]:
    return [call.result() for call in as_completed(calls, timeout=120)]


def wait_until_told(training_manager: FakeTrainingManager, run_ids: set[str]) -> dict[str, set[str]]:
    """What the Training Manager was told of each of these runs, once it was told of all."""
    count = len(run_ids)
    while True:
        told: dict[str, set[str]] = {}
        for notification in training_manager.wait_for(count, within=60):
            told.setdefault(notification.run_id, set()).add(notification.run_status)
        if run_ids <= told.keys():
            return told
        count = len(training_manager.notifications) + 1
