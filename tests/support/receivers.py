"""A receiver of events as a subscriber would write it: checks signatures, reads CloudEvents, keeps what it got."""

from dataclasses import dataclass, field
from typing import Any, Self

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kfadapter.testing.faults import FaultLayer, FaultScript, RequestLog, SeenRequest
from kfadapter.testing.loopback import LoopbackServer


@dataclass(kw_only=True)
class Receiver:
    """Serves on loopback; every request is kept, and answered as `script` says, or with 200."""

    host: str = "127.0.0.1"
    script: FaultScript = field(default_factory=FaultScript)
    log: RequestLog = field(default_factory=RequestLog)

    def __enter__(self) -> Self:
        self.server = LoopbackServer(FaultLayer(self._answer, self.script, self.log), host=self.host)
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.server.port}/hook"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await Response(b"thanks", media_type="text/plain")(scope, receive, send)

    def wait_for(self, count: int) -> list[SeenRequest]:
        """All requests once there are so many; fails after a while."""
        self.log.wait_for(count=count)
        return self.log.all

    def events(self) -> list[BaseCloudEvent]:
        """The events of all requests so far."""
        return [event_of(request) for request in self.log.all]

    def subjects(self) -> list[str | None]:
        return [event.get_subject() for event in self.events()]


def event_of(request: SeenRequest) -> BaseCloudEvent:
    """The CloudEvent of a request, read by the SDK."""
    headers: dict[str, str] = {name.lower(): value for name, value in dict(request.headers).items()}
    return from_http(HTTPMessage(headers=headers, body=request.body), JSONFormat())


def verified(request: SeenRequest, secret: str) -> Any:
    """The body, after the library has checked its signature.

    Raises:
        standardwebhooks.WebhookVerificationError: It is not signed with this secret.
    """
    return Webhook(secret).verify(request.body, dict(request.headers))
