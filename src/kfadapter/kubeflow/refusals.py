"""Kubeflow's error answers, translated once.

KFP answers errors in three shapes: `{"code", "message", "details"}` with a gRPC code (2.3.0 repeats the message as
`error`), `{"error_message", "error_details"}` at uploads (often under text/plain), and plain text. The classes of
KFP's own error type stand in the message as `Class: text`, outermost first; a 500 whose innermost class is the
caller's mistake or an unknown thing is told as that. The wording itself decides nothing.
"""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
)

REASON_LENGTH = 300
LOGIN_HINT = "is a login page in between?"

CODES: Final[Mapping[int, type[KubeflowError]]] = {
    3: KubeflowInvalid,
    4: KubeflowTimeout,
    5: KubeflowNotFound,
    6: KubeflowConflict,
    7: KubeflowForbidden,
    8: KubeflowUnavailable,
    9: KubeflowConflict,  # failed precondition: the thing's state forbids the call
    10: KubeflowConflict,  # aborted: KFP's BadRequestError, sent with status 409
    11: KubeflowInvalid,
    12: KubeflowInvalid,
    14: KubeflowUnavailable,
    16: KubeflowForbidden,
}
STATUSES: Final[Mapping[int, type[KubeflowError]]] = {
    400: KubeflowInvalid,
    401: KubeflowForbidden,
    403: KubeflowForbidden,
    404: KubeflowNotFound,
    405: KubeflowInvalid,
    408: KubeflowTimeout,
    409: KubeflowConflict,
    413: KubeflowInvalid,
    414: KubeflowInvalid,
    415: KubeflowInvalid,
    422: KubeflowInvalid,
    429: KubeflowUnavailable,
    501: KubeflowInvalid,
    502: KubeflowUnavailable,
    503: KubeflowUnavailable,
    504: KubeflowUnavailable,
}
CLASSES: Final[Mapping[str, type[KubeflowError]]] = {
    "InternalServerError": KubeflowError,
    "Invalid input error": KubeflowInvalid,
    "InvalidInputError": KubeflowInvalid,
    "ResourceNotFoundError": KubeflowNotFound,
    "Already exist error": KubeflowConflict,
    "BadRequestError": KubeflowConflict,
    "FailedPreconditionError": KubeflowConflict,
    "PermissionDeniedError": KubeflowForbidden,
    "UnauthenticatedError": KubeflowForbidden,
    "UnavailableServerError": KubeflowUnavailable,
}
CLASS_MARK = re.compile(r"(?:^|: |\s)(" + "|".join(map(re.escape, CLASSES)) + r"): ")
TAKEN_MARK = re.compile(r"Duplicate entry|UNIQUE constraint failed|duplicate key value", re.IGNORECASE)
UNTELLING = frozenset({"", "Internal Server Error"})
# The router of KFP's gateway, not KFP: the path does not exist there. `message` of a missing object names it.
ROUTER_WORDS = frozenset({"Not Found", "404 page not found"})


def refusal(status: int, content_type: str, body: bytes) -> KubeflowError:
    """The error for an answer whose status is not 2xx.

    Args:
        status: The HTTP status.
        content_type: The header's value; empty when absent.
        body: The whole body.
    """
    if 300 <= status < 400:
        return KubeflowMalformed(
            f"Kubeflow redirected the call elsewhere (status {status}); {LOGIN_HINT}", status=status
        )
    document = _object(body)
    if document is None:
        return _from_text(status, content_type, body)
    if "error_message" in document or "error_details" in document:
        return _from_upload(status, document)
    return _from_status(status, document)


def looks_like_html(content_type: str, body: bytes) -> bool:
    """True for a page made for people."""
    return "html" in content_type.lower() or body[:512].lstrip().lower().startswith((b"<!doctype", b"<html"))


def readable(text: str) -> str:
    """KFP's words for a person: one line, the innermost sentence of the chain, at most 300 characters.

    >>> readable("Failed to get a run: ResourceNotFoundError: Run 7 not found\\n\\ngithub.com/x.go:12")
    'Run 7 not found'
    """
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    inner = CLASS_MARK.split(line)[-1].strip(" .:")
    told = inner if inner not in UNTELLING else line
    return told if len(told) <= REASON_LENGTH else told[: REASON_LENGTH - 1] + "…"


def _object(body: bytes) -> Mapping[str, object] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _from_text(status: int, content_type: str, body: bytes) -> KubeflowError:
    if looks_like_html(content_type, body):
        return _from_page(status)
    words = readable(body[:4096].decode("utf-8", "replace"))
    if status == 404:
        return _no_such_path(words or "Not Found")
    kind, answered = STATUSES.get(status, KubeflowError), f"Kubeflow answered with status {status}"
    if words and kind in (KubeflowUnavailable, KubeflowForbidden):
        return _made(kind, f"{answered}: {words}", status)  # a proxy's words, which name nobody
    return _made(kind, words or answered, status)


def _from_page(status: int) -> KubeflowError:
    kind = STATUSES.get(status)
    if kind in (KubeflowUnavailable, KubeflowForbidden):
        return _made(kind, f"an HTML page with status {status} came instead of Kubeflow's answer", status)
    return KubeflowMalformed(f"Kubeflow answered with an HTML page (status {status}); {LOGIN_HINT}", status=status)


def _no_such_path(words: str) -> KubeflowError:
    return KubeflowMalformed(
        f"there is nothing of Kubeflow Pipelines at this path ({words}); is the address right?", status=404
    )


def _from_upload(status: int, document: Mapping[str, object]) -> KubeflowError:
    message = _text(document.get("error_message")) or _text(document.get("error_details"))
    kind = STATUSES.get(status, KubeflowError)
    if status == 500:
        kind = _innermost_class(message)
    return _made(kind, readable(message) or f"Kubeflow answered with status {status}", status)


def _from_status(status: int, document: Mapping[str, object]) -> KubeflowError:
    message = _text(document.get("message")) or _text(document.get("error"))
    code = document.get("code")
    details = document.get("details")
    if (status == 404 or code == 5) and not details and message in ROUTER_WORDS | {""}:
        return _no_such_path(message or "Not Found")
    kind = STATUSES.get(status, KubeflowError)
    if isinstance(code, int):
        kind = _innermost_class(message) if code == 13 else CODES.get(code, kind)
    told = readable(_detail(details)) or readable(message) or f"Kubeflow answered with status {status}"
    return _made(kind, told, status)


def _innermost_class(message: str) -> type[KubeflowError]:
    """What an internal error (500, code 13) is about: KFP wraps callers' mistakes in one, and keeps their class."""
    if TAKEN_MARK.search(message):
        return KubeflowConflict
    marks = CLASS_MARK.findall(message)
    return CLASSES[marks[-1]] if marks else KubeflowError


def _detail(details: object) -> str:
    """The message for the outside, which KFP keeps apart from the chain of causes."""
    first = details[0] if isinstance(details, list) and details else None
    if not isinstance(first, dict):
        return ""
    words = _text(first.get("message")) or _text(first.get("error_message"))
    return "" if words in UNTELLING else words


def _made(kind: type[KubeflowError], reason: str, status: int) -> KubeflowError:
    return kind(reason, status=status)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
