"""Two services on one PostgreSQL: when one is killed the other goes on with what it had, within ten seconds."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.chaos import BODY, HELLO
from support.ledgers import new_database, postgresql_server
from support.processes import AdapterProcess

JOBS = 12
TAKEN_OVER_SECONDS = 10.0
GRACE_SECONDS = 0.5


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as server:
        yield server


@pytest.fixture
def training_manager() -> Iterator[FakeTrainingManager]:
    with FakeTrainingManager() as server:
        yield server


@pytest.fixture
def replicas(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    kubeflow: FakeKubeflow,
    training_manager: FakeTrainingManager,
) -> Iterator[tuple[AdapterProcess, AdapterProcess]]:
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server(tmp_path_factory.mktemp("postgresql")))
        env = {
            "KFADAPTER_DATABASE_URL": new_database(server),
            "KFADAPTER_KUBEFLOW_URL": kubeflow.url,
            "KFADAPTER_TRAINING_MANAGER_URL": training_manager.url,
            "KFADAPTER_NOTIFY_GRACE_SECONDS": str(GRACE_SECONDS),
        }
        processes = [AdapterProcess("serve", tmp_path / name, env) for name in ("first", "second")]
        first, second = (stack.enter_context(process) for process in processes)
        yield first, second


def start(replica: AdapterProcess, job_id: int) -> str:
    answer = httpx.post(f"{replica.url}/trainingjobs/{job_id}/execution", json=BODY, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["run_id"])


def told_of(training_manager: FakeTrainingManager, run_ids: set[str]) -> list[str]:
    """The runs it was told of, in order, once it was told of all of these."""
    count = len(run_ids)
    while True:
        told = [one.run_id for one in training_manager.wait_for(count, within=30)]
        if run_ids <= set(told):
            return told
        count = len(told) + 1


@pytest.mark.process
@pytest.mark.timeout(120)
def test_the_other_replica_goes_on_when_the_leader_is_killed(
    replicas: tuple[AdapterProcess, AdapterProcess], kubeflow: FakeKubeflow, training_manager: FakeTrainingManager
) -> None:
    first, second = replicas  # the first one was alone for a while: it leads
    httpx.post(f"{first.url}/pipelineIds/hello", files={"file": ("file", HELLO)}, data={"description": ""}, timeout=30)
    run_ids = [start(replicas[job % 2], job) for job in range(JOBS)]
    kubeflow.finish(run_ids[0])
    training_manager.wait_for(1, within=15)

    for run_id in run_ids[1:]:
        kubeflow.finish(run_id)
    first.kill()
    killed = time.monotonic()
    told = told_of(training_manager, set(run_ids))
    assert time.monotonic() - killed <= TAKEN_OVER_SECONDS
    assert len(told) - len(run_ids) <= 1  # what was on its way may be told again

    shown = httpx.get(f"{second.url}/v1/training-jobs", timeout=30).json()["training_jobs"]
    assert {job["state"] for job in shown} == {"succeeded"}
    later = start(second, JOBS)
    kubeflow.finish(later)
    training_manager.wait_for(len(told) + 1, within=15)
