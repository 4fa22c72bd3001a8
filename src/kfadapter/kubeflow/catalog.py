"""Pipelines and their versions as people ask for them: by any of their names, with what the newest version says.

KFP has no call that tells the versions of several pipelines, so a page of pipelines with them costs one call a
pipeline, a bounded number at a time. What it found is remembered for some seconds for the next page of this kind.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from kfadapter.clock import Clock
from kfadapter.errors import (
    KubeflowError,
    KubeflowForbidden,
    KubeflowInterrupted,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
    NameAmbiguous,
    NameNotFound,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.contents import Contents, VersionContent
from kfadapter.kubeflow.paging import PAGE_SIZE
from kfadapter.kubeflow.resources import Page, Pipeline, PipelineVersion
from kfadapter.kubeflow.sharing import SharedReads
from kfadapter.recent import Recent

LATEST = "latest"
AT_ONCE = 16
# A page of pipelines may be behind other writers by so much; this process's own writes show at once.
KEEP_NEWEST_SECONDS = 5.0
# A name that only stands inside a specification is looked for in so many of the newest pipelines.
SEARCHED_PIPELINES = 500
# What is wrong with Kubeflow as a whole, not with one pipeline.
ABOUT_EVERYTHING = (KubeflowUnavailable, KubeflowTimeout, KubeflowInterrupted, KubeflowForbidden)


class MatchedBy(StrEnum):
    """Which of a pipeline's names it was found by."""

    DISPLAY_NAME = "display_name"  # what people see
    NAME = "name"  # Kubeflow's unique name
    SPEC_NAME = "spec_name"  # `pipelineInfo.name` of the newest version


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest version of a pipeline.

    Attributes:
        version: None when the pipeline has none.
        content: What it says.
        count: How many versions there are.
        problem: Why it is not known; empty when it is.
    """

    version: PipelineVersion | None
    content: VersionContent | None
    count: int
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class CataloguedPipeline:
    """A pipeline, and its newest version."""

    pipeline: Pipeline
    newest: Newest


class Catalog:
    """Looks pipelines and versions up."""

    def __init__(self, kubeflow: Kubeflow, contents: Contents, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._contents = contents
        self._newest: Recent[tuple[PipelineVersion | None, int]] = Recent(
            clock, keep_seconds=KEEP_NEWEST_SECONDS, entries=4096
        )
        self._pipelines: Recent[Pipeline] = Recent(clock, keep_seconds=KEEP_NEWEST_SECONDS)
        self._reads: SharedReads[Newest] = SharedReads(kubeflow.base_url)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def pipeline(self, pipeline_id: str) -> CataloguedPipeline:
        """The pipeline with this id and its newest version, as it is now; its names may be some seconds old.

        Raises:
            KubeflowNotFound: There is none.
        """
        known = self._pipelines.get(pipeline_id)
        if known is not None:
            # Whether it is still there, the list of its versions tells.
            newest = await self._read_newest(pipeline_id, pipeline_name=known.display_name)
            return CataloguedPipeline(pipeline=known, newest=newest)
        pipeline, newest = await asyncio.gather(
            self._kubeflow.pipelines.get(pipeline_id), self._read_newest(pipeline_id)
        )
        return CataloguedPipeline(pipeline=self._pipelines.put(pipeline, pipeline_id), newest=newest)

    async def named(self, name: str) -> tuple[CataloguedPipeline, MatchedBy]:
        """The pipeline with this name: the one shown so, else the one with this unique name, else the one whose newest
        version calls itself so.

        Raises:
            NameNotFound: There is none, or there are several (`matches`).
        """
        try:
            pipeline = await self._kubeflow.pipelines.find(name)
        except NameNotFound as exc:
            if exc.matches:
                raise
            return await self._named_inside(name), MatchedBy.SPEC_NAME
        matched = MatchedBy.DISPLAY_NAME if pipeline.display_name == name else MatchedBy.NAME
        newest = await self._read_newest(pipeline.pipeline_id, pipeline_name=pipeline.display_name)
        return CataloguedPipeline(pipeline=pipeline, newest=newest), matched

    async def with_newest(self, pipelines: Sequence[Pipeline]) -> list[CataloguedPipeline]:
        """These pipelines with their newest versions, at most some seconds old.

        A pipeline that Kubeflow fails at comes with its `problem`, and does not hide the others.

        Raises:
            KubeflowError: Kubeflow is away, or fails at all of them.
        """
        known = {one.pipeline_id: newest for one in pipelines if (newest := self._known_newest(one)) is not None}
        unknown = [one for one in pipelines if one.pipeline_id not in known]
        failures: list[KubeflowError] = []
        read = await asyncio.gather(*(self._slotted_newest(one, failures) for one in unknown))
        if failures and len(failures) == len(pipelines):
            raise failures[0]
        known.update((one.pipeline_id, newest) for one, newest in zip(unknown, read, strict=True))
        return [CataloguedPipeline(pipeline=one, newest=known[one.pipeline_id]) for one in pipelines]

    async def version(self, pipeline_id: str, wanted: str) -> PipelineVersion:
        """The version that is meant by an id, a name, or `latest`, as it is now.

        Raises:
            KubeflowNotFound: There is no such pipeline or version.
            NameNotFound: No version has this name, or several have.
        """
        if wanted == LATEST:
            return await self._kubeflow.versions.latest(pipeline_id)
        if not is_id(wanted):
            return await self._kubeflow.versions.find(pipeline_id, wanted)
        try:
            return await self._kubeflow.versions.get(pipeline_id, wanted)
        except KubeflowNotFound as not_found:
            try:
                return await self._kubeflow.versions.find(pipeline_id, wanted)
            except (NameNotFound, KubeflowNotFound):
                raise not_found from None

    async def content(self, pipeline_id: str, wanted: str) -> VersionContent:
        """What the version says that is meant by an id, a name, or `latest`; raises as `version`.

        By its id a version that is kept is answered without asking Kubeflow.
        """
        if is_id(wanted) and self._contents.kept(wanted) is not None:
            return await self._contents.get(pipeline_id, wanted)
        return await self._contents.of(await self.version(pipeline_id, wanted))

    async def content_of(self, version: PipelineVersion) -> VersionContent:
        """What a version says that has just been read."""
        return await self._contents.of(version)

    async def page_of_versions(self, page: Page[PipelineVersion]) -> list[tuple[PipelineVersion, VersionContent]]:
        """The versions of a page with what they say."""
        contents = await asyncio.gather(*map(self._contents.of, page.items))
        return list(zip(page.items, contents, strict=True))

    def changed(self, pipeline_id: str) -> None:
        """This process has changed the pipeline, or added, changed or removed a version."""
        self._newest.forget(pipeline_id)
        self._pipelines.forget(pipeline_id)

    def deleted(self, pipeline_id: str, version_id: str = "") -> None:
        """This process has deleted a version, or the pipeline with all of them."""
        self.changed(pipeline_id)
        if version_id:
            self._contents.forget(version_id)
        else:
            self._contents.forget_pipeline(pipeline_id)

    async def _read_newest(self, pipeline_id: str, *, pipeline_name: str = "") -> Newest:
        return await self._reads.read(pipeline_id, lambda: self._newest_of(pipeline_id, pipeline_name))

    async def _newest_of(self, pipeline_id: str, pipeline_name: str) -> Newest:
        version, count = await self._kubeflow.versions.newest(pipeline_id, pipeline_name=pipeline_name)
        if version is None:
            self._newest.put((None, count), pipeline_id)
            return Newest(version=None, content=None, count=count)
        content = await self._contents.of(version)
        self._newest.put((replace(version, pipeline_spec=None), count), pipeline_id)
        return Newest(version=version, content=content, count=count)

    def _known_newest(self, pipeline: Pipeline) -> Newest | None:
        """What was found some seconds ago, if its content is still kept."""
        known = self._newest.get(pipeline.pipeline_id)
        if known is None:
            return None
        version, count = known
        if version is None:
            return Newest(version=None, content=None, count=count)
        content = self._contents.kept(version.pipeline_version_id)
        return None if content is None else Newest(version=version, content=content, count=count)

    async def _slotted_newest(self, pipeline: Pipeline, failures: list[KubeflowError]) -> Newest:
        async with self._slots:
            try:
                return await self._read_newest(pipeline.pipeline_id, pipeline_name=pipeline.display_name)
            except KubeflowNotFound:
                return Newest(version=None, content=None, count=0)  # deleted since the page was read
            except ABOUT_EVERYTHING:
                raise
            except KubeflowError as exc:
                failures.append(exc)
                return Newest(version=None, content=None, count=0, problem=exc.reason)

    async def _named_inside(self, name: str) -> CataloguedPipeline:
        pages = await self._newest_pipelines()
        found = [
            one
            for one in await self.with_newest(pages)
            if one.newest.content is not None
            and one.newest.content.parsed is not None
            and one.newest.content.parsed.name == name
        ]
        if len(found) > 1:
            raise NameAmbiguous("pipeline", name, [one.pipeline.pipeline_id for one in found])
        if not found:
            raise NameNotFound("pipeline", name)
        return found[0]

    async def _newest_pipelines(self) -> list[Pipeline]:
        found: list[Pipeline] = []
        token = ""
        while len(found) < SEARCHED_PIPELINES:
            page = await self._kubeflow.pipelines.list(
                page_token=token, page_size=PAGE_SIZE, sort_by="" if token else "created_at desc"
            )
            found += page.items
            token = page.next_page_token
            if not token:
                break
        return found[:SEARCHED_PIPELINES]


def is_id(text: str) -> bool:
    """Whether this is written like an id of Kubeflow (a UUID)."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
