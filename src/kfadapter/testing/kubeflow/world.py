"""What a fake Kubeflow knows: pipelines, versions, experiments and runs, and what may be done with them.

Runs do not execute. They end when a test says so, or after a scripted time of the fake's clock. Times are whole
seconds, as KFP keeps them.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kfadapter.clock import Clock
from kfadapter.testing.kubeflow.metadata_world import MetadataWorld

NOT_YET = datetime(1970, 1, 1, tzinfo=UTC)
ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})
DEFAULT_DESCRIPTION = "All runs created without specifying an experiment will be grouped here."
TERMINATION_SECONDS = 1.0

Json = Any


@dataclass(kw_only=True)
class FakePipeline:
    """A pipeline as the fake stores it."""

    pipeline_id: str
    name: str
    display_name: str
    description: str = ""
    namespace: str = ""
    created_at: datetime
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class FakeVersion:
    """A version of a pipeline as the fake stores it."""

    pipeline_version_id: str
    pipeline_id: str
    name: str
    display_name: str
    description: str = ""
    code_source_url: str = ""
    created_at: datetime
    pipeline_spec: Json
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class FakeExperiment:
    """An experiment as the fake stores it."""

    experiment_id: str
    display_name: str
    description: str = ""
    namespace: str = ""
    created_at: datetime
    storage_state: str = "AVAILABLE"
    last_run_created_at: datetime = NOT_YET


@dataclass(kw_only=True)
class FakeRun:
    """A run as the fake stores it.

    Attributes:
        due: Changes of state that come by themselves, by the fake's clock.
        extra: Keys of the answer that are kept as they were sent.
    """

    run_id: str
    display_name: str
    description: str = ""
    experiment_id: str
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    pipeline_spec: Json = None
    runtime_config: Json = None
    service_account: str = "pipeline-runner"
    storage_state: str = "AVAILABLE"
    state: str = "PENDING"
    created_at: datetime
    scheduled_at: datetime
    finished_at: datetime = NOT_YET
    history: list[tuple[datetime, str]] = field(default_factory=list)
    error: str = ""
    tasks: list[Json] = field(default_factory=list)
    due: list[tuple[datetime, str]] = field(default_factory=list)
    extra: dict[str, Json] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    def enter(self, state: str, at: datetime) -> None:
        """Change the state and remember when."""
        self.state = state
        self.history.append((at, state))
        self.finished_at = at if state in ENDED else NOT_YET


@dataclass(kw_only=True)
class FakeRecurringRun:
    """A recurring run as the fake stores it; it starts nothing.

    Attributes:
        fields: The keys of the answer that are kept as they were sent.
    """

    recurring_run_id: str
    display_name: str
    experiment_id: str
    is_enabled: bool
    created_at: datetime
    updated_at: datetime
    fields: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How runs go by themselves.

    Attributes:
        running_after: Seconds from creation to RUNNING.
        ends_after: Seconds from creation to the end.
        outcome: The end state of a run; None: it does not end by itself.
    """

    running_after: float
    ends_after: float
    outcome: Callable[[FakeRun], str | None]


class World:
    """The state of a fake Kubeflow; not safe for threads by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pipelines: dict[str, FakePipeline] = {}
        self.versions: dict[str, FakeVersion] = {}
        self.experiments: dict[str, FakeExperiment] = {}
        self.runs: dict[str, FakeRun] = {}
        self.recurring_runs: dict[str, FakeRecurringRun] = {}
        self.workflows: Counter[str] = Counter()
        self.logs: dict[str, bytes] = {}
        self.artifacts: dict[tuple[str, str], bytes] = {}
        self.pods: dict[str, Json] = {}
        self.pod_events: dict[str, list[Json]] = {}
        self.metadata = MetadataWorld()
        self.course: Course | None = None
        self._moving: dict[str, FakeRun] = {}  # runs that change by themselves; the others need no look
        self.add_experiment("Default", DEFAULT_DESCRIPTION)

    def now(self) -> datetime:
        """The current whole second."""
        return self._clock.now().replace(microsecond=0)

    def catch_up(self) -> None:
        """Let everything happen whose time has come."""
        now = self._clock.now()
        for run in list(self._moving.values()):
            while run.due and run.due[0][0] <= now:
                at, state = run.due.pop(0)
                if not run.has_ended:
                    run.enter(state, at.replace(microsecond=0))
            if not run.due:
                del self._moving[run.run_id]

    def add_pipeline(self, name: str, display_name: str = "", **fields: Any) -> FakePipeline:
        """Store a pipeline without versions."""
        pipeline = FakePipeline(
            **{"pipeline_id": fresh_id(), "created_at": self.now(), **fields},
            name=name,
            display_name=display_name or name,
        )
        self.pipelines[pipeline.pipeline_id] = pipeline
        return pipeline

    def add_version(
        self, pipeline_id: str, name: str, spec: Json, display_name: str = "", **fields: Any
    ) -> FakeVersion:
        """Store a version."""
        version = FakeVersion(
            **{"pipeline_version_id": fresh_id(), "created_at": self.now(), **fields},
            pipeline_id=pipeline_id,
            name=name,
            display_name=display_name or name,
            pipeline_spec=spec,
        )
        self.versions[version.pipeline_version_id] = version
        return version

    def add_experiment(self, display_name: str, description: str = "", **fields: Any) -> FakeExperiment:
        """Store an experiment."""
        experiment = FakeExperiment(
            **{"experiment_id": fresh_id(), "created_at": self.now(), **fields},
            display_name=display_name,
            description=description,
        )
        self.experiments[experiment.experiment_id] = experiment
        return experiment

    def add_run(self, display_name: str, **fields: Any) -> FakeRun:
        """Store a run; PENDING unless told otherwise, in the default experiment."""
        now = self._clock.now()
        second = now.replace(microsecond=0)
        given = {"run_id": fresh_id(), "experiment_id": self.default_experiment().experiment_id, **fields}
        given = {"created_at": second, "scheduled_at": given.get("created_at", second), **given}
        run = FakeRun(**given, display_name=display_name)
        if not run.history:
            run.history.append((run.created_at, run.state))
        if self.course is not None and not run.has_ended:
            self._plan(run, _planned(self.course, run, now))
        self.runs[run.run_id] = run
        self.experiments[run.experiment_id].last_run_created_at = run.created_at
        return run

    def default_experiment(self) -> FakeExperiment:
        """The experiment of runs that name none; made anew when it was deleted."""
        for experiment in self.experiments.values():
            if experiment.display_name == "Default":
                return experiment
        return self.add_experiment("Default", DEFAULT_DESCRIPTION)

    def versions_of(self, pipeline_id: str) -> list[FakeVersion]:
        """A pipeline's versions, as stored."""
        return [version for version in self.versions.values() if version.pipeline_id == pipeline_id]

    def latest_version(self, pipeline_id: str) -> FakeVersion | None:
        """The newest version; of equal seconds the one with the greatest id, which is chance."""
        versions = self.versions_of(pipeline_id)
        return max(versions, key=lambda version: (version.created_at, version.pipeline_version_id), default=None)

    def delete_pipeline(self, pipeline_id: str) -> None:
        """Remove a pipeline with its versions; its runs stay."""
        for version in self.versions_of(pipeline_id):
            del self.versions[version.pipeline_version_id]
        del self.pipelines[pipeline_id]

    def finish(self, run_id: str, state: str, *, error: str = "", tasks: list[Json] | None = None) -> None:
        """End a run now."""
        run = self.runs[run_id]
        run.enter(state, self.now())
        run.error = error
        run.due.clear()
        if tasks is not None:
            run.tasks = tasks

    def terminate(self, run: FakeRun) -> None:
        """Start to end a run: CANCELING at once, FAILED when the workflow has been stopped."""
        run.state = "CANCELING"
        self._plan(run, [(self._clock.now() + timedelta(seconds=TERMINATION_SECONDS), "FAILED")])

    def archive_experiment(self, experiment_id: str) -> None:
        """Archive an experiment with its runs."""
        self.experiments[experiment_id].storage_state = "ARCHIVED"
        for run in self.runs.values():
            if run.experiment_id == experiment_id:
                run.storage_state = "ARCHIVED"

    def _plan(self, run: FakeRun, due: list[tuple[datetime, str]]) -> None:
        run.due = due
        self._moving[run.run_id] = run


def fresh_id() -> str:
    """A random id."""
    return str(uuid.uuid4())


def _planned(course: Course, run: FakeRun, now: datetime) -> list[tuple[datetime, str]]:
    plan = [(now + timedelta(seconds=course.running_after), "RUNNING")]
    outcome = course.outcome(run)
    if outcome is not None:
        plan.append((now + timedelta(seconds=course.ends_after), outcome))
    return plan


def root_parameters(spec: Json) -> Mapping[str, Json]:
    """The inputs a stored spec declares, bare or nested beside a platform spec."""
    inner = spec.get("pipeline_spec", spec) if isinstance(spec, dict) else {}
    found = inner.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return found if isinstance(found, dict) else {}
