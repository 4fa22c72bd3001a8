"""`kfadapter serve` and `kfadapter engine`: the long-running processes."""

import asyncio
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

import uvloop

from kfadapter.api.app import create_app
from kfadapter.cli.exits import COMMAND_FAILED, USAGE
from kfadapter.cli.loading import loading
from kfadapter.cli.logs import configure_logs
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.processes import close_to_others
from kfadapter.errors import KFAdapterError
from kfadapter.httpserver import HTTPServer, address, listen
from kfadapter.service import engine_settings, open_service
from kfadapter.settings import Settings, hide_environment, load_settings

ENGINE_PORT = 8888


def run_service(
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    kubeflow_url: str | None,
    training_manager_url: str | None,
) -> None:
    """Run the adapter until it is told to stop; exits with 1 or 2 and one line when it cannot start."""
    _hide()
    settings = _settings(
        host=host,
        port=port,
        data_dir=data_dir,
        kubeflow_url=kubeflow_url,
        training_manager_url=training_manager_url,
    )
    try:
        listener = listen(settings.host, settings.port)
    except OSError as exc:
        _fail(str(exc), COMMAND_FAILED)
    _run(_serve(settings, listener))


def run_engine(*, host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Run the embedded engine alone until it is told to stop."""
    _hide()
    settings = _settings(data_dir=data_dir)
    configure_logs(settings.log_level, settings.log_format)
    chosen = ENGINE_PORT if port is None else port
    _run(_serve_engine(engine_settings(settings, settings.data_dir, host=host or "127.0.0.1", port=chosen)))


async def _serve(settings: Settings, listener: socket.socket) -> int:
    configure_logs(settings.log_level, settings.log_format)
    stopped = _stop_signal()
    async with AsyncExitStack() as stack:
        with loading():
            service = await stack.enter_async_context(open_service(settings))
            server = HTTPServer(create_app(service))
        print(f"kfadapter is ready at {address(listener)}", flush=True)
        return await _until_stopped(server, listener, stopped, service.loops.broken())


async def _serve_engine(settings: EngineSettings) -> int:
    with loading():
        from kfadapter.engine.server import EngineServer  # `serve` does not need it beside a real Kubeflow

    stopped = _stop_signal()
    async with EngineServer(settings) as server:
        print(f"kfadapter engine is ready at {server.base_url}", flush=True)
        await stopped.wait()
    return 0


async def _until_stopped(
    server: HTTPServer, listener: socket.socket, stopped: asyncio.Event, broken: Coroutine[None, None, str]
) -> int:
    """Serve until a signal asks to stop (0), or a background loop has died (1)."""
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    watching = asyncio.create_task(broken, name="loops")
    waiting = asyncio.create_task(stopped.wait(), name="signal")
    await asyncio.wait({serving, watching, waiting}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    waiting.cancel()
    failed = watching.done() or serving.done()
    watching.cancel()
    await asyncio.gather(serving, watching, waiting, return_exceptions=True)
    return COMMAND_FAILED if failed else 0


def _hide() -> None:
    """Tasks are processes of the same user: they are not to find the service's secrets in it."""
    hide_environment()
    close_to_others()


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _settings(**overrides: object) -> Settings:
    try:
        return load_settings(**overrides)
    except KFAdapterError as exc:
        _fail(str(exc), USAGE)


def _run(work: Coroutine[None, None, int]) -> None:
    try:
        code = uvloop.run(work)
    except KFAdapterError as exc:
        _fail(str(exc), COMMAND_FAILED)
    sys.exit(code)


def _fail(line: str, code: int) -> NoReturn:
    print(f"kfadapter: {line}", file=sys.stderr)
    sys.exit(code)
