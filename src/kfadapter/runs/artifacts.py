"""Artifacts of a run: what there is, and their contents through the front door."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from kfadapter.errors import KubeflowNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.tasks import Artifact, Task
from kfadapter.runs.details import RunReader
from kfadapter.runs.missing import Missing


@dataclass(frozen=True, kw_only=True)
class RunArtifact:
    """An artifact that a task of a run has made.

    Attributes:
        output: The task's name for it, as `model`.
        id: What it is asked for by: `task_id.output`, and a number where an output holds several.
    """

    task: Task
    output: str
    id: str
    artifact: Artifact


class RunArtifacts:
    """Finds and reads artifacts."""

    def __init__(self, kubeflow: Kubeflow, reader: RunReader) -> None:
        self._kubeflow = kubeflow
        self._reader = reader

    async def all(self, run_id: str) -> tuple[list[RunArtifact], tuple[Missing, ...]]:
        """The artifacts of a run in the order of its tasks, and what cannot be told of them.

        Raises:
            KubeflowNotFound: There is no such run.
        """
        told = await self._reader.tasks(await self._reader.run(run_id))
        missing = tuple(Missing(what="artifacts", reason=sentence) for sentence in told.values_missing)
        return artifacts_of(told.tasks), missing

    async def find(self, run_id: str, wanted: str) -> RunArtifact:
        """The artifact with this id, `task.output`, output name or own name; of several by a name the last.

        Raises:
            KubeflowNotFound: There is none; names those there are, or why they are not known.
        """
        found, missing = await self.all(run_id)
        for matches in (
            [one for one in found if one.id == wanted],
            [one for one in found if f"{one.task.name}.{one.output}" == wanted],
            [one for one in found if one.output == wanted],
            [one for one in found if one.artifact.name == wanted],
        ):
            if matches:
                return matches[-1]
        if missing:
            raise KubeflowNotFound(f"The run's artifacts are not known: {missing[0].reason}")
        names = ", ".join(dict.fromkeys(f"{one.task.name}.{one.output}" for one in found)) or "none"
        raise KubeflowNotFound(f"The run has no artifact {wanted}; its artifacts are: {names}")

    def content(self, found: RunArtifact) -> AsyncGenerator[bytes, None]:
        """Its content in blocks.

        Raises:
            KubeflowNotFound: It has no address, there is nothing at it, or no front door.
            KubeflowInvalid: Its address is of no kind that can be fetched.
        """
        if not found.artifact.uri:
            raise KubeflowNotFound(f"Artifact {found.output} of task {found.task.name} has no address")
        return self._kubeflow.artifacts.get(found.artifact.uri)


def artifacts_of(tasks: Sequence[Task]) -> list[RunArtifact]:
    """The artifacts that tasks have made; groups only pass on those of the tasks in them."""
    found = []
    for task in tasks:
        if task.outputs is None or task.kind in ("root", "dag", "loop", "iteration"):
            continue
        for output, some in task.outputs.artifacts.items():
            for number, artifact in enumerate(some):
                id_ = f"{task.task_id}.{output}" + (f".{number}" if len(some) > 1 else "")
                found.append(RunArtifact(task=task, output=output, id=id_, artifact=artifact))
    return found
