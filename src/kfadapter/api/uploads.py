"""`POST` below `/v1/pipelines`: uploads of packages, and their validation."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.packageuploads import PackageReader, UploadOptions
from kfadapter.api.parameters import PipelineID
from kfadapter.api.pipelinebodies import known_server, pipeline_body, unavailable, version_body
from kfadapter.api.problems import BadRequest
from kfadapter.api.schemas.content import ValidationReport
from kfadapter.api.schemas.pipelines import Uploaded
from kfadapter.errors import KubeflowConflict, NameNotFound, PackageError
from kfadapter.kubeflow.publishing import Published
from kfadapter.pipelines.description import PipelineDescription, describe
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
UPLOAD: dict[str, Any] = {
    "status_code": 201,
    "response_model": Uploaded,
    "responses": {200: {"model": Uploaded, "description": "Nothing has changed, and nothing was added."}},
    "openapi_extra": PACKAGE_BODY,
}

IfChanged = Annotated[
    bool, Query(description="Add nothing when the newest version has the same content; answer with that one.")
]
CreateOnly = Annotated[bool, Query(description="409 when there is a pipeline of that name.")]
TagsText = Annotated[str, Query(description="A JSON object of texts, where Kubeflow has tags.")]


def upload_router(service: Service) -> APIRouter:
    """Uploads, and the validation of packages that are not uploaded."""
    router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"])
    uploads = _Uploads(service)

    @router.post(
        "", summary="Upload a package: a new pipeline, or the next version of the one with this name", **UPLOAD
    )
    async def upload_pipeline(
        request: Request,
        name: Annotated[str, Query(description="The pipeline's; without it the name inside the package.")] = "",
        description: Annotated[str, Query(description="Of the pipeline when it is new, else of the version.")] = "",
        version: Annotated[str, Query(description="The version's name; without it the next free one.")] = "",
        if_changed: IfChanged = False,
        create_only: CreateOnly = False,
        tags: TagsText = "",
    ) -> Response:
        options = UploadOptions(
            name=name,
            description=description,
            version=version,
            if_changed=if_changed,
            create_only=create_only,
            tags=tags,
        )
        return await uploads.pipeline(request, options)

    @router.post(
        "/{pipeline_id}/versions", summary="Upload a package as a version of this pipeline", tags=["versions"], **UPLOAD
    )
    async def upload_version(
        request: Request,
        pipeline_id: PipelineID,
        name: Annotated[str, Query(description="The version's name; without it the next free one.")] = "",
        description: Annotated[str, Query(description="Of the version.")] = "",
        if_changed: IfChanged = False,
        tags: TagsText = "",
    ) -> Response:
        asked = UploadOptions(name=name, description=description, if_changed=if_changed, tags=tags)
        return await uploads.version(request, pipeline_id, asked)

    @router.post(
        ":validate",
        summary="Check a package; nothing is created",
        response_model=ValidationReport,
        openapi_extra=PACKAGE_BODY,
    )
    async def validate_package(request: Request) -> Response:
        return await uploads.checked(request)

    return router


class _Uploads:
    """Takes packages out of requests, and publishes or checks them."""

    def __init__(self, service: Service) -> None:
        self._kubeflow, self._catalog, self._publisher = service.kubeflow, service.catalog, service.publisher
        self._timeout_seconds = service.settings.request_timeout_seconds
        self._limit_bytes = service.settings.upload_limit_bytes
        self._reader = PackageReader(self._limit_bytes, self._timeout_seconds)

    async def pipeline(self, request: Request, asked: UploadOptions) -> Response:
        """A new pipeline, or the next version of the one with this name."""
        content, options = await self._reader.read(request, asked)
        package = await self._reader.open(content)
        name = options.name or package.spec.name
        if not name.strip():
            raise BadRequest("A pipeline needs a name: give it as ?name=…")
        async with asyncio.timeout(self._timeout_seconds):
            if options.create_only:
                await self._refuse_existing(name)
            return await self._answer(await self._publisher.publish(name, options.upload(package)))

    async def version(self, request: Request, pipeline_id: str, asked: UploadOptions) -> Response:
        """A version of this pipeline; its name is the form's `name`, or `version`."""
        content, options = await self._reader.read(request, asked)
        package = await self._reader.open(content)
        options = UploadOptions(
            version=options.name or options.version,
            description=options.description,
            if_changed=options.if_changed,
            tags=options.tags,
        )
        async with asyncio.timeout(self._timeout_seconds):
            pipeline = await self._kubeflow.pipelines.get(pipeline_id)
            return await self._answer(await self._publisher.publish_version(pipeline, options.upload(package)))

    async def checked(self, request: Request) -> Response:
        """What is wrong with a package, and what it says."""
        content, _ = await self._reader.read(request, UploadOptions())
        report = await asyncio.to_thread(validate, content, PackageLimits(max_bytes=self._limit_bytes))
        said = await asyncio.to_thread(_described, report.document) if report.document is not None else None
        return json_answer(
            {
                **report.to_json(),
                "warnings": [remark.to_json() for remark in lint(said)] if said is not None else [],
                "summary": said.summary() if said is not None else None,
            }
        )

    async def _refuse_existing(self, name: str) -> None:
        try:
            await self._kubeflow.pipelines.find(name)
        except NameNotFound as exc:
            if not exc.matches:
                return
        raise KubeflowConflict(
            f"there is a pipeline named {name} already; without create_only the package becomes its next version",
            status=409,
        )

    async def _answer(self, published: Published) -> Response:
        self._catalog.changed(published.pipeline.pipeline_id)
        server = await known_server(self._kubeflow)
        body = {
            "pipeline": pipeline_body(published.pipeline, server),
            "version": version_body(published.version, await self._catalog.content_of(published.version), server),
            "created": published.created,
            "unchanged": published.unchanged,
            "unavailable": unavailable(server),
        }
        return json_answer(body, status=200 if published.unchanged else 201)


def _described(document: Any) -> PipelineDescription | None:
    try:
        return describe(document)
    except PackageError:
        return None
