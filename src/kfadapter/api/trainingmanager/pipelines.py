"""Pipelines as the Training Manager reads and uploads them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.problems import BadRequest
from kfadapter.api.requests import page_request, read_form
from kfadapter.api.trainingmanager.operation import Operation, about
from kfadapter.api.trainingmanager.pages import page_headers
from kfadapter.errors import NameNotFound
from kfadapter.kubeflow.publishing import Upload
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.pipelines.package import PackageLimits, PipelinePackage, open_package
from kfadapter.pipelines.spec import Parameter, read_spec
from kfadapter.service import Service

FILE_FIELD = "file"


class PipelineRoutes:
    """Pipelines, their versions, and uploads."""

    def __init__(self, service: Service) -> None:
        self._kubeflow = service.kubeflow
        self._publisher = service.publisher
        self._catalog = service.catalog
        self._upload_limit_bytes = service.settings.upload_limit_bytes
        self._timeout_seconds = service.settings.request_timeout_seconds
        self._opening = asyncio.Semaphore(2)

    def operations(self) -> Iterator[Operation]:
        """The routes of this group; the longer path comes first, since names may hold slashes."""
        by_id = about("pipe_id", "pipeline_id")
        yield Operation(method="GET", path="/pipelines", handle=self.list_all)
        yield Operation(method="GET", path="/pipelines/{name:path}/versions", handle=self.list_versions)
        yield Operation(method="GET", path="/pipelines/{pipeline_id}", handle=self.read, payload=by_id)
        yield Operation(method="DELETE", path="/pipelines/{pipeline_id}", handle=self.delete, payload=by_id)
        yield Operation(method="GET", path="/pipelineIds/{name:path}", handle=self.find)
        yield Operation(method="POST", path="/pipelineIds/{name:path}", handle=self.upload, is_bounded=False)

    async def list_all(self, request: Request) -> Response:
        """All pipelines, oldest first, or the page asked for."""
        wanted = page_request(request)
        if wanted is None:
            pipelines: Sequence[Pipeline] = await self._kubeflow.pipelines.list_all()
            return json_answer(pipelines_body(pipelines, "", len(pipelines)))
        page = await self._kubeflow.pipelines.list(page_token=wanted.token, page_size=wanted.size)
        return json_answer(
            pipelines_body(page.items, page.next_page_token, page.total_size), headers=page_headers(page)
        )

    async def find(self, request: Request) -> Response:
        """`{"id", "name"}` of the pipeline with this display name."""
        pipeline = await self._kubeflow.pipelines.find(request.path_params["name"])
        return json_answer({"id": pipeline.pipeline_id, "name": pipeline.display_name})

    async def read(self, request: Request) -> Response:
        """One pipeline, with what its latest version declares."""
        pipeline_id = request.path_params["pipeline_id"]
        pipeline, versions = await asyncio.gather(
            self._kubeflow.pipelines.get(pipeline_id), self._kubeflow.versions.list_all(pipeline_id)
        )
        return json_answer(await self._described(pipeline, versions))

    async def delete(self, request: Request) -> Response:
        """Remove a pipeline with its versions; repeating finishes what was interrupted."""
        pipeline_id = request.path_params["pipeline_id"]
        await self._kubeflow.pipelines.delete(pipeline_id)
        self._catalog.deleted(pipeline_id)
        return json_answer({"id": pipeline_id, "status": "Deleted"})

    async def list_versions(self, request: Request) -> Response:
        """The names of a pipeline's versions, oldest first; none for an unknown pipeline, as upstream."""
        wanted = page_request(request)
        try:
            pipeline = await self._kubeflow.pipelines.find(request.path_params["name"])
        except NameNotFound as exc:
            if exc.matches:
                raise
            return json_answer({"versions_list": []})
        if wanted is None:
            versions = await self._kubeflow.versions.list_all(pipeline.pipeline_id)
            return json_answer({"versions_list": [version.display_name for version in versions]})
        page = await self._kubeflow.versions.list(pipeline.pipeline_id, page_token=wanted.token, page_size=wanted.size)
        names = [version.display_name for version in page.items]
        return json_answer({"versions_list": names}, headers=page_headers(page))

    async def upload(self, request: Request) -> Response:
        """A package becomes a pipeline, or the next version of one. It is validated before Kubeflow sees it.

        Raises:
            BadRequest: There is no name, or no file in the form.
            PackageError: The package is not one that can be run; PackageTooLarge: it exceeds the limit.
            KubeflowError, TimeoutError: Kubeflow refused, or was away.
        """
        name = request.path_params["name"]
        if not name.strip():
            raise BadRequest("A pipeline needs a name: POST /pipelineIds/{name}")
        content, description = await self._uploaded(request)
        async with asyncio.timeout(self._timeout_seconds):
            package = await self._opened(content)
            published = await self._publisher.publish(name, Upload(package=package, description=description))
        self._catalog.changed(published.pipeline.pipeline_id)
        return json_answer(
            {
                "id": published.pipeline.pipeline_id,
                "name": published.pipeline.display_name,
                "version_id": published.version.pipeline_version_id,
                "version_name": published.version.display_name,
            }
        )

    async def _uploaded(self, request: Request) -> tuple[bytes, str]:
        form = await read_form(request, self._upload_limit_bytes)
        try:
            file = form.get(FILE_FIELD)
            if not isinstance(file, UploadFile):
                raise BadRequest("The form has no file: send the package in the field 'file'")
            description = form.get("description")
            return await file.read(), description if isinstance(description, str) else ""
        finally:
            await form.close()

    async def _opened(self, content: bytes) -> PipelinePackage:
        limits = PackageLimits(max_bytes=self._upload_limit_bytes)
        async with self._opening:
            return await asyncio.to_thread(open_package, content, limits)

    async def _described(self, pipeline: Pipeline, versions: Sequence[PipelineVersion]) -> dict[str, object]:
        parameters = await self._parameters(versions[-1]) if versions else ()
        return {
            "id": pipeline.pipeline_id,
            "name": pipeline.display_name,
            "description": pipeline.description or None,
            "arguments": {parameter.name: parameter.default for parameter in parameters},
            "parameters": [parameter.to_json() for parameter in parameters],
            "versions": [version_body(version) for version in versions],
            "default_version": version_body(versions[-1]) if versions else None,
            "created_at": http_date(pipeline.created_at),
        }

    async def _parameters(self, version: PipelineVersion) -> tuple[Parameter, ...]:
        document = version.pipeline_spec or await self._kubeflow.versions.spec(
            version.pipeline_id, version.pipeline_version_id
        )
        return read_spec(document).parameters


def pipelines_body(pipelines: Sequence[Pipeline], next_page_token: str, total_size: int | None) -> dict[str, object]:
    """Upstream's list of pipelines: four keys each, null where Kubeflow says nothing."""
    return {
        "next_page_token": next_page_token or None,
        "total_size": total_size if total_size is not None else len(pipelines),
        "pipelines": [
            {
                "pipeline_id": pipeline.pipeline_id,
                "display_name": pipeline.display_name,
                "description": pipeline.description or None,
                "created_at": http_date(pipeline.created_at),
            }
            for pipeline in pipelines
        ],
    }


def version_body(version: PipelineVersion) -> dict[str, object]:
    """One version in the description of its pipeline."""
    return {
        "id": version.pipeline_version_id,
        "name": version.display_name,
        "description": version.description or None,
        "created_at": http_date(version.created_at),
    }


def http_date(at: datetime | None) -> str | None:
    """A time as upstream wrote it: `Wed, 12 Mar 2025 09:00:00 GMT`."""
    return None if at is None else format_datetime(at, usegmt=True)
