"""Pipeline versions: get, list, change, delete. The pipeline's id in the path is not looked at, as on KFP."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.limits import VERSION_NAME, check_length, check_tags
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY, JSONAnswer
from kfadapter.engine.protocol.faults import invalid, layered
from kfadapter.engine.protocol.messages import PIPELINE_VERSION
from kfadapter.engine.protocol.paging import read_list_query
from kfadapter.engine.protocol.queries import LISTING
from kfadapter.engine.protocol.templates import read_template
from kfadapter.engine.store.pipelines import get_pipeline
from kfadapter.engine.store.versions import (
    LISTABLE,
    NewVersion,
    create_version,
    delete_version,
    get_version,
    list_versions,
    update_version,
)


async def create(parts: Parts, call: Call) -> Response:
    """A version from an address (see engine/packages.py)."""
    message = await call.message(PIPELINE_VERSION)
    if "package_url" not in message:
        raise invalid("Failed to create a pipeline version. Package URL is nil")
    url = message["package_url"].get("pipeline_url", "")
    if not url:
        raise invalid("Failed to create a pipeline version. Package URL is empty")
    if not message.get("pipeline_id"):
        raise invalid("Failed to create a pipeline version. Parent pipeline id is empty")
    with layered("Failed to create a pipeline version. Check error stack"):
        new = _new(message)
        content = await parts.packages.fetch(url)
        template = await asyncio.to_thread(read_template, content)
        pipeline_id = call.parameters["pipeline_id"]
        created = await parts.store.write(create_version, pipeline_id, new, template, parts.now())
    await parts.runs.prepare(template)
    return JSONAnswer(created)


async def get(parts: Parts, call: Call) -> Response:
    """A version with its spec."""
    version_id = call.parameters["version_id"]
    with layered(
        f"Failed to get a pipeline version {version_id}", f"Failed to get a pipeline version with id {version_id}"
    ):
        return JSONAnswer(await parts.store.read(get_version, version_id))


async def list_(parts: Parts, call: Call) -> Response:
    """A page of a pipeline's versions, with their specs."""
    pipeline_id = call.parameters["pipeline_id"]
    given = call.given(LISTING)
    with layered(
        f"Failed to list pipeline versions for pipeline {pipeline_id}",
        f"Failed to list pipeline versions due to error fetching the namespace for pipeline {pipeline_id}",
        f"Failed to get namespace for pipeline id {pipeline_id}",
        f"Failed to get a pipeline with id {pipeline_id}",
    ):
        await parts.store.read(get_pipeline, pipeline_id)
    query = read_list_query(given, LISTABLE)
    return JSONAnswer(await parts.store.read(list_versions, pipeline_id, query))


async def update(parts: Parts, call: Call) -> Response:
    """Display name and tags; everything else is kept whatever the request says."""
    version_id = call.parameters["version_id"]
    message = await call.message(PIPELINE_VERSION)
    tags = message.get("tags")
    with layered(f"Failed to update pipeline version {version_id}. Check error stack"):
        check_tags(tags or {})
        changed = await parts.store.write(update_version, version_id, message.get("display_name", ""), tags)
    return JSONAnswer(changed)


async def delete(parts: Parts, call: Call) -> Response:
    """A version."""
    pipeline_id, version_id = call.parameters["pipeline_id"], call.parameters["version_id"]
    with layered(
        f"Failed to delete a pipeline version id {version_id} under pipeline id {pipeline_id}. Check error stack",
        f"Failed to delete pipeline version with id {version_id} as it was not found",
    ):
        await parts.store.write(delete_version, version_id)
    return EMPTY


def _new(message: Mapping[str, Any]) -> NewVersion:
    name = message.get("name") or message.get("display_name") or ""
    if not name:
        raise invalid("name is required")
    display_name = message.get("display_name") or name
    check_length("PipelineVersion.Name", name, VERSION_NAME)
    tags = message.get("tags", {})
    check_tags(tags)
    return NewVersion(
        name=name,
        display_name=display_name,
        description=message.get("description", ""),
        code_source_url=message.get("code_source_url", ""),
        tags=tags,
    )


ROUTES = (
    Route("POST", "/pipelines/{pipeline_id}/versions", create),
    Route("GET", "/pipelines/{pipeline_id}/versions", list_),
    Route("GET", "/pipelines/{pipeline_id}/versions/{version_id}", get),
    Route("PATCH", "/pipelines/{pipeline_id}/versions/{version_id}", update),
    Route("DELETE", "/pipelines/{pipeline_id}/versions/{version_id}", delete),
)
