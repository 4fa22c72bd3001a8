"""Versions of pipelines.

KFP keeps their times in whole seconds and orders equals by a random id. Here, versions of one second are ordered as
people number them: the one named like its pipeline, then numbers, then other names. The embedded engine lists them as
they came, and is believed.
"""

import builtins
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    NameNotFound,
    Unavailable,
)
from kfadapter.kubeflow.backoff import Deadline
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.changes import NO_SUCH_METHOD, changes, patched, tags_text
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.lists import Listing
from kfadapter.kubeflow.naming import check_name, shown_as
from kfadapter.kubeflow.paging import PAGE_SIZE, every_item
from kfadapter.kubeflow.resources import Page, Pipeline, PipelineVersion
from kfadapter.kubeflow.server import Server

KIND = "pipeline version"
# Specs come with every version listed: the newest one needs no long page.
NEWEST_PAGE_SIZE = 3
KEPT_SPECS = 128
NEWEST_FIRST = "created_at desc"
LONG_AGO = datetime.min.replace(tzinfo=UTC)

Rank = tuple[datetime, int, int, str]


class Versions:
    """Kubeflow's pipeline versions."""

    def __init__(self, connection: Connection, server: Server | None = None, *, kept_specs: int = KEPT_SPECS) -> None:
        self._connection = connection
        self._server = server
        self._kept_specs = kept_specs
        self._specs: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._lists = Listing(
            connection,
            key="pipeline_versions",
            read=PipelineVersion.from_json,
            identity=lambda version: version.pipeline_version_id,
            id_key="pipeline_version_id",
            namespace=None,
        )

    async def list(
        self,
        pipeline_id: str,
        *,
        page_token: str = "",
        page_size: int = PAGE_SIZE,
        sort_by: str = "",
        filter: Filter | None = None,
    ) -> Page[PipelineVersion]:
        """One page, in Kubeflow's order; on a first one, newest first, those of one second as `latest` has them."""
        found = await self._lists.asked_page(
            _collection(pipeline_id), page_token=page_token, page_size=page_size, sort_by=sort_by, filter=filter
        )
        if page_token or sort_by != NEWEST_FIRST or not _share_a_second(found.items):
            return found
        order = await self._order(pipeline_id, self._connection.deadline())
        return replace(found, items=tuple(sorted(found.items, key=order, reverse=True)))

    async def list_all(self, pipeline_id: str, *, filter: Filter | None = None) -> builtins.list[PipelineVersion]:
        """All versions, oldest first; versions of one second in the order people number them.

        Raises:
            KubeflowNotFound: There is no such pipeline.
        """
        deadline = self._connection.deadline()
        versions = await self._lists.all(_collection(pipeline_id), filter=filter, deadline=deadline)
        if len({version.created_at for version in versions}) == len(versions):
            return sorted(versions, key=rank(""))
        return sorted(versions, key=await self._order(pipeline_id, deadline))

    async def ids(self, pipeline_id: str, *, deadline: Deadline | None = None) -> builtins.list[str]:
        """The ids of all versions, in no particular order."""
        versions = await self._lists.all(_collection(pipeline_id), deadline=deadline)
        return [version.pipeline_version_id for version in versions]

    async def by_ids(self, pipeline_id: str, ids: Iterable[str]) -> dict[str, PipelineVersion]:
        """Those of a pipeline's versions with these ids, by id; unknown ids are missing.

        Raises:
            KubeflowNotFound: There is no such pipeline.
        """
        return await self._lists.by_ids(_collection(pipeline_id), ids)

    async def latest(self, pipeline_id: str) -> PipelineVersion:
        """The newest version, of several in its second the one numbered last. Usually one call.

        Raises:
            NameNotFound: The pipeline has no version.
            KubeflowNotFound: There is no such pipeline.
        """
        newest, _ = await self.newest(pipeline_id)
        if newest is None:
            raise NameNotFound(KIND, "latest")
        return newest

    async def newest(self, pipeline_id: str, *, pipeline_name: str = "") -> tuple[PipelineVersion | None, int]:
        """The newest version, as `latest`, and how many there are; see `of_newest_second`."""
        found, total = await self.of_newest_second(pipeline_id, pipeline_name=pipeline_name)
        return (found[0] if found else None), total

    async def of_newest_second(
        self, pipeline_id: str, *, pipeline_name: str = ""
    ) -> tuple[Sequence[PipelineVersion], int]:
        """The versions made in the second of the newest one, newest first, and how many there are in all.

        Args:
            pipeline_id: The pipeline.
            pipeline_name: Its display name, if the caller knows it: saves a call when versions share a second.

        Raises:
            KubeflowNotFound: There is no such pipeline.
        """
        deadline = self._connection.deadline()
        total = 0

        async def fetch(token: str) -> Page[PipelineVersion]:
            nonlocal total
            page = await self._lists.page(
                _collection(pipeline_id),
                page_token=token,
                page_size=NEWEST_PAGE_SIZE,
                sort_by=NEWEST_FIRST,
                deadline=deadline,
            )
            total = max(total, page.total_size or 0)
            return page

        newest = await every_item(fetch, lambda version: version.pipeline_version_id, enough=_spans_two_seconds)
        equals = [version for version in newest if version.created_at == newest[0].created_at]
        if len(equals) > 1:
            equals.sort(key=await self._order(pipeline_id, deadline, pipeline_name), reverse=True)
        return equals, max(total, len(equals))

    async def find(self, pipeline_id: str, name: str) -> PipelineVersion:
        """The version that is shown under this name, or else has it as its unique name.

        Raises:
            NameNotFound: No version is shown so, or several are (`matches`).
            KubeflowNotFound: There is no such pipeline.
        """
        check_name(KIND, name)
        deadline = self._connection.deadline()
        for key in ("display_name", "name"):
            found = await self._lists.all(_collection(pipeline_id), filter=Filter.equals(key, name), deadline=deadline)
            shown = shown_as(KIND, name, found, lambda one: one.pipeline_version_id)
            version = shown or next((one for one in found if one.name == name), None)
            if version is not None:
                return version
        raise NameNotFound(KIND, name)

    async def get(self, pipeline_id: str, version_id: str) -> PipelineVersion:
        """The version with this id.

        Raises:
            KubeflowNotFound: There is none, or it belongs to another pipeline (KFP itself does not look).
        """
        path = _member(pipeline_id, version_id)
        version = PipelineVersion.from_json(await self._connection.get(path))
        if version.pipeline_version_id != version_id:
            raise KubeflowMalformed(f"Kubeflow answered with another pipeline version than {version_id}")
        if version.pipeline_id not in ("", pipeline_id):
            raise KubeflowNotFound(f"PipelineVersion {version_id} not found in pipeline {pipeline_id}")
        return version

    async def preflight(self, pipeline_id: str, version_id: str) -> builtins.list[Mapping[str, Any]]:
        """What the embedded engine would say if a run were started: an extension of KFP's API.

        Raises:
            Unavailable: The server has no such call; one without it takes the address for that of a version, and
                does not find it, so an unknown version ends here too.
        """
        try:
            document = await self._connection.get(f"{_member(pipeline_id, version_id)}:preflight")
        except (KubeflowNotFound, KubeflowMalformed, KubeflowInvalid) as exc:
            if exc.status not in NO_SUCH_METHOD:
                raise
            raise Unavailable("preflight", "This Kubeflow cannot be asked what it could not honour.") from exc
        findings = document.get("findings")
        return [one for one in findings if isinstance(one, dict)] if isinstance(findings, builtins.list) else []

    async def spec(self, pipeline_id: str, version_id: str) -> Mapping[str, Any]:
        """A version's compiled pipeline. It never changes, so the ones used last are kept.

        Raises:
            KubeflowNotFound: There is no such version.
            KubeflowMalformed: Kubeflow sent none.
        """
        kept = self._specs.get(version_id)
        if kept is not None:
            self._specs.move_to_end(version_id)
            return kept
        spec = (await self.get(pipeline_id, version_id)).pipeline_spec
        if spec is None:
            raise KubeflowMalformed(f"Kubeflow answered with pipeline version {version_id} without its spec")
        self._specs[version_id] = spec
        while len(self._specs) > self._kept_specs:
            self._specs.popitem(last=False)
        return spec

    async def update(
        self, pipeline_id: str, version_id: str, *, display_name: str = "", tags: Mapping[str, str] | None = None
    ) -> PipelineVersion:
        """Change what can be changed of a version; as `Pipelines.update`.

        The caller has made sure that the version belongs to the pipeline: KFP does not look.
        """
        path = _member(pipeline_id, version_id)
        return PipelineVersion.from_json(await patched(self._connection, path, changes(display_name, tags)))

    async def upload(
        self,
        pipeline_id: str,
        name: str,
        package_file_name: str,
        content: bytes,
        description: str = "",
        *,
        tags: Mapping[str, str] | None = None,
    ) -> PipelineVersion:
        """Upload a package as a further version; see `Pipelines.upload`.

        Raises:
            KubeflowConflict: The pipeline has a version of that name.
            KubeflowInvalid: Kubeflow refuses the package, or does not know the pipeline (it answers 400 then).
        """
        query = {"name": name, "pipelineid": pipeline_id, "description": description, "tags": tags_text(tags)}
        try:
            document = await self._connection.upload("/pipelines/upload_version", query, package_file_name, content)
        except KubeflowConflict as exc:
            raise KubeflowConflict(f"the pipeline has a version named {name} already", status=exc.status) from exc
        return PipelineVersion.from_json(document)

    async def delete(self, pipeline_id: str, version_id: str, *, deadline: Deadline | None = None) -> None:
        """Delete one version.

        Raises:
            KubeflowNotFound: There is none.
        """
        await self._connection.delete(_member(pipeline_id, version_id), deadline=deadline)
        self._specs.pop(version_id, None)

    async def _order(
        self, pipeline_id: str, deadline: Deadline, pipeline_name: str = ""
    ) -> Callable[[PipelineVersion], Rank]:
        """The sort key of versions that share a second; equal keys stay in the server's order."""
        if await self._is_embedded(deadline):
            return _made
        return rank(pipeline_name or await self._pipeline_name(pipeline_id, deadline))

    async def _is_embedded(self, deadline: Deadline) -> bool:
        try:
            return self._server is not None and (await self._server.info(deadline=deadline)).is_embedded
        except KubeflowError:
            return False

    async def _pipeline_name(self, pipeline_id: str, deadline: Deadline) -> str:
        path = resource_path("/pipelines/{}", "Pipeline", pipeline_id)
        return Pipeline.from_json(await self._connection.get(path, deadline=deadline)).display_name


def rank(pipeline_name: str) -> Callable[[PipelineVersion], Rank]:
    """The sort key of a pipeline's versions, oldest first."""

    def key(version: PipelineVersion) -> Rank:
        name = version.display_name
        created_at = version.created_at or LONG_AGO
        if name == pipeline_name:
            return (created_at, 0, 0, name)
        if name.isascii() and name.isdecimal():
            return (created_at, 1, int(name[:18]), name)
        return (created_at, 2, 0, name)

    return key


def _made(version: PipelineVersion) -> Rank:
    return (version.created_at or LONG_AGO, 0, 0, "")


def _share_a_second(versions: Sequence[PipelineVersion]) -> bool:
    return any(one.created_at == other.created_at for one, other in pairwise(versions))


def _spans_two_seconds(versions: Sequence[PipelineVersion]) -> bool:
    return bool(versions) and versions[0].created_at != versions[-1].created_at


def _collection(pipeline_id: str) -> str:
    return resource_path("/pipelines/{}/versions", "Pipeline", pipeline_id)


def _member(pipeline_id: str, version_id: str) -> str:
    return resource_path("/pipelines/{}/versions/{}", "PipelineVersion", pipeline_id, version_id)
