"""Starts runs, follows them, ends them: the service's side of the embedded engine.

Each run has a process of its own (`runner`), which outlives the service and tells what happens in an events file. The
supervisor queues runs, starts so many processes at a time, carries their events to the sink, and closes the runs whose
process was lost. All that it has to remember is on the disk.
"""

import asyncio
import contextlib
import heapq
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import structlog

from kfadapter.clock import Clock
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.active_run import ActiveRun
from kfadapter.engine.running.data_directory import listen_for_hints, take_data_directory
from kfadapter.engine.running.environments import EnvironmentStore
from kfadapter.engine.running.events import RunSink, timestamp
from kfadapter.engine.running.following import Follower
from kfadapter.engine.running.installers import Installer
from kfadapter.engine.running.lost_runs import close_run
from kfadapter.engine.running.nodes import Code, Failure
from kfadapter.engine.running.preparation import Preparation
from kfadapter.engine.running.processes import Children
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.run_order import RunOrder
from kfadapter.engine.running.runner_process import RunnerProcess
from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.errors import EngineError

RUNS_PER_SLOT = 4
LOOK_SECONDS = 1.0
LOOK_SECONDS_WITHOUT_HINTS = 0.04
START_AGAIN_SECONDS = 1.0
STARTS = 5
END_SECONDS = 10.0
FORGET_SECONDS = 1.0
EXIT_TAKEN = 75

log = structlog.get_logger()
T = TypeVar("T")


class Supervisor:
    """Runs pipelines, each in a process of its own that outlives the service.

    Args:
        config: The engine's settings.
        sink: Where events go; its calls are made in threads, one at a time for each run.
        clock: Paces retries of the sink.
    """

    def __init__(self, config: EngineSettings, sink: RunSink, clock: Clock) -> None:
        self._data_dir = config.data_dir.absolute()
        self._sink = sink
        self._clock = clock
        self._slots = config.task_slots or os.cpu_count() or 1
        self._settings = RunnerSettings.of(config, self._slots)
        self._containers = self._settings.container_program(Children(), {})
        self._active: dict[str, ActiveRun] = {}
        self._queue: list[tuple[str, str]] = []
        self._queued: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._look_seconds = LOOK_SECONDS
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="engine")
        self._preparation = Preparation(self._environments(), self._settings.pythons)
        self._close = contextlib.ExitStack()

    # Life

    async def start(self) -> None:
        """Take the data directory.

        Raises:
            EngineError: It cannot be written, or another engine works on it.
        """
        with self._close:
            self._close.enter_context(take_data_directory(self._settings))
            able = self._settings.abilities
            if able.warning:
                log.warning(able.warning, action="containers", setting=f"KFADAPTER_ENGINE_CONTAINERS={able.containers}")
            takes_hints = self._close.enter_context(listen_for_hints(self._settings.wake, self._take_hint))
            self._look_seconds = LOOK_SECONDS if takes_hints else LOOK_SECONDS_WITHOUT_HINTS
            self._close = self._close.pop_all()

    async def stop(self, *, end_runs: bool = False) -> None:
        """Let go of everything. Runs go on without the service, unless they are to be ended.

        Args:
            end_runs: Terminate the runs that have a process, and wait until they have ended.
        """
        self._is_stopping = True
        if end_runs:
            await self._end_all()
        self._preparation.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._close.close()
        await asyncio.to_thread(self._threads.shutdown)

    # What the service asks for

    async def submit(self, order: RunOrder) -> None:
        """Queue a run. Returns when the order is on the disk; asking twice does no harm.

        Raises:
            EngineError: The order cannot be written.
        """
        directory = self._directory(order.run_id)
        if order.run_id in self._active or order.run_id in self._queued:
            return
        await self._order(directory, order, 0)
        self._enqueue(order.run_id, timestamp(order.created_at))

    async def terminate(self, run_id: str) -> None:
        """End a run: its tasks get SIGTERM, and SIGKILL ten seconds later. Durable, and may be repeated; no effect on
        one that has ended.
        """
        directory = self._directory(run_id)
        if not directory.path.exists():
            return
        await self._in_thread(directory.cancel)
        if run_id in self._queued:
            self._queued.discard(run_id)
            self._supervise(self._active_run(run_id, directory), self._close_unstarted)
        elif (run := self._active.get(run_id)) and run.process:
            self._spawn(run.end_process(run.process), f"end {run.run_id}")

    async def retry(self, order: RunOrder) -> None:
        """Run an ended run again: what succeeded is kept, everything else runs anew.

        Raises:
            EngineError: Nothing of the run is on the disk, or the order cannot be written.
        """
        if run := self._active.get(order.run_id):
            await run.done.wait()
        directory = self._directory(order.run_id)
        _, round_ = await self._in_thread(directory.read_order)
        await self._order(directory, order, round_ + 1)
        self._enqueue(order.run_id, timestamp(order.created_at))

    async def forget(self, run_id: str) -> None:
        """Remove a run's directory; one that is under way is ended first, and its events go nowhere any more.

        Waits a second for that end; when it takes longer the directory goes later.
        """
        self._queued.discard(run_id)
        directory = self._directory(run_id)
        if run := self._active.get(run_id):
            run.is_forgotten = True
            await self.terminate(run_id)
            removal = self._spawn(self._remove_after(run), f"forget {run_id}")
            await asyncio.wait({removal}, timeout=FORGET_SECONDS)
        elif directory.path.exists():
            await self._in_thread(partial(remove_tree, directory.path))

    async def adopt(self, run_ids: Sequence[str]) -> None:
        """Take over the runs that a service before this one left under way.

        A run whose process lives is followed on; one that never had a process is queued again; any other is closed.
        """
        for run_id in run_ids:
            if run_id not in self._active and run_id not in self._queued:
                await self._adopt(run_id, self._directory(run_id))

    async def prepare(self, pipeline_spec: Mapping[str, Any]) -> None:
        """Build the environments that a pipeline's tasks will ask for, in the background; failures are only logged."""
        await self._in_thread(partial(self._preparation.ask, dict(pipeline_spec)))
        self._spawn(self._in_thread(self._preparation.work), "prepare environments")

    # Queue

    def _enqueue(self, run_id: str, created_at: str) -> None:
        heapq.heappush(self._queue, (created_at, run_id))
        self._queued.add(run_id)
        self._start_queued()

    def _start_queued(self) -> None:
        while self._queue and len(self._active) < RUNS_PER_SLOT * self._slots and not self._is_stopping:
            _, run_id = heapq.heappop(self._queue)
            if run_id in self._queued:
                self._queued.discard(run_id)
                self._supervise(self._active_run(run_id, self._directory(run_id)), self._run)

    async def _adopt(self, run_id: str, directory: RunDirectory) -> None:
        try:
            order, round_ = await self._in_thread(directory.read_order)
        except EngineError:
            return self._supervise(self._active_run(run_id, directory), self._close_lost)
        mark = await self._in_thread(directory.runner)
        if mark and mark.round == round_:
            return self._supervise(self._active_run(run_id, directory), self._follow_on)
        if directory.is_canceled:
            return self._supervise(self._active_run(run_id, directory), self._close_unstarted)
        return self._enqueue(run_id, str(order["created_at"]))

    # One run

    def _supervise(self, run: ActiveRun, care: Callable[[ActiveRun], Coroutine[Any, Any, None]]) -> None:
        self._active[run.run_id] = run
        self._spawn(self._care(run, care), f"run {run.run_id}")

    async def _care(self, run: ActiveRun, care: Callable[[ActiveRun], Coroutine[Any, Any, None]]) -> None:
        try:
            await care(run)
        except Exception:  # the outermost frame of a run's care: the other runs must go on
            log.exception("run lost from sight", action="run_care_failed", run_id=run.run_id)
        finally:
            if run.process:
                run.process.close()
            self._active.pop(run.run_id, None)
            run.done.set()
        self._start_queued()

    async def _run(self, run: ActiveRun) -> None:
        """A run from its start on."""
        for attempt in range(STARTS):
            try:
                run.process = RunnerProcess.start(run.directory, self._settings)
                break
            except OSError as exc:
                log.warning("runner not started", action="runner_not_started", run_id=run.run_id, reason=str(exc))
                if attempt == STARTS - 1:
                    reason = f"the run's process cannot be started: {exc.strerror}"
                    return await self._close_run(run, reason)
                await self._clock.sleep(START_AGAIN_SECONDS)
        log.info("run started", action="run_started", run_id=run.run_id, pid=run.process and run.process.pid)
        return await self._follow(run)

    async def _follow_on(self, run: ActiveRun) -> None:
        """A run that had a process when the service before this one ended."""
        mark = await self._in_thread(run.directory.living_runner)
        if mark is None:
            return await self._follow(run)
        run.process = RunnerProcess.adopt(mark)
        log.info("run adopted", action="run_adopted", run_id=run.run_id, pid=mark.pid)
        return await self._follow(run)

    async def _follow(self, run: ActiveRun) -> None:
        """Carry events to the sink until the process has ended, and close the run if it could not."""
        if run.directory.is_canceled and run.process:
            self._spawn(run.end_process(run.process), f"end {run.run_id}")
        follower = await self._follower(run)
        try:
            if run.process:
                await self._carry(run, run.process, follower)
                if run.process.exit_code == EXIT_TAKEN:
                    return await self._follow_on(run)
            await follower.drain()
        except EngineError as exc:
            if run.process:
                await run.process.kill()
            return await self._close_run(run, f"the run's events cannot be read: {exc}", follower)
        if follower.has_seen_the_end:
            log.info("run ended", action="run_ended", run_id=run.run_id, state=follower.end_state)
            return None
        how = run.process.describe_end() if run.process else "it ended while no service was there to see"
        return await self._close_run(run, f"runner lost ({how})", follower)

    async def _carry(self, run: ActiveRun, process: RunnerProcess, follower: Follower) -> None:
        ended = asyncio.ensure_future(process.ended())
        try:
            while not ended.done():
                run.news.clear()
                await follower.drain()
                news = asyncio.ensure_future(run.news.wait())
                await asyncio.wait({ended, news}, timeout=self._look_seconds, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            ended.cancel()

    async def _close_unstarted(self, run: ActiveRun) -> None:
        await self._close_run(run, "the run was terminated")

    async def _close_lost(self, run: ActiveRun) -> None:
        await self._close_run(run, "runner lost (its directory is gone)")

    async def _close_run(self, run: ActiveRun, reason: str, follower: Follower | None = None) -> None:
        """End a run in the place of its process."""
        words = await self._in_thread(run.directory.last_words)
        failure = Failure(code=Code.LOST, message=f"{reason}: {words}" if words else reason)
        log.warning("run closed", action="run_closed", run_id=run.run_id, reason=failure.message)
        if run.is_forgotten:
            return
        session = run.process.pid if run.process else None
        end = await self._in_thread(partial(close_run, run.directory, run.run_id, failure, session))
        await self._in_thread(partial(self._remove_containers, run.run_id))
        await (follower or await self._follower(run)).end_with(end)

    def _remove_containers(self, run_id: str) -> None:
        """End the containers that a lost process has left, which are nobody's children."""
        said = self._containers.remove_run(run_id) if self._containers else ""
        if said:
            log.warning("containers not removed", action="containers_left", run_id=run_id, reason=said)

    async def _follower(self, run: ActiveRun) -> Follower:
        offset = await self._in_thread(partial(self._sink.offset, run.run_id))
        return Follower(
            run.run_id,
            run.directory.events,
            offset,
            self._sink,
            self._clock,
            self._threads,
            is_forgotten=lambda: run.is_forgotten,
        )

    async def _remove_after(self, run: ActiveRun) -> None:
        await run.done.wait()
        await self._in_thread(partial(remove_tree, run.directory.path))

    async def _end_all(self) -> None:
        runs = list(self._active.values())
        for run in runs:
            await self.terminate(run.run_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.grace_seconds + END_SECONDS):
                for run in runs:
                    await run.done.wait()

    def _active_run(self, run_id: str, directory: RunDirectory) -> ActiveRun:
        return ActiveRun(run_id, directory, grace_seconds=self._settings.grace_seconds)

    def _directory(self, run_id: str) -> RunDirectory:
        if not run_id or "/" in run_id or run_id in (".", ".."):
            raise EngineError(f"{run_id!r} is not the id of a run")
        return RunDirectory(self._data_dir / "runs" / run_id)

    async def _order(self, directory: RunDirectory, order: RunOrder, round_: int) -> None:
        try:
            await self._in_thread(partial(directory.write_order, order.to_json(), round_))
        except OSError as exc:
            raise EngineError(f"the run cannot be stored: {exc.strerror}") from exc

    def _environments(self) -> EnvironmentStore:
        directory = self._settings.environments
        installer = Installer(
            interpreter=self._settings.interpreter,
            cache=directory / ".cache",
            variables=self._settings.installer_environment,
            limit_seconds=self._settings.install_timeout_seconds,
        )
        return EnvironmentStore(directory, installer)

    def _take_hint(self, run_id: str) -> None:
        if run := self._active.get(run_id):
            run.news.set()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
