"""Reading requests: bodies with a limit of size and of time, and the paging parameters lists share."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from kfadapter.api.problems import BadRequest
from kfadapter.errors import PackageTooLarge

JSON_LIMIT_BYTES = 4 * 1024 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024
DRAIN_LIMIT_BYTES = 256 * 1024 * 1024
BODY_TIMEOUT_SECONDS = 60.0
MAX_PAGE_SIZE = 200

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """The page a caller asked for.

    Attributes:
        size: Entries a page, 1 to 200; larger wishes are cut to 200, as Kubeflow does.
        token: Where the page starts; "" is the first.
    """

    size: int
    token: str


def page_request(request: Request) -> PageRequest | None:
    """`page_size` and `page_token` of the query; None when neither is given: the caller wants everything.

    Raises:
        BadRequest: `page_size` is not a positive whole number.
    """
    query = request.query_params
    if "page_size" not in query and "page_token" not in query:
        return None
    size = query.get("page_size", str(MAX_PAGE_SIZE))
    if not (size.isascii() and size.isdecimal() and int(size[:10]) > 0):
        raise BadRequest(f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}, not {size[:40]!r}")
    return PageRequest(size=min(int(size[:10]), MAX_PAGE_SIZE), token=query.get("page_token", ""))


async def read_json_object(request: Request, *, may_be_empty: bool = False) -> dict[str, object]:
    """The body as a JSON object.

    Raises:
        BadRequest: Too large, too slow, not JSON, or not an object.
    """
    try:
        body = await read_bytes(request, JSON_LIMIT_BYTES)
    except PackageTooLarge as exc:
        raise BadRequest(str(exc), status=413) from exc
    if not body and may_be_empty:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"The body is not JSON: {exc}", extra={"ext": 1}) from exc
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object", extra={"ext": 1})
    return document


async def read_model(request: Request, kind: type[M], *, may_be_empty: bool = False) -> M:
    """The body as a value of this model; no body at all may stand for an empty object.

    Raises:
        BadRequest: As `read_json_object`.
        RequestValidationError: It does not fit the model; names every field that is wrong.
    """
    document = await read_json_object(request, may_be_empty=may_be_empty)
    try:
        return kind.model_validate(document)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def body_schema(kind: type[BaseModel]) -> dict[str, object]:
    """What OpenAPI says of a body that `read_model` reads."""
    schema = kind.model_json_schema()
    definitions = schema.pop("$defs", {})
    return {"requestBody": {"content": {"application/json": {"schema": _resolved(schema, definitions)}}}}


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references: those of a model lead nowhere inside of a larger document."""
    if isinstance(schema, list):
        return [_resolved(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        return _resolved(definitions[reference.rsplit("/", 1)[1]], definitions)
    return {name: _resolved(part, definitions) for name, part in schema.items()}


async def read_form(request: Request, limit_bytes: int) -> FormData:
    """A multipart form that holds one file.

    Args:
        request: The request.
        limit_bytes: Largest file accepted.

    Raises:
        PackageTooLarge: More bytes than that were sent.
        BadRequest: No multipart form, a malformed one, or too slow.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise BadRequest("The package must be sent as multipart/form-data with the file in the field 'file'")
    limited = LimitedBody(request, limit_bytes + FORM_OVERHEAD_BYTES)
    await limited.refuse_declared_excess(limit_bytes)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            return await Request(request.scope, limited.receive).form(max_files=4, max_fields=20)
    except TimeoutError as exc:
        raise BadRequest("The body took too long to arrive", status=408) from exc
    except (MultiPartException, HTTPException) as exc:
        reason = exc.message if isinstance(exc, MultiPartException) else exc.detail
        raise BadRequest(f"The multipart form is malformed: {reason}") from exc
    except ClientDisconnect as exc:
        raise BadRequest("The caller went away before the whole body had arrived") from exc


async def read_bytes(request: Request, limit_bytes: int) -> bytes:
    """The body as it is.

    Raises:
        PackageTooLarge: More bytes than that were sent.
        BadRequest: Too slow, or the caller went away.
    """
    limited = LimitedBody(request, limit_bytes)
    await limited.refuse_declared_excess(limit_bytes)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            return await Request(request.scope, limited.receive).body()
    except TimeoutError as exc:
        raise BadRequest("The body took too long to arrive", status=408) from exc
    except ClientDisconnect as exc:
        raise BadRequest("The caller went away before the whole body had arrived") from exc


class LimitedBody:
    """The request's byte stream, which ends in an error beyond a limit."""

    def __init__(self, request: Request, limit_bytes: int) -> None:
        self._request = request
        self._limit = limit_bytes
        self._received = 0

    async def refuse_declared_excess(self, limit_bytes: int) -> None:
        """Refuse a body that says itself that it is too large.

        It is read to its end first, within bounds: a client that is still sending would see a broken connection in
        place of the answer.

        Args:
            limit_bytes: What the answer tells of as the limit.

        Raises:
            PackageTooLarge: Its `Content-Length` exceeds the limit.
        """
        declared = self._request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await self._drain()
            raise PackageTooLarge(_too_large(limit_bytes, int(declared)))

    async def receive(self) -> Message:
        """The next part of the body (ASGI's `receive`).

        Raises:
            PackageTooLarge: With this part the body exceeds the limit.
        """
        message = await self._request.receive()
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            if message.get("more_body", False):  # after the last part nothing comes but the caller's leaving
                await self._drain()
            raise PackageTooLarge(_too_large(self._limit, self._received))
        return message

    async def _drain(self) -> None:
        drained = 0
        more = True
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while more and drained < DRAIN_LIMIT_BYTES:
                message = await self._request.receive()
                drained += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


def _too_large(limit_bytes: int, size_bytes: int) -> str:
    return f"at most {limit_bytes} bytes are accepted, and {size_bytes} or more were sent"
