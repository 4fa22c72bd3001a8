"""The embedded Kubeflow Pipelines server: store, supervisor and HTTP, started and stopped together."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from kfadapter.clock import Clock, SystemClock
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.firing import Firing
from kfadapter.engine.http.app import App
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.keeping.housekeeping import SPARE, Housekeeping
from kfadapter.engine.keeping.sweep import DATABASE, Sweep, everything
from kfadapter.engine.packages import Packages
from kfadapter.engine.running.supervisor import Supervisor
from kfadapter.engine.runs import Runs, Supervising
from kfadapter.engine.store.database import Store
from kfadapter.engine.store.events import RunEvents
from kfadapter.engine.store.experiments import default_experiment
from kfadapter.errors import EngineError
from kfadapter.httpserver import HTTPServer, address, listen

RUNS = "runs"

_logger = structlog.get_logger(__name__)


class EngineServer:
    """The engine as a server in the caller's event loop.

    Args:
        settings: What it is told.
        clock: Time; the machine's when None.
        supervisor: Runs the pipelines; the engine's own when None. Who hands one over starts and stops it.
    """

    def __init__(
        self, settings: EngineSettings, *, clock: Clock | None = None, supervisor: Supervising | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._packages = Packages(settings.package_urls)
        self._runs_dir = settings.data_dir.absolute() / RUNS
        self.store = Store(settings.data_dir / DATABASE)
        self.events = RunEvents(self.store, self._runs_dir, ended=lambda: self._firing.changed_elsewhere())
        self._own = None if supervisor else Supervisor(settings, self.events, self._clock)
        self._supervisor: Supervising = supervisor or self._own  # type: ignore[assignment]
        self._runs = Runs(self.store, self._supervisor, self._clock, self._runs_dir)
        self._firing = Firing(self.store, self._runs, self._clock)
        sweep = Sweep(settings.data_dir.absolute(), everything(self.store, settings, spare=SPARE))
        self._housekeeping = Housekeeping(sweep, self._clock)
        self._server: HTTPServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._base_url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """Where the server answers; known after `start`."""
        return self._base_url

    async def start(self) -> None:
        """Open the store, take over runs that outlived the last service, and listen.

        Raises:
            EngineError: The data directory cannot be used, or the port is taken.
        """
        try:
            listener = listen(self._settings.host, self._settings.port)
        except OSError as exc:
            raise EngineError(str(exc)) from exc
        try:
            self._server = HTTPServer(await self._open())
        except BaseException:
            listener.close()
            await self.stop()
            raise
        # Connections wait in the socket's queue until the server takes them.
        self._serving = asyncio.create_task(self._server.serve([listener]), name="engine-http")
        self._base_url = address(listener)
        _logger.info("engine listens", action="engine_started", base_url=self._base_url)

    async def wait(self) -> None:
        """Return when the server has ended; raises what ended it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def stop(self, *, end_runs: bool = False) -> None:
        """Stop answering and close. Runs go on, and are taken over at the next start, unless they are to end."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
        await self._firing.stop()
        await self._runs.stop()
        await self._housekeeping.stop()
        if self._own is not None:
            await self._own.stop(end_runs=end_runs)
        await asyncio.to_thread(self.store.close)
        _logger.info("engine stopped", action="engine_stopped")

    async def _open(self) -> App:
        """Take the data directory, then the store in it, then the runs."""
        if self._own is not None:
            await self._own.start()
        await asyncio.to_thread(self.store.open)
        parts = Parts(
            store=self.store,
            clock=self._clock,
            runs=self._runs,
            runs_dir=self._runs_dir,
            packages=self._packages,
            schedules_changed=self._firing.changed,
        )
        await self.store.write(default_experiment, parts.now())
        await self._runs.recover()
        await self._firing.start()
        self._housekeeping.start()
        return App(parts)
