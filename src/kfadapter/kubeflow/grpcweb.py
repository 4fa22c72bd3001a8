"""gRPC-web: one question and one answer over HTTP/1.1, as a browser sends them (gRPC's PROTOCOL-WEB.md). Pure.

A body is a row of frames: a byte of flags, four bytes of length, most significant first, and so many bytes. The last
frame of an answer has the highest flag set and holds what gRPC says in trailers.
"""

import struct
from collections.abc import Mapping
from urllib.parse import unquote

from kfadapter.errors import KubeflowError, KubeflowMalformed
from kfadapter.kubeflow.refusals import CODES, readable

CONTENT_TYPE = "application/grpc-web+proto"
HEADER = struct.Struct(">BI")
TRAILERS = 0x80
COMPRESSED = 0x01


def framed(message: bytes) -> bytes:
    """The body of a question."""
    return HEADER.pack(0, len(message)) + message


def message_of(headers: Mapping[str, str], body: bytes) -> bytes:
    """The message in an answer.

    Args:
        headers: Of the answer, in lower case; a refusal without a message may stand here alone.
        body: The whole body.

    Raises:
        KubeflowError: The kind that belongs to gRPC's status, when it is not 0.
        KubeflowMalformed: It is cut off, or no gRPC-web.
    """
    message: bytes | None = None
    said = dict(headers)
    for flags, content in _frames(body):
        if flags & TRAILERS:
            said.update(_trailers(content))
        elif flags & COMPRESSED or message is not None:
            raise KubeflowMalformed("ML Metadata answered in a form of gRPC-web that was not asked for")
        else:
            message = content
    status = said.get("grpc-status", "0" if message is not None else "")
    if status.isdecimal() and status != "0":
        raise _refusal(int(status), said.get("grpc-message", ""))
    if message is None or status != "0":
        raise KubeflowMalformed("ML Metadata's answer is no gRPC-web, or is cut off")
    return message


def _frames(body: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(body):
        if len(body) - at < HEADER.size:
            raise KubeflowMalformed("ML Metadata's answer is cut off")
        flags, length = HEADER.unpack_from(body, at)
        at += HEADER.size
        if len(body) - at < length:
            raise KubeflowMalformed("ML Metadata's answer is cut off")
        found.append((flags, body[at : at + length]))
        at += length
    return found


def _trailers(content: bytes) -> dict[str, str]:
    lines = content.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _refusal(status: int, message: str) -> KubeflowError:
    words = readable(unquote(message)) or f"gRPC status {status}"
    return CODES.get(status, KubeflowError)(f"ML Metadata refused: {words}")
