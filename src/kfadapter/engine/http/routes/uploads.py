"""Uploads of packages. KFP serves these outside its gateway, with errors of another shape."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from kfadapter.engine.http.calls import ANY_METHOD, Call, Route
from kfadapter.engine.http.limits import NAMESPACE, PIPELINE_NAME, VERSION_NAME, check_length, check_tags
from kfadapter.engine.http.multipart import FormFile, NoFile, read_file
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.http.routes.preflight import findings, findings_header
from kfadapter.engine.protocol.answers import JSONAnswer, plain, upload_problem
from kfadapter.engine.protocol.faults import ApiError, Code, taken_for_internal
from kfadapter.engine.protocol.templates import Template, UnreadableFile, open_file, read_template
from kfadapter.engine.store.pipelines import NewPipeline, get_pipeline
from kfadapter.engine.store.versions import NewVersion, create_pipeline_and_version, create_version

FIELD = "uploadfile"
BAD_TAGS = "Failed to parse tags query parameter. Expected JSON object with string keys and values"


class Refused(Exception):
    """An upload is answered with this."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


Created = tuple[dict[str, Any], Template]
Create = Callable[[Parts, Call], Awaitable[Created]]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What an upload route says when something is wrong."""

    no_file: str
    bad_file: str
    not_created: str
    model: str
    name_limit: int


PIPELINE = Words(
    no_file="Failed to read pipeline from file",
    bad_file="Failed to read a pipeline spec file",
    not_created="Failed to create a pipeline and a pipeline version",
    model="Pipeline",
    name_limit=PIPELINE_NAME,
)
VERSION = Words(
    no_file="Failed to create a pipeline version",
    bad_file="Failed to create a pipeline version",
    not_created="Failed to create a pipeline version",
    model="PipelineVersion",
    name_limit=VERSION_NAME,
)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A package and what the query says about it."""

    name: str
    display_name: str
    description: str
    code_source_url: str
    tags: dict[str, str]
    content: bytes


async def upload_pipeline(parts: Parts, call: Call) -> Response:
    """A new pipeline with its first version, which is named like it."""
    return await _answered(parts, call, PIPELINE, _create_pipeline)


async def upload_version(parts: Parts, call: Call) -> Response:
    """A new version of the pipeline that `pipelineid` names."""
    return await _answered(parts, call, VERSION, _create_version)


async def _create_pipeline(parts: Parts, call: Call) -> Created:
    upload = await asyncio.to_thread(_read, call, PIPELINE)
    template = await _template(upload)
    # KFP finds out only here that the version's name, which is the pipeline's, may be too long for a version.
    with taken_for_internal():
        check_length("PipelineVersion.Name", upload.name, VERSION_NAME)
    pipeline = NewPipeline(
        name=upload.name, display_name=upload.display_name, description=upload.description, tags=upload.tags
    )
    created = await parts.store.write(
        create_pipeline_and_version, pipeline, _new_version(upload, with_tags=False), template, parts.now()
    )
    await parts.runs.prepare(template)
    return created, template


async def _create_version(parts: Parts, call: Call) -> Created:
    pipeline_id = call.text("pipelineid")
    upload = await asyncio.to_thread(_read, call, VERSION)
    try:
        await parts.store.read(get_pipeline, pipeline_id)
    except ApiError as exc:
        raise Refused(upload_problem(VERSION.no_file, 400, cause=exc.message, as_text=True)) from exc
    template = await _template(upload)
    version = _new_version(upload, with_tags=True)
    created = await parts.store.write(create_version, pipeline_id, version, template, parts.now())
    await parts.runs.prepare(template)
    return created, template


async def _answered(parts: Parts, call: Call, words: Words, create: Create) -> Response:
    try:
        created, template = await create(parts, call)
        found = await findings(parts, template)
        warnings = {"warnings": [one.to_json() for one in found]} if call.text("view") == "FULL" else {}
        return JSONAnswer({**created, **warnings}, headers=findings_header(found))
    except Refused as exc:
        return exc.answer
    except ApiError as exc:
        reason = exc.detail if exc.code is Code.INVALID_ARGUMENT else words.not_created
        return upload_problem(reason, exc.status, cause=exc.message)


def _read(call: Call, words: Words) -> Upload:
    file = _file(call, words)
    try:
        content = open_file(file.name, file.content)
    except UnreadableFile as exc:
        raise Refused(upload_problem(words.bad_file, 400, cause=str(exc), as_text=True)) from exc
    name = call.text("name") or call.text("display_name") or file.name
    upload = Upload(
        name=name,
        display_name=call.text("display_name") or name,
        description=call.text("description"),
        code_source_url=call.text("code_source_url"),
        tags=_tags(call.text("tags")),
        content=content,
    )
    _check_lengths(upload, call.text("namespace"), words)
    check_tags(upload.tags)
    return upload


def _file(call: Call, words: Words) -> FormFile:
    try:
        return read_file(call.body, call.content_type, FIELD)
    except NoFile as exc:
        raise Refused(upload_problem(words.no_file, 400, cause=str(exc), as_text=True)) from exc


def _tags(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        tags = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Refused(upload_problem(BAD_TAGS, 400, cause=str(exc), as_text=True)) from exc
    # null is no tags, or no text, to Go.
    read = {} if tags is None else tags
    if not isinstance(read, dict) or not all(isinstance(value, str | None) for value in read.values()):
        raise Refused(upload_problem(BAD_TAGS, 400, as_text=True))
    return {key: value or "" for key, value in read.items()}


def _check_lengths(upload: Upload, namespace: str, words: Words) -> None:
    try:
        check_length(f"{words.model}.Name", upload.name, words.name_limit)
        check_length("Pipeline.Namespace", namespace, NAMESPACE)
    except ApiError as exc:
        raise Refused(plain(f"{exc.message}\n", 400)) from exc


async def _template(upload: Upload) -> Template:
    if not upload.content:
        raise ApiError(Code.INTERNAL, "the file is empty")
    return await asyncio.to_thread(read_template, upload.content)


def _new_version(upload: Upload, *, with_tags: bool) -> NewVersion:
    return NewVersion(
        name=upload.name,
        display_name=upload.display_name,
        description=upload.description,
        code_source_url=upload.code_source_url,
        tags=upload.tags if with_tags else {},
    )


ROUTES = (
    Route(ANY_METHOD, "/pipelines/upload", upload_pipeline, spooled=True),
    Route(ANY_METHOD, "/pipelines/upload_version", upload_version, spooled=True),
)
