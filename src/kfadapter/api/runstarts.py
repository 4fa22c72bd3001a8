"""Starting a run by what people call things: names or ids, text or JSON, a pipeline or a specification sent along."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.api.schemas.runs import NewRun as NewRunShape
from kfadapter.api.times import rfc3339
from kfadapter.clock import Clock
from kfadapter.errors import ArgumentProblem, ArgumentsError, KubeflowConflict, NameNotFound
from kfadapter.kubeflow.catalog import Catalog
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun
from kfadapter.kubeflow.starting import start
from kfadapter.pipelines.dry_run import ArgumentsReport, check_arguments
from kfadapter.pipelines.rules import check_pipeline
from kfadapter.pipelines.spec import Parameter, PipelineSpec, read_spec


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is to run.

    Attributes:
        name: How people call it.
        parameters: What it takes.
        pipeline_spec: A specification that is sent along; None: the version's.
    """

    name: str
    parameters: tuple[Parameter, ...]
    pipeline_id: str = ""
    version_id: str = ""
    pipeline_spec: Mapping[str, Any] | None = None


class RunStarter:
    """Starts runs for `POST /v1/runs`."""

    def __init__(self, kubeflow: Kubeflow, catalog: Catalog, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._catalog = catalog
        self._clock = clock

    async def start(self, asked: NewRunShape) -> dict[str, Any]:
        """Start one run; the body of the answer.

        Raises:
            NameNotFound: A name leads nowhere.
            PackageError: The specification that was sent along cannot be run.
            ArgumentsError: Arguments do not fit, or are not declared; nothing has started.
            KubeflowError: Kubeflow refused, or is away.
        """
        source = await self._source(asked)
        fitted = fit_exactly(source.parameters, asked.arguments)
        experiment_id = await self._experiment_id(asked)
        new = NewRun(
            run_id=str(uuid.uuid4()),
            display_name=asked.display_name or self._name_of(source),
            description=asked.description,
            experiment_id=experiment_id,
            pipeline_id=source.pipeline_id,
            pipeline_version_id=source.version_id,
            pipeline_spec=source.pipeline_spec,
            parameters=fitted.passed,
            pipeline_root=asked.pipeline_root,
            service_account=asked.service_account,
        )
        return started_body(await start(self._kubeflow.runs, new), fitted)

    async def _source(self, asked: NewRunShape) -> Source:
        if asked.pipeline_spec is not None:
            spec = await asyncio.to_thread(_checked, asked.pipeline_spec)
            return Source(name=spec.name, parameters=spec.parameters, pipeline_spec=asked.pipeline_spec)
        pipeline_id = asked.pipeline_id
        if not pipeline_id:
            pipeline_id = (await self._kubeflow.pipelines.find(asked.pipeline_name)).pipeline_id
        version = await self._catalog.version(pipeline_id, asked.version)
        content = await self._catalog.content_of(version)
        return Source(
            name=asked.pipeline_name or version.display_name,
            parameters=content.description.inputs.parameters,
            pipeline_id=pipeline_id,
            version_id=version.pipeline_version_id,
        )

    async def _experiment_id(self, asked: NewRunShape) -> str:
        name, experiments = asked.experiment_name, self._kubeflow.experiments
        if not name:
            return asked.experiment_id
        try:
            return (await experiments.find(name)).experiment_id
        except NameNotFound as exc:
            if exc.matches or not asked.create_experiment:
                raise
        try:
            return (await experiments.create(name)).experiment_id
        except KubeflowConflict:
            return (await experiments.find(name)).experiment_id

    def _name_of(self, source: Source) -> str:
        return f"{source.name[:100]} {self._clock.now():%Y-%m-%d %H-%M-%S}"


def fit_exactly(parameters: tuple[Parameter, ...], given: Mapping[str, object]) -> ArgumentsReport:
    """Arguments in the declared types; names that are not declared are refused, as Kubeflow does.

    Raises:
        ArgumentsError: Names everything that is wrong.
    """
    report = check_arguments(parameters, given)
    names = ", ".join(parameter.name for parameter in parameters) or "none"
    unknown = [
        ArgumentProblem(
            name=name, kind="unknown", message=f"there is no input {name}; the pipeline's inputs are: {names}"
        )
        for name in report.ignored
    ]
    if report.problems or unknown:
        raise ArgumentsError([*report.problems, *unknown])
    return report


def started_body(run: Run, fitted: ArgumentsReport) -> dict[str, Any]:
    """A run that has been taken."""
    return {
        "run_id": run.run_id,
        "display_name": run.display_name,
        "state": run.state,
        "experiment_id": run.experiment_id or None,
        "pipeline_id": run.pipeline_id,
        "pipeline_version_id": run.pipeline_version_id,
        "created_at": rfc3339(run.created_at),
        "arguments": dict(fitted.passed),
        "effective_arguments": dict(fitted.effective),
    }


def _checked(document: Mapping[str, Any]) -> PipelineSpec:
    spec = read_spec(document)
    check_pipeline(spec.document, spec.platform)
    return spec
