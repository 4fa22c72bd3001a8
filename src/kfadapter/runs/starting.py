"""Starting runs as people ask for them: by names or ids, with arguments as text or JSON, and never twice.

As for training jobs, the intention is written first and the create call is sent once; what is not known afterwards is
looked up by the run's id, while the caller waits and by `runs.settling` from then on.
"""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import (
    ArgumentProblem,
    ArgumentsError,
    IdempotencyKeyReused,
    KFAdapterError,
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInvalid,
    KubeflowNotFound,
    KubeflowUnavailable,
    LaunchFailed,
    NameNotFound,
    QueryRefused,
    StartUnderWay,
)
from kfadapter.kubeflow.catalog import Catalog, is_id
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.creation import created
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun
from kfadapter.pipelines.arguments import FittedArguments, fit_arguments
from kfadapter.pipelines.rules import check_pipeline
from kfadapter.pipelines.spec import Parameter, read_spec
from kfadapter.runs.labels import check_labels
from kfadapter.runs.sightings import SeenRuns
from kfadapter.runs.starts import NewStart, Origin, Start, StartBook, StartState

REFUSALS = (KubeflowInvalid, KubeflowNotFound, KubeflowForbidden)
FIRST_LOOKUP_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# After an error of Kubeflow's own the run shows soon or never; after silence it is waited for as long as possible.
PATIENCE_AFTER_ERROR_SECONDS = 2.0
NAME_LENGTH = 128

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class StartWish:
    """What somebody wants started.

    Attributes:
        pipeline: Name or id; empty with `pipeline_spec`.
        version: Name, id or `latest`.
        pipeline_spec: A specification sent along: bare, or beside its platform document.
        experiment: Name or id; empty: Kubeflow's default.
        create_experiment: Create it when no experiment has this name.
        arguments: Of any JSON type; texts are read as the declared types.
        carried: Arguments of another run, which do not count as wrong where the pipeline does not declare them.
        key: The Idempotency-Key.
    """

    pipeline: str = ""
    version: str = "latest"
    pipeline_spec: Mapping[str, Any] | None = None
    display_name: str = ""
    description: str = ""
    experiment: str = ""
    create_experiment: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    pipeline_root: str = ""
    service_account: str = ""
    origin: Origin | None = None
    key: str | None = None

    @property
    def digest(self) -> str:
        """Equal for equal wishes."""
        facts = {name: value for name, value in vars(self).items() if name not in ("key", "origin")}
        facts["origin"] = vars(self.origin) if self.origin else None
        text = json.dumps(facts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is to run, found."""

    name: str
    parameters: tuple[Parameter, ...]
    pipeline_id: str = ""
    version_id: str = ""
    pipeline_spec: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run that Kubeflow has.

    Attributes:
        fitted: The arguments as it got them; None when an earlier, equal request had started it.
    """

    run: Run
    fitted: FittedArguments | None
    labels: Mapping[str, str]

    @property
    def is_replay(self) -> bool:
        return self.fitted is None


class Starter:
    """Starts runs.

    Args:
        answer_seconds: A caller is answered within this time, even if the outcome is not known yet. Real time.
    """

    def __init__(
        self,
        kubeflow: Kubeflow,
        runs: SeenRuns,
        catalog: Catalog,
        book: StartBook,
        clock: Clock,
        *,
        answer_seconds: float = 8.0,
    ) -> None:
        self._kubeflow = kubeflow
        self._runs = runs
        self._catalog = catalog
        self._book = book
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._tasks: set[asyncio.Task[Run]] = set()

    async def start(self, wish: StartWish) -> Started:
        """Start one run, or find the one that an equal request with this key has started.

        Raises:
            QueryRefused: A part of the wish cannot be used.
            NameNotFound: A name leads nowhere.
            PackageError: The specification that was sent along cannot be run.
            ArgumentsError: Arguments do not fit; nothing has started. Names every one.
            IdempotencyKeyReused: The key came with another request before.
            StartUnderWay: The start it belongs to is under way.
            KubeflowError: Kubeflow refused, or is away: there is no run.
            LaunchFailed: Whether there is a run is not known (yet); names its id.
        """
        check_labels(wish.labels)
        if wish.key is not None and (known := await self._book.of_key(wish.key)) is not None:
            replayed = await self._replayed(known, wish)
            if replayed is not None:
                return replayed
        source = await self.source(wish)
        fitted = fit(source.parameters, wish.arguments, wish.carried)
        new = NewRun(
            run_id=str(uuid.uuid4()),
            display_name=(wish.display_name or self._name_of(source))[:NAME_LENGTH],
            description=wish.description,
            experiment_id=await self.experiment_id(wish),
            pipeline_id=source.pipeline_id,
            pipeline_version_id=source.version_id,
            pipeline_spec=source.pipeline_spec,
            parameters=fitted.passed,
            pipeline_root=wish.pipeline_root,
            service_account=wish.service_account,
        )
        start = await self._book.intend(_start_of(new, wish))
        if start.run_id != new.run_id:  # an equal request came in between
            replayed = await self._replayed(start, wish)
            if replayed is not None:
                return replayed
            raise StartUnderWay(wish.key or "", start.run_id)
        return Started(run=await self._created(new), fitted=fitted, labels=wish.labels)

    async def close(self) -> None:
        """Finish the create calls that are on their way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()

    async def _replayed(self, known: Start, wish: StartWish) -> Started | None:
        """The run of an equal request; None when that one surely started nothing, so that it may be tried again."""
        if known.digest != wish.digest:
            raise IdempotencyKeyReused(wish.key or "", known.run_id)
        if known.state in (StartState.REFUSED, StartState.NOT_STARTED):
            return None
        try:
            run = await self._runs.get(known.run_id)
        except KubeflowNotFound as exc:
            if known.state is StartState.STARTED:
                raise KubeflowNotFound(f"run {known.run_id} of this key has been deleted") from exc
            raise StartUnderWay(wish.key or "", known.run_id) from exc
        await self._book.settle(run.run_id, StartState.STARTED)
        return Started(run=run, fitted=None, labels=wish.labels)

    async def _created(self, new: NewRun) -> Run:
        """Create the run in a task of its own: a caller who leaves does not take the outcome along."""
        task = asyncio.create_task(self._create(new), name=f"start-{new.run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._landed)
        done, _ = await asyncio.wait({task}, timeout=self._answer_seconds)
        if done:
            return task.result()
        why = f"Kubeflow has not said within {self._answer_seconds:g} s whether run {new.run_id} was started"
        raise LaunchFailed(new.run_id, f"{why}; it is looked up")

    def _landed(self, task: asyncio.Task[Run]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            facts = {"reason": str(error), "exc_info": None if isinstance(error, KFAdapterError) else error}
            log.info("run not started", action="start_failed", **facts)

    async def _create(self, new: NewRun) -> Run:
        try:
            run = await created(self._runs, new, answer_seconds=self._answer_seconds)
        except KubeflowError as exc:
            return await self._not_created(new, exc)
        await self._book.settle(new.run_id, StartState.STARTED)
        return run

    async def _not_created(self, new: NewRun, error: KubeflowError) -> Run:
        if isinstance(error, REFUSALS) or (isinstance(error, KubeflowUnavailable) and error.never_arrived):
            await self._book.settle(new.run_id, StartState.REFUSED, error.reason)
            raise error
        await self._book.settle(new.run_id, StartState.UNCERTAIN, error.reason)
        patience = self._answer_seconds
        if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            patience = PATIENCE_AFTER_ERROR_SECONDS
        run = await self._looked_up(new.run_id, patience)
        if run is not None:
            await self._book.settle(new.run_id, StartState.STARTED)
            return run
        if isinstance(error, KubeflowConflict):
            await self._book.settle(new.run_id, StartState.REFUSED, error.reason)
            raise error
        raise LaunchFailed(
            new.run_id, f"{error.reason}; whether run {new.run_id} was started is not known, it is looked up"
        ) from error

    async def _looked_up(self, run_id: str, patience_seconds: float) -> Run | None:
        """The run, if Kubeflow shows it in time. It is never created a second time."""
        pause, waited = FIRST_LOOKUP_SECONDS, 0.0
        while True:
            try:
                return await self._runs.get(run_id)
            except KubeflowError:
                if waited >= patience_seconds:
                    return None
            await self._clock.sleep(pause)
            waited += pause
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def source(self, wish: StartWish) -> Source:
        """What is to run; raises as `start`."""
        if wish.pipeline_spec is not None:
            spec = await asyncio.to_thread(read_spec, wish.pipeline_spec)
            await asyncio.to_thread(check_pipeline, spec.document, spec.platform)
            return Source(name=spec.name, parameters=spec.parameters, pipeline_spec=wish.pipeline_spec)
        pipeline_id, name = await self._pipeline(wish.pipeline)
        version = await self._catalog.version(pipeline_id, wish.version or "latest")
        content = await self._catalog.content_of(version)
        return Source(
            name=name or version.display_name,
            parameters=read_spec(content.document).parameters,
            pipeline_id=pipeline_id,
            version_id=version.pipeline_version_id,
        )

    async def _pipeline(self, wanted: str) -> tuple[str, str]:
        if not wanted:
            raise QueryRefused("pipeline", "name a pipeline, or send a specification along")
        if is_id(wanted):
            try:
                pipeline = await self._kubeflow.pipelines.get(wanted)
            except KubeflowNotFound as exc:
                try:
                    pipeline = await self._kubeflow.pipelines.find(wanted)
                except NameNotFound:
                    raise exc from None
        else:
            pipeline = await self._kubeflow.pipelines.find(wanted)
        return pipeline.pipeline_id, pipeline.display_name

    async def experiment_id(self, wish: StartWish) -> str:
        """Where it is to run, made if that is wished; empty: Kubeflow's default. Raises as `start`."""
        wanted, experiments = wish.experiment, self._kubeflow.experiments
        if not wanted:
            return ""
        if is_id(wanted):
            try:
                return (await experiments.get(wanted)).experiment_id
            except KubeflowNotFound:
                if not wish.create_experiment:
                    raise
        try:
            return (await experiments.find(wanted)).experiment_id
        except NameNotFound as exc:
            if exc.matches or not wish.create_experiment:
                raise
        try:
            return (await experiments.create(wanted)).experiment_id
        except KubeflowConflict:
            return (await experiments.find(wanted)).experiment_id

    def _name_of(self, source: Source) -> str:
        return f"{source.name[:100]} {self._clock.now():%Y-%m-%d %H-%M-%S}"


def fit(
    parameters: tuple[Parameter, ...], given: Mapping[str, Any], carried: Mapping[str, Any] | None = None
) -> FittedArguments:
    """Arguments in the declared types. Names that are not declared are refused, as Kubeflow does.

    Args:
        carried: Values of another run for inputs that were not given. Null in `given` takes one away.

    Raises:
        ArgumentsError: Names everything that is wrong.
    """
    declared = {parameter.name for parameter in parameters}
    kept = {name: value for name, value in (carried or {}).items() if name in declared and name not in given}
    problems: list[ArgumentProblem] = []
    fitted = None
    try:
        fitted = fit_arguments(parameters, {**kept, **given})
        ignored = fitted.ignored
    except ArgumentsError as exc:
        problems += exc.problems
        ignored = tuple(sorted(name for name in given if not _may_mean(name, declared)))
    names = ", ".join(parameter.name for parameter in parameters) or "none"
    problems += [
        ArgumentProblem(
            name=name, kind="unknown", message=f"there is no input {name}; the pipeline's inputs are: {names}"
        )
        for name in ignored
    ]
    if problems or fitted is None:
        raise ArgumentsError(problems)
    return fitted


def _may_mean(name: str, declared: set[str]) -> bool:
    def folded(text: str) -> str:
        return text.casefold().replace("_", "").replace("-", "")

    return folded(name) in {folded(one) for one in declared}


def _start_of(new: NewRun, wish: StartWish) -> NewStart:
    return NewStart(
        run_id=new.run_id,
        digest=wish.digest,
        request={
            "display_name": new.display_name,
            "pipeline_id": new.pipeline_id,
            "pipeline_version_id": new.pipeline_version_id,
            "experiment_id": new.experiment_id,
            "arguments": dict(new.parameters),
        },
        key=wish.key,
        origin=wish.origin,
        labels=dict(wish.labels),
    )
