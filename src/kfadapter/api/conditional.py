"""Answers that never change: strong entity tags, and 304 without the work (RFC 9110 §13)."""

import hashlib
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from kfadapter import __version__

ONE_YEAR_SECONDS = 365 * 24 * 3600
FOREVER = f"private, max-age={ONE_YEAR_SECONDS}, immutable"
ASK_AGAIN = "private, no-cache"
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(pipeline_id: str, version_id: str, form: str, *, is_derived: bool) -> str:
    """The tag of one form of what a version says.

    Args:
        pipeline_id: The pipeline.
        version_id: The version.
        form: Which form, as `spec.yaml`.
        is_derived: This program made it of the specification: another release may make it otherwise.
    """
    parts = (pipeline_id, version_id, form, __version__ if is_derived else "")
    return f'"{hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller has exactly this already; `*` does not count: it may not have anything."""
    given = request.headers.get("if-none-match", "")
    return tag in _TAG.findall(given)


def not_modified(headers: Mapping[str, str]) -> Response:
    """304, with the headers that 200 would have had."""
    return Response(status_code=304, headers=dict(headers))


def immutable_headers(tag: str, *, is_by_id: bool, is_derived: bool) -> dict[str, str]:
    """How long an answer may be kept: for good only when the address names the version by its id."""
    keep = FOREVER if is_by_id and not is_derived else ASK_AGAIN
    return {"ETag": tag, "Cache-Control": keep, "Vary": "Accept"}
