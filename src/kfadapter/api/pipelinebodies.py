"""Pipelines and versions as `/v1` answers show them; the shapes are in `api.schemas`."""

from collections.abc import Mapping
from typing import Any

from kfadapter.api.times import rfc3339
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.catalog import CataloguedPipeline, MatchedBy
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.contents import VersionContent
from kfadapter.kubeflow.features import TAGS
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.pipelines.description import PipelineDescription

Body = dict[str, Any]

NO_DESCRIPTION: PipelineDescription = PipelineDescription(name="")


async def known_server(kubeflow: Kubeflow) -> ServerInfo | None:
    """What the server is; None when it does not say, which answers about pipelines can do without."""
    try:
        return await kubeflow.server()
    except KubeflowError:
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
    """A pipeline of a page with `view=FULL`."""
    newest = found.newest
    return {
        **pipeline_body(found.pipeline, server),
        "version_count": newest.count,
        "parameters": _parameters(newest.content),
        "latest_version": (
            version_body(newest.version, newest.content, server) if newest.version and newest.content else None
        ),
    }


def detail_body(found: CataloguedPipeline, server: ServerInfo | None, matched_by: MatchedBy | None = None) -> Body:
    """A pipeline with its latest version whole."""
    newest = found.newest
    return {
        **full_body(found, server),
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
    said = content.parsed or NO_DESCRIPTION
    body = {
        "pipeline_version_id": version.pipeline_version_id,
        "pipeline_id": version.pipeline_id,
        "name": version.name,
        "display_name": version.display_name,
        "description": version.description or None,
        "created_at": rfc3339(version.created_at),
        "tags": _tags(version.tags, server),
        "code_source_url": version.code_source_url or None,
        "digest": content.digest or None,
        "spec_name": said.name or None,
        "sdk_version": said.sdk_version or None,
        "schema_version": said.schema_version or None,
        "problem": str(content.problem) if content.problem else None,
    }
    return {**body, "pipeline_spec": content.document} if include_spec else body


def version_detail(
    version: PipelineVersion, content: VersionContent, server: ServerInfo | None, *, include_spec: bool = False
) -> Body:
    """A version with everything a person asks first."""
    said = content.parsed or NO_DESCRIPTION
    return {
        **version_body(version, content, server, include_spec=include_spec),
        "spec_description": said.description or None,
        "parameters": _parameters(content),
        "artifacts": [artifact.to_json() for artifact in said.inputs.artifacts],
        "outputs": said.outputs.to_json(),
        "steps": list(said.steps) if content.parsed else [],
        "images": [image.to_json() for image in said.images],
        "packages": [package.to_json() for package in said.packages],
        "counts": said.counts.to_json(),
    }


def unavailable(server: ServerInfo | None) -> list[str]:
    """What is missing in answers about pipelines and versions."""
    return [] if server is None or TAGS.is_native(server) else [TAGS.sentence]


def _parameters(content: VersionContent | None) -> list[Body]:
    said = content.parsed if content is not None else None
    return [parameter.to_json() for parameter in said.inputs.parameters] if said is not None else []


def _tags(tags: Mapping[str, str], server: ServerInfo | None) -> Body | None:
    return dict(tags) if server is None or TAGS.is_native(server) else None
