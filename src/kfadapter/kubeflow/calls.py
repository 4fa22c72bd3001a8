"""One call to Kubeflow: what is sent, and at which path."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from kfadapter.errors import KubeflowInvalid, KubeflowNotFound

Query = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        path: Below the base URL, percent-encoded.
        query: Not encoded; parameters with an empty value are left out.
        body: The body's bytes, for writes.
        content_type: What they are.
        byte_range: The header `Range`; empty: the whole thing.
        base_url: Another one than the connection's own; empty: its own.
        is_question: It changes nothing, although it is sent as a POST.
    """

    method: str
    path: str
    query: Query
    body: bytes | None = None
    content_type: str = ""
    byte_range: str = ""
    base_url: str = ""
    is_question: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What it says beside the method and the target."""
        given = {"Content-Type": self.content_type, "Range": self.byte_range}
        return {name: value for name, value in given.items() if value}

    @property
    def is_read(self) -> bool:
        return self.method == "GET" or self.is_question

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        given = {name: value for name, value in self.query.items() if value != ""}
        return f"{self.path}?{urlencode(given, quote_via=quote)}" if given else self.path


def resource_path(kind: str, what: str, *ids: str) -> str:
    """The path of a thing, as `/runs/{id}`; further ids belong to alternating collections.

    Raises:
        KubeflowNotFound: An id that no Kubeflow can have, and that would change the path's meaning.
    """
    for one in ids:
        if one in ("", ".", "..") or "/" in one or "\\" in one or not one.isprintable():
            raise KubeflowNotFound(f"{what} {one!r} not found")
    return kind.format(*(quote(one, safe="") for one in ids))


def encoded(document: Mapping[str, object]) -> bytes:
    """A JSON body.

    Raises:
        KubeflowInvalid: It holds something JSON cannot say.
    """
    # The standard library writes integers of any size; orjson stops at 64 bits and turns NaN into null.
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    except ValueError as exc:
        raise KubeflowInvalid("a number is not finite, which JSON cannot say") from exc


def multipart(file_name: str, content: bytes) -> tuple[str, bytes]:
    """KFP's upload form: one file in the field `uploadfile`."""
    boundary = f"kfadapter-{uuid.uuid4().hex}"
    quoted = file_name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="uploadfile"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join((head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
    return f"multipart/form-data; boundary={boundary}", body
