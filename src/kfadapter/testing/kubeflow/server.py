"""A fake Kubeflow Pipelines server for tests: real HTTP on loopback, KFP's answers, and faults on demand."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from kfadapter.clock import Clock, SystemClock
from kfadapter.testing.faults import Fault, FaultLayer, FaultScript, RequestLog, SeenRequest
from kfadapter.testing.kubeflow.application import Application
from kfadapter.testing.kubeflow.metadata_world import FakeExecution
from kfadapter.testing.kubeflow.wire import Wire, run_json
from kfadapter.testing.kubeflow.world import Course, FakeRun, World
from kfadapter.testing.loopback import LoopbackServer

EMPTY_SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "empty"},
    "root": {"dag": {"tasks": {}}},
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
}


class FakeKubeflow:
    """A Kubeflow Pipelines API server that lives in memory.

    Runs do not execute: they end by `finish`, or by themselves after `auto_finish`. Everything else is served as KFP
    serves it: paging, filters, orders, checks of uploads and of run parameters, refusals and their wording's shape.

    Args:
        wire: `"2.17"` or `"2.3.0"`: which server it talks like.
        prefix: Path prefix, as `/pipeline`. With one it is a UI's server: it serves logs and artifacts too, with and
            without the prefix, and ML Metadata without it.
        clock: Where its times come from.
        port: 0 takes a free one.
        tag_name: What healthz says; None: the release of the wire form.
        metadata_prefix: Where else than at the root a UI's server has ML Metadata; None: it has none.

    Attributes:
        world: Everything it holds, for tests that need more than the methods below; use it under `lock`.
        log: The requests seen, to wait for one.
    """

    def __init__(
        self,
        *,
        wire: str = "2.17",
        prefix: str = "",
        clock: Clock | None = None,
        port: int = 0,
        tag_name: str | None = None,
        metadata_prefix: str | None = "",
    ) -> None:
        form = Wire(wire)
        clock = clock or SystemClock()
        self.wire = form
        self.prefix = prefix
        self.world = World(clock)
        self.lock = threading.RLock()
        self.log = RequestLog(clock)
        self.faults = FaultScript()
        said = form.tag_name if tag_name is None else tag_name
        application = Application(
            self.world,
            form,
            self.lock,
            prefix=prefix,
            tag_name=said,
            metadata_prefix=metadata_prefix if prefix else None,
        )
        self._server = LoopbackServer(FaultLayer(application, self.faults, self.log), port=port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """The address, with the prefix."""
        return f"http://{self._server.host}:{self._server.port}{self.prefix}"

    @property
    def url(self) -> str:
        """The same as `base_url`."""
        return self.base_url

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open now."""
        return self._server.connections

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        self._server.start()
        return self

    def stop(self) -> None:
        """End every connection, also those that hang."""
        self._server.stop()

    def outage(self) -> None:
        """Refuse connections, and break the open ones, until `restore`."""
        self._server.outage()

    def restore(self) -> None:
        """Be back on the same port, with everything it held."""
        self._server.restore()

    def drop_connections(self) -> None:
        """Close all open connections, idle ones too."""
        self._server.drop_connections()

    def fail(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        times: int | None = 1,
        after: bool = False,
    ) -> None:
        """Let requests fail; see `FaultScript.add`."""
        self.faults.add(fault, method=method, path=path, times=times, after=after)

    @property
    def requests(self) -> list[SeenRequest]:
        """Every request seen, in order."""
        return self.log.all

    def count(self, method: str | None = None, path: str = "") -> int:
        """How many requests had this method and a path that the regular expression finds."""
        return len(self.log.matching(method, path))

    def add_pipeline(
        self,
        name: str,
        *,
        display_name: str = "",
        description: str = "",
        spec: Any = None,
        versions: Iterable[str] | None = None,
        created_at: datetime | None = None,
    ) -> str:
        """Store a pipeline, by default with one version named like it.

        Args:
            name: The unique name.
            display_name: Empty: the name.
            description: Of the pipeline.
            spec: Its versions' compiled pipeline; None: one without inputs and tasks.
            versions: The versions' names; None: one, named like the pipeline.
            created_at: Whole seconds; None: now.

        Returns:
            The pipeline's id.
        """
        with self.lock:
            at = created_at or self.world.now()
            pipeline = self.world.add_pipeline(name, display_name, description=description, created_at=at)
            for version in (name,) if versions is None else versions:
                shown = display_name if version == name else ""
                content = EMPTY_SPEC if spec is None else spec
                self.world.add_version(pipeline.pipeline_id, version, content, shown, created_at=at)
            return pipeline.pipeline_id

    def add_version(
        self,
        pipeline_id: str,
        name: str,
        *,
        display_name: str = "",
        spec: Any = None,
        created_at: datetime | None = None,
    ) -> str:
        """Store a further version and return its id."""
        with self.lock:
            at = created_at or self.world.now()
            content = EMPTY_SPEC if spec is None else spec
            version = self.world.add_version(pipeline_id, name, content, display_name, created_at=at)
            return version.pipeline_version_id

    def add_experiment(self, name: str, description: str = "") -> str:
        """Store an experiment and return its id. "Default" is there from the start."""
        with self.lock:
            return self.world.add_experiment(name, description).experiment_id

    def add_runs(self, count: int, *, state: str = "SUCCEEDED", **fields: Any) -> list[str]:
        """Store runs named `run-0`, `run-1`, … in this state, all in the same second, and return their ids.

        Args:
            count: How many.
            state: KFP's word; an end state sets `finished_at` to now.
            fields: Further fields of `FakeRun`.
        """
        with self.lock:
            return [self._add_run(f"run-{number}", state, fields).run_id for number in range(count)]

    def finish(self, run_id: str, state: str = "SUCCEEDED", *, error: str = "", tasks: list[Any] | None = None) -> None:
        """End a run now.

        Args:
            run_id: The run.
            state: KFP's word for the end.
            error: The message of the run's error.
            tasks: What `run_details.task_details` then says, in KFP's JSON.
        """
        with self.lock:
            self.world.finish(run_id, state, error=error, tasks=tasks)

    def advance(self, run_id: str, state: str) -> None:
        """Bring a run into a state that is no end, as RUNNING."""
        with self.lock:
            self.world.runs[run_id].enter(state, self.world.now())

    def auto_finish(
        self,
        seconds: float,
        state: str | Callable[[FakeRun], str | None] = "SUCCEEDED",
        *,
        running_after: float = 0.0,
    ) -> None:
        """From now on runs end by themselves, so many seconds of the clock after their creation.

        Args:
            seconds: From creation to the end.
            state: The end state, or what tells it for a run (None: that run does not end by itself).
            running_after: Seconds from creation to RUNNING.
        """
        with self.lock:
            self.world.course = Course(
                running_after=running_after,
                ends_after=seconds,
                outcome=state if callable(state) else lambda run: state,
            )

    def forget_run(self, run_id: str) -> None:
        """Lose a run, as a Kubeflow does whose database was restored."""
        with self.lock:
            del self.world.runs[run_id]

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as the server shows it now."""
        with self.lock:
            self.world.catch_up()
            return run_json(self.world.runs[run_id], self.wire)

    @property
    def run_ids(self) -> list[str]:
        """The ids of all runs, in order of creation."""
        with self.lock:
            return list(self.world.runs)

    def workflows_started(self, run_id: str) -> int:
        """How many workflows were started for a run id; more than one means a create call was repeated."""
        with self.lock:
            return self.world.workflows[run_id]

    def add_log(self, pod_name: str, content: bytes) -> None:
        """What the front door says a pod has logged."""
        with self.lock:
            self.world.logs[pod_name] = content

    def add_pod(self, pod_name: str, pod: Any, events: Iterable[Any] = ()) -> None:
        """What the front door says of a pod, and of its events, in Kubernetes' JSON."""
        with self.lock:
            self.world.pods[pod_name] = pod
            self.world.pod_events[pod_name] = list(events)

    def add_artifact(self, bucket: str, key: str, content: bytes) -> None:
        """What the front door finds in an object store."""
        with self.lock:
            self.world.artifacts[bucket, key] = content

    def record(self, run_id: str, *executions: FakeExecution) -> None:
        """What the UI's server finds in ML Metadata of a run's tasks."""
        with self.lock:
            self.world.metadata.record(run_id, executions)

    def _add_run(self, name: str, state: str, fields: dict[str, Any]) -> FakeRun:
        run = self.world.add_run(name, state=state, **fields)
        if run.has_ended and "finished_at" not in fields:
            run.finished_at = self.world.now()
        return run
