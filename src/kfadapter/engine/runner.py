"""The process of one run: `python -m kfadapter.engine.runner RUN_DIR`, with its settings on standard input.

It reads run.json, writes events.jsonl, and lives on when the service ends. SIGTERM cancels the run. It imports little,
since there is one for each run that is under way.
"""

import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from kfadapter import __version__
from kfadapter.engine.running.attempt_order import AttemptOrder
from kfadapter.engine.running.attempts import AttemptPool
from kfadapter.engine.running.events import EventWriter, timestamp
from kfadapter.engine.running.ir import Pipeline
from kfadapter.engine.running.journal import History, Journal, read_result
from kfadapter.engine.running.nodes import Code, Failure, Kind, Node, State, walk
from kfadapter.engine.running.placement import Place, placed
from kfadapter.engine.running.preflight import preflight, refusal
from kfadapter.engine.running.processes import become_subreaper, close_to_others, start_ticks
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.engine.running.scheduler import Scheduler
from kfadapter.engine.running.slots import TaskSlots
from kfadapter.engine.running.task_process import Attempt
from kfadapter.engine.running.task_tools import TaskTools
from kfadapter.engine.running.tree import RunFacts, Tree
from kfadapter.engine.running.values import Values
from kfadapter.errors import EngineError

RESERVE_BYTES = 32 * 1024
EXIT_TAKEN = 75
EXIT_UNUSABLE = 78
EXIT_DISK = 74
GIVE_UP_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""A signal that another thread got, as happens when a stopped process is continued, is seen so soon."""


class Runner:
    """One run, from its order to its end."""

    def __init__(self, directory: RunDirectory, order: Mapping[str, Any], settings: RunnerSettings) -> None:
        self._directory = directory
        self._order = order
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._pipeline = Pipeline(order["pipeline_spec"], order.get("platform_spec"))
        self._able = settings.abilities
        scope = str(order.get("pipeline_id") or self._pipeline.name)
        self._tools = TaskTools.of(directory, settings, self._run_id, scope, self._tell)
        history = History.read(directory.events)
        self._wake = _open_wake(settings.wake)
        self._writer = EventWriter(directory.events, self._tell_service)
        self._journal = Journal(self._writer, history, self._tools.redaction)
        self._pool = AttemptPool(
            TaskSlots(settings.slots, settings.task_slots),
            self._attempt,
            self._calls.put,
            lambda node, outcome: self._scheduler.attempt_ended(node, outcome),
        )
        self._tree = Tree(self._pipeline, self._facts())
        self._scheduler = Scheduler(
            self._pipeline,
            self._tree,
            self._journal,
            self._pool,
            unsupported=partial(refusal, self._pipeline, self._able),
            kept=self._kept,
        )
        self._limit_seconds = settings.run_timeout_seconds
        self._end_at: float | None = None

    @property
    def _run_id(self) -> str:
        return str(self._order["run_id"])

    def run(self) -> int:
        """Run to the end; the process's exit code."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        become_subreaper()
        reserve = _reserve(self._directory.path / ".reserve")
        try:
            self._begin()
            while not self._scheduler.is_done:
                self._pool.start_ready()
                self._take_one()
        except OSError as exc:
            reserve.unlink(missing_ok=True)
            return self._give_up(exc)
        finally:
            self._tools.children.sweep(lambda _: True)
            reserve.unlink(missing_ok=True)
        return 0

    def _begin(self) -> None:
        own = os.getpid()
        started = {"pid": own, "start_ticks": start_ticks(own), "engine_version": __version__, "python": _python()}
        self._journal.write("run.started", started)
        findings = preflight(self._pipeline.spec, self._pipeline.platform, self._able)
        refused = [one for one in findings if one.severity == "refused"]
        if self._directory.is_canceled:
            self._cancel()
        elif refused:
            reasons = "; ".join(f"task {one.task}: {one.message}" if one.task else one.message for one in refused)
            self._scheduler.refuse(Failure(code=Code.UNSUPPORTED, message=reasons))
        else:
            self._limit()
            self._scheduler.start(self._order["parameters"])

    def _limit(self) -> None:
        """The shorter of the engine's limit and the pipeline's counts from now."""
        limits = [limit for limit in (self._limit_seconds, self._pipeline.deadline_seconds) if limit > 0]
        if limits:
            self._limit_seconds = min(limits)
            self._end_at = time.monotonic() + self._limit_seconds

    def _take_one(self) -> None:
        """Do the next thing that another thread, a signal or the clock asks for."""
        with contextlib.suppress(queue.Empty):
            self._calls.get(timeout=self._patience())()
        if self._end_at is not None and time.monotonic() >= self._end_at:
            self._end_at = None
            message = f"the run was ended after its limit of {self._limit_seconds:g} seconds"
            self._scheduler.stop(Failure(code=Code.DEADLINE, message=message), State.FAILED)

    def _patience(self) -> float:
        left = None if self._end_at is None else max(0.0, self._end_at - time.monotonic())
        return min(limit for limit in (self._pool.patience(), left, LOOK_SECONDS) if limit is not None)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._calls.put(self._cancel)

    def _cancel(self) -> None:
        if self._scheduler.is_done or self._scheduler.is_stopping:
            return
        self._journal.write("run.state", {"state": "CANCELING"})
        self._scheduler.stop(Failure(code=Code.CANCELED, message="the run was terminated"))

    # What attempts need

    def _facts(self) -> RunFacts:
        return RunFacts(
            run_id=self._run_id,
            display_name=str(self._order["display_name"]),
            pipeline_root=str(self._order["pipeline_root"] or self._directory.path),
            created_at=str(self._order["created_at"]),
            workspace=str(self._directory.workspace),
        )

    def _attempt(self, node: Node) -> Attempt:
        return Attempt(
            self._attempt_order(node),
            self._tools,
            started=lambda: self._calls.put(partial(self._scheduler.attempt_started, node)),
        )

    def _kept(self, node: Node) -> Values | None:
        """What a task gave in an earlier round. It may hold the secrets it was given then."""
        with contextlib.suppress(EngineError):
            self._tools.redaction.add(self._tools.grants.secrets(node.kubernetes))
        return read_result(self._directory, node.task_id)

    def _tell(self, type_: str, data: Mapping[str, Any]) -> None:
        self._calls.put(partial(self._journal.write, type_, data))

    def _attempt_order(self, node: Node) -> AttemptOrder:
        container = self._pipeline.executor(node.component.executor_label).get("container") or {}
        return AttemptOrder(
            run_id=self._run_id,
            task_id=node.task_id,
            attempt=node.attempt,
            component=node.component,
            inputs=node.inputs,
            place=self._place(node, container),
            container=container,
            kubernetes=node.kubernetes,
            names=self._tree.names(node),
            caching=node.task.caching if node.task else {},
            imported=node.outputs,
        )

    def _place(self, node: Node, container: Mapping[str, Any]) -> Place:
        if node.kind is Kind.IMPORTER:
            return Place.IMPORT
        return placed(container, node.kubernetes, self._able.containers) or Place.PROCESS

    # The service and the disk

    def _tell_service(self) -> None:
        """A hint that there is news; the service would find it without."""
        if self._wake >= 0:
            with contextlib.suppress(OSError):
                os.write(self._wake, f"{self._run_id}\n".encode())

    def _give_up(self, error: OSError) -> int:
        """The disk does not take the run's events any more: end it, and say so if that can still be written."""
        reason = f"the run's events cannot be written: {error.strerror}"
        _complain(reason)
        self._pool.cancel()
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not self._pool.is_idle and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty, OSError):
                self._calls.get(timeout=0.1)()
        root = self._scheduler.root
        failure = Failure(code=Code.UNKNOWN, message=reason)
        try:
            for node in reversed(walk(root)):
                if not node.has_ended:
                    node.state, node.failure = State.FAILED, failure
                    self._journal.finished(node)
            self._journal.run_finished(root)
        except OSError as exc:
            _complain(f"nor can this: {exc.strerror}")
            return EXIT_DISK
        return 0


def _told() -> str:
    """What the service says on standard input, which is closed behind it: tasks could read it again."""
    close_to_others()
    text = sys.stdin.read()
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.close(nothing)
    return text


def _open_wake(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def _reserve(path: Path) -> Path:
    """Take some room on the disk, to be given back when there is none left to say so."""
    with contextlib.suppress(OSError), path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
    return path


def _python() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{timestamp()} {message}\n")
        sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Run the run of a directory; the exit code says when it could not even be tried."""
    os.umask(0o077)
    with contextlib.suppress(PermissionError):
        os.setsid()
    directory = RunDirectory(Path(arguments[0]).absolute())
    try:
        settings = RunnerSettings.from_text(_told())
        order, round_ = directory.read_order()
        claim = directory.claim(round_)
        if claim is None:
            _complain("the run has a process already")
            return EXIT_TAKEN
        return Runner(directory, order, settings).run()
    except (EngineError, OSError) as exc:
        _complain(str(exc))
        return EXIT_UNUSABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
