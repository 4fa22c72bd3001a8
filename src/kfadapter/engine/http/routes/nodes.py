"""A node's log and output artifacts as KFP's API reads them, outside its gateway.

A node is a task, named by its id or by its attempt (the name of its pod). A log is text; an artifact is the stored
object's bytes in base64, as JSON. A directory is packed as .tar.gz, which is how Argo stores one.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import IO

from starlette.responses import Response, StreamingResponse

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.http.routes.frontdoor import attempt_log, stored_path
from kfadapter.engine.http.streams import Content
from kfadapter.engine.protocol.answers import upload_problem
from kfadapter.engine.store.records import BUCKET
from kfadapter.engine.store.tasks import artifact_uri, last_attempt

CHUNK_BYTES = 3 * 64 * 1024
"""A multiple of three: pieces of base64 can then be put together."""
HEADERS = {"content-type": "application/json", "cache-control": "no-cache, private"}


async def read_log(parts: Parts, call: Call) -> Response:
    """The log of an attempt, or of a task's last attempt, as far as it is written."""
    run_id, node_id = call.parameters["run_id"], call.parameters["node_id"]
    pod_name = await parts.store.read(last_attempt, run_id, node_id)
    answer = await attempt_log(parts, run_id, pod_name) if pod_name else None
    return answer or upload_problem(f"log of node {node_id} not found", 404)


async def read(parts: Parts, call: Call) -> Response:
    """The first artifact of that output."""
    given = call.parameters
    uri = await parts.store.read(artifact_uri, given["run_id"], given["node_id"], given["artifact_name"])
    scheme = f"minio://{BUCKET}/"
    if not uri.startswith(scheme):
        return _missing()
    path = await asyncio.to_thread(stored_path, parts.runs_dir, BUCKET, uri.removeprefix(scheme))
    try:
        content = await asyncio.to_thread(Content.open, path) if path else None
    except OSError:
        content = None
    return StreamingResponse(_encoded(content.file), headers=HEADERS) if content else _missing()


async def _encoded(content: IO[bytes]) -> AsyncIterator[bytes]:
    with content:
        await asyncio.to_thread(content.seek, 0)
        yield b'{"data":"'
        while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
            yield base64.b64encode(chunk)
        yield b'"}'


def _missing() -> Response:
    return upload_problem("artifact not found: <nil>", 404, as_text=True)


ROUTES = (
    Route("GET", "/runs/{run_id}/nodes/{node_id}/log", read_log),
    Route("GET", "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read", read),
)
