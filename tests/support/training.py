"""The training part of the service on fakes: real sockets, a real ledger, a clock that is turned by hand."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from kfadapter.database.transactions import Transactions
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.testing.clock import ManualClock
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from kfadapter.training.jobs import TrainingJobs
from kfadapter.training.launch import Launched, Launcher
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_reads import RunRecord
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.outbox import Outbox
from kfadapter.training.records import LaunchRequest
from kfadapter.training.run_report import RunReports
from kfadapter.training.training_manager import TrainingManager
from kfadapter.training.watcher import Watcher

GRACE_SECONDS = 5.0
ANSWER_SECONDS = 10.0


def make_request(job_id: str = "7", **overrides: Any) -> LaunchRequest:
    """A request of a training job; Kubeflow does not look at its ids here."""
    fields: dict[str, Any] = {
        "job_id": job_id,
        "pipeline_id": "p-1",
        "pipeline_name": "qoe",
        "pipeline_version_id": "v-1",
        "version_name": "qoe",
        "experiment_id": "e-1",
        "experiment_name": "Default",
        "parameters": {},
        "effective_arguments": {"epochs": 1},
        "ignored_arguments": ("modellocation",),
    }
    return LaunchRequest(**{**fields, **overrides})


class Bridge:
    """One process of the service, as far as training jobs go; several in a row may share a ledger file.

    Its loops do not run: tests call `watcher.look()` and `outbox.deliver_due()`.
    """

    def __init__(
        self,
        path: Path,
        fake: FakeKubeflow,
        training_manager: FakeTrainingManager,
        clock: ManualClock,
        *,
        kubeflow_timeout_seconds: float = 5.0,
        notify_timeout_seconds: float = 5.0,
        answer_seconds: float = 2.0,
        is_told: bool = True,
    ) -> None:
        self.fake, self.training_manager, self.clock = fake, training_manager, clock
        self.kubeflow = Kubeflow(fake.url, timeout_seconds=kubeflow_timeout_seconds)
        policy = NotifyPolicy(is_told=is_told, grace_seconds=GRACE_SECONDS, answer_seconds=ANSWER_SECONDS)
        self.database = Transactions.open(f"sqlite:///{path}")
        self.ledger = Ledger(self.database, policy=policy)
        runs = self.kubeflow.runs
        self.launcher = Launcher(runs, self.ledger, clock, answer_seconds=answer_seconds)
        self.watcher = Watcher(runs, self.ledger, clock, lost_after_seconds=600, lookup_seconds=20)
        self.told = TrainingManager(training_manager.url, notify_timeout_seconds)
        reports = RunReports(runs, self.kubeflow.tasks)
        self.outbox = Outbox(self.ledger, self.told, clock, reports=reports, drain_seconds=0.1, chance=lambda: 0.5)
        self.jobs = TrainingJobs(runs, self.ledger, clock)
        self._stack = AsyncExitStack()
        pipeline_id = fake.add_pipeline(f"qoe-{len(fake.world.pipelines)}")
        version = next(v for v in fake.world.versions.values() if v.pipeline_id == pipeline_id)
        self._ids = {
            "pipeline_id": pipeline_id,
            "pipeline_version_id": version.pipeline_version_id,
            "experiment_id": next(iter(fake.world.experiments)),
        }

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.kubeflow)
        await self._stack.enter_async_context(self.told)
        await self.launcher.recover()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.launcher.close(within_seconds=0)
        await self._stack.aclose()
        self.database.close()

    def request(self, job_id: str = "7", **overrides: Any) -> LaunchRequest:
        """A request whose pipeline, version and experiment are there."""
        return make_request(job_id, **{**self._ids, **overrides})

    async def start(self, job_id: str = "7", *, is_answered: bool = True, **overrides: Any) -> str:
        """Launch a run as an execution does; its id."""
        launched: Launched = await self.launcher.launch(self.request(job_id, **overrides))
        if is_answered:
            await self.launcher.answered(launched.run.run_id)
        return launched.run.run_id

    async def end(self, run_id: str, state: str = "SUCCEEDED") -> None:
        """Let a run end and be seen."""
        self.fake.finish(run_id, state)
        await self.watcher.look()

    async def tell(self) -> None:
        """Let the grace time pass and deliver what is due."""
        self.clock.advance(GRACE_SECONDS)
        await self.outbox.deliver_due()

    async def look_for(self, seconds: float, *, step: float = 1.0) -> None:
        """Rounds of the watcher over a span of time."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await self.watcher.look()

    async def record(self, run_id: str) -> RunRecord:
        """What the ledger has of a run."""
        record = await self.ledger.run_record(run_id)
        assert record is not None
        return record

    async def only_run(self) -> RunRecord:
        """The newest job's newest run."""
        job = (await self.ledger.jobs(limit=1))[0]
        return await self.record(job.runs[0].run.run_id)
