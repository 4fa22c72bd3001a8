"""Versions of pipelines and what they say: `client.versions`."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypedDict, Unpack

import orjson

from kfadapter.client.calls import Answer, Call, nothing, path, raw, reader
from kfadapter.client.packages import Package, file_of
from kfadapter.client.pages import page_reader
from kfadapter.client.pipelines import ITERATED_PAGE_SIZE, changes
from kfadapter.client.results import (
    ArgumentsReport,
    Page,
    PipelineVersion,
    PipelineVersionDetail,
    Preflight,
    Uploaded,
)
from kfadapter.client.transport import AsyncSender, Sender, every, every_async

LATEST = "latest"


class VersionListOptions(TypedDict, total=False):
    """What a list of versions takes; `filter` is in KFP's predicate language."""

    name: str
    text: str
    filter: str
    sort_by: str
    page_size: int
    page_token: str
    include_spec: bool


class VersionUploadOptions(TypedDict, total=False):
    """What an upload of a version takes; docs/client.md says what each does."""

    name: str
    description: str
    if_changed: bool
    tags: Mapping[str, str]


def list_call(
    pipeline_id: str,
    *,
    name: str = "",
    text: str = "",
    filter: str = "",
    sort_by: str = "",
    page_size: int = 50,
    page_token: str = "",
    include_spec: bool = False,
) -> Call[Page[PipelineVersion]]:
    """A page of versions."""
    params = {
        "name": name,
        "text": text,
        "filter": filter,
        "sort_by": sort_by,
        "page_size": page_size,
        "page_token": page_token,
        "include_spec": include_spec,
    }
    read = page_reader("pipeline_versions", PipelineVersion)
    return Call(method="GET", path=path("pipelines", pipeline_id, "versions"), params=params, read=read)


def get_call(pipeline_id: str, version: str, *, include_spec: bool = False) -> Call[PipelineVersionDetail]:
    """A version."""
    return Call(
        method="GET",
        path=_member(pipeline_id, version),
        params={"include_spec": include_spec},
        read=reader(PipelineVersionDetail),
    )


def upload_call(
    pipeline_id: str,
    package: Package,
    *,
    name: str = "",
    description: str = "",
    if_changed: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Call[Uploaded]:
    """An upload of a further version."""
    params = {
        "name": name,
        "description": description,
        "if_changed": if_changed,
        "tags": orjson.dumps(dict(tags)).decode() if tags else "",
    }
    return Call(
        method="POST",
        path=path("pipelines", pipeline_id, "versions"),
        params=params,
        file=file_of(package),
        read=reader(Uploaded),
    )


def update_call(
    pipeline_id: str, version: str, *, display_name: str | None = None, tags: Mapping[str, str] | None = None
) -> Call[PipelineVersion]:
    """A change."""
    return Call(
        method="PATCH",
        path=_member(pipeline_id, version),
        document=changes(display_name, tags),
        read=reader(PipelineVersion),
    )


def delete_call(pipeline_id: str, version: str) -> Call[None]:
    """A deletion."""
    return Call(method="DELETE", path=_member(pipeline_id, version), read=nothing)


def spec_call(pipeline_id: str, version: str) -> Call[Mapping[str, Any]]:
    """The specification."""
    return Call(method="GET", path=_member(pipeline_id, version, "spec.json"), read=_document)


def download_call(pipeline_id: str, version: str, suffix: str = "yaml") -> Call[bytes]:
    """The specification as a file."""
    return Call(method="GET", path=_member(pipeline_id, version, f"spec.{suffix}"), accept="*/*", read=raw)


def schema_call(pipeline_id: str, version: str) -> Call[Mapping[str, Any]]:
    """The JSON Schema of the arguments."""
    return Call(method="GET", path=_member(pipeline_id, version, "schema"), accept="*/*", read=_document)


def graph_call(pipeline_id: str, version: str) -> Call[Mapping[str, Any]]:
    """The graph as data."""
    return Call(method="GET", path=_member(pipeline_id, version, "graph.json"), read=_document)


def picture_call(pipeline_id: str, version: str, suffix: str) -> Call[str]:
    """The graph as text: `svg`, `mmd` or `dot`."""
    return Call(method="GET", path=_member(pipeline_id, version, f"graph.{suffix}"), accept="*/*", read=_text)


def warnings_call(pipeline_id: str, version: str) -> Call[Mapping[str, Any]]:
    """Remarks."""
    return Call(method="GET", path=_member(pipeline_id, version, "warnings"), read=_document)


def preflight_call(pipeline_id: str, version: str) -> Call[Preflight]:
    """What could not be honoured."""
    return Call(method="GET", path=_member(pipeline_id, version, "preflight"), read=reader(Preflight))


def check_arguments_call(
    pipeline_id: str, arguments: Mapping[str, Any], version: str = LATEST
) -> Call[ArgumentsReport]:
    """A dry run of arguments."""
    return Call(
        method="POST",
        path=_member(pipeline_id, version) + ":checkArguments",
        document={"arguments": dict(arguments)},
        read=reader(ArgumentsReport),
    )


def _member(pipeline_id: str, version: str, *more: str) -> str:
    return path("pipelines", pipeline_id, "versions", version, *more)


def _document(answer: Answer) -> Mapping[str, Any]:
    document: Mapping[str, Any] = orjson.loads(answer.body)
    return document


def _text(answer: Answer) -> str:
    return answer.body.decode()


class Versions:
    """Versions; `version` is an id, a name, or `latest`. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def list(self, pipeline_id: str, **wanted: Unpack[VersionListOptions]) -> Page[PipelineVersion]:
        """One page, newest first: `name`, `text`, `filter`, `sort_by`, `page_size`, `page_token`, `include_spec`."""
        return self._send(list_call(pipeline_id, **wanted))

    def iterate(self, pipeline_id: str, **wanted: Unpack[VersionListOptions]) -> Iterator[PipelineVersion]:
        """All of them, newest first, page by page."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        def fetch(token: str) -> Page[PipelineVersion]:
            wanted["page_token"] = token
            return self._send(list_call(pipeline_id, **wanted))

        return every(fetch)

    def get(self, pipeline_id: str, version: str = LATEST, *, include_spec: bool = False) -> PipelineVersionDetail:
        """A version with what it says."""
        return self._send(get_call(pipeline_id, version, include_spec=include_spec))

    def upload(self, pipeline_id: str, package: Package, **options: Unpack[VersionUploadOptions]) -> Uploaded:
        """Upload a package as a version: `name`, `description`, `if_changed`, `tags`."""
        return self._send(upload_call(pipeline_id, package, **options))

    def update(
        self,
        pipeline_id: str,
        version: str,
        *,
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> PipelineVersion:
        """Rename or tag a version, where Kubeflow can."""
        return self._send(update_call(pipeline_id, version, display_name=display_name, tags=tags))

    def delete(self, pipeline_id: str, version: str) -> None:
        """Delete a version."""
        self._send(delete_call(pipeline_id, version))

    def spec(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """The specification as Kubeflow has it."""
        return self._send(spec_call(pipeline_id, version))

    def download(self, pipeline_id: str, version: str = LATEST, suffix: str = "yaml") -> bytes:
        """The specification as a file: `yaml` or `json`."""
        return self._send(download_call(pipeline_id, version, suffix))

    def schema(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """The JSON Schema (2020-12) of the arguments."""
        return self._send(schema_call(pipeline_id, version))

    def graph(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """The flattened graph."""
        return self._send(graph_call(pipeline_id, version))

    def picture(self, pipeline_id: str, version: str = LATEST, suffix: str = "svg") -> str:
        """The graph drawn: `svg`, `mmd` (Mermaid) or `dot`."""
        return self._send(picture_call(pipeline_id, version, suffix))

    def warnings(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """What a careful colleague would say."""
        return self._send(warnings_call(pipeline_id, version))

    def preflight(self, pipeline_id: str, version: str = LATEST) -> Preflight:
        """What this Kubeflow, or the engine, could not honour."""
        return self._send(preflight_call(pipeline_id, version))

    def check_arguments(self, pipeline_id: str, arguments: Mapping[str, Any], version: str = LATEST) -> ArgumentsReport:
        """What would become of these arguments; nothing is started."""
        return self._send(check_arguments_call(pipeline_id, arguments, version))


class AsyncVersions:
    """The same as `Versions`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def list(self, pipeline_id: str, **wanted: Unpack[VersionListOptions]) -> Page[PipelineVersion]:
        """As `Versions.list`."""
        return await self._send(list_call(pipeline_id, **wanted))

    def iterate(self, pipeline_id: str, **wanted: Unpack[VersionListOptions]) -> AsyncIterator[PipelineVersion]:
        """As `Versions.iterate`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        async def fetch(token: str) -> Page[PipelineVersion]:
            wanted["page_token"] = token
            return await self._send(list_call(pipeline_id, **wanted))

        return every_async(fetch)

    async def get(
        self, pipeline_id: str, version: str = LATEST, *, include_spec: bool = False
    ) -> PipelineVersionDetail:
        """As `Versions.get`."""
        return await self._send(get_call(pipeline_id, version, include_spec=include_spec))

    async def upload(self, pipeline_id: str, package: Package, **options: Unpack[VersionUploadOptions]) -> Uploaded:
        """As `Versions.upload`."""
        return await self._send(upload_call(pipeline_id, package, **options))

    async def update(
        self,
        pipeline_id: str,
        version: str,
        *,
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> PipelineVersion:
        """As `Versions.update`."""
        return await self._send(update_call(pipeline_id, version, display_name=display_name, tags=tags))

    async def delete(self, pipeline_id: str, version: str) -> None:
        """As `Versions.delete`."""
        await self._send(delete_call(pipeline_id, version))

    async def spec(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """As `Versions.spec`."""
        return await self._send(spec_call(pipeline_id, version))

    async def download(self, pipeline_id: str, version: str = LATEST, suffix: str = "yaml") -> bytes:
        """As `Versions.download`."""
        return await self._send(download_call(pipeline_id, version, suffix))

    async def schema(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """As `Versions.schema`."""
        return await self._send(schema_call(pipeline_id, version))

    async def graph(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """As `Versions.graph`."""
        return await self._send(graph_call(pipeline_id, version))

    async def picture(self, pipeline_id: str, version: str = LATEST, suffix: str = "svg") -> str:
        """As `Versions.picture`."""
        return await self._send(picture_call(pipeline_id, version, suffix))

    async def warnings(self, pipeline_id: str, version: str = LATEST) -> Mapping[str, Any]:
        """As `Versions.warnings`."""
        return await self._send(warnings_call(pipeline_id, version))

    async def preflight(self, pipeline_id: str, version: str = LATEST) -> Preflight:
        """As `Versions.preflight`."""
        return await self._send(preflight_call(pipeline_id, version))

    async def check_arguments(
        self, pipeline_id: str, arguments: Mapping[str, Any], version: str = LATEST
    ) -> ArgumentsReport:
        """As `Versions.check_arguments`."""
        return await self._send(check_arguments_call(pipeline_id, arguments, version))
