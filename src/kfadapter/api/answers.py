"""JSON answers: the one place that turns values into bytes on their way out."""

import json
from collections.abc import Mapping

import orjson
from starlette.background import BackgroundTask
from starlette.responses import Response

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def json_answer(
    content: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = JSON_TYPE,
    after: BackgroundTask | None = None,
) -> Response:
    """An answer whose content type is exactly `application/json`: the Training Manager compares it as a string.

    Args:
        content: Anything JSON can hold; keys come out sorted, as upstream's did.
        status: HTTP status.
        headers: Further headers.
        content_type: The media type, sent without a charset.
        after: What to do once the answer has been sent.
    """
    return Response(
        encode(content), status_code=status, headers=dict(headers or {}), media_type=content_type, background=after
    )


def encode(content: object) -> bytes:
    """JSON bytes; whole numbers beyond 64 bits, which orjson refuses, take the slower way."""
    try:
        return orjson.dumps(content, option=OPTIONS)
    except orjson.JSONEncodeError:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"
