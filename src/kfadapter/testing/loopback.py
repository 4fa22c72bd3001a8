"""A real HTTP server on loopback, in a thread: what the shipped fakes listen with.

uvicorn's protocol speaks HTTP; this module only owns the socket and the event loop, so that a test can take the
server away and bring it back on the same port, and can end every connection at once.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

TRANSPORT_EXTENSION = "kfadapter.transport"
SWITCH_SECONDS = 10.0
ACCEPT_TURNS = 5
BACKLOG = 512

T = TypeVar("T")


class LoopbackServer:
    """Serves an ASGI application on a loopback port, from its own thread.

    Args:
        app: The application; finds its connection's transport in `scope["extensions"][TRANSPORT_EXTENSION]`.
        host: The address to listen on.
        port: The port; 0 takes a free one, which is then kept over outages.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._config = uvicorn.Config(
            app, log_config=None, log_level="critical", access_log=False, lifespan="off", ws="none", interface="asgi3"
        )
        self._host = host
        self._wanted_port = port
        self._state = ServerState()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.AbstractServer | None = None
        self._reserved: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int:
        """The port; known from `start` on."""
        return self._wanted_port

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._state.connections)

    def start(self) -> None:
        """Listen. Returns when connections are accepted."""
        self._config.load()
        loop = uvloop.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="loopback-server", daemon=True)
        self._thread.start()
        self._reserved = self._reserve()
        self._wanted_port = self._reserved.getsockname()[1]
        self.restore()

    def stop(self) -> None:
        """End every connection, also those that hang, and free the port."""
        if self._loop is None or self._thread is None:
            return
        self._run(self._close(linger=True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SWITCH_SECONDS)
        self._loop.close()
        if self._reserved is not None:
            self._reserved.close()
        self._loop = self._thread = self._reserved = None

    def outage(self) -> None:
        """Refuse new connections and break the open ones, until `restore`. The port stays reserved meanwhile."""
        self._run(self._close(linger=False))
        self._reserved = self._reserve()

    def restore(self) -> None:
        """Listen again on the same port."""
        listener, self._reserved = self._reserved, None
        if listener is not None:
            self._run(self._listen(listener))

    def drop_connections(self) -> None:
        """Close every open connection, idle ones too, as a server does that restarts behind a proxy."""
        self._run(self._abort())

    def _reserve(self) -> socket.socket:
        """A socket that is bound but does not listen: the port is ours, and connections are refused."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        reserved = socket.socket(family, socket.SOCK_STREAM)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((self._host, self._wanted_port))
        return reserved

    async def _listen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, sock=listener, backlog=BACKLOG)

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(config=self._config, server_state=self._state, app_state={})

    async def _close(self, *, linger: bool) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._abort()
        if linger:
            await self._end_tasks()

    async def _abort(self) -> None:
        # Connections that were being accepted just now show themselves within a few turns of the loop.
        for _ in range(ACCEPT_TURNS):
            for connection in list(self._state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        while self._state.connections:  # noqa: ASYNC110 - over after a turn or two of the loop
            await asyncio.sleep(0)

    async def _end_tasks(self) -> None:
        """Tasks end by themselves once their connection is gone; one that waits for a clock is cancelled."""
        tasks = set(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=SWITCH_SECONDS)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the server is not started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SWITCH_SECONDS)


def reset_connection(transport: asyncio.Transport) -> None:
    """End a connection with a TCP reset instead of an orderly close."""
    with contextlib.suppress(OSError):
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which shows the application its transport as well."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {TRANSPORT_EXTENSION: self.transport}
