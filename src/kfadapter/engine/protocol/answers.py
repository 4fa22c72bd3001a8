"""What goes out: JSON with zero values left out, times in whole seconds, errors in KFP's two shapes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import PlainTextResponse, Response

from kfadapter.engine.protocol.faults import ApiError

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
STATUS_TYPE = "type.googleapis.com/google.rpc.Status"
EMPTY = Response(b"{}", media_type=JSON_TYPE)


class JSONAnswer(Response):
    """A JSON body; `orjson.Fragment` values are embedded as they are."""

    media_type = JSON_TYPE

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def seconds(value: int) -> str:
    """A stored time, as KFP prints it; 0 is 1970-01-01T00:00:00Z, its "not yet"."""
    return datetime.fromtimestamp(value, UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not empty: protobuf's JSON leaves zero values out."""
    return {name: value for name, value in members.items() if value not in (None, "", 0, False, (), [], {}, b"")}


def fragment(text: bytes) -> orjson.Fragment | None:
    """Stored JSON text as part of an answer; None when there is none."""
    return orjson.Fragment(text) if text else None


def problem(error: ApiError) -> Response:
    """An error of the API."""
    body: dict[str, Any] = {"code": int(error.code), "message": error.message}
    if error.detail:
        body["details"] = [{"@type": STATUS_TYPE, "code": int(error.detail_code), "message": error.detail}]
    return JSONAnswer(body, status_code=error.status)


def upload_problem(reason: str, status: int, *, cause: str = "", as_text: bool = False) -> Response:
    """An error of the upload routes; KFP sends those found before the upload began as plain text.

    Args:
        reason: The sentence; first line of the details, too.
        cause: What lies behind it, for the details.
    """
    details = f"{reason}\n{cause}" if cause and cause != reason else reason
    body = orjson.dumps({"error_message": reason, "error_details": details})
    return Response(body, status_code=status, headers={"content-type": TEXT_TYPE if as_text else JSON_TYPE})


def plain(text: str, status: int) -> Response:
    """A text answer."""
    return PlainTextResponse(text, status_code=status)
