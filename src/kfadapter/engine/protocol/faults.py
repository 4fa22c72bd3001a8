"""Errors as a KFP API server words them: a gRPC code, the cause, and what each layer adds in front of it.

ApiError        any error answered as `{"code", "message", "details"}`
├── Unreadable  the request itself cannot be read; answered without `details`
└── (built by the functions below: invalid, not_found, already_exists, failed_precondition, bad_request, internal)

The wording follows the recorded answers of Kubeflow Pipelines 2.17, since clients have come to search it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Code(IntEnum):
    """The gRPC status codes that are used; KFP has no use for PERMISSION_DENIED in single-user mode."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


HTTP_STATUS = {
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
}


class ApiError(Exception):
    """An error for the caller of the API.

    Attributes:
        code: The gRPC code; the HTTP status follows from it unless `status` says otherwise.
        message: The whole chain of words.
        detail: The cause alone; empty: the answer has no details.
        detail_code: The cause's own code.
        status: The HTTP status.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        detail: str = "",
        *,
        detail_code: Code | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.detail_code = detail_code or code
        self.status = status or HTTP_STATUS[code]

    def within(self, *layers: str) -> "ApiError":
        """The same error as seen by the layers around it, outermost first."""
        message = ": ".join([*layers, self.message])
        return ApiError(self.code, message, self.detail, detail_code=self.detail_code, status=self.status)

    def as_internal(self, *layers: str) -> "ApiError":
        """The same error where KFP takes a caller's mistake for its own."""
        return internal(": ".join([*layers, self.message]))


class Unreadable(ApiError):
    """The request's form is wrong: bad JSON, an unknown field, a query value of a wrong type."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.INVALID_ARGUMENT, message)


def invalid(reason: str) -> ApiError:
    """What the caller asks for is wrong."""
    return ApiError(Code.INVALID_ARGUMENT, f"Invalid input error: {reason}", reason)


def not_found(kind: str, key: str) -> ApiError:
    """There is no such thing."""
    reason = f"{kind} {key} not found"
    return ApiError(Code.NOT_FOUND, f"ResourceNotFoundError: {reason}", reason)


def already_exists(reason: str) -> ApiError:
    """The name is taken."""
    return ApiError(Code.ALREADY_EXISTS, f"Already exist error: {reason}", reason)


def failed_precondition(reason: str, remedy: str) -> ApiError:
    """Something else has to be done first."""
    return ApiError(Code.FAILED_PRECONDITION, f"FailedPreconditionError: {reason}: {remedy}", reason)


def bad_request(reason: str, cause: str) -> ApiError:
    """The thing's state does not allow the call."""
    return ApiError(Code.ABORTED, f"BadRequestError: {reason}: {cause}", reason)


def internal(message: str) -> ApiError:
    """The server's fault, or what KFP takes for it."""
    return ApiError(Code.INTERNAL, f"InternalServerError: {message}", "Internal Server Error")


@contextmanager
def layered(*layers: str) -> Iterator[None]:
    """Put these words in front of every error that comes from inside."""
    try:
        yield
    except ApiError as exc:
        raise exc.within(*layers) from exc


@contextmanager
def taken_for_internal(*layers: str) -> Iterator[None]:
    """Turn every error from inside into a fault of the server, as KFP does in some places."""
    try:
        yield
    except ApiError as exc:
        raise exc.as_internal(*layers) from exc
