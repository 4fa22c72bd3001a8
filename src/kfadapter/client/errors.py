"""What can go wrong between a program and a running adapter.

ClientError
├── NoAnswer            nothing answered, or not in time; whether a write happened is not known
├── RunTimeout          a run that was waited for has not ended in time; it goes on
├── NotAnAdapter        something else answered: a login page, another service
└── Refused             the adapter answered with a problem (RFC 9457); carries all it said
    ├── BadRequest      400, 406, 413, 422: the request is wrong; `errors` says where
    ├── Forbidden       401, 403
    ├── NotFound        404
    ├── Conflict        409
    ├── NotAvailable    501: the Kubeflow behind the adapter cannot do this
    └── KubeflowAway    502, 503, 504: Kubeflow failed, is away or too slow
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kfadapter.errors import KFAdapterError


class ClientError(KFAdapterError):
    """Base of the client's errors; `str()` is a sentence for a person."""


class NoAnswer(ClientError):
    """There was no answer.

    Attributes:
        url: What was asked.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.url = url


class NotAnAdapter(ClientError):
    """What answered is no adapter.

    Attributes:
        url: What was asked.
        status: The HTTP status.
    """

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} answered {status}, and not as an adapter does")
        self.url = url
        self.status = status


class RunTimeout(ClientError, TimeoutError):
    """A run has not ended in the time that was given.

    Attributes:
        run_id: The run; it goes on.
    """

    def __init__(self, run_id: str, seconds: float) -> None:
        super().__init__(f"run {run_id} has not ended within {seconds:g} s; it goes on")
        self.run_id = run_id


class Refused(ClientError):
    """The adapter refused, or could not.

    Attributes:
        status: The HTTP status.
        type: `urn:kfadapter:problem:…`, which docs/api.md explains.
        title: The status in words.
        detail: The adapter's own sentence.
        errors: Each thing that is wrong: `pointer`, `detail`.
    """

    def __init__(
        self, status: int, *, type: str, title: str, detail: str, errors: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)


class BadRequest(Refused):
    """The request is wrong."""


class Forbidden(Refused):
    """Kubeflow, or something in front of the adapter, does not allow this."""


class NotFound(Refused):
    """There is no such thing."""


class Conflict(Refused):
    """There is such a thing already, or its state forbids this."""


class NotAvailable(Refused):
    """The Kubeflow behind the adapter has no such feature."""


class KubeflowAway(Refused):
    """Kubeflow failed, is away, or did not answer in time."""


_KINDS: Mapping[int, type[Refused]] = {
    400: BadRequest,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    406: BadRequest,
    409: Conflict,
    413: BadRequest,
    422: BadRequest,
    501: NotAvailable,
    502: KubeflowAway,
    503: KubeflowAway,
    504: KubeflowAway,
}


def refusal(url: str, status: int, body: bytes) -> ClientError:
    """The error for an answer whose status is no success."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    # The Training Manager's routes say `message` where all others say `detail`, or both.
    detail = document.get("detail", document.get("message")) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(detail, str):
        return NotAnAdapter(url, status)
    errors = document.get("errors")
    return _KINDS.get(status, Refused)(
        status,
        type=str(document.get("type", "about:blank")),
        title=str(document.get("title", "")),
        detail=detail,
        errors=errors if isinstance(errors, list) else (),
    )
