"""`/v1/pipelines/{id}/versions`: the versions of a pipeline, and their specifications as they were uploaded."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import JSON_TYPE, encode, json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.conditional import entity_tag, immutable_headers, is_known, not_modified
from kfadapter.api.negotiation import preferred
from kfadapter.api.parameters import (
    PAGE_SIZE,
    FilterText,
    IncludeSpec,
    Name,
    PageSize,
    PageToken,
    PipelineID,
    SortBy,
    Text,
    VersionName,
    list_filter,
)
from kfadapter.api.pipelinebodies import known_server, unavailable, version_body, version_detail
from kfadapter.api.problems import BadRequest
from kfadapter.api.schemas.pipelines import Change, Version, VersionDetail, VersionPage
from kfadapter.kubeflow.catalog import is_id
from kfadapter.kubeflow.versions import NEWEST_FIRST
from kfadapter.pipelines.documents import DocumentLimits
from kfadapter.pipelines.spec import split_pair
from kfadapter.pipelines.yaml_writer import dump_documents
from kfadapter.service import Service

YAML_TYPE = "application/yaml"
SPEC_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The specification.",
        "content": {JSON_TYPE: {"schema": {"type": "object"}}, YAML_TYPE: {"schema": {}}},
    },
    304: {"description": "The caller has it already."},
    406: {"description": "Neither JSON nor YAML is wanted."},
}


def version_router(service: Service) -> APIRouter:
    """The routes of versions."""
    router = APIRouter(
        prefix="/v1/pipelines/{pipeline_id}/versions",
        tags=["versions"],
        route_class=BoundedRoute.of(service.settings),
    )
    kubeflow, catalog = service.kubeflow, service.catalog

    @router.get("", summary="Versions of a pipeline, newest first", response_model=VersionPage)
    async def list_versions(
        pipeline_id: PipelineID,
        name: Name = "",
        text: Text = "",
        filter: FilterText = "",
        sort_by: SortBy = "",
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
        include_spec: IncludeSpec = False,
    ) -> Response:
        wanted = list_filter(filter, name, text)
        server = await known_server(kubeflow)
        page = await kubeflow.versions.list(
            pipeline_id,
            page_token=page_token,
            page_size=page_size,
            # A token says its order itself, and Kubeflow refuses another one beside it.
            sort_by=sort_by or ("" if page_token else NEWEST_FIRST),
            filter=wanted,
        )
        return json_answer(
            {
                "pipeline_versions": [
                    version_body(version, content, server, include_spec=include_spec)
                    for version, content in await catalog.page_of_versions(page)
                ],
                "next_page_token": page.next_page_token or None,
                "total_size": page.total_size,
                "unavailable": unavailable(server),
            }
        )

    @router.get("/by-name/{name:path}", summary="A version by its name", response_model=VersionDetail)
    async def read_by_name(pipeline_id: PipelineID, name: str) -> Response:
        server = await known_server(kubeflow)
        version = await kubeflow.versions.find(pipeline_id, name)
        return json_answer(version_detail(version, await catalog.content_of(version), server))

    @router.get("/{version}", summary="A version, with what it says", response_model=VersionDetail)
    async def read_version(
        pipeline_id: PipelineID, version: VersionName, include_spec: IncludeSpec = False
    ) -> Response:
        server = await known_server(kubeflow)
        found = await catalog.version(pipeline_id, version)
        content = await catalog.content_of(found)
        return json_answer(version_detail(found, content, server, include_spec=include_spec))

    @router.patch("/{version}", summary="Rename or tag a version", response_model=Version)
    async def change_version(pipeline_id: PipelineID, version: VersionName, change: Change) -> Response:
        found = await catalog.version(pipeline_id, version)
        changed = await kubeflow.versions.update(
            pipeline_id, found.pipeline_version_id, display_name=change.display_name or "", tags=change.tags
        )
        catalog.changed(pipeline_id)
        content = await catalog.content_of(found)
        return json_answer(version_body(changed, content, await known_server(kubeflow)))

    @router.delete("/{version}", status_code=204, summary="Delete a version")
    async def delete_version(pipeline_id: PipelineID, version: VersionName) -> Response:
        found = await catalog.version(pipeline_id, version)
        try:
            await kubeflow.versions.delete(pipeline_id, found.pipeline_version_id)
        finally:
            catalog.deleted(pipeline_id, found.pipeline_version_id)
        return Response(status_code=204)

    async def spec_answer(request: Request, pipeline_id: str, version: str, media_type: str) -> Response:
        version_id = version
        if not is_id(version):
            version_id = (await catalog.version(pipeline_id, version)).pipeline_version_id
        tag = entity_tag(pipeline_id, version_id, media_type, is_derived=False)
        headers = immutable_headers(tag, is_by_id=is_id(version), is_derived=False)
        if is_known(request, tag):
            return not_modified(headers)
        document = (await catalog.content(pipeline_id, version_id)).document
        body = encode(document) if media_type == JSON_TYPE else await asyncio.to_thread(_yaml, document)
        return Response(body, media_type=media_type, headers=headers)

    @router.get(
        "/{version}/spec",
        summary="The specification as it was uploaded, as JSON or YAML after `Accept`",
        response_class=Response,
        responses=SPEC_ANSWERS,
    )
    async def read_spec(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        media_type = preferred(request.headers.get("accept", ""), (JSON_TYPE, YAML_TYPE))
        if media_type is None:
            raise BadRequest(f"The specification comes as {JSON_TYPE} or {YAML_TYPE}", status=406)
        return await spec_answer(request, pipeline_id, version, media_type)

    @router.get(
        "/{version}/spec.json",
        summary="The specification as JSON",
        response_class=Response,
        responses=_answers(JSON_TYPE),
    )
    async def read_spec_json(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await spec_answer(request, pipeline_id, version, JSON_TYPE)

    @router.get(
        "/{version}/spec.yaml",
        summary="The specification as YAML",
        response_class=Response,
        responses=_answers(YAML_TYPE),
    )
    async def read_spec_yaml(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await spec_answer(request, pipeline_id, version, YAML_TYPE)

    return router


def _answers(kind: str) -> dict[int | str, dict[str, Any]]:
    """What the route of one form answers."""
    whole = SPEC_ANSWERS[200]
    return {200: {**whole, "content": {kind: whole["content"][kind]}}, 304: SPEC_ANSWERS[304]}


def _yaml(document: Any) -> bytes:
    """One document, or two when there is a platform document, as the compiler writes them."""
    pipeline, platform = split_pair(document)
    documents = [dict(pipeline)] if platform is None else [dict(pipeline), dict(platform)]
    return dump_documents(documents, DocumentLimits())
