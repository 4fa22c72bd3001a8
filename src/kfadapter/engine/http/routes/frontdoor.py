"""What the UI's server of a KFP installation answers besides the API: a task's log, its pod, and artifacts.

Errors are plain text, as there.
"""

import asyncio
import re
from pathlib import Path

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.http.streams import Part, growing, stream
from kfadapter.engine.protocol.answers import TEXT_TYPE, JSONAnswer, plain
from kfadapter.engine.store.pods import find_pod
from kfadapter.engine.store.records import BUCKET, KEY_PREFIX
from kfadapter.engine.store.tasks import run_of_task

SOURCES = frozenset({"minio", "s3"})
MAX_KEY = 1024
OCTETS = "application/octet-stream"
AS_A_FILE = {"x-content-type-options": "nosniff", "content-disposition": "attachment"}
"""What a task wrote is never shown by a browser as a page of this server."""
NO_EVENTS = {"apiVersion": "v1", "kind": "EventList", "items": []}
SHOWN_FOLDER = "tasks"
OUTPUT_DEPTH = len(("task id", "attempt", "outputs", "name"))
"""Directories above that are no artifacts."""
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


async def pod(parts: Parts, call: Call) -> Response:
    """The process of an attempt, told as a pod."""
    name, namespace = call.text("podname"), call.text("podnamespace")
    if refused := _incomplete(name, namespace):
        return refused
    match = _POD_NAME.fullmatch(name)
    found = await parts.store.read(find_pod, match[1], int(match[2]), namespace) if match else None
    if found is None:
        return plain(f"Could not get pod {name} in namespace {namespace}: pod not found", 404)
    return JSONAnswer(found)


async def pod_events(parts: Parts, call: Call) -> Response:
    """Events of a pod: Kubernetes would tell of scheduling and images, of which there is nothing here."""
    return _incomplete(call.text("podname"), call.text("podnamespace")) or JSONAnswer(NO_EVENTS)


def _incomplete(name: str, namespace: str) -> Response | None:
    for what, given in (("podname", name), ("podnamespace", namespace)):
        if not given:
            return plain(f"{what} argument is required", 422)
    return None


async def attempt_log(parts: Parts, run_id: str, pod_name: str) -> Response | None:
    """The log of an attempt of a task that is known; None when there is none."""
    match = _POD_NAME.fullmatch(pod_name)
    if match is None:
        return None
    path = parts.runs_dir / run_id / SHOWN_FOLDER / match[1] / f"attempt-{match[2]}" / "log.txt"
    return await growing(path, TEXT_TYPE)


async def get_artifact(parts: Parts, call: Call) -> Response:
    """An artifact's bytes; `peek` limits them to a beginning."""
    for name in ("source", "bucket", "key"):
        if not call.text(name):
            return plain(f"Storage {name} is missing from artifact request", 400)
    peek = call.text("peek")
    if peek and not peek.isdecimal():
        return plain("peek must be a number of bytes", 400)
    part = Part(limit=int(peek[:18]) if peek else 0, byte_range=call.byte_range)
    return await _artifact(parts, call.text("source"), call.text("bucket"), call.text("key"), part)


async def download_artifact(parts: Parts, call: Call) -> Response:
    """An artifact's bytes as they are."""
    given = call.parameters
    part = Part(byte_range=call.byte_range)
    return await _artifact(parts, given["source"], given["bucket"], given["rest"], part)


async def _artifact(parts: Parts, source: str, bucket: str, key: str, part: Part) -> Response:
    if len(key) > MAX_KEY:
        return plain("Object key too long", 400)
    if source not in SOURCES:
        return plain(f"Unknown storage source: {source}", 400)
    path = await asyncio.to_thread(stored_path, parts.runs_dir, bucket, key)
    answer = await stream(path, OCTETS, part, AS_A_FILE) if path else None
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
    if not path.is_relative_to(allowed):
        return None
    is_output = len(path.relative_to(allowed).parts) >= OUTPUT_DEPTH
    return path if path.is_file() or (is_output and path.is_dir()) else None


ROUTES = (
    Route("GET", "/k8s/pod/logs", pod_log),
    Route("GET", "/k8s/pod", pod),
    Route("GET", "/k8s/pod/events", pod_events),
    Route("GET", "/artifacts/get", get_artifact),
    Route("GET", "/artifacts/{source}/{bucket}/{rest}", download_artifact),
)
