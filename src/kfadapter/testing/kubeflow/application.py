"""The ASGI application of a fake Kubeflow: finds the call for a request, and what stands in front of the API."""

import re
import threading
from dataclasses import replace
from urllib.parse import parse_qs, unquote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from kfadapter.testing.kubeflow.calls import Asked, Handler
from kfadapter.testing.kubeflow.metadata_calls import SERVICE as METADATA_SERVICE
from kfadapter.testing.kubeflow.metadata_calls import MetadataCalls
from kfadapter.testing.kubeflow.pipeline_calls import PipelineCalls
from kfadapter.testing.kubeflow.recurring_calls import RecurringCalls
from kfadapter.testing.kubeflow.run_calls import ExperimentCalls, RunCalls
from kfadapter.testing.kubeflow.wire import (
    KFPError,
    NeverAnswered,
    Reply,
    TextError,
    UploadError,
    Wire,
    error_reply,
    json_reply,
    text_reply,
    upload_error_reply,
)
from kfadapter.testing.kubeflow.world import World

API = "/apis/v2beta1"
FILE_FIELD = "uploadfile"
UI_PAGE = b"<!DOCTYPE html><html><head><title>Kubeflow Pipelines</title></head><body></body></html>"


class Application:
    """Serves a world over HTTP.

    Args:
        world: What it serves.
        wire: Which server it talks like.
        lock: Held while the world is used.
        prefix: A path prefix; with one it is a UI's server, which serves logs and artifacts too.
        tag_name: What healthz says.
        metadata_prefix: Below which path ML Metadata is served; None: nowhere.
    """

    def __init__(
        self,
        world: World,
        wire: Wire,
        lock: threading.RLock,
        *,
        prefix: str,
        tag_name: str,
        metadata_prefix: str | None,
    ) -> None:
        self._world = world
        self._wire = wire
        self._lock = lock
        self._prefix = prefix
        self._tag_name = tag_name
        self._metadata = MetadataCalls(world.metadata)
        self._metadata_root = None if metadata_prefix is None else metadata_prefix + METADATA_SERVICE
        calls = (
            PipelineCalls(world, wire),
            ExperimentCalls(world, wire),
            RunCalls(world, wire),
            RecurringCalls(world, wire),
        )
        table = [("*", "/healthz", self._healthz), *(route for one in calls for route in one.routes())]
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler) for method, pattern, handler in table
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = await _asked(scope, receive)
        try:
            reply = self._reply(asked)
        except NeverAnswered:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _reply(self, asked: Asked) -> Reply:
        try:
            with self._lock:
                self._world.catch_up()
                return self._routed(asked)
        except KFPError as exc:
            if not exc.message and exc.code in (5, 12):
                return self._no_route(is_known=exc.code == 12)
            return error_reply(exc, self._wire)
        except UploadError as exc:
            return upload_error_reply(exc, self._wire)
        except TextError as exc:
            return text_reply(exc.status, exc.message)

    def _routed(self, asked: Asked) -> Reply:
        if self._metadata_root is not None and asked.path.startswith(self._metadata_root):
            return self._metadata.reply(asked.path.removeprefix(self._metadata_root), asked.body)
        path = asked.path.removeprefix(self._prefix)
        if not path.startswith("/apis"):
            return self._front_door(path, asked) if self._prefix else text_reply(404, "404 page not found\n")
        is_known = False
        for method, pattern, handler in self._routes if path.startswith(API) else ():
            found = pattern.fullmatch(path, len(API))
            if found and method in (asked.method, "*"):
                return handler(replace(asked, ids=tuple(unquote(one) for one in found.groups())))
            is_known = is_known or found is not None
        return self._no_route(is_known=is_known)

    def _no_route(self, *, is_known: bool) -> Reply:
        """The gateway's answer to a path, or a method, that it does not know."""
        if self._wire.is_old:
            return text_reply(405, "Method Not Allowed\n") if is_known else text_reply(404, "Not Found\n")
        return error_reply(KFPError(12, "Method Not Allowed") if is_known else KFPError(5, "Not Found"), self._wire)

    def _healthz(self, asked: Asked) -> Reply:
        document: dict[str, object] = {"commit_sha": "0" * 40, "tag_name": self._tag_name, "multi_user": False}
        if not self._wire.is_old:
            document["pipeline_store"] = "database"
        return json_reply(document, self._wire)

    def _front_door(self, path: str, asked: Asked) -> Reply:
        """What a UI's server has besides the API; its page for everything else."""
        content: bytes | None
        if asked.method != "GET":
            page = f"<!DOCTYPE html><html><body><pre>Cannot {asked.method} {path}</pre></body></html>"
            return Reply(status=404, content_type="text/html; charset=utf-8", body=page.encode())
        if path == "/k8s/pod/logs":
            if not asked.one("podname"):
                return text_reply(400, "podname argument is required")
            content, missing = self._world.logs.get(asked.one("podname")), "pod not found"
        elif path in ("/k8s/pod", "/k8s/pod/events"):
            return self._pod(path, asked)
        elif path == "/artifacts/get":
            content, missing = self._world.artifacts.get((asked.one("bucket"), asked.one("key"))), "artifact not found"
        else:
            return Reply(content_type="text/html; charset=utf-8", body=UI_PAGE)
        if content is None:
            return text_reply(404, missing)
        return Reply(content_type="text/plain; charset=utf-8", body=content)

    def _pod(self, path: str, asked: Asked) -> Reply:
        """A pod, or its events, as the UI's server passes them on from Kubernetes."""
        for name in ("podname", "podnamespace"):
            if not asked.one(name):
                return text_reply(422, f"{name} argument is required")
        pod = self._world.pods.get(asked.one("podname"))
        if path.endswith("/events"):
            return json_reply({"items": self._world.pod_events.get(asked.one("podname"), [])}, self._wire)
        return text_reply(500, "Could not get pod: not found") if pod is None else json_reply(pod, self._wire)


async def _asked(scope: Scope, receive: Receive) -> Asked:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Asked(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),
        query=parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True),
        body=bytes(body),
        upload=await _upload(scope, bytes(body)),
    )


async def _upload(scope: Scope, body: bytes) -> tuple[str, bytes] | None:
    """The file in the multipart field KFP reads; None when there is none."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, receive)
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return None
    try:
        async with request.form() as form:
            part = form.get(FILE_FIELD)
            return (part.filename or "", await part.read()) if isinstance(part, UploadFile) else None
    except HTTPException:
        return None
