"""One call as data: what is sent, and how its answer is read. Clients that wait and clients that await share them."""

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from kfadapter.client.errors import ClientError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back with a status of success."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T_co]):
    """One request, and how its answer is read.

    Attributes:
        path: Percent-encoded, from the root.
        params: The query; None and "" are left out, a list is one parameter several times.
        document: A JSON body.
        file: A file name and its content, sent as a form.
        content: A body as it is.
        accept: What is wanted.
        headers: Further ones.
        is_bulk: The answer may be of any size: only its pauses are limited, not the whole of it.
        read: Turns the answer into the result.
    """

    method: str
    path: str
    read: Callable[[Answer], T_co]
    params: Mapping[str, object] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    file: tuple[str, bytes] | None = None
    content: bytes | None = None
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_bulk: bool = False

    @property
    def is_read(self) -> bool:
        return self.method == "GET"

    def query(self) -> dict[str, str | list[str]]:
        """The query as texts; a list of texts is given several times."""
        return {
            name: _text(value) for name, value in self.params.items() if value is not None and value not in ("", (), [])
        }


def _text(value: object) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


class UnreadableAnswer(ClientError):
    """An answer of the adapter's does not have the shape this client knows."""


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    shape: Any = kind
    return TypeAdapter(shape)


def reader(kind: type[T]) -> Callable[[Answer], T]:
    """Reads a JSON answer as a frozen value; keys this client does not know are passed over.

    What is returned raises UnreadableAnswer when the answer has another shape.
    """
    shape: Any = kind

    def read(answer: Answer) -> T:
        try:
            value: T = _adapter(shape).validate_json(answer.body)
        except ValidationError as exc:
            raise UnreadableAnswer(f"the answer is no {kind.__name__}: {exc.errors()[0]['msg']}") from exc
        return value

    return read


def nothing(_: Answer) -> None:
    """Reads an answer that says nothing."""


def raw(answer: Answer) -> bytes:
    """The answer's bytes."""
    return answer.body


def repeatable(idempotency_key: str) -> dict[str, str]:
    """The header that makes a call repeatable, a structured field's text; none without a key."""
    return {"Idempotency-Key": json.dumps(idempotency_key)} if idempotency_key else {}


def path(*segments: str) -> str:
    """A path below `/v1`; whatever a segment holds, it stays one."""
    return "/v1/" + "/".join(quote(segment, safe=":") for segment in segments)
