"""Artifacts of runs: what there is, and their contents."""

import re
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.byteranges import ranged_answer
from kfadapter.api.runs.bodies import artifact_body
from kfadapter.runs.artifacts import RunArtifact
from kfadapter.runs.logs import begun
from kfadapter.service import Service

OCTETS = "application/octet-stream"
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


def artifact_router(service: Service) -> APIRouter:
    """The routes of artifacts."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    artifacts = service.runs.artifacts

    @router.get("/{run_id}/artifacts", summary="The artifacts of a run: type, address, metadata")
    async def list_artifacts(run_id: str) -> Response:
        found, missing = await artifacts.all(run_id)
        return json_answer(
            {"artifacts": [artifact_body(one) for one in found], "unavailable": [gap.to_json() for gap in missing]}
        )

    @router.get(
        "/{run_id}/artifacts/{artifact}",
        summary="The content of an artifact, by its id, `task.output`, output or name",
        response_class=Response,
        responses={
            200: {
                "description": "The content, whatever its kind.",
                "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def read_artifact(run_id: str, artifact: str, request: Request) -> Response:
        found = await artifacts.find(run_id, artifact)
        blocks = await begun(artifacts.content(found))
        # Never shown as a page of this origin: its content is a task's, not ours.
        headers = {
            "Content-Type": OCTETS,
            "Content-Disposition": _disposition(found),
            "X-Content-Type-Options": "nosniff",
        }
        return await ranged_answer(request, blocks, headers)

    return router


def _disposition(found: RunArtifact) -> str:
    name = PurePosixPath(urlsplit(found.artifact.uri).path).name or found.output
    plain = _PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
