"""Pipelines."""

import asyncio
import builtins
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from kfadapter.errors import KubeflowConflict, KubeflowInvalid, KubeflowMalformed, KubeflowNotFound, NameNotFound
from kfadapter.kubeflow.backoff import Deadline
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.changes import changes, patched, tags_text
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.lists import Listing
from kfadapter.kubeflow.naming import check_name, shown_as
from kfadapter.kubeflow.paging import PAGE_SIZE
from kfadapter.kubeflow.resources import Page, Pipeline
from kfadapter.kubeflow.server import Server
from kfadapter.kubeflow.versions import Versions

PATH = "/pipelines"
KIND = "pipeline"
DELETIONS_AT_ONCE = 8
DELETION_ROUNDS = 3


class Pipelines:
    """Kubeflow's pipelines."""

    def __init__(
        self, connection: Connection, server: Server, versions: Versions, *, namespace: str | None = None
    ) -> None:
        self._connection = connection
        self._server = server
        self._versions = versions
        self._namespace = namespace
        self._lists = Listing(
            connection,
            key="pipelines",
            read=Pipeline.from_json,
            identity=lambda pipeline: pipeline.pipeline_id,
            id_key="pipeline_id",
            namespace=namespace,
        )

    async def list(
        self, *, page_token: str = "", page_size: int = PAGE_SIZE, sort_by: str = "", filter: Filter | None = None
    ) -> Page[Pipeline]:
        """One page; the token is Kubeflow's own."""
        return await self._lists.asked_page(
            PATH, page_token=page_token, page_size=page_size, sort_by=sort_by, filter=filter
        )

    async def list_all(self, *, sort_by: str = "", filter: Filter | None = None) -> builtins.list[Pipeline]:
        """All of them, oldest first unless `sort_by` says otherwise."""
        return await self._lists.all(PATH, sort_by=sort_by, filter=filter)

    async def by_ids(self, ids: Iterable[str]) -> dict[str, Pipeline]:
        """Those with these ids, by id; unknown ids are missing."""
        return await self._lists.by_ids(PATH, ids)

    async def get(self, pipeline_id: str, *, deadline: Deadline | None = None) -> Pipeline:
        """The pipeline with this id.

        Raises:
            KubeflowNotFound: There is none.
        """
        path = resource_path(PATH + "/{}", "Pipeline", pipeline_id)
        pipeline = Pipeline.from_json(await self._connection.get(path, deadline=deadline))
        if pipeline.pipeline_id != pipeline_id:
            raise KubeflowMalformed(f"Kubeflow answered with another pipeline than {pipeline_id}")
        return pipeline

    async def find(self, name: str) -> Pipeline:
        """The pipeline that is shown under this name.

        The display name decides, as it does for the Training Manager and its users. One call suffices when unique
        name and display name are the same; only newer servers know two, and then a second call looks for the display
        name. A pipeline that merely has the unique name is found when none is shown so.

        Raises:
            NameNotFound: No pipeline is shown so, or several are (`matches`).
        """
        check_name(KIND, name)
        deadline = self._connection.deadline()
        named = await self._named(name, deadline)
        if named is not None and named.display_name == name:
            return named
        filter = Filter.equals("display_name", name)
        shown = await self._lists.all(PATH, filter=filter, deadline=deadline)
        found = shown_as(KIND, name, shown, lambda one: one.pipeline_id) or named
        if found is None or name not in (found.display_name, found.name):
            raise NameNotFound(KIND, name)
        return found

    async def _named(self, name: str, deadline: Deadline) -> Pipeline | None:
        """The pipeline with this unique name.

        KFP's router takes names with a slash for other paths, and those with `:` or `%` for others or for nothing,
        each version in its own way: all of that is only "not found here", the filter will tell.
        """
        if "/" in name or name in (".", ".."):
            return None
        query = {"namespace": self._namespace or ""}
        try:
            document = await self._connection.get(f"{PATH}/names/{quote(name, safe='')}", query, deadline=deadline)
        except (KubeflowNotFound, KubeflowInvalid):
            return None
        except KubeflowMalformed as exc:
            if exc.status != 404:
                raise
            return None
        return Pipeline.from_json(document)

    async def upload(
        self,
        name: str,
        package_file_name: str,
        content: bytes,
        description: str = "",
        *,
        tags: Mapping[str, str] | None = None,
    ) -> Pipeline:
        """Upload a package as a new pipeline whose first version has the same name.

        Args:
            name: Becomes unique name and display name; the one parameter that both 2.3.0 and 2.17 read.
            package_file_name: With a proper extension (`pipeline.yaml`): KFP goes by it.
            content: The package, already validated: malformed YAML stops a 2.3.0 server for good.
            description: Of the pipeline.
            tags: Of the pipeline; servers before 2.17 drop them silently, so ask `server()` first.

        Raises:
            KubeflowConflict: The name is taken.
            KubeflowInvalid: Kubeflow refuses the package or the name.
        """
        query = {
            "name": name,
            "description": description,
            "namespace": self._namespace or "",
            "tags": tags_text(tags),
        }
        try:
            document = await self._connection.upload(f"{PATH}/upload", query, package_file_name, content)
        except KubeflowConflict as exc:
            raise KubeflowConflict(f"there is a pipeline named {name} already", status=exc.status) from exc
        return Pipeline.from_json(document)

    async def create(self, name: str, description: str = "", *, tags: Mapping[str, str] | None = None) -> Pipeline:
        """A pipeline without versions; the versions are uploaded later.

        Raises:
            KubeflowConflict: The name is taken.
        """
        body: dict[str, object] = {"name": name, "display_name": name, "description": description}
        if self._namespace is not None:
            body["namespace"] = self._namespace
        if tags:
            body["tags"] = dict(tags)
        try:
            return Pipeline.from_json(await self._connection.post(PATH, body))
        except KubeflowConflict as exc:
            raise KubeflowConflict(f"there is a pipeline named {name} already", status=exc.status) from exc

    async def discard(self, pipeline_id: str) -> None:
        """Delete a pipeline that has no versions.

        Raises:
            KubeflowInvalid: It has some.
        """
        await self._connection.delete(resource_path(PATH + "/{}", "Pipeline", pipeline_id))

    async def update(
        self, pipeline_id: str, *, display_name: str = "", tags: Mapping[str, str] | None = None
    ) -> Pipeline:
        """Change what can be changed of a pipeline; needs KFP 2.17.

        Args:
            pipeline_id: The pipeline.
            display_name: The new one; empty: the old one stays.
            tags: All of them, in place of the old ones; None: the old ones stay.

        Raises:
            Unavailable: This Kubeflow cannot.
            KubeflowNotFound: There is no such pipeline.
        """
        path = resource_path(PATH + "/{}", "Pipeline", pipeline_id)
        return Pipeline.from_json(await patched(self._connection, path, changes(display_name, tags)))

    async def delete(self, pipeline_id: str) -> None:
        """Delete a pipeline with all its versions; a repeated call finishes one that was interrupted.

        Raises:
            KubeflowNotFound: There is none (any more).
        """
        path = resource_path(PATH + "/{}", "Pipeline", pipeline_id)
        deadline = self._connection.deadline()
        if await self._may_know_cascade(deadline):
            try:
                await self._connection.delete(path, {"cascade": "true"}, deadline=deadline)
            except KubeflowInvalid:
                # A server that ignores `cascade` refuses a pipeline that has versions.
                pass
            else:
                return
        await self._delete_by_hand(path, pipeline_id, deadline)

    async def _may_know_cascade(self, deadline: Deadline) -> bool:
        try:
            return (await self._server.info(deadline=deadline)).has_cascade
        except KubeflowMalformed:
            return True  # a server that does not say what it is: the refusal will tell

    async def _delete_by_hand(self, path: str, pipeline_id: str, deadline: Deadline) -> None:
        """Versions first, then the pipeline; again when others added a version meanwhile."""
        for last_round in range(1, DELETION_ROUNDS + 1):
            await self._delete_versions(pipeline_id, deadline)
            try:
                await self._connection.delete(path, deadline=deadline)
            except KubeflowInvalid:
                if last_round == DELETION_ROUNDS:
                    raise
            else:
                return

    async def _delete_versions(self, pipeline_id: str, deadline: Deadline) -> None:
        slots = asyncio.Semaphore(DELETIONS_AT_ONCE)

        async def delete(version_id: str) -> None:
            async with slots:
                try:
                    await self._versions.delete(pipeline_id, version_id, deadline=deadline)
                except KubeflowNotFound:
                    return

        ids = await self._versions.ids(pipeline_id, deadline=deadline)
        outcomes = await asyncio.gather(*map(delete, ids), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
