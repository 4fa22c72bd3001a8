"""Publishing a pipeline package: a new pipeline, or the next version of one, without two ever colliding.

The names are upstream's unless the caller chooses one: the first version is named like its pipeline, later ones carry
numbers. Numbers go on from the highest one in use, also after deletions, and uploads that race for one get the
following ones.
"""

import asyncio
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowInterrupted,
    KubeflowInvalid,
    KubeflowNotFound,
    NameNotFound,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.objections import objections
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.pipelines.package import PipelinePackage, digest_of
from kfadapter.pipelines.spec import read_spec

ATTEMPTS = 20
SERVER_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What somebody wants published.

    Attributes:
        package: It has been opened, and so been validated.
        description: Of the pipeline when it is new, else of the version.
        version_name: The version's name; empty: the next free one.
        if_changed: Nothing is added when the newest version, or the one of that name, has the same content.
        tags: Of the version, and of a pipeline that is new; only for servers that have tags.
    """

    package: PipelinePackage
    description: str = ""
    version_name: str = ""
    if_changed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What an upload made.

    Attributes:
        pipeline: The pipeline, new or not.
        version: The version that was added, or that has the same content.
        created: True when the pipeline is new.
        unchanged: True when nothing was added.
    """

    pipeline: Pipeline
    version: PipelineVersion
    created: bool
    unchanged: bool = False


class Publisher:
    """Uploads packages; uploads to one pipeline of this process wait for each other."""

    def __init__(self, kubeflow: Kubeflow) -> None:
        self._kubeflow = kubeflow
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def publish(self, name: str, upload: Upload) -> Published:
        """Upload a package as the pipeline `name`: its first version, or its next one.

        Args:
            name: The pipeline's display name.
            upload: What is uploaded.

        Raises:
            KubeflowConflict: The version's name is taken, or others took every name that was tried.
            KubeflowInvalid: Kubeflow refuses the package; the reason tells what it most likely objects to.
            KubeflowError: Kubeflow refused, or was away.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            return await self._until_free(name, None, upload)

    async def publish_version(self, pipeline: Pipeline, upload: Upload) -> Published:
        """Upload a package as a version of this pipeline; raises as `publish`."""
        async with self._locks.setdefault(pipeline.display_name, asyncio.Lock()):
            return await self._until_free(pipeline.display_name, pipeline, upload)

    async def _until_free(self, name: str, known: Pipeline | None, upload: Upload) -> Published:
        conflict: KubeflowConflict | None = None
        for _ in range(ATTEMPTS):
            try:
                pipeline = known or await self._existing(name)
                if pipeline is None:
                    return await self._first(name, upload)
                return await self._same(pipeline, upload) or await self._next(pipeline, upload)
            except _NameTaken as exc:
                conflict = exc
            except KubeflowInvalid as exc:
                raise await self._explained(exc, upload.package) from exc
        raise KubeflowConflict(conflict.reason if conflict else f"no free name for a version of {name}")

    async def _explained(self, refused: KubeflowInvalid, package: PipelinePackage) -> KubeflowInvalid:
        found = await asyncio.to_thread(objections, package.spec, await self._server())
        return KubeflowInvalid("; ".join((refused.reason, *found)), status=refused.status)

    async def _server(self) -> ServerInfo | None:
        """What the server is; nobody may have asked it before the first upload."""
        if self._kubeflow.last_seen is not None:
            return self._kubeflow.last_seen
        try:
            return await self._kubeflow.look(within_seconds=SERVER_SECONDS)
        except KubeflowError:
            return None

    async def _existing(self, name: str) -> Pipeline | None:
        try:
            return await self._kubeflow.pipelines.find(name)
        except NameNotFound as exc:
            if exc.matches:
                raise
            return None

    async def _same(self, pipeline: Pipeline, upload: Upload) -> Published | None:
        """The version that has this content already, where the caller would rather have that one."""
        if not upload.if_changed:
            return None
        versions = self._kubeflow.versions
        candidates: list[PipelineVersion] = []
        if upload.version_name:
            try:
                candidates.append(await versions.find(pipeline.pipeline_id, upload.version_name))
            except NameNotFound as exc:
                if exc.matches:
                    raise
        # Kubeflow counts seconds: which of the versions of one second is the newest is not known for sure.
        newest, _ = await versions.of_newest_second(pipeline.pipeline_id, pipeline_name=pipeline.display_name)
        candidates += newest
        same = next((version for version in candidates if _holds(version, upload.package)), None)
        return Published(pipeline=pipeline, version=same, created=False, unchanged=True) if same else None

    async def _first(self, name: str, upload: Upload) -> Published:
        if upload.version_name not in ("", name):
            return await self._first_named(name, upload)
        package = upload.package
        try:
            pipeline = await self._kubeflow.pipelines.upload(
                name, package.file_name, package.content, description=upload.description, tags=upload.tags
            )
        except KubeflowInterrupted:
            return await self._published_after_all(name, name, package, created=True)
        except KubeflowConflict as exc:
            raise _NameTaken(exc.reason, status=exc.status) from exc
        version = await self._kubeflow.versions.latest(pipeline.pipeline_id)
        return Published(pipeline=pipeline, version=version, created=True)

    async def _first_named(self, name: str, upload: Upload) -> Published:
        """KFP names the first version of an upload itself, so the pipeline is made without one first."""
        try:
            pipeline = await self._kubeflow.pipelines.create(name, upload.description, tags=upload.tags)
        except (KubeflowConflict, KubeflowInterrupted) as exc:
            raise _NameTaken(exc.reason, status=exc.status) from exc  # look again: it may be there now
        try:
            published = await self._next(pipeline, upload)
        except KubeflowError:
            await self._discard(pipeline)
            raise
        return Published(pipeline=pipeline, version=published.version, created=True)

    async def _discard(self, pipeline: Pipeline) -> None:
        """Take back a pipeline whose version did not come; it stays where others have added one meanwhile."""
        try:
            await self._kubeflow.pipelines.discard(pipeline.pipeline_id)
        except KubeflowError:
            return

    async def _next(self, pipeline: Pipeline, upload: Upload) -> Published:
        package, versions = upload.package, self._kubeflow.versions
        name = upload.version_name or await self._free_name(pipeline)
        try:
            version = await versions.upload(
                pipeline.pipeline_id,
                name,
                package.file_name,
                package.content,
                description=upload.description,
                tags=upload.tags,
            )
        except KubeflowInterrupted:
            return await self._published_after_all(pipeline.display_name, name, package, created=False)
        except KubeflowConflict as exc:
            if upload.version_name:
                raise
            raise _NameTaken(exc.reason, status=exc.status) from exc
        return Published(pipeline=pipeline, version=version, created=False)

    async def _free_name(self, pipeline: Pipeline) -> str:
        taken = await self._kubeflow.versions.list_all(pipeline.pipeline_id)
        return next_version_name(pipeline.display_name, [version.display_name for version in taken])

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
            raise _NameTaken(f"{name} has got a version {version_name} from someone else")
        return Published(pipeline=pipeline, version=version, created=created)


class _NameTaken(KubeflowConflict):
    """Someone else was quicker; another name may be free."""


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
