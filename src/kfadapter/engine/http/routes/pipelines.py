"""Pipelines: create, get, list, change, delete."""

import asyncio
from posixpath import basename
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.limits import NAMESPACE, PIPELINE_NAME, VERSION_NAME, check_length, check_tags
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY, JSONAnswer
from kfadapter.engine.protocol.faults import ApiError, invalid, layered, taken_for_internal
from kfadapter.engine.protocol.messages import CREATE_PIPELINE_AND_VERSION, PIPELINE
from kfadapter.engine.protocol.paging import read_list_query
from kfadapter.engine.protocol.queries import LISTING
from kfadapter.engine.protocol.templates import read_template
from kfadapter.engine.protocol.wire import Scalar
from kfadapter.engine.store.pipelines import (
    LISTABLE,
    NewPipeline,
    create_pipeline,
    delete_pipeline,
    get_pipeline,
    get_pipeline_by_name,
    list_pipelines,
    update_pipeline,
)
from kfadapter.engine.store.versions import NewVersion, create_pipeline_and_version


async def create(parts: Parts, call: Call) -> Response:
    """A pipeline without versions."""
    message = await call.message(PIPELINE)
    with (
        layered("Failed to create a pipeline as pipeline conversion failed"),
        taken_for_internal("Failed to convert API pipeline to model pipeline"),
    ):
        check_length("Pipeline.Name", _name(message), PIPELINE_NAME)
        check_length("Pipeline.Namespace", message.get("namespace", ""), NAMESPACE)
    with layered("Failed to create a pipeline due to server error"):
        new = _new(message)
        with layered("Failed to create a pipeline in PipelineStore"):
            return JSONAnswer(await parts.store.write(create_pipeline, new, parts.now()))


async def create_with_version(parts: Parts, call: Call) -> Response:
    """A pipeline with its first version, which is named like it, from an address (see engine/packages.py)."""
    message = await call.message(CREATE_PIPELINE_AND_VERSION)
    pipeline, version = message.get("pipeline", {}), message.get("pipeline_version", {})
    url = version.get("package_url", {}).get("pipeline_url", "")
    with layered("Failed to create a pipeline"):
        content = await parts.packages.fetch(url)
        name = pipeline.get("name") or pipeline.get("display_name") or basename(urlsplit(url).path)
        new = _new({**pipeline, "name": name})
        _check_new(new, pipeline.get("namespace", ""))
        first = NewVersion(
            name=new.name, display_name=new.display_name, description=new.description, tags=version.get("tags", {})
        )
        check_tags(first.tags)
        template = await asyncio.to_thread(read_template, content)
        created = await parts.store.write(create_pipeline_and_version, new, first, template, parts.now())
    await parts.runs.prepare(template)
    return JSONAnswer(created)


async def get(parts: Parts, call: Call) -> Response:
    """A pipeline by id."""
    pipeline_id = call.parameters["pipeline_id"]
    with layered(f"Failed to get a pipeline {pipeline_id}. Check error stack"):
        if not pipeline_id:
            raise invalid("Failed to get a pipeline. Pipeline id cannot be empty")
        with layered(f"Failed to get a pipeline with id {pipeline_id}"):
            return JSONAnswer(await parts.store.read(get_pipeline, pipeline_id))


async def get_by_name(parts: Parts, call: Call) -> Response:
    """A pipeline by its unique name; any namespace will do, since there is one only."""
    name = call.parameters["name"]
    namespace = call.given({"namespace": Scalar.STRING}).get("namespace", "")
    with layered(
        f"Failed to get a pipeline with name {name} and namespace {namespace}. Check error stack.",
        f"Failed to get a pipeline named {name} in namespace {namespace}",
    ):
        return JSONAnswer(await parts.store.read(get_pipeline_by_name, name, namespace))


async def list_(parts: Parts, call: Call) -> Response:
    """A page of pipelines."""
    query = read_list_query(call.given(LISTING), LISTABLE)
    return JSONAnswer(await parts.store.read(list_pipelines, query))


async def update(parts: Parts, call: Call) -> Response:
    """Display name and tags; everything else is kept whatever the request says."""
    pipeline_id = call.parameters["pipeline_id"]
    message = await call.message(PIPELINE)
    tags = message.get("tags")
    with layered(f"Failed to update pipeline {pipeline_id}. Check error stack"):
        check_tags(tags or {})
        changed = await parts.store.write(update_pipeline, pipeline_id, message.get("display_name", ""), tags)
    return JSONAnswer(changed)


async def delete(parts: Parts, call: Call) -> Response:
    """A pipeline; with `cascade` its versions too."""
    pipeline_id = call.parameters["pipeline_id"]
    cascade = call.given({"cascade": Scalar.BOOL}).get("cascade", False)
    try:
        await parts.store.write(delete_pipeline, pipeline_id, cascade)
    except ApiError as exc:
        layers = [f"Failed to delete pipeline {pipeline_id}. Check error stack"]
        if exc.status == 404:
            layers.append(f"Failed to delete pipeline with id {pipeline_id} as it was not found")
        raise exc.within(*layers) from exc
    return EMPTY


def _check_new(new: NewPipeline, namespace: str) -> None:
    """The lengths of a pipeline that brings a version: its name must be one for a version too."""
    check_length("Pipeline.Name", new.name, PIPELINE_NAME)
    check_length("PipelineVersion.Name", new.name, VERSION_NAME)
    check_length("Pipeline.Namespace", namespace, NAMESPACE)


def _new(message: dict[str, Any]) -> NewPipeline:
    name = _name(message)
    if not name:
        raise invalid("name is required")
    tags = message.get("tags", {})
    check_tags(tags)
    return NewPipeline(
        name=name,
        display_name=message.get("display_name") or name,
        description=message.get("description", ""),
        tags=tags,
    )


def _name(message: dict[str, Any]) -> str:
    return message.get("name") or message.get("display_name") or ""


ROUTES = (
    Route("POST", "/pipelines", create),
    Route("GET", "/pipelines", list_),
    Route("POST", "/pipelines/create", create_with_version),
    Route("GET", "/pipelines/names/{name}", get_by_name),
    Route("GET", "/pipelines/{pipeline_id}", get),
    Route("PATCH", "/pipelines/{pipeline_id}", update),
    Route("DELETE", "/pipelines/{pipeline_id}", delete),
)
