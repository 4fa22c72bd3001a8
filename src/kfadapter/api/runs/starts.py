"""Starting runs: of pipelines, of specifications sent along, of other runs."""

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.packageuploads import FILE_FIELDS, PackageReader
from kfadapter.api.problems import BadRequest
from kfadapter.api.requests import read_form, read_json_object
from kfadapter.api.runs.bodies import started_body
from kfadapter.api.schemas.runs import NewRun, RunChanges, StartedRun
from kfadapter.errors import QueryRefused
from kfadapter.pipelines.package import PipelinePackage
from kfadapter.runs.again import CloneChanges, Retried
from kfadapter.runs.room import RunsRoom
from kfadapter.runs.starting import Started, StartWish
from kfadapter.service import Service

REQUEST_FIELD = "request"
_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([A-Za-z0-9._~:/+=-]{1,255})')

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="A text of the caller's that is new for each run it wants, in quotes: an equal request with the "
        "same key gets the same run.",
    ),
]
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/NewRun"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "A pipeline package."},
                        "request": {"type": "string", "description": "The rest of the request, as JSON."},
                    },
                }
            },
        },
    }
}


REPLAYED: dict[int | str, dict[str, Any]] = {
    200: {"model": StartedRun, "description": "The run that an equal request with this key has started."}
}


def start_router(service: Service) -> APIRouter:
    """The routes that start runs."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    room, settings = service.runs, service.settings
    packages = PackageReader(settings.upload_limit_bytes, settings.request_timeout_seconds)

    @router.post(
        "",
        status_code=201,
        summary="Start a run of a pipeline, or of a specification or package that is sent along",
        response_model=StartedRun,
        responses=REPLAYED,
        openapi_extra=BODY,
    )
    async def start_run(request: Request, idempotency_key: Key = "") -> Response:
        package = None
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            document, package = await _form(request, packages, settings.upload_limit_bytes)
        else:
            document = await read_json_object(request)
        wish = _wish(_valid(NewRun, document), package, read_key(idempotency_key))
        return await _started(room, await room.starter.start(wish))

    @router.post(
        "/{run_id}:clone",
        status_code=201,
        summary="Start a copy of a run",
        response_model=StartedRun,
        responses=REPLAYED,
    )
    async def clone_run(run_id: str, changes: RunChanges | None = None, idempotency_key: Key = "") -> Response:
        asked = (changes or RunChanges()).model_dump()
        changed = CloneChanges(**asked, key=read_key(idempotency_key))
        return await _started(room, await room.again.clone(run_id, changed))

    @router.post("/{run_id}:retry", status_code=202, summary="Let a failed run go on, or start it anew")
    async def retry_run(run_id: str, idempotency_key: Key = "") -> Response:
        retried = await room.again.retry(run_id, read_key(idempotency_key))
        headers = {"Location": f"/v1/runs/{retried.run.run_id}"}
        return json_answer(_retried(run_id, retried), status=202, headers=headers)

    return router


def read_key(header: str) -> str | None:
    """The key of `Idempotency-Key`: a text in quotes (a structured field), or a plain word.

    Raises:
        QueryRefused: It is neither.
    """
    if not header.strip():
        return None
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise QueryRefused(
            "header/Idempotency-Key", 'a key is 1 to 255 printable characters in quotes, as "8e03978e-40d5"'
        )
    return found[1] if found[1] is not None else found[2]


async def _form(
    request: Request, packages: PackageReader, limit_bytes: int
) -> tuple[dict[str, object], PipelinePackage]:
    form = await read_form(request, limit_bytes)
    try:
        file = next((one for name in FILE_FIELDS if isinstance(one := form.get(name), UploadFile)), None)
        if file is None:
            raise BadRequest("The form has no file: send the package in the field 'file'")
        content, text = await file.read(), form.get(REQUEST_FIELD)
    finally:
        await form.close()
    try:
        document = json.loads(text) if isinstance(text, str) and text.strip() else {}
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"The form's field 'request' is not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise BadRequest("The form's field 'request' must be a JSON object")
    return document, await packages.open(content)


def _valid(shape: type[NewRun], document: dict[str, object]) -> NewRun:
    try:
        return shape.model_validate(document)
    except ValidationError as exc:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in exc.errors(include_url=False)]
        raise RequestValidationError(errors) from exc


def _wish(asked: NewRun, package: PipelinePackage | None, key: str | None) -> StartWish:
    named = asked.pipeline or asked.pipeline_id or asked.pipeline_name
    if sum((bool(named), asked.pipeline_spec is not None, package is not None)) != 1:
        wanted = "give exactly one of pipeline, pipeline_id, pipeline_name, pipeline_spec and a package"
        raise RequestValidationError([{"loc": ("body",), "msg": wanted, "type": "value_error"}])
    return StartWish(
        pipeline=named,
        version=asked.version,
        pipeline_spec=asked.pipeline_spec if package is None else _document(package),
        display_name=asked.display_name,
        description=asked.description,
        experiment=asked.experiment or asked.experiment_id or asked.experiment_name,
        create_experiment=asked.create_experiment,
        arguments=asked.arguments,
        labels=asked.labels,
        pipeline_root=asked.pipeline_root,
        service_account=asked.service_account,
        key=key,
    )


def _document(package: PipelinePackage) -> dict[str, Any]:
    spec = package.spec
    if spec.platform is None:
        return dict(spec.document)
    return {"pipeline_spec": dict(spec.document), "platform_spec": dict(spec.platform)}


async def _started(room: RunsRoom, started: Started) -> Response:
    effective = started.fitted.effective if started.fitted else (await room.arguments.of(started.run)).values
    headers = {"Location": f"/v1/runs/{started.run.run_id}"}
    if started.is_replay:
        headers["Idempotency-Replayed"] = "true"
    status = 200 if started.is_replay else 201
    return json_answer(started_body(started, effective), status=status, headers=headers)


def _retried(run_id: str, retried: Retried) -> dict[str, Any]:
    return {
        "run_id": retried.run.run_id,
        "state": retried.run.state,
        "retried_run_id": run_id,
        "by": retried.by.value,
        "reason": retried.reason or None,
    }
