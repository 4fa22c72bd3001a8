"""Pipelines and versions as `/v1` answers show them; the shapes are in `api.schemas`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from kfadapter.api.answers import encode
from kfadapter.clock import rfc3339
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.catalog import CataloguedPipeline, MatchedBy, Newest
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.contents import VersionContent
from kfadapter.kubeflow.features import TAGS
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.runs.missing import Missing

Body = dict[str, Any]

SERVER_SECONDS = 2.0
NOTHING_SAID = PipelineDescription(name="")


async def known_server(kubeflow: Kubeflow) -> ServerInfo | None:
    """What the server is, remembered; None when it does not say soon: answers about pipelines can do without."""
    try:
        async with asyncio.timeout(SERVER_SECONDS):
            return await kubeflow.server()
    except (KubeflowError, TimeoutError):
        return None


def pipeline_body(pipeline: Pipeline, server: ServerInfo | None) -> Body:
    """A pipeline as Kubeflow lists it."""
    return {
        "pipeline_id": pipeline.pipeline_id,
        "name": pipeline.name,
        "display_name": pipeline.display_name,
        "description": pipeline.description or None,
        "created_at": rfc3339(pipeline.created_at),
        "tags": _tags(pipeline.tags, server),
    }


def full_body(found: CataloguedPipeline, server: ServerInfo | None) -> Body:
    """A pipeline of a page with `view=FULL`; only as Kubeflow lists it when its versions could not be read."""
    if found.newest.problem:
        return pipeline_body(found.pipeline, server)
    return {**_with_parameters(found, server), "latest_version": _latest(found.newest, server)}


def detail_body(found: CataloguedPipeline, server: ServerInfo | None, matched_by: MatchedBy | None = None) -> Body:
    """A pipeline with its latest version whole."""
    newest = found.newest
    return {
        **_with_parameters(found, server),
        "latest_version": (
            version_detail(newest.version, newest.content, server) if newest.version and newest.content else None
        ),
        "matched_by": matched_by.value if matched_by else None,
        "unavailable": unavailable(server),
    }


def version_body(
    version: PipelineVersion, content: VersionContent, server: ServerInfo | None, *, include_spec: bool = False
) -> Body:
    """A version in short."""
    body = {
        "pipeline_version_id": version.pipeline_version_id,
        "pipeline_id": version.pipeline_id,
        "name": version.name,
        "display_name": version.display_name,
        "description": version.description or None,
        "created_at": rfc3339(version.created_at),
        "tags": _tags(version.tags, server),
        "code_source_url": version.code_source_url or None,
        **_once(content, "short", _short),
    }
    return {**body, **_once(content, "spec", _spec)} if include_spec else body


def version_detail(
    version: PipelineVersion, content: VersionContent, server: ServerInfo | None, *, include_spec: bool = False
) -> Body:
    """A version with everything a person asks first."""
    return {
        **version_body(version, content, server, include_spec=include_spec),
        **_once(content, "parameters", _parameters),
        **_once(content, "long", _long),
    }


def unavailable(server: ServerInfo | None) -> list[dict[str, str]]:
    """What is missing in answers about pipelines and versions."""
    if server is None or TAGS.is_native(server):
        return []
    return [Missing(what=TAGS.name, reason=TAGS.sentence).to_json()]


def unread(found: Sequence[CataloguedPipeline]) -> list[dict[str, str]]:
    """What is missing of a page of pipelines because Kubeflow failed at single ones."""
    return [
        Missing(
            what=f"pipelines/{one.pipeline.pipeline_id}",
            reason=f"Kubeflow did not tell its versions: {one.newest.problem}",
        ).to_json()
        for one in found
        if one.newest.problem
    ]


def _with_parameters(found: CataloguedPipeline, server: ServerInfo | None) -> Body:
    content = found.newest.content
    return {
        **pipeline_body(found.pipeline, server),
        "version_count": found.newest.count,
        **(_once(content, "parameters", _parameters) if content else {"parameters": []}),
    }


def _latest(newest: Newest, server: ServerInfo | None) -> orjson.Fragment | None:
    """The newest version in short; encoded once while it is remembered, for the next full page."""
    version, content = newest.version, newest.content
    if version is None or content is None:
        return None
    of, told, made = content.memo.get("latest", (None, None, None))
    if of is version and told is server and isinstance(made, orjson.Fragment):
        return made
    fresh = orjson.Fragment(encode(version_body(version, content, server)).rstrip())
    content.memo["latest"] = (version, server, fresh)
    return fresh


def _once(content: VersionContent, key: str, make: Callable[[VersionContent], Body]) -> Body:
    """A part of an answer, each of its values encoded once for all answers it is in."""
    made: Body | None = content.memo.get(key)
    if made is None:
        made = {name: orjson.Fragment(encode(value).rstrip()) for name, value in make(content).items()}
        content.memo[key] = made
    return made


def _short(content: VersionContent) -> Body:
    said = content.parsed or NOTHING_SAID
    return {
        "digest": content.digest or None,
        "spec_name": said.name or None,
        "sdk_version": said.sdk_version or None,
        "schema_version": said.schema_version or None,
        "problem": str(content.problem) if content.problem else None,
    }


def _spec(content: VersionContent) -> Body:
    return {"pipeline_spec": content.document}


def _parameters(content: VersionContent) -> Body:
    said = content.parsed or NOTHING_SAID
    return {"parameters": [parameter.to_json() for parameter in said.inputs.parameters]}


def _long(content: VersionContent) -> Body:
    said = content.parsed or NOTHING_SAID
    return {
        "spec_description": said.description or None,
        "artifacts": [artifact.to_json() for artifact in said.inputs.artifacts],
        "outputs": said.outputs.to_json(),
        "steps": list(said.steps),
        "images": [image.to_json() for image in said.images],
        "packages": [package.to_json() for package in said.packages],
        "counts": said.counts.to_json(),
    }


def _tags(tags: Mapping[str, str], server: ServerInfo | None) -> Body | None:
    return dict(tags) if server is None or TAGS.is_native(server) else None
