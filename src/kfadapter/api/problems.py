"""Errors on their way out: one table from error to status, and the two shapes they are told in.

The Training Manager's routes answer `{"status", "message", …}`; everything else answers RFC 9457 problem details.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from kfadapter.api.answers import PROBLEM_TYPE, json_answer
from kfadapter.errors import (
    AddressRefused,
    ArgumentsError,
    BadPageToken,
    DatabaseError,
    EventsForgotten,
    FilterRefused,
    IdempotencyKeyReused,
    KFAdapterError,
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInterrupted,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
    LaunchFailed,
    NameAmbiguous,
    NameNotFound,
    NotRedeliverable,
    PackageError,
    PackageTooLarge,
    QueryRefused,
    StartUnderWay,
    SubscriptionChanged,
    SubscriptionNotFound,
    SubscriptionRefused,
    Unavailable,
)

PROBLEM_BASE = "urn:kfadapter:problem:"

STATUSES: Mapping[type[BaseException], int] = {
    BadPageToken: 400,
    QueryRefused: 400,
    StartUnderWay: 409,
    NameNotFound: 400,
    ArgumentsError: 400,
    Unavailable: 501,
    PackageTooLarge: 413,
    PackageError: 422,
    KubeflowNotFound: 404,
    KubeflowConflict: 409,
    KubeflowInvalid: 400,
    KubeflowForbidden: 403,
    KubeflowUnavailable: 503,
    KubeflowTimeout: 504,
    KubeflowInterrupted: 502,
    KubeflowMalformed: 502,
    KubeflowError: 502,
    EventsForgotten: 410,
    SubscriptionRefused: 422,
    SubscriptionNotFound: 404,
    SubscriptionChanged: 412,
    LaunchFailed: 502,
    IdempotencyKeyReused: 422,
    NotRedeliverable: 409,
    DatabaseError: 503,
    KFAdapterError: 500,
    TimeoutError: 504,
    Exception: 500,
}

TYPES: Mapping[type[BaseException], str] = {
    BadPageToken: "bad-page-token",
    QueryRefused: "bad-query",
    StartUnderWay: "start-under-way",
    NameNotFound: "name-not-found",
    NameAmbiguous: "name-ambiguous",
    ArgumentsError: "arguments-do-not-fit",
    FilterRefused: "bad-filter",
    Unavailable: "not-available-here",
    PackageTooLarge: "package-too-large",
    PackageError: "package-refused",
    KubeflowNotFound: "not-found",
    KubeflowConflict: "conflict",
    KubeflowInvalid: "refused-by-kubeflow",
    KubeflowForbidden: "forbidden-by-kubeflow",
    KubeflowUnavailable: "kubeflow-unavailable",
    KubeflowTimeout: "kubeflow-timeout",
    KubeflowInterrupted: "kubeflow-interrupted",
    KubeflowMalformed: "kubeflow-malformed-answer",
    KubeflowError: "kubeflow-error",
    EventsForgotten: "events-forgotten",
    SubscriptionRefused: "subscription-refused",
    AddressRefused: "address-refused",
    SubscriptionNotFound: "subscription-not-found",
    SubscriptionChanged: "subscription-changed",
    LaunchFailed: "launch-failed",
    IdempotencyKeyReused: "idempotency-key-reused",
    NotRedeliverable: "not-redeliverable",
    DatabaseError: "database-unavailable",
    TimeoutError: "timeout",
}


class BadRequest(KFAdapterError):
    """The request itself is wrong.

    Attributes:
        status: The HTTP status to answer with (4xx).
        extra: Further keys of the Training Manager's error body.
    """

    def __init__(self, message: str, *, status: int = 400, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.extra = dict(extra or {})


def status_of(error: BaseException) -> int:
    """The HTTP status of an error: its own, or the first entry of its ancestry in the table."""
    if isinstance(error, BadRequest):
        return error.status
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _v1_status(error: BaseException) -> int:
    """Names are part of addresses under /v1, where the Training Manager's routes blame the caller as upstream did."""
    if isinstance(error, NameNotFound):
        return 409 if isinstance(error, NameAmbiguous) else 404
    return status_of(error)


def message_of(error: BaseException) -> str:
    """A sentence for a person; never empty, and nothing of the inside for errors nobody foresaw."""
    if isinstance(error, TimeoutError) and not str(error):
        return "The answer was not ready in time"
    if isinstance(error, (KFAdapterError, TimeoutError)):
        return str(error) or type(error).__name__
    return "Internal error of the adapter; its log has the details"


def with_cause(error: BaseException) -> BaseException:
    """An answer's own time limit, told as what it waited for: a Kubeflow that does not answer notes itself there."""
    notes = getattr(error.__cause__, "__notes__", ()) if isinstance(error, TimeoutError) and not str(error) else ()
    return KubeflowTimeout(notes[0]) if notes else error


def problem(error: BaseException, *, instance: str = "") -> Response:
    """An RFC 9457 answer."""
    error = with_cause(error)
    return problem_answer(
        status=_v1_status(error),
        detail=message_of(error),
        kind=next((TYPES[kind] for kind in type(error).__mro__ if kind in TYPES), ""),
        instance=instance,
        errors=_items(error),
    )


def problem_answer(
    *,
    status: int,
    detail: str,
    kind: str = "",
    instance: str = "",
    errors: list[dict[str, object]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Problem details from their parts (RFC 9457); `message` repeats the detail for clients of the older shape."""
    body: dict[str, object] = {
        "type": PROBLEM_BASE + kind if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "message": detail,
    }
    if instance:
        body["instance"] = instance
    if errors:
        body["errors"] = errors
    return json_answer(body, status=status, content_type=PROBLEM_TYPE, headers=headers)


def _items(error: BaseException) -> list[dict[str, object]] | None:
    """Where exactly something is wrong, as JSON pointers."""
    if isinstance(error, ArgumentsError):
        return [
            {"pointer": f"/arguments/{_escaped(one.name)}", "kind": one.kind, "detail": one.message}
            for one in error.problems
        ]
    if isinstance(error, QueryRefused):
        return [{"pointer": f"/{error.where}", "detail": error.reason}]
    if isinstance(error, PackageError) and error.path:
        pointer = "".join(f"/{_escaped(part)}" for part in error.path.split("."))
        return [{"pointer": pointer, "detail": error.reason}]
    if isinstance(error, SubscriptionRefused):
        return [{"pointer": f"/{_escaped(error.field)}", "detail": error.reason}]
    return None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
