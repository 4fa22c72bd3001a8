"""From the names in an execution request to Kubeflow's ids.

What a name led to is kept for a short while, so that an execution usually costs Kubeflow one call, the create itself.
That is safe because a create with an id that has gone is refused: the caller then forgets and resolves anew. The
latest version of a pipeline is never kept.
"""

import asyncio
from dataclasses import dataclass

from kfadapter.clock import Clock
from kfadapter.errors import KubeflowConflict, NameNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Experiment, Pipeline, PipelineVersion
from kfadapter.recent import Recent

DEFAULT_EXPERIMENT = "Default"
LATEST_VERSION = frozenset({"", "latest"})


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What the names of an execution request mean to Kubeflow."""

    pipeline: Pipeline
    version: PipelineVersion
    experiment: Experiment


class Resolver:
    """Resolves pipeline, version and experiment by name."""

    def __init__(self, kubeflow: Kubeflow, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._pipelines: Recent[Pipeline] = Recent(clock)
        self._versions: Recent[PipelineVersion] = Recent(clock)
        self._experiments: Recent[Experiment] = Recent(clock)

    async def resolve(self, pipeline_name: str, version_name: str, experiment_name: str) -> Resolved:
        """Find all three; an experiment named "Default" is created when it is missing.

        Raises:
            NameNotFound: One of them does not exist, or is not unique; `kind` says which.
            KubeflowError: Kubeflow is away or refused.
        """
        (pipeline, version), experiment = await asyncio.gather(
            self._pipeline_version(pipeline_name, version_name), self._experiment(experiment_name)
        )
        return Resolved(pipeline=pipeline, version=version, experiment=experiment)

    def forget(self, pipeline_name: str, version_name: str, experiment_name: str) -> bool:
        """Ask Kubeflow the next time: something these names led to may be gone.

        Returns:
            True when any of them had been answered from memory, so that resolving anew can change something.
        """
        pipeline = self._pipelines.get(pipeline_name)
        forgotten = [self._pipelines.forget(pipeline_name), self._experiments.forget(experiment_name)]
        if pipeline is not None:
            forgotten.append(self._versions.forget(pipeline.pipeline_id, version_name))
        return any(forgotten)

    async def _pipeline_version(self, pipeline_name: str, version_name: str) -> tuple[Pipeline, PipelineVersion]:
        pipeline = await self._pipeline(pipeline_name)
        return pipeline, await self._version(pipeline, version_name)

    async def _pipeline(self, name: str) -> Pipeline:
        kept = self._pipelines.get(name)
        return kept or self._pipelines.put(await self._kubeflow.pipelines.find(name), name)

    async def _version(self, pipeline: Pipeline, name: str) -> PipelineVersion:
        if name.strip() in LATEST_VERSION:
            return await self._kubeflow.versions.latest(pipeline.pipeline_id)
        kept = self._versions.get(pipeline.pipeline_id, name)
        if kept is not None:
            return kept
        version = await self._kubeflow.versions.find(pipeline.pipeline_id, name)
        return self._versions.put(version, pipeline.pipeline_id, name)

    async def _experiment(self, name: str) -> Experiment:
        kept = self._experiments.get(name)
        return kept or self._experiments.put(await self._found_experiment(name), name)

    async def _found_experiment(self, name: str) -> Experiment:
        experiments = self._kubeflow.experiments
        try:
            return await experiments.find(name)
        except NameNotFound as exc:
            if name != DEFAULT_EXPERIMENT or exc.matches:
                raise
        try:
            return await experiments.create(name)
        except KubeflowConflict:
            return await experiments.find(name)
