"""Many training jobs while everything goes wrong: services are killed, Kubeflow and the Training Manager misbehave.

The verdict names what must never be: a run that nobody was told of, one told as something it is not, a workflow
started twice, a job told out of order, and more repetitions than the kills explain.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.mischief import Mischief, kubeflow_tricks, training_manager_tricks
from kfadapter.testing.training_manager import FakeTrainingManager
from support.processes import AdapterProcess

HELLO = (Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines" / "hello.yaml").read_bytes()
BODY = {"pipeline_name": "hello", "pipeline_version": "hello", "experiment_name": "Default", "arguments": {}}
RECONNECT_SECONDS = 0.02
CALLERS = 8
RUN_SECONDS = 1.5
# Every so many-th job is executed once more when its first execution was answered.
TWICE = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything.

    Attributes:
        replicas: Processes; more than one needs a `database_url`.
        kills: How often one of them is killed.
        kill_pause_seconds: The longest time from one kill to the next.
        patience_seconds: After the last kill everybody must have been told within this.
    """

    jobs: int
    kills: int
    seed: int
    replicas: int = 1
    database_url: str = ""
    kill_pause_seconds: float = 1.5
    patience_seconds: float = 40.0


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How an execution went: the run's id, or None where the answer was an error or broke."""

    job_id: str
    run_id: str | None


@dataclass(kw_only=True)
class Verdict:
    """What came of it. The lists are empty when all is well."""

    runs: int = 0
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    repetitions: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Nothing is lost, false, doubled or out of order, and no more was repeated than kills explain."""
        return not (self.lost or self.false or self.doubled or self.disordered) and self.repetitions <= self.kills


class Chaos:
    """The world of one test: fakes, replicas, callers.

    Args:
        directory: Where the replicas keep what they keep.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self.kubeflow = FakeKubeflow()
        self.training_manager = FakeTrainingManager()
        self._replicas: list[AdapterProcess] = []
        self._directory = directory
        self._is_over = threading.Event()
        self._kills: list[datetime] = []

    def run(self) -> Verdict:
        """Start everything, break it as planned, wait until all is told, judge."""
        with self._world():
            began = time.monotonic()
            with ThreadPoolExecutor(CALLERS) as pool:
                calls = [pool.submit(self._execute_job, str(job)) for job in range(self._plan.jobs)]
                self._trouble()
                executions = [one for call in calls for one in _result(call)]
            self._wait_until_told(executions)
            verdict = self._judged(executions)
            verdict.seconds = time.monotonic() - began
            return verdict

    @contextmanager
    def _world(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(self._is_over.set)
            stack.enter_context(self.kubeflow)
            stack.enter_context(self.training_manager)
            self.kubeflow.auto_finish(RUN_SECONDS, _outcome)
            for number in range(self._plan.replicas):
                process = AdapterProcess("serve", self._directory / f"replica-{number}", self._environment())
                self._replicas.append(stack.enter_context(process))
            self._upload(self._replicas[0])
            yield

    def _upload(self, replica: AdapterProcess) -> None:
        url, files = f"{replica.url}/pipelineIds/hello", {"file": ("file", HELLO)}
        httpx.post(url, files=files, data={"description": ""}, timeout=30).raise_for_status()

    def _environment(self) -> Mapping[str, str]:
        env = {
            "KFADAPTER_KUBEFLOW_URL": self.kubeflow.url,
            "KFADAPTER_TRAINING_MANAGER_URL": self.training_manager.url,
            "KFADAPTER_POLL_SECONDS": "0.2",
            "KFADAPTER_NOTIFY_GRACE_SECONDS": "0.5",
            "KFADAPTER_REQUEST_TIMEOUT_SECONDS": "5",
            "KFADAPTER_LAUNCH_LOOKUP_SECONDS": "2",
            "KFADAPTER_REPLICA_LEASE_SECONDS": "3",
        }
        return {**env, **({"KFADAPTER_DATABASE_URL": self._plan.database_url} if self._plan.database_url else {})}

    def _trouble(self) -> None:
        tricks = kubeflow_tricks(self.kubeflow) + training_manager_tricks(self.training_manager)
        with Mischief(tricks, self._plan.seed):
            for _ in range(self._plan.kills):
                time.sleep(self._chance.uniform(0.3, self._plan.kill_pause_seconds))
                victim = self._chance.choice(self._replicas)
                victim.kill()
                self._kills.append(datetime.now(UTC))
                victim.start()

    def _execute_job(self, job_id: str) -> list[Execution]:
        """A Training Manager's call: refused connections are tried again, a broken answer is an error."""
        first = self._execute(job_id)
        is_again = first.run_id is not None and int(job_id) % TWICE == 0
        return [first, self._execute(job_id)] if is_again else [first]

    def _execute(self, job_id: str) -> Execution:
        while not self._is_over.wait(RECONNECT_SECONDS):
            replica = self._replicas[hash((job_id, time.monotonic_ns())) % len(self._replicas)]
            try:
                with httpx.Client(base_url=replica.url, timeout=60, trust_env=False) as http:
                    answer = http.post(f"/trainingjobs/{job_id}/execution", json=BODY)
            except httpx.ConnectError:
                continue
            except httpx.TransportError:
                return Execution(job_id=job_id, run_id=None)
            return Execution(job_id=job_id, run_id=answer.json()["run_id"] if answer.status_code == 200 else None)
        raise AssertionError("the test ended while jobs were still to be started")

    def _wanted(self) -> set[str]:
        """The newest run of each job that Kubeflow has: its end must be told."""
        newest = {self._job_of(run_id): run_id for run_id in self.kubeflow.run_ids}
        return set(newest.values())

    def _wait_until_told(self, executions: Sequence[Execution]) -> None:
        deadline = time.monotonic() + self._plan.patience_seconds
        while time.monotonic() < deadline:
            told = {one.run_id for one in self.training_manager.notifications}
            answered = {one.run_id for one in executions if one.run_id is not None}
            if self._wanted() <= told and answered <= set(self.kubeflow.run_ids):
                return
            time.sleep(0.2)

    def _judged(self, executions: Sequence[Execution]) -> Verdict:
        notifications, run_ids = self.training_manager.notifications, self.kubeflow.run_ids
        verdict = Verdict(runs=len(run_ids), kills=len(self._kills))
        told = {one.run_id for one in notifications}
        answered = {one.run_id for one in executions if one.run_id is not None}
        verdict.lost = sorted((self._wanted() - told) | (answered - set(run_ids)))
        verdict.false = [
            f"{one.run_id}: {one.run_status}"
            for one in notifications
            if one.run_id in run_ids and one.run_status != self.kubeflow.run(one.run_id)["state"]
        ]
        verdict.false += sorted((told - set(run_ids)) & answered)
        verdict.doubled = [run_id for run_id in run_ids if self.kubeflow.workflows_started(run_id) != 1]
        verdict.disordered = self._disordered()
        verdict.repetitions = sum(count - 1 for count in Counter(one.run_id for one in notifications).values())
        return verdict

    def _disordered(self) -> list[str]:
        """Jobs that were told of an older run after a newer one."""
        place = {run_id: number for number, run_id in enumerate(self.kubeflow.run_ids)}
        newest: dict[str, int] = {}
        wrong = []
        for one in self.training_manager.notifications:
            number = place.get(one.run_id, -1)
            if 0 <= number < newest.get(one.job_id, 0):
                wrong.append(one.job_id)
            newest[one.job_id] = max(number, newest.get(one.job_id, 0))
        return wrong

    def _job_of(self, run_id: str) -> str:
        return self.kubeflow.world.runs[run_id].display_name.split("-")[1]


def _outcome(run: object) -> str:
    """Some runs fail, always the same ones of the same name."""
    return "FAILED" if str(getattr(run, "display_name", "")).split("-")[1].endswith(("3", "7")) else "SUCCEEDED"


def _result(call: "Future[list[Execution]]") -> list[Execution]:
    return call.result(timeout=120)
