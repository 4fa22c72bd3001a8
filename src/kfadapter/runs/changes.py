"""Stopping, archiving and deleting runs; the index and the events learn of it at once."""

from kfadapter.clock import Clock
from kfadapter.events.types import EventType
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.runs.details import RunReader
from kfadapter.runs.index import RunIndex


class RunChanges:
    """Changes runs in Kubeflow."""

    def __init__(self, kubeflow: Kubeflow, reader: RunReader, index: RunIndex, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._reader = reader
        self._index = index
        self._clock = clock

    async def terminate(self, run_id: str) -> Run:
        """Ask Kubeflow to end a run; the run as it is then.

        Raises:
            KubeflowConflict: It has ended already.
            KubeflowNotFound: There is no such run.
        """
        await self._kubeflow.runs.terminate(run_id)
        return await self._reader.run(run_id)

    async def archive(self, run_id: str) -> Run:
        """Put a run away; raises KubeflowNotFound. Doing it again changes nothing."""
        before = await self._kubeflow.runs.get(run_id)  # KFP says yes to ids it does not know, in some versions
        await self._kubeflow.runs.archive(run_id)
        if not before.is_archived:
            await self._index.moved(run_id, EventType.RUN_ARCHIVED)
        return await self._reader.run(run_id)

    async def unarchive(self, run_id: str) -> Run:
        """Take a run back; raises KubeflowNotFound, KubeflowConflict when its experiment is archived."""
        before = await self._kubeflow.runs.get(run_id)
        await self._kubeflow.runs.unarchive(run_id)
        if before.is_archived:
            await self._index.moved(run_id, EventType.RUN_UNARCHIVED)
        return await self._reader.run(run_id)

    async def delete(self, run_id: str) -> Run:
        """Delete a run; as it was last. Raises KubeflowNotFound."""
        run = await self._kubeflow.runs.get(run_id)
        await self._kubeflow.runs.delete(run_id)
        await self._index.moved(run_id, EventType.RUN_DELETED)
        await self._index.removed([run_id], on_purpose=True)
        return run
