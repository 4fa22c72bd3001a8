"""A fake Training Manager for tests: real HTTP on loopback, AIMLFW's answers to notifications, faults on demand."""

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from kfadapter.clock import Clock, SystemClock
from kfadapter.testing.faults import WAIT_SECONDS, Fault, FaultLayer, FaultScript, RequestLog, SeenRequest
from kfadapter.testing.loopback import LoopbackServer

PATH = "/trainingjob/pipelineNotification"
SUCCEEDED = {"Message": "Training successful"}
FAILED = {"Error": "Training Failed"}


@dataclass(frozen=True, kw_only=True)
class ReceivedNotification:
    """A notification that the Training Manager has understood.

    Attributes:
        status: What it was answered with.
        at: When it came, by the fake's clock.
    """

    body: Mapping[str, Any]
    status: int
    at: datetime

    @property
    def job_id(self) -> str:
        return str(self.body["trainingjob_id"])

    @property
    def run_id(self) -> str:
        return str(self.body["run_id"])

    @property
    def run_status(self) -> str:
        return str(self.body["run_status"])


class FakeTrainingManager:
    """Answers notifications as AIMLFW's Training Manager does, and keeps them.

    SUCCEEDED is answered 200; every other status and missing keys 500 with `{"Error": …}`; a content type that is not
    JSON 400 with a page. It knows every job.

    Args:
        clock: Where the times of arrival come from.
        port: 0 takes a free one, kept over outages.

    Attributes:
        log: The requests seen, to wait for one.
    """

    def __init__(self, *, clock: Clock | None = None, port: int = 0) -> None:
        self._clock = clock or SystemClock()
        self.log = RequestLog(self._clock)
        self.faults = FaultScript()
        self._received: list[ReceivedNotification] = []
        self._changed = threading.Condition()
        self._hanging: set[str] = set()
        routes = [Route(PATH, self._notification, methods=["POST"])]
        self._server = LoopbackServer(FaultLayer(Starlette(routes=routes), self.faults, self.log), port=port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        self._server.start()
        return self

    def stop(self) -> None:
        """End every connection, also those that hang."""
        self._server.stop()

    def outage(self) -> None:
        """Refuse connections, and break the open ones, until `restore`."""
        self._server.outage()

    def restore(self) -> None:
        """Be back on the same port."""
        self._server.restore()

    def fail(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        times: int | None = 1,
        after: bool = False,
    ) -> None:
        """Let requests fail; see `FaultScript.add`."""
        self.faults.add(fault, method=method, path=path, times=times, after=after)

    def hang_on(self, *job_ids: object) -> None:
        """Take notifications of these jobs and never answer them."""
        self._hanging |= {str(job_id) for job_id in job_ids}

    def answer_again(self) -> None:
        """Answer every job that is asked for from now on."""
        self._hanging = set()

    @property
    def requests(self) -> list[SeenRequest]:
        """Every request seen, those that failed by a fault too."""
        return self.log.all

    @property
    def notifications(self) -> list[ReceivedNotification]:
        """What it has understood, in the order of arrival."""
        with self._changed:
            return list(self._received)

    def of_job(self, job_id: object) -> list[ReceivedNotification]:
        """What it was told of one job."""
        return [one for one in self.notifications if one.job_id == str(job_id)]

    def wait_for(self, count: int, *, within: float = WAIT_SECONDS) -> list[ReceivedNotification]:
        """Block until so many notifications have come, and return all.

        Raises:
            TimeoutError: They did not come in `within` seconds.
        """
        deadline = time.monotonic() + within
        with self._changed:
            while len(self._received) < count:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{len(self._received)} of {count} notifications have come")
            return list(self._received)

    async def received(self, count: int, *, within: float = WAIT_SECONDS) -> list[ReceivedNotification]:
        """`wait_for` for coroutines."""
        return await asyncio.to_thread(self.wait_for, count, within=within)

    async def _notification(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            return HTMLResponse("<!doctype html>\n<title>400 Bad Request</title>\n", status_code=400)
        body = _object(await request.body())
        if str(body.get("trainingjob_id")) in self._hanging:
            await _gone(request)
            return Response()
        status, answer = _judged(body)
        if {"trainingjob_id", "run_id", "run_status"} <= body.keys():
            self._keep(ReceivedNotification(body=body, status=status, at=self._clock.now()))
        return JSONResponse(answer, status_code=status)

    def _keep(self, notification: ReceivedNotification) -> None:
        with self._changed:
            self._received.append(notification)
            self._changed.notify_all()


def _judged(body: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
    if "trainingjob_id" in body and body.get("run_status") == "SUCCEEDED":
        return 200, SUCCEEDED
    return 500, FAILED


def _object(content: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


async def _gone(request: Request) -> None:
    """Wait until the caller has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
