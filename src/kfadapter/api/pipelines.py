"""`/v1/pipelines`: pipelines with what their latest version says, uploads, differences, validation."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import JSON_TYPE, encode, json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.packageuploads import PackageReader, UploadOptions
from kfadapter.api.parameters import (
    PAGE_SIZE,
    FilterText,
    Name,
    PageSize,
    PageToken,
    PipelineID,
    SortBy,
    Text,
    list_filter,
)
from kfadapter.api.pipelinebodies import (
    detail_body,
    full_body,
    known_server,
    pipeline_body,
    unavailable,
    version_body,
)
from kfadapter.api.problems import BadRequest
from kfadapter.api.schemas.content import ValidationReport
from kfadapter.api.schemas.pipelines import (
    Change,
    Difference,
    Pipeline,
    PipelineDetail,
    PipelinePage,
    Uploaded,
)
from kfadapter.errors import KubeflowConflict, NameNotFound, PackageError
from kfadapter.kubeflow.publishing import Published
from kfadapter.kubeflow.sharing import SharedReads
from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.diff import diff
from kfadapter.pipelines.lint import lint
from kfadapter.pipelines.package import PackageLimits
from kfadapter.pipelines.validation import validate
from kfadapter.service import Service

PACKAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "The package."}},
                }
            },
            **{
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("application/yaml", "application/zip", "application/gzip", "application/octet-stream")
            },
        },
    }
}

From = Annotated[str, Query(alias="from", description="The old version: id, name, or `latest`.")]
To = Annotated[str, Query(description="The new version: id, name, or `latest`.")]


class View(StrEnum):
    """How much a page tells."""

    BASIC = "BASIC"
    FULL = "FULL"


def pipeline_router(service: Service) -> APIRouter:
    """The routes of pipelines; uploads are in a router of their own, since a body may take its time."""
    router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"], route_class=BoundedRoute.of(service.settings))
    kubeflow, catalog = service.kubeflow, service.catalog
    pages: SharedReads[bytes] = SharedReads()

    @router.get("", summary="Pipelines, a page at a time", response_model=PipelinePage)
    async def list_pipelines(
        view: Annotated[View, Query(description="FULL brings parameters, version count and latest version.")] = (
            View.BASIC
        ),
        name: Name = "",
        text: Text = "",
        filter: FilterText = "",
        sort_by: SortBy = "",
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
    ) -> Response:
        wanted = list_filter(filter, name, text)

        async def read() -> bytes:
            server = await known_server(kubeflow)
            page = await kubeflow.pipelines.list(
                page_token=page_token, page_size=page_size, sort_by=sort_by, filter=wanted
            )
            if view is View.FULL:
                items = [full_body(one, server) for one in await catalog.with_newest(page.items)]
            else:
                items = [pipeline_body(one, server) for one in page.items]
            return encode(
                {
                    "pipelines": items,
                    "next_page_token": page.next_page_token or None,
                    "total_size": page.total_size,
                    "unavailable": unavailable(server),
                }
            )

        question = repr((view, filter, name, text, sort_by, page_size, page_token))
        return Response(await pages.read(question, read), media_type=JSON_TYPE)

    @router.get(
        "/by-name/{name:path}", summary="A pipeline by its name, with its latest version", response_model=PipelineDetail
    )
    async def read_by_name(name: str) -> Response:
        server = await known_server(kubeflow)
        found, matched_by = await catalog.named(name)
        return json_answer(detail_body(found, server, matched_by))

    @router.get("/{pipeline_id}", summary="A pipeline with its latest version", response_model=PipelineDetail)
    async def read_pipeline(pipeline_id: PipelineID) -> Response:
        server = await known_server(kubeflow)
        found = await catalog.pipeline(pipeline_id)
        return json_answer(detail_body(found, server))

    @router.patch("/{pipeline_id}", summary="Rename or tag a pipeline", response_model=Pipeline)
    async def change_pipeline(pipeline_id: PipelineID, change: Change) -> Response:
        changed = await kubeflow.pipelines.update(pipeline_id, display_name=change.display_name or "", tags=change.tags)
        catalog.changed(pipeline_id)
        return json_answer(pipeline_body(changed, await known_server(kubeflow)))

    @router.delete("/{pipeline_id}", status_code=204, summary="Delete a pipeline with all its versions")
    async def delete_pipeline(pipeline_id: PipelineID) -> Response:
        try:
            await kubeflow.pipelines.delete(pipeline_id)
        finally:
            catalog.deleted(pipeline_id)
        return Response(status_code=204)

    @router.get("/{pipeline_id}/diff", summary="What changed between two versions", response_model=Difference)
    async def compare_versions(pipeline_id: PipelineID, from_: From, to: To = "latest") -> Response:
        before, after = await asyncio.gather(catalog.version(pipeline_id, from_), catalog.version(pipeline_id, to))
        old, new = await asyncio.gather(catalog.content_of(before), catalog.content_of(after))
        changes = await asyncio.to_thread(diff, old.description, new.description)
        return json_answer(
            {
                **changes.to_json(),
                "pipeline_id": pipeline_id,
                "from": {"pipeline_version_id": before.pipeline_version_id, "name": before.display_name},
                "to": {"pipeline_version_id": after.pipeline_version_id, "name": after.display_name},
            }
        )

    return router


def upload_router(service: Service) -> APIRouter:
    """Uploads, and the validation of packages that are not uploaded."""
    router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"])
    kubeflow, catalog, publisher = service.kubeflow, service.catalog, service.publisher
    timeout_seconds = service.settings.request_timeout_seconds
    limit_bytes = service.settings.upload_limit_bytes
    reader = PackageReader(limit_bytes, timeout_seconds)

    @router.post(
        "",
        status_code=201,
        summary="Upload a package: a new pipeline, or the next version of the one with this name",
        response_model=Uploaded,
        responses={200: {"model": Uploaded, "description": "Nothing has changed, and nothing was added."}},
        openapi_extra=PACKAGE_BODY,
    )
    async def upload_pipeline(
        request: Request,
        name: Annotated[str, Query(description="The pipeline's; without it the name inside the package.")] = "",
        description: Annotated[str, Query(description="Of the pipeline when it is new, else of the version.")] = "",
        version: Annotated[str, Query(description="The version's name; without it the next free one.")] = "",
        if_changed: Annotated[
            bool, Query(description="Add nothing when the newest version has the same content; answer with that one.")
        ] = False,
        create_only: Annotated[bool, Query(description="409 when there is a pipeline of that name.")] = False,
        tags: Annotated[str, Query(description="A JSON object of texts, where Kubeflow has tags.")] = "",
    ) -> Response:
        options = UploadOptions(
            name=name,
            description=description,
            version=version,
            if_changed=if_changed,
            create_only=create_only,
            tags=tags,
        )
        content, options = await reader.read(request, options)
        package = await reader.open(content)
        name = options.name or package.spec.name
        if not name.strip():
            raise BadRequest("A pipeline needs a name: give it as ?name=…")
        async with asyncio.timeout(timeout_seconds):
            if options.create_only:
                await _refuse_existing(name)
            published = await publisher.publish(name, options.upload(package))
            return await uploaded(published)

    @router.post(
        "/{pipeline_id}/versions",
        status_code=201,
        summary="Upload a package as a version of this pipeline",
        response_model=Uploaded,
        responses={200: {"model": Uploaded, "description": "Nothing has changed, and nothing was added."}},
        openapi_extra=PACKAGE_BODY,
        tags=["versions"],
    )
    async def upload_version(
        request: Request,
        pipeline_id: PipelineID,
        name: Annotated[str, Query(description="The version's name; without it the next free one.")] = "",
        description: Annotated[str, Query(description="Of the version.")] = "",
        if_changed: Annotated[
            bool, Query(description="Add nothing when the newest version has the same content; answer with that one.")
        ] = False,
        tags: Annotated[str, Query(description="A JSON object of texts, where Kubeflow has tags.")] = "",
    ) -> Response:
        asked = UploadOptions(name=name, description=description, if_changed=if_changed, tags=tags)
        content, options = await reader.read(request, asked)
        package = await reader.open(content)
        options = UploadOptions(
            version=options.name or options.version,
            description=options.description,
            if_changed=options.if_changed,
            tags=options.tags,
        )
        async with asyncio.timeout(timeout_seconds):
            pipeline = await kubeflow.pipelines.get(pipeline_id)
            return await uploaded(await publisher.publish_version(pipeline, options.upload(package)))

    @router.post(
        ":validate",
        summary="Check a package; nothing is created",
        response_model=ValidationReport,
        openapi_extra=PACKAGE_BODY,
    )
    async def validate_package(request: Request) -> Response:
        content, _ = await reader.read(request, UploadOptions())
        report = await asyncio.to_thread(validate, content, PackageLimits(max_bytes=limit_bytes))
        said = await asyncio.to_thread(_described, report.document) if report.document is not None else None
        return json_answer(
            {
                **report.to_json(),
                "warnings": [remark.to_json() for remark in lint(said)] if said is not None else [],
                "summary": said.summary() if said is not None else None,
            }
        )

    async def _refuse_existing(name: str) -> None:
        try:
            await kubeflow.pipelines.find(name)
        except NameNotFound as exc:
            if not exc.matches:
                return
        raise KubeflowConflict(
            f"there is a pipeline named {name} already; without create_only the package becomes its next version",
            status=409,
        )

    async def uploaded(published: Published) -> Response:
        catalog.changed(published.pipeline.pipeline_id)
        server = await known_server(kubeflow)
        body = {
            "pipeline": pipeline_body(published.pipeline, server),
            "version": version_body(published.version, await catalog.content_of(published.version), server),
            "created": published.created,
            "unchanged": published.unchanged,
            "unavailable": unavailable(server),
        }
        return json_answer(body, status=200 if published.unchanged else 201)

    return router


def _described(document: Any) -> PipelineDescription | None:
    try:
        return describe(document)
    except PackageError:
        return None
