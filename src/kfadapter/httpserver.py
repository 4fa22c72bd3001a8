"""The HTTP server under every application here: uvicorn on a socket made beforehand, ended by whoever owns the loop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 5


STOPPING = "kfadapter.stopping"
"""In a request's scope: an event that is set when the server is asked to stop. Answers without an end wait for it."""
ABORT = "kfadapter.abort"
"""An extension in a request's scope: its `abort` drops the connection, with what has not been read of it, at once."""


class HTTPServer(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process before the service is closed.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stopping = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                self._announced,
                loop="none",
                http=_Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell answers without an end that it has come, and wait for the others."""
        self._stopping.set()
        await super().shutdown(sockets)

    async def _announced(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, STOPPING: self._stopping}, receive, send)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


class _Protocol(HttpToolsProtocol):
    """uvicorn's, which also says how a connection is dropped: closing waits until the other side has read all."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, made before the server that uses it: a port that is taken is known at once.

    The protocol is named because event loops switch off Nagle's algorithm only where it is: an answer in two parts
    would otherwise wait 40 ms for the other side's acknowledgement.

    Args:
        host: Address to listen on.
        port: 0 takes a free one.

    Raises:
        OSError: The address cannot be used; its text says which and why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {exc.strerror}") from exc
    listener.setblocking(False)
    return listener


def address(listener: socket.socket) -> str:
    """The URL that reaches a listening socket from this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - looked up, not listened on
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
