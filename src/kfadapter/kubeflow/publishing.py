"""Publishing a pipeline package: a new pipeline, or the next version of one, without two ever colliding.

The names are upstream's: the first version is named like its pipeline, later ones carry numbers. Numbers go on from
the highest one in use, also after deletions, and uploads that race for one get the following ones.
"""

import asyncio
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

from kfadapter.errors import KubeflowConflict, KubeflowInterrupted, KubeflowNotFound, NameNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.pipelines.package import PipelinePackage, digest_of
from kfadapter.pipelines.spec import read_spec

ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Published:
    """What an upload made.

    Attributes:
        pipeline: The pipeline, new or not.
        version: The version that was added.
        created: True when the pipeline is new.
    """

    pipeline: Pipeline
    version: PipelineVersion
    created: bool


class Publisher:
    """Uploads packages; uploads to one pipeline of this process wait for each other."""

    def __init__(self, kubeflow: Kubeflow) -> None:
        self._kubeflow = kubeflow
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def publish(self, name: str, package: PipelinePackage, *, description: str = "") -> Published:
        """Upload a package as the pipeline `name`: its first version, or its next one.

        Args:
            name: The pipeline's display name.
            package: A package that has been opened, and so been validated.
            description: Of the pipeline when it is new, else of the version.

        Raises:
            KubeflowConflict: Others took every name that was tried (a storm of uploads elsewhere).
            KubeflowError: Kubeflow refused, or was away.
        """
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            return await self._publish(name, package, description)

    async def _publish(self, name: str, package: PipelinePackage, description: str) -> Published:
        conflict: KubeflowConflict | None = None
        for _ in range(ATTEMPTS):
            try:
                pipeline = await self._existing(name)
                if pipeline is None:
                    return await self._first(name, package, description)
                return await self._next(pipeline, package, description)
            except KubeflowConflict as exc:
                conflict = exc
        raise conflict or KubeflowConflict(f"no free name for a version of {name}")

    async def _existing(self, name: str) -> Pipeline | None:
        try:
            return await self._kubeflow.pipelines.find(name)
        except NameNotFound as exc:
            if exc.matches:
                raise
            return None

    async def _first(self, name: str, package: PipelinePackage, description: str) -> Published:
        try:
            pipeline = await self._kubeflow.pipelines.upload(
                name, package.file_name, package.content, description=description
            )
        except KubeflowInterrupted:
            return await self._published_after_all(name, name, package, created=True)
        version = await self._kubeflow.versions.latest(pipeline.pipeline_id)
        return Published(pipeline=pipeline, version=version, created=True)

    async def _next(self, pipeline: Pipeline, package: PipelinePackage, description: str) -> Published:
        taken = [version.display_name for version in await self._kubeflow.versions.list_all(pipeline.pipeline_id)]
        name = next_version_name(pipeline.display_name, taken)
        try:
            version = await self._kubeflow.versions.upload(
                pipeline.pipeline_id, name, package.file_name, package.content, description=description
            )
        except KubeflowInterrupted:
            return await self._published_after_all(pipeline.display_name, name, package, created=False)
        return Published(pipeline=pipeline, version=version, created=False)

    async def _published_after_all(
        self, name: str, version_name: str, package: PipelinePackage, *, created: bool
    ) -> Published:
        """The upload's answer was cut off: it counts when the version is there with this package's content."""
        try:
            pipeline = await self._kubeflow.pipelines.find(name)
            version = await self._kubeflow.versions.find(pipeline.pipeline_id, version_name)
        except (NameNotFound, KubeflowNotFound) as exc:
            raise KubeflowInterrupted(
                "Kubeflow broke off while it took the package, and does not have it; upload it again"
            ) from exc
        if not _holds(version, package):
            raise KubeflowConflict(f"{name} has got a version {version_name} from someone else")
        return Published(pipeline=pipeline, version=version, created=created)


def next_version_name(pipeline_name: str, taken: Iterable[str]) -> str:
    """The name of the next version: the pipeline's own for the first, then the number after the highest in use.

    >>> next_version_name("qoe", [])
    'qoe'
    >>> next_version_name("qoe", ["qoe", "3"])
    '4'
    """
    names = list(taken)
    if not names:
        return pipeline_name
    numbers = [int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 10]
    return str(max([1, *numbers]) + 1)


def _holds(version: PipelineVersion, package: PipelinePackage) -> bool:
    """Whether a version's content is the package's."""
    if version.pipeline_spec is None:
        return False
    stored = read_spec(version.pipeline_spec)
    return digest_of(stored.document, stored.platform) == package.digest
