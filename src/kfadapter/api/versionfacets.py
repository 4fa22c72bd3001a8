"""What one version says, a facet at a time: inputs, schema, graph, images, remarks, and whether it would run here."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import JSON_TYPE, encode, json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.conditional import entity_tag, immutable_headers, is_known, not_modified
from kfadapter.api.negotiation import preferred
from kfadapter.api.parameters import PipelineID, VersionName
from kfadapter.api.pipelinebodies import known_server
from kfadapter.api.problems import BadRequest
from kfadapter.api.schemas.content import (
    ArgumentsReport,
    ArgumentsToCheck,
    Graph,
    Images,
    Parameters,
    Preflight,
    Remarks,
)
from kfadapter.errors import Unavailable
from kfadapter.kubeflow.catalog import is_id
from kfadapter.kubeflow.contents import VersionContent
from kfadapter.kubeflow.preflight import Finding, FindingSeverity, cluster_findings, engine_findings
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.kubeflow.versions import Versions
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.dry_run import check_arguments
from kfadapter.pipelines.lint import lint
from kfadapter.pipelines.render.dot import to_dot
from kfadapter.pipelines.render.mermaid import to_mermaid
from kfadapter.pipelines.render.svg import to_svg
from kfadapter.pipelines.schema import arguments_schema
from kfadapter.runs.missing import Missing
from kfadapter.service import Service
from kfadapter.training.execution import ALIAS_SOURCES, training_manager_aliases

MERMAID_TYPE = "text/vnd.mermaid"
DOT_TYPE = "text/vnd.graphviz"
SVG_TYPE = "image/svg+xml"
SCHEMA_TYPE = "application/schema+json"
FORMS: Mapping[str, Callable[[PipelineDescription], bytes]] = {
    JSON_TYPE: lambda said: encode(said.graph.to_json()),
    SVG_TYPE: lambda said: to_svg(said.graph, title=said.name).encode(),
    MERMAID_TYPE: lambda said: to_mermaid(said.graph, title=said.name).encode(),
    DOT_TYPE: lambda said: to_dot(said.graph, title=said.name).encode(),
}
SUFFIXES: Mapping[str, str] = {"json": JSON_TYPE, "svg": SVG_TYPE, "mmd": MERMAID_TYPE, "dot": DOT_TYPE}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has it already."}}
GRAPH_ANSWERS: dict[int | str, dict[str, Any]] = {
    **NOT_MODIFIED,
    200: {
        "description": "The graph.",
        "content": {kind: {"schema": {"type": "string"}} for kind in (SVG_TYPE, MERMAID_TYPE, DOT_TYPE)},
    },
    406: {"description": "None of the forms is wanted."},
}

Write = Callable[[VersionContent], bytes]


def facet_router(service: Service) -> APIRouter:
    """The routes of what a version says."""
    router = APIRouter(
        prefix="/v1/pipelines/{pipeline_id}/versions/{version}",
        tags=["versions"],
        route_class=BoundedRoute.of(service.settings),
    )
    kubeflow, catalog = service.kubeflow, service.catalog

    async def facet(request: Request, form: str, write: Write, media_type: str = JSON_TYPE) -> Response:
        """One form of what the version in the path says; nothing is asked or written when the caller has it."""
        pipeline_id, version = request.path_params["pipeline_id"], request.path_params["version"]
        content = None if is_id(version) else await catalog.content(pipeline_id, version)
        version_id = content.version_id if content is not None else version
        tag = entity_tag(pipeline_id, version_id, form, is_derived=True)
        headers = immutable_headers(tag, is_by_id=is_id(version), is_derived=True)
        if is_known(request, tag):
            return not_modified(headers)
        content = content or await catalog.content(pipeline_id, version)
        body = await asyncio.to_thread(write, content)
        return Response(body, headers={**headers, "Content-Type": media_type})

    async def picture(request: Request, media_type: str) -> Response:
        form = FORMS[media_type]
        return await facet(request, f"graph {media_type}", lambda content: form(content.description), media_type)

    @router.get(
        "/parameters",
        summary="What may be passed, and what comes out",
        response_model=Parameters,
        responses=NOT_MODIFIED,
    )
    async def read_parameters(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await facet(request, "parameters", lambda content: encode(_parameters(content)))

    @router.get(
        "/schema",
        summary="JSON Schema (2020-12) of the arguments",
        response_class=Response,
        responses={**NOT_MODIFIED, 200: {"content": {SCHEMA_TYPE: {"schema": {"type": "object"}}}}},
    )
    async def read_schema(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await facet(
            request, "schema", lambda content: encode(arguments_schema(content.description)), SCHEMA_TYPE
        )

    @router.get(
        "/graph",
        summary="The flattened graph, as JSON, SVG, Mermaid or DOT after `Accept`",
        response_model=Graph,
        responses=GRAPH_ANSWERS,
    )
    async def read_graph(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        media_type = preferred(request.headers.get("accept", ""), tuple(FORMS))
        if media_type is None:
            raise BadRequest(f"The graph comes as {', '.join(FORMS)}", status=406)
        return await picture(request, media_type)

    @router.get("/graph.json", summary="The graph as JSON", response_model=Graph, responses=NOT_MODIFIED)
    async def read_graph_json(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await picture(request, JSON_TYPE)

    for suffix in ("svg", "mmd", "dot"):
        _add_picture(router, suffix, picture)

    @router.get(
        "/images", summary="Container images and Python packages", response_model=Images, responses=NOT_MODIFIED
    )
    async def read_images(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await facet(request, "images", lambda content: encode(_images(content)))

    @router.get(
        "/warnings", summary="What a careful colleague would say", response_model=Remarks, responses=NOT_MODIFIED
    )
    async def read_warnings(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        return await facet(request, "warnings", lambda content: encode(_remarks(content)))

    @router.get("/preflight", summary="What this Kubeflow, or the engine, could not honour", response_model=Preflight)
    async def read_preflight(pipeline_id: PipelineID, version: VersionName) -> Response:
        server = await known_server(kubeflow)
        content = await catalog.content(pipeline_id, version)
        return json_answer(await _preflight(kubeflow.versions, server, content))

    @router.post(
        ":checkArguments",
        summary="What would become of arguments, if a training job were started with them",
        response_model=ArgumentsReport,
    )
    async def check(pipeline_id: PipelineID, version: VersionName, body: ArgumentsToCheck) -> Response:
        content = await catalog.content(pipeline_id, version)
        report = check_arguments(
            content.description.inputs.parameters,
            body.arguments,
            training_manager_aliases(body.arguments),
            alias_sources=ALIAS_SOURCES,
        )
        return json_answer({**_ids(content), **report.to_json()})

    return router


def _add_picture(router: APIRouter, suffix: str, picture: Callable[[Request, str], Any]) -> None:
    media_type = SUFFIXES[suffix]

    async def read_picture(request: Request, pipeline_id: PipelineID, version: VersionName) -> Response:
        answer: Response = await picture(request, media_type)
        return answer

    router.add_api_route(
        f"/graph.{suffix}",
        read_picture,
        methods=["GET"],
        name=f"read_graph_{suffix}",
        summary=f"The graph as {media_type}",
        response_class=Response,
        responses={**NOT_MODIFIED, 200: {"content": {media_type: {"schema": {"type": "string"}}}}},
    )


def _ids(content: VersionContent) -> dict[str, Any]:
    return {"pipeline_id": content.pipeline_id, "pipeline_version_id": content.version_id}


def _parameters(content: VersionContent) -> dict[str, Any]:
    said = content.description
    return {**_ids(content), **said.inputs.to_json(), "outputs": said.outputs.to_json()}


def _images(content: VersionContent) -> dict[str, Any]:
    said = content.description
    return {
        **_ids(content),
        "images": [image.to_json() for image in said.images],
        "packages": [package.to_json() for package in said.packages],
    }


def _remarks(content: VersionContent) -> dict[str, Any]:
    return {**_ids(content), "warnings": [remark.to_json() for remark in lint(content.description)]}


async def _preflight(versions: Versions, server: ServerInfo | None, content: VersionContent) -> dict[str, Any]:
    findings: tuple[Finding, ...] = ()
    asked, missing = "nobody", "Kubeflow does not tell its release: it is not known what it can honour."
    if server is not None and server.is_embedded:
        try:
            findings = await engine_findings(versions, content.pipeline_id, content.version_id)
            asked, missing = "engine", ""
        except Unavailable as exc:
            missing = str(exc)
    elif server is not None and server.release is not None:
        findings, asked, missing = cluster_findings(server, content.description), "release", ""
    has_errors = any(one.severity is FindingSeverity.ERROR for one in findings)
    return {
        **_ids(content),
        "asked": asked,
        "ok": None if asked == "nobody" else not has_errors,
        "findings": [one.to_json() for one in findings],
        "unavailable": [Missing(what="findings", reason=missing).to_json()] if missing else [],
    }
