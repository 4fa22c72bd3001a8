"""Names of pipelines by id, for lists of runs: at most one call for a page of runs, none for names seen lately."""

from collections.abc import Set as AbstractSet

from kfadapter.clock import Clock
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.recent import Recent


class PipelineNames:
    """Looks up pipeline names in batches and keeps them for some seconds."""

    def __init__(self, kubeflow: Kubeflow, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._names: Recent[str] = Recent(clock)

    async def of(self, pipeline_ids: AbstractSet[str]) -> dict[str, str]:
        """Display names by pipeline id; ids that Kubeflow does not know any more are left out.

        Raises:
            KubeflowError: Kubeflow is away.
        """
        known = {one: name for one in pipeline_ids if (name := self._names.get(one)) is not None}
        unknown = sorted(pipeline_ids - known.keys())
        if unknown:
            found = await self._kubeflow.pipelines.by_ids(unknown)
            for one, pipeline in found.items():
                known[one] = self._names.put(pipeline.display_name, one)
        return known
