"""What the UI's server of a KFP installation answers besides the API: a task's log and artifacts.

Errors are plain text, as there.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import TEXT_TYPE, plain
from kfadapter.engine.store.records import BUCKET, KEY_PREFIX
from kfadapter.engine.store.tasks import run_of_task

SOURCES = frozenset({"minio", "s3"})
MAX_KEY = 1024
CHUNK_BYTES = 256 * 1024
OCTETS = "application/octet-stream"
SHOWN_FOLDER = "tasks"
_POD_NAME = re.compile(r"([0-9A-Za-z-]+)-(\d{1,6})")


async def pod_log(parts: Parts, call: Call) -> Response:
    """The log of one attempt of a task, as far as it is written."""
    pod_name = call.text("podname")
    if not pod_name:
        return plain("podname argument is required", 400)
    match = _POD_NAME.fullmatch(pod_name)
    run_id = await parts.store.read(run_of_task, match[1]) if match else ""
    if not run_id or call.text("runid") not in ("", run_id):
        return plain(f"Could not get main container logs: pod {pod_name} not found", 404)
    answer = await attempt_log(parts, run_id, pod_name)
    return answer or plain(f"Could not get main container logs: {pod_name} has no log", 404)


async def attempt_log(parts: Parts, run_id: str, pod_name: str) -> Response | None:
    """The log of an attempt of a task that is known; None when there is none."""
    match = _POD_NAME.fullmatch(pod_name)
    if match is None:
        return None
    path = parts.runs_dir / run_id / SHOWN_FOLDER / match[1] / f"attempt-{match[2]}" / "log.txt"
    return await _file(path, TEXT_TYPE)


async def pod(parts: Parts, call: Call) -> Response:
    """A pod's description: tasks are processes here, there are no pods."""
    name = call.text("podname")
    if not name:
        return plain("podname argument is required", 422)
    if not call.text("podnamespace"):
        return plain("podnamespace argument is required", 422)
    return plain(f"Could not get pod {name}: there are no pods, tasks run as processes of the embedded engine", 404)


async def get_artifact(parts: Parts, call: Call) -> Response:
    """An artifact's bytes; `peek` limits them to a beginning."""
    for name in ("source", "bucket", "key"):
        if not call.text(name):
            return plain(f"Storage {name} is missing from artifact request", 400)
    peek = call.text("peek")
    if peek and not peek.isdecimal():
        return plain("peek must be a number of bytes", 400)
    limit = int(peek[:18]) if peek else 0
    return await _artifact(parts, call.text("source"), call.text("bucket"), call.text("key"), limit)


async def download_artifact(parts: Parts, call: Call) -> Response:
    """An artifact's bytes as they are."""
    given = call.parameters
    return await _artifact(parts, given["source"], given["bucket"], given["rest"], 0)


async def _artifact(parts: Parts, source: str, bucket: str, key: str, limit: int) -> Response:
    if len(key) > MAX_KEY:
        return plain("Object key too long", 400)
    if source not in SOURCES:
        return plain(f"Unknown storage source: {source}", 400)
    path = await asyncio.to_thread(stored_path, parts.runs_dir, bucket, key)
    answer = await _file(path, OCTETS, limit) if path else None
    return answer or plain(f"Failed to get object in bucket {bucket} at path {key}: it does not exist", 404)


def stored_path(runs_dir: Path, bucket: str, key: str) -> Path | None:
    """The file or directory of a key: below the tasks of its run, whatever the key or a link says. A pipe or a device
    that a task left there is none: reading it might never end."""
    if bucket != BUCKET or not key.startswith(f"{KEY_PREFIX}/") or "\0" in key:
        return None
    run_id, _, rest = key.removeprefix(f"{KEY_PREFIX}/").partition("/")
    if not rest or run_id in ("", ".", ".."):
        return None
    allowed = (runs_dir / run_id / SHOWN_FOLDER).resolve()
    path = (runs_dir / run_id / rest).resolve()
    return path if path.is_relative_to(allowed) and (path.is_file() or path.is_dir()) else None


async def _file(path: Path, media_type: str, limit: int = 0) -> Response | None:
    """A file as it is now (it may be growing); None when it is none."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except (OSError, ValueError):
        return None
    size = (await asyncio.to_thread(path.stat)).st_size
    wanted = min(size, limit) if limit else size

    async def chunks() -> AsyncIterator[bytes]:
        left = wanted
        with file:
            while left > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    return StreamingResponse(chunks(), headers={"content-type": media_type})


ROUTES = (
    Route("GET", "/k8s/pod/logs", pod_log),
    Route("GET", "/k8s/pod", pod),
    Route("GET", "/k8s/pod/events", pod),
    Route("GET", "/artifacts/get", get_artifact),
    Route("GET", "/artifacts/{source}/{bucket}/{rest}", download_artifact),
)
