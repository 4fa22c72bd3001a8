"""The whole service in this process, on a socket of its own: what contract and integration tests talk to."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from kfadapter.api.app import create_app
from kfadapter.httpserver import HTTPServer, listen
from kfadapter.service import Service, open_service
from kfadapter.settings import Settings, load_settings

START_SECONDS = 30.0

T = TypeVar("T")


class RunningAdapter:
    """An adapter with its loops, served from a thread.

    Args:
        data_dir: Its data directory.
        settings: Any setting by field name.
    """

    def __init__(self, data_dir: Path, **settings: object) -> None:
        defaults: dict[str, object] = {"host": "127.0.0.1", "port": 0, "poll_seconds": 0.05, "notify_grace_seconds": 0}
        self.settings: Settings = load_settings(data_dir=data_dir, **{**defaults, **settings})
        self._listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        # Plain HTTP on loopback: loading certificate authorities would cost more than the rest of the client.
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="adapter", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: HTTPServer | None = None
        self._service: Service | None = None

    @property
    def service(self) -> Service:
        """The open service; its parts belong to the adapter's own loop."""
        assert self._service is not None
        return self._service

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the adapter's own loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def stop(self) -> None:
        """Ask the server to stop, as a signal does; returns at once."""
        assert self._loop is not None
        assert self._server is not None
        self._loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the adapter did not start"
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._loop is not None and self._server is not None and not self._loop.is_closed():
            self.stop()
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the adapter did not stop"
        self._listener.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the service's parts, on the adapter's own loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as exc:  # noqa: BLE001 - told to the thread that waits
            self._error = exc
            self._ready.set()

    async def _serve(self) -> None:
        async with open_service(self.settings) as service:
            self._loop = asyncio.get_running_loop()
            self._service = service
            self._server = HTTPServer(create_app(service))
            self._ready.set()
            await self._server.serve(sockets=[self._listener])
