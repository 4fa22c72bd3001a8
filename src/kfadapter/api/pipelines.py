"""`/v1/pipelines`: pipelines with what their latest version says, and differences; uploads are in `api.uploads`."""

import asyncio
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kfadapter.api.answers import JSON_TYPE, encode, json_answer
from kfadapter.api.bounded import BoundedRoute
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
    unread,
)
from kfadapter.api.schemas.pipelines import (
    Change,
    Difference,
    Pipeline,
    PipelineDetail,
    PipelinePage,
)
from kfadapter.kubeflow.sharing import SharedReads
from kfadapter.pipelines.diff import diff
from kfadapter.service import Service

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
    pages: SharedReads[bytes] = SharedReads(kubeflow.base_url)

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
            missing = unavailable(server)
            if view is View.FULL:
                found = await catalog.with_newest(page.items)
                items = [full_body(one, server) for one in found]
                missing += unread(found)
            else:
                items = [pipeline_body(one, server) for one in page.items]
            return encode(
                {
                    "pipelines": items,
                    "next_page_token": page.next_page_token or None,
                    "total_size": page.total_size,
                    "unavailable": missing,
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
