"""Names of pipelines, versions and experiments for the index: asked for in batches, kept, and asked again at times."""

from collections.abc import Sequence

from kfadapter.errors import KubeflowNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.runs.index import RunIndex
from kfadapter.runs.index_rows import EXPERIMENT, PIPELINE, VERSION, Unnamed

AT_ONCE = 60
# Versions are listed with their specs, which are large.
VERSIONS_A_CALL = 10
PIPELINES_OF_VERSIONS = 2


class ThingNames:
    """Learns names from Kubeflow."""

    def __init__(self, kubeflow: Kubeflow, index: RunIndex) -> None:
        self._kubeflow = kubeflow
        self._index = index

    async def learn_some(self) -> int:
        """Ask for some of those that are missing or old. Returns how many calls that took."""
        return await self.learn(await self._index.unnamed(AT_ONCE))

    async def learn_of(self, ids: Sequence[str]) -> int:
        """Ask for those of these things that nobody has asked for yet."""
        return await self.learn(await self._index.never_asked(ids)) if ids else 0

    async def learn_new(self) -> int:
        """Ask for those that nobody has asked for yet: a list by name must not miss what has just come up."""
        return await self.learn(await self._index.nameless(AT_ONCE))

    async def learn(self, things: Sequence[Unnamed]) -> int:
        """Ask for the names of things and keep them; a bounded number of calls, which is returned.

        Raises:
            KubeflowError: Kubeflow is away.
        """
        names, calls = await asked_names(self._kubeflow, things)
        if names:
            await self._index.named(names)
        return calls


async def asked_names(kubeflow: Kubeflow, things: Sequence[Unnamed]) -> tuple[dict[int, str | None], int]:
    """The names of things by their numbers, None for what has gone, and how many calls that took: a bounded number.

    Raises:
        KubeflowError: Kubeflow is away.
    """
    names: dict[int, str | None] = {}
    calls = 0
    pipelines = [one for one in things if one.kind == PIPELINE]
    if pipelines:
        found = await kubeflow.pipelines.by_ids(one.id for one in pipelines)
        names.update((one.number, found[one.id].display_name if one.id in found else None) for one in pipelines)
        calls += 1
    experiments = [one for one in things if one.kind == EXPERIMENT]
    if experiments:
        known = await kubeflow.experiments.by_ids(one.id for one in experiments)
        names.update((one.number, known[one.id].display_name if one.id in known else None) for one in experiments)
        calls += 1
    for pipeline_id in list(dict.fromkeys(one.parent_id for one in things if one.kind == VERSION))[
        :PIPELINES_OF_VERSIONS
    ]:
        some = [one for one in things if one.kind == VERSION and one.parent_id == pipeline_id][:VERSIONS_A_CALL]
        names.update(await _versions(kubeflow, pipeline_id, some))
        calls += 1
    return names, calls


async def _versions(kubeflow: Kubeflow, pipeline_id: str, versions: Sequence[Unnamed]) -> dict[int, str | None]:
    if not pipeline_id:
        return {one.number: None for one in versions}
    try:
        found = await kubeflow.versions.by_ids(pipeline_id, [one.id for one in versions])
    except KubeflowNotFound:
        return {one.number: None for one in versions}
    return {one.number: found[one.id].display_name if one.id in found else None for one in versions}
