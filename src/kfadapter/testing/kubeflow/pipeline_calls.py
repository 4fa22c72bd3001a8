"""Pipelines and versions of a fake Kubeflow."""

import json
from typing import Any

from kfadapter.testing.kubeflow.calls import Asked, Calls, Routes
from kfadapter.testing.kubeflow.packages import UNREADABLE, read_spec, unpacked
from kfadapter.testing.kubeflow.tables import PIPELINES, VERSIONS
from kfadapter.testing.kubeflow.wire import (
    KFPError,
    Reply,
    TextError,
    UploadError,
    internal,
    invalid,
    not_found,
    pipeline_json,
    version_json,
)
from kfadapter.testing.kubeflow.world import FakePipeline, FakeVersion

LONGEST_NAME = 128
LONGEST_VERSION_NAME = 127
LONGEST_NAMESPACE = 63
UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
FIELDS = frozenset({"name", "display_name", "description", "namespace", "tags", "pipeline_id", "created_at"})
VERSION_FIELDS = (FIELDS - {"namespace"}) | {"pipeline_version_id", "code_source_url", "pipeline_spec", "package_url"}
MOST_TAGS = 20


class PipelineCalls(Calls):
    """Everything below `/pipelines`."""

    def routes(self) -> Routes:
        one = "([^/]+)"
        # 2.3.0's gateway takes what follows a colon for an action.
        name = "([^/:]+)" if self.wire.is_old else one
        return [
            ("*", "/pipelines/upload", self.upload),
            ("*", "/pipelines/upload_version", self.upload_version),
            ("GET", "/pipelines", self.list_pipelines),
            ("POST", "/pipelines", self.create),
            ("GET", f"/pipelines/names/{name}", self.by_name),
            ("GET", "/pipelines/([^/]*)", self.get),
            *([] if self.wire.is_old else self._newer_routes(one)),
            ("DELETE", f"/pipelines/{one}", self.delete),
            ("GET", f"/pipelines/{one}/versions", self.list_versions),
            ("GET", f"/pipelines/{one}/versions/{one}", self.get_version),
            ("DELETE", f"/pipelines/{one}/versions/{one}", self.delete_version),
        ]

    def _newer_routes(self, one: str) -> Routes:
        return [
            ("PATCH", f"/pipelines/{one}", self.update),
            ("PATCH", f"/pipelines/{one}/versions/{one}", self.update_version),
        ]

    def update(self, asked: Asked) -> Reply:
        context = f"Failed to update pipeline {asked.ids[0]}. Check error stack"
        body = self.body(asked, FIELDS)
        pipeline = self._pipeline(asked.ids[0], context)
        _change(pipeline, body, context)
        return self.json(pipeline_json(pipeline, self.wire))

    def update_version(self, asked: Asked) -> Reply:
        """KFP does not look at the pipeline's id in the path."""
        context = f"Failed to update pipeline version {asked.ids[1]}. Check error stack"
        body = self.body(asked, VERSION_FIELDS)
        if asked.ids[1] not in self.world.versions:
            raise not_found(context, f"PipelineVersion {asked.ids[1]}")
        version = self.world.versions[asked.ids[1]]
        _change(version, body, context)
        return self.json(version_json(version, self.wire))

    def list_pipelines(self, asked: Asked) -> Reply:
        return self.page(asked, PIPELINES, list(self.world.pipelines.values()), "pipelines", pipeline_json)

    def create(self, asked: Asked) -> Reply:
        body = self.body(asked, FIELDS)
        name, display_name = self._names(body)
        context = "Failed to create a pipeline due to server error"
        if not name:
            raise invalid(context, "name is required")
        if len(name) > LONGEST_NAME and not self.wire.is_old:
            wrong = f"Invalid input error: Pipeline.Name length cannot exceed {LONGEST_NAME}"
            raise internal("Failed to create a pipeline as pipeline conversion failed", wrong)
        if self._is_taken(name):
            message = f"Failed to create a new pipeline. The name {name} already exist. Please specify a new name"
            chain = f"{context}: Failed to create a pipeline in PipelineStore: Already exist error: {message}"
            raise KFPError(6, chain, message)
        description, tags = str(body.get("description", "")), body.get("tags", {})
        pipeline = self.world.add_pipeline(name, display_name, description=description, tags=tags)
        return self.json(pipeline_json(pipeline, self.wire))

    def by_name(self, asked: Asked) -> Reply:
        (name,) = asked.ids
        if "/" in name:
            raise KFPError(5, "Not Found")
        for pipeline in self.world.pipelines.values():
            if pipeline.name.casefold() == name.casefold():
                return self.json(pipeline_json(pipeline, self.wire))
        raise not_found(
            f"Failed to get a pipeline with name {name} and namespace . Check error stack.: "
            f"Failed to get a pipeline named {name} in namespace ",
            f"Namespace/Pipeline /{name}",
        )

    def get(self, asked: Asked) -> Reply:
        (pipeline_id,) = asked.ids
        context = f"Failed to get a pipeline {pipeline_id}. Check error stack"
        if not pipeline_id:
            raise invalid(context, "Failed to get a pipeline. Pipeline id cannot be empty")
        return self.json(pipeline_json(self._pipeline(pipeline_id, context), self.wire))

    def delete(self, asked: Asked) -> Reply:
        (pipeline_id,) = asked.ids
        context = f"Failed to delete pipeline {pipeline_id}. Check error stack"
        self._pipeline(pipeline_id, context)
        versions = self.world.versions_of(pipeline_id)
        cascade = asked.one("cascade") == "true" and not self.wire.is_old
        if versions and not cascade:
            hint = "" if self.wire.is_old else ". Set cascade=true to delete all versions"
            example = versions[0].pipeline_version_id
            wrong = f"Failed to delete pipeline with id {pipeline_id} as it has existing pipeline versions"
            raise invalid(context, f"{wrong} (e.g. {example}){hint}")
        self.world.delete_pipeline(pipeline_id)
        return self.json({})

    def upload(self, asked: Asked) -> Reply:
        failure = "Failed to create a pipeline and a pipeline version"
        file_name, document = _package(asked, "Failed to read pipeline from file", UNREADABLE)
        name, display_name = self._upload_names(asked, file_name)
        self._check_length("Pipeline.Name", name, LONGEST_NAME)
        self._check_length("Pipeline.Namespace", asked.one("namespace"), LONGEST_NAMESPACE)
        tags = self._tags(asked)
        spec = read_spec(document, self.wire, failure)
        if self._is_taken(name):
            raise UploadError(409, failure, cause=f"Already exist error: The name {name} already exist")
        description = asked.one("description")
        pipeline = self.world.add_pipeline(name, display_name, description=description, tags=tags)
        self.world.add_version(
            pipeline.pipeline_id,
            name,
            spec,
            display_name,
            created_at=pipeline.created_at,
            description=description,
            code_source_url=asked.one("code_source_url"),
        )
        return self.json(pipeline_json(pipeline, self.wire))

    def upload_version(self, asked: Asked) -> Reply:
        failure = "Failed to create a pipeline version"
        file_name, document = _package(asked, failure, failure)
        pipeline_id = asked.one("pipelineid")
        name, display_name = self._upload_names(asked, file_name)
        self._check_length("PipelineVersion.Name", name, LONGEST_VERSION_NAME)
        if pipeline_id not in self.world.pipelines:
            cause = f"ResourceNotFoundError: Pipeline {pipeline_id} not found"
            raise UploadError(400, failure, cause=cause, as_text=True)
        tags = self._tags(asked)
        spec = read_spec(document, self.wire, failure)
        if name.casefold() in {one.name.casefold() for one in self.world.versions_of(pipeline_id)}:
            raise UploadError(409, failure, cause=f"Already exist error: The name {name} already exist")
        version = self.world.add_version(
            pipeline_id,
            name,
            spec,
            display_name,
            description=asked.one("description"),
            code_source_url=asked.one("code_source_url"),
            tags=tags,
        )
        return self.json(version_json(version, self.wire))

    def list_versions(self, asked: Asked) -> Reply:
        (pipeline_id,) = asked.ids
        self._pipeline(pipeline_id, f"Failed to list pipeline versions for pipeline {pipeline_id}")
        return self.page(asked, VERSIONS, self.world.versions_of(pipeline_id), "pipeline_versions", version_json)

    def get_version(self, asked: Asked) -> Reply:
        """KFP does not look at the pipeline's id in the path."""
        return self.json(version_json(self._version(asked.ids[1]), self.wire))

    def delete_version(self, asked: Asked) -> Reply:
        del self.world.versions[self._version(asked.ids[1]).pipeline_version_id]
        return self.json({})

    def _names(self, body: dict[str, Any]) -> tuple[str, str]:
        display_name = str(body.get("display_name") or "")
        if self.wire.is_old:
            return display_name, display_name
        name = str(body.get("name") or display_name)
        return name, display_name or name

    def _upload_names(self, asked: Asked, file_name: str) -> tuple[str, str]:
        if self.wire.is_old:
            name = asked.one("name") or file_name
            return name, name
        name = asked.one("name") or asked.one("display_name") or file_name
        return name, asked.one("display_name") or name

    def _tags(self, asked: Asked) -> dict[str, str]:
        if self.wire.is_old or not asked.one("tags"):
            return {}
        wrong = "Failed to parse tags query parameter. Expected JSON object with string keys and values"
        try:
            tags = json.loads(asked.one("tags"))
        except ValueError as exc:
            raise UploadError(400, wrong, as_text=True) from exc
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            raise UploadError(400, wrong, as_text=True)
        return tags

    def _check_length(self, field: str, text: str, longest: int) -> None:
        if len(text) > longest and not self.wire.is_old:
            raise TextError(400, f"Invalid input error: {field} length cannot exceed {longest}\n")

    def _is_taken(self, name: str) -> bool:
        return any(one.name.casefold() == name.casefold() for one in self.world.pipelines.values())

    def _pipeline(self, pipeline_id: str, context: str) -> FakePipeline:
        if pipeline_id not in self.world.pipelines:
            raise not_found(context, f"Pipeline {pipeline_id}")
        return self.world.pipelines[pipeline_id]

    def _version(self, version_id: str) -> FakeVersion:
        if version_id not in self.world.versions:
            raise not_found(f"Failed to get a pipeline version {version_id}", f"PipelineVersion {version_id}")
        return self.world.versions[version_id]


def _package(asked: Asked, no_file: str, unreadable: str) -> tuple[str, bytes]:
    """The uploaded file's name and the YAML or JSON in it."""
    if asked.upload is None or not asked.upload[0]:
        raise UploadError(400, no_file, as_text=True)
    file_name, content = asked.upload
    if len(content) > UPLOAD_LIMIT_BYTES:
        raise UploadError(400, unreadable, cause="Invalid input error: File size too large", as_text=True)
    return file_name, unpacked(file_name, content, unreadable)


def _change(row: FakePipeline | FakeVersion, body: dict[str, Any], context: str) -> None:
    """Display name and tags; whatever else is sent is passed over."""
    tags = body.get("tags")
    if tags is not None:
        if len(tags) > MOST_TAGS:
            raise invalid(context, f"number of tags ({len(tags)}) exceeds maximum of {MOST_TAGS} per entity")
        row.tags = dict(tags)
    row.display_name = str(body.get("display_name") or row.display_name)
