"""What versions of pipelines say, parsed once: a version's specification never changes.

Kept by the version's id, and shared between versions with the same content. Who asks for a version that is being
fetched or parsed waits for that, in place of asking again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kfadapter.errors import KubeflowMalformed, KubeflowNotFound, PackageError
from kfadapter.kubeflow.resources import PipelineVersion
from kfadapter.kubeflow.versions import Versions
from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.package import digest_of
from kfadapter.pipelines.spec import split_pair

MOST_ENTRIES = 512
MOST_BYTES = 128 * 1024 * 1024
# A parsed specification takes a multiple of its JSON text; smaller ones are parsed at once, without a thread.
WEIGHT_FACTOR = 8
SMALL_BYTES = 16 * 1024

Describe = Callable[[Mapping[str, Any]], PipelineDescription]


@dataclass(frozen=True, kw_only=True)
class VersionContent:
    """What one version says.

    Attributes:
        document: Its specification as Kubeflow has it: bare, or nested beside a platform document.
        digest: SHA-256 of the content; empty when it cannot be read.
        memo: What readers have made of it, under keys of their own; it goes with the content.
        problem: Why it cannot be read: pipelines of KFP 1 are stored beside others. None when it can.
        size_bytes: Of its JSON text.
    """

    pipeline_id: str
    version_id: str
    document: Mapping[str, Any]
    digest: str
    size_bytes: int
    problem: PackageError | None = None
    parsed: PipelineDescription | None = field(default=None, repr=False)
    memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def description(self) -> PipelineDescription:
        """Everything it says.

        Raises:
            PackageError: It cannot be read.
        """
        if self.parsed is None:
            raise self.problem or PackageError("the version has no specification")
        return self.parsed


class Contents:
    """Contents of versions by id, bounded by number and size; the ones used last are kept.

    Args:
        versions: Where specifications come from.
        most_entries: How many versions are kept.
        most_bytes: How much memory they may take, estimated from their text.
    """

    def __init__(
        self,
        versions: Versions,
        *,
        most_entries: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
        parse: Describe = describe,
    ) -> None:
        self._versions = versions
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._parse = parse
        self._kept: OrderedDict[str, VersionContent] = OrderedDict()
        self._by_digest: dict[str, str] = {}
        self._bytes = 0
        self._flights: dict[str, asyncio.Task[VersionContent]] = {}

    async def get(self, pipeline_id: str, version_id: str) -> VersionContent:
        """The content of the version with this id; Kubeflow is asked only when it is not kept.

        Raises:
            KubeflowNotFound: There is no such version, or it is another pipeline's.
            KubeflowError: Kubeflow refused, or is away.
        """
        kept = self.kept(version_id)
        if kept is not None:
            if kept.pipeline_id != pipeline_id:
                raise KubeflowNotFound(f"PipelineVersion {version_id} not found in pipeline {pipeline_id}")
            return kept
        # One fetch for each pair: a wrong pipeline's id must not fail those who ask for the right one.
        return await self._shared(f"{pipeline_id}/{version_id}", lambda: self._fetched(pipeline_id, version_id))

    async def of(self, version: PipelineVersion) -> VersionContent:
        """The content of a version that has just been read."""
        kept = self.kept(version.pipeline_version_id)
        if kept is not None:
            return kept
        if version.pipeline_spec is None:
            return await self.get(version.pipeline_id, version.pipeline_version_id)
        return await self._shared(version.pipeline_version_id, lambda: self._read(version))

    def kept(self, version_id: str) -> VersionContent | None:
        """The content, if it is kept."""
        content = self._kept.get(version_id)
        if content is not None:
            self._kept.move_to_end(version_id)
        return content

    def forget(self, version_id: str) -> None:
        """Drop a version that was deleted."""
        content = self._kept.pop(version_id, None)
        if content is not None:
            self._dropped(content)

    def forget_pipeline(self, pipeline_id: str) -> None:
        """Drop all versions of a pipeline that was deleted."""
        for content in [one for one in self._kept.values() if one.pipeline_id == pipeline_id]:
            self.forget(content.version_id)

    async def _shared(self, key: str, work: Callable[[], Coroutine[Any, Any, VersionContent]]) -> VersionContent:
        """Do this once for all who ask for it now; it goes on when one of them leaves."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(work(), name=f"content-{key}")
            self._flights[key] = flight
            flight.add_done_callback(lambda task: self._landed(key, task))
        return await asyncio.shield(flight)

    def _landed(self, key: str, task: asyncio.Task[VersionContent]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken note of, also when everybody who waited has left

    async def _fetched(self, pipeline_id: str, version_id: str) -> VersionContent:
        version = await self._versions.get(pipeline_id, version_id)
        if version.pipeline_spec is None:
            raise KubeflowMalformed(f"Kubeflow answered with pipeline version {version_id} without its spec")
        return await self._read(version)

    async def _read(self, version: PipelineVersion) -> VersionContent:
        document = version.pipeline_spec or {}
        size = len(orjson.dumps(document))
        if size <= SMALL_BYTES:
            digest, problem, parsed = self._described(document)
        else:
            digest, problem, parsed = await asyncio.to_thread(self._described, document)
        content = VersionContent(
            pipeline_id=version.pipeline_id,
            version_id=version.pipeline_version_id,
            document=document,
            digest=digest,
            size_bytes=size,
            problem=problem,
            parsed=parsed,
        )
        self._keep(content)
        return content

    def _described(self, document: Mapping[str, Any]) -> tuple[str, PackageError | None, PipelineDescription | None]:
        try:
            digest = digest_of(*split_pair(document))
            twin = self._kept.get(self._by_digest.get(digest, ""))
            return digest, None, (twin.parsed if twin is not None else None) or self._parse(document)
        except PackageError as exc:
            return "", exc, None

    def _keep(self, content: VersionContent) -> None:
        self.forget(content.version_id)
        self._kept[content.version_id] = content
        self._bytes += content.size_bytes * WEIGHT_FACTOR
        if content.parsed is not None:
            self._by_digest[content.digest] = content.version_id
        while len(self._kept) > 1 and (len(self._kept) > self._most_entries or self._bytes > self._most_bytes):
            self._dropped(self._kept.popitem(last=False)[1])

    def _dropped(self, content: VersionContent) -> None:
        self._bytes -= content.size_bytes * WEIGHT_FACTOR
        if self._by_digest.get(content.digest) == content.version_id:
            del self._by_digest[content.digest]
