"""Pipelines: `client.pipelines`."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypedDict, Unpack

import orjson

from kfadapter.client.calls import Call, nothing, path, reader
from kfadapter.client.packages import Package, file_of
from kfadapter.client.pages import page_reader
from kfadapter.client.results import Difference, Page, Pipeline, PipelineDetail, Uploaded, ValidationReport
from kfadapter.client.transport import AsyncSender, Sender, every, every_async

ITERATED_PAGE_SIZE = 200


class PipelineListOptions(TypedDict, total=False):
    """What a list of pipelines takes: `view` is "BASIC" or "FULL", `filter` is in KFP's predicate language."""

    view: str
    name: str
    text: str
    filter: str
    sort_by: str
    page_size: int
    page_token: str


class UploadOptions(TypedDict, total=False):
    """What an upload takes; docs/client.md says what each does."""

    name: str
    description: str
    version: str
    if_changed: bool
    create_only: bool
    tags: Mapping[str, str]


def list_call(
    *,
    view: str = "BASIC",
    name: str = "",
    text: str = "",
    filter: str = "",
    sort_by: str = "",
    page_size: int = 50,
    page_token: str = "",
) -> Call[Page[Pipeline]]:
    """A page of pipelines."""
    params = {
        "view": view,
        "name": name,
        "text": text,
        "filter": filter,
        "sort_by": sort_by,
        "page_size": page_size,
        "page_token": page_token,
    }
    return Call(method="GET", path=path("pipelines"), params=params, read=page_reader("pipelines", Pipeline))


def get_call(pipeline_id: str) -> Call[PipelineDetail]:
    """A pipeline by id."""
    return Call(method="GET", path=path("pipelines", pipeline_id), read=reader(PipelineDetail))


def by_name_call(name: str) -> Call[PipelineDetail]:
    """A pipeline by name."""
    return Call(method="GET", path=path("pipelines", "by-name", name), read=reader(PipelineDetail))


def upload_call(
    package: Package,
    *,
    name: str = "",
    description: str = "",
    version: str = "",
    if_changed: bool = False,
    create_only: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Call[Uploaded]:
    """An upload."""
    params = {
        "name": name,
        "description": description,
        "version": version,
        "if_changed": if_changed,
        "create_only": create_only,
        "tags": orjson.dumps(dict(tags)).decode() if tags else "",
    }
    return Call(method="POST", path=path("pipelines"), params=params, file=file_of(package), read=reader(Uploaded))


def update_call(
    pipeline_id: str, *, display_name: str | None = None, tags: Mapping[str, str] | None = None
) -> Call[Pipeline]:
    """A change."""
    document = changes(display_name, tags)
    return Call(method="PATCH", path=path("pipelines", pipeline_id), document=document, read=reader(Pipeline))


def delete_call(pipeline_id: str) -> Call[None]:
    """A deletion, with all versions."""
    return Call(method="DELETE", path=path("pipelines", pipeline_id), read=nothing)


def diff_call(pipeline_id: str, old: str, new: str = "latest") -> Call[Difference]:
    """A comparison."""
    return Call(
        method="GET",
        path=path("pipelines", pipeline_id, "diff"),
        params={"from": old, "to": new},
        read=reader(Difference),
    )


def validate_call(package: Package) -> Call[ValidationReport]:
    """A check."""
    return Call(method="POST", path="/v1/pipelines:validate", file=file_of(package), read=reader(ValidationReport))


def changes(display_name: str | None, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """The body of a change."""
    body: dict[str, Any] = {} if display_name is None else {"display_name": display_name}
    return body if tags is None else {**body, "tags": dict(tags)}


class Pipelines:
    """Pipelines. Every method raises `kfadapter.client.ClientError` and what is below it."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def list(self, **wanted: Unpack[PipelineListOptions]) -> Page[Pipeline]:
        """One page: `view` ("BASIC", "FULL"), `name`, `text`, `filter`, `sort_by`, `page_size`, `page_token`."""
        return self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[PipelineListOptions]) -> Iterator[Pipeline]:
        """All of them, page by page: `view`, `name`, `text`, `filter`, `sort_by`, `page_size`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        def fetch(token: str) -> Page[Pipeline]:
            wanted["page_token"] = token
            return self._send(list_call(**wanted))

        return every(fetch)

    def get(self, pipeline_id: str) -> PipelineDetail:
        """The pipeline with this id, its latest version whole."""
        return self._send(get_call(pipeline_id))

    def by_name(self, name: str) -> PipelineDetail:
        """The pipeline with this name: shown so, else named so, else naming itself so in its specification."""
        return self._send(by_name_call(name))

    def upload(self, package: Package, **options: Unpack[UploadOptions]) -> Uploaded:
        """Upload a package: `name`, `description`, `version`, `if_changed`, `create_only`, `tags`."""
        return self._send(upload_call(package, **options))

    def update(
        self, pipeline_id: str, *, display_name: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Pipeline:
        """Rename or tag a pipeline, where Kubeflow can."""
        return self._send(update_call(pipeline_id, display_name=display_name, tags=tags))

    def delete(self, pipeline_id: str) -> None:
        """Delete a pipeline with all its versions."""
        self._send(delete_call(pipeline_id))

    def diff(self, pipeline_id: str, old: str, new: str = "latest") -> Difference:
        """What changed between two versions, each an id, a name or `latest`."""
        return self._send(diff_call(pipeline_id, old, new))

    def validate(self, package: Package) -> ValidationReport:
        """Check a package; nothing is created."""
        return self._send(validate_call(package))


class AsyncPipelines:
    """The same as `Pipelines`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def list(self, **wanted: Unpack[PipelineListOptions]) -> Page[Pipeline]:
        """As `Pipelines.list`."""
        return await self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[PipelineListOptions]) -> AsyncIterator[Pipeline]:
        """As `Pipelines.iterate`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        async def fetch(token: str) -> Page[Pipeline]:
            wanted["page_token"] = token
            return await self._send(list_call(**wanted))

        return every_async(fetch)

    async def get(self, pipeline_id: str) -> PipelineDetail:
        """As `Pipelines.get`."""
        return await self._send(get_call(pipeline_id))

    async def by_name(self, name: str) -> PipelineDetail:
        """As `Pipelines.by_name`."""
        return await self._send(by_name_call(name))

    async def upload(self, package: Package, **options: Unpack[UploadOptions]) -> Uploaded:
        """As `Pipelines.upload`."""
        return await self._send(upload_call(package, **options))

    async def update(
        self, pipeline_id: str, *, display_name: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Pipeline:
        """As `Pipelines.update`."""
        return await self._send(update_call(pipeline_id, display_name=display_name, tags=tags))

    async def delete(self, pipeline_id: str) -> None:
        """As `Pipelines.delete`."""
        await self._send(delete_call(pipeline_id))

    async def diff(self, pipeline_id: str, old: str, new: str = "latest") -> Difference:
        """As `Pipelines.diff`."""
        return await self._send(diff_call(pipeline_id, old, new))

    async def validate(self, package: Package) -> ValidationReport:
        """As `Pipelines.validate`."""
        return await self._send(validate_call(package))
