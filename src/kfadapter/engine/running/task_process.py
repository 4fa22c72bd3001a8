"""One attempt of a task: its result from an earlier one, or its process, log, outputs, and nothing left behind."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kfadapter.engine.running.attempt_order import AttemptOrder
from kfadapter.engine.running.cache import Origin
from kfadapter.engine.running.claims import ClaimRefused
from kfadapter.engine.running.containers import FAILED_BEFORE, ContainerRefused
from kfadapter.engine.running.copies import CopyCanceled
from kfadapter.engine.running.environment_files import Hold
from kfadapter.engine.running.environments import Environment, EnvironmentSpec, EnvironmentStore
from kfadapter.engine.running.executor_io import (
    OutputsUnusable,
    executor_input,
    prepare_output_directories,
    read_outputs,
)
from kfadapter.engine.running.failure_words import failure_message
from kfadapter.engine.running.fingerprints import Unidentified
from kfadapter.engine.running.gathering import Gathering
from kfadapter.engine.running.imports import ImportRefused, download
from kfadapter.engine.running.installers import InstallCanceled
from kfadapter.engine.running.journal import LogFile, Report, write_result
from kfadapter.engine.running.kubernetes import Granted, Unavailable
from kfadapter.engine.running.launches import Launch, Launching
from kfadapter.engine.running.leavings import remove_excess, with_limited_files
from kfadapter.engine.running.nodes import Code, Failure, State
from kfadapter.engine.running.placement import Place
from kfadapter.engine.running.process_follower import ProcessFollower
from kfadapter.engine.running.processes import TASK_MARKER, carries, signal_group
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.scheduler import Outcome
from kfadapter.engine.running.task_log import TaskLog
from kfadapter.engine.running.task_tools import TaskTools
from kfadapter.engine.running.values import Values
from kfadapter.errors import EnvironmentFailed


class Attempt:
    """Runs an attempt, in a thread of its own; `cancel` may be called from any other.

    Args:
        tools: What it works with.
        started: Called when there is a process.
    """

    def __init__(self, order: AttemptOrder, tools: TaskTools, *, started: Callable[[], None]) -> None:
        self._order = order
        self._tools = tools
        self._directory = tools.directory
        self._started = started
        self._path = tools.directory.attempt(order.task_id, order.attempt)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_canceled = False
        self._notes: list[str] = []

    def cancel(self) -> None:
        """End it: its processes are asked to end, and killed when they have not after ten seconds."""
        self._is_canceled = True
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Free what `cancel` needs; to be called once `run` has returned."""
        os.close(self._wake)

    def run(self) -> Outcome:
        """Run it to its end. Never raises what a task or a disk can cause: that is an outcome too."""
        try:
            self._make_directories()
            log = TaskLog(self._path / "log.txt", self._tools.settings.log_limit_bytes)
        except OSError as exc:
            return _failed(Code.UNKNOWN, f"the task's directory cannot be made: {exc.strerror}", Report())
        try:
            return self._run(log)
        except InstallCanceled:
            return self._canceled(log, Report())
        except EnvironmentFailed as exc:
            log.note(exc.output)
            return _failed(Code.UNKNOWN, str(exc), self._report(log))
        except (Unavailable, ContainerRefused, ClaimRefused, ImportRefused) as exc:
            return _failed(Code.UNSUPPORTED, str(exc), self._report(log), is_final=True)
        except OSError as exc:
            return _failed(Code.UNKNOWN, f"the task could not be run: {exc.strerror}", self._report(log))
        finally:
            remove_tree(self._path / "tmp")

    def _run(self, log: TaskLog) -> Outcome:
        if self._order.place is Place.CLAIM:
            return self._carry_out_claim(log)
        if self._order.place is Place.IMPORT:
            return self._import(log)
        granted = self._tools.grants.grant(self._order.kubernetes, self._order.facts, self._path / "volumes")
        self._tools.redaction.add(granted.secrets)
        log.cover(self._tools.redaction.words)
        key = self._result_key(granted)
        if key and (reused := self._reuse(key, log)):
            return reused
        outcome = self._execute(granted, log)
        if key and outcome.state is State.SUCCEEDED:
            self._keep(key, outcome.outputs)
        return outcome

    def _make_directories(self) -> None:
        for path in (self._path / "tmp", self._work, self._directory.workspace):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        prepare_output_directories(self._path)

    @property
    def _work(self) -> Path:
        return self._directory.task(self._order.task_id) / "work"

    def _carry_out_claim(self, log: TaskLog) -> Outcome:
        self._started()
        outputs = Values(parameters=self._tools.claims.carry_out(self._order.image, self._order.inputs.parameters))
        write_result(self._directory, self._order.task_id, outputs)
        return Outcome(state=State.SUCCEEDED, outputs=outputs, report=self._report(log))

    def _import(self, log: TaskLog) -> Outcome:
        self._started()
        place = self._directory.workspace / ".artifacts" / self._order.task_id
        try:
            outputs = download(self._order.imported, place, lambda: self._is_canceled)
        except CopyCanceled:
            return self._canceled(log, Report())
        return Outcome(state=State.SUCCEEDED, outputs=outputs, report=self._report(log))

    # Earlier results

    def _result_key(self, granted: Granted) -> str:
        """What the task's result is known by; empty when none may be used, or it is not to be known."""
        order, fingerprints = self._order, self._tools.fingerprints
        if self._tools.cache is None or not order.is_cached or granted.has_claims:
            return ""
        if custom := str(order.caching.get("cacheKey") or ""):
            return fingerprints.custom(custom, order.component)
        python = self._tools.settings.pythons.of(order.image)
        more = {"place": order.place.value, "python": python, "granted": granted.identity}
        try:
            return fingerprints.of(
                order.component, order.container, order.inputs, order.names, more, lambda: self._is_canceled
            )
        except Unidentified:
            return ""

    def _reuse(self, key: str, log: TaskLog) -> Outcome | None:
        found = self._tools.cache.find(key, self._path) if self._tools.cache else None
        if found is None:
            return None
        write_result(self._directory, self._order.task_id, found.outputs)
        origin = found.origin
        log.note(f"Not run: the result of task {origin.task_id} of run {origin.run_id} is used again.")
        return Outcome(state=State.SUCCEEDED, outputs=found.outputs, report=self._report(log, cached=True))

    def _keep(self, key: str, outputs: Values) -> None:
        """A result that cannot be kept is a loss for later runs, and none for this one."""
        origin = Origin(run_id=self._order.run_id, task_id=self._order.task_id)
        if self._tools.cache:
            with suppress(OSError):
                self._tools.cache.keep(key, outputs, self._path, origin)

    # Running it

    def _execute(self, granted: Granted, log: TaskLog) -> Outcome:
        if self._order.place is not Place.PROCESS:
            return self._execute_in(None, granted, log)
        environment, hold = self._held_environment(log)
        try:
            return self._execute_in(environment, granted, log)
        finally:
            hold.release()

    def _execute_in(self, environment: Environment | None, granted: Granted, log: TaskLog) -> Outcome:
        if self._is_canceled:
            return self._canceled(log, Report())
        given = executor_input(self._order.component, self._order.inputs, self._path)
        launch = self._launch(environment, given, granted)
        self._note_place(log)
        process = self._spawn(launch)
        self._started()
        follower = ProcessFollower(
            process,
            log,
            self._wake,
            deadline_seconds=self._order.deadline_seconds,
            grace_seconds=self._tools.settings.grace_seconds,
        )
        try:
            reason = follower.follow()
        finally:
            usage = self._finish(process, follower, launch, log)
        return self._outcome(log, given, reason, process.returncode, usage)

    def _launch(self, environment: Environment | None, given: Mapping[str, Any], granted: Granted) -> Launch:
        launching = Launching(self._order, self._directory, self._tools.settings, given, granted)
        if self._order.place is Place.CONTAINER and self._tools.program:
            return launching.container(self._tools.program)
        return launching.process(environment)

    def _spawn(self, launch: Launch) -> "subprocess.Popen[bytes]":
        limit_bytes = self._tools.settings.output_limit_bytes
        try:
            return self._tools.children.spawn(
                with_limited_files(launch.argv, limit_bytes, search_path=launch.variables.get("PATH"), cwd=self._work),
                env=dict(launch.variables),
                cwd=self._work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError as exc:
            raise OSError(exc.errno, f"there is no program {launch.argv[0]!r}") from exc

    def _note_place(self, log: TaskLog) -> None:
        """Say where it runs when that is not where its author meant it to."""
        if self._order.place is Place.HOST:
            self._notes.append(f"its command ran on the engine's machine itself, without its image {self._order.image}")
            log.note(f"WARNING: run on the engine's machine itself, WITHOUT its image {self._order.image}")

    def _held_environment(self, log: TaskLog) -> tuple[Environment, Hold]:
        """The task's environment, kept from being removed until the attempt has ended."""
        command = self._order.command
        interpreter = self._tools.settings.pythons.of(self._order.image)
        spec = EnvironmentSpec(groups=command.groups, with_pip=command.installs_itself, interpreter=interpreter)
        own = self._directory.task(self._order.task_id)
        place = own if command.installs_itself else self._tools.settings.data_dir
        store = EnvironmentStore(place / "environments", self._tools.installer)
        while True:
            environment = self._environment(store, spec, log)
            if hold := store.hold(environment):
                return environment, hold

    def _environment(self, store: EnvironmentStore, spec: EnvironmentSpec, log: TaskLog) -> Environment:
        if found := store.find(spec):
            return found
        facts = {"key": store.key(spec), "groups": spec.shown}
        self._tools.tell("env.preparing", facts)
        log.note("Preparing the environment: " + "; ".join(" ".join(group) for group in spec.shown))
        try:
            environment = store.ensure(spec, lambda: self._is_canceled)
        except EnvironmentFailed as exc:
            self._tools.tell("env.failed", {**facts, "message": exc.output})
            raise
        seconds = round(environment.seconds, 3)
        self._tools.tell("env.ready", {**facts, "seconds": seconds, "reused": environment.reused})
        return environment

    # After

    def _finish(
        self, process: "subprocess.Popen[bytes]", follower: ProcessFollower, launch: Launch, log: TaskLog
    ) -> Any:
        """End what is left of the task, take the rest of its output, and reap it; its resource usage."""
        children = self._tools.children
        follower.grant_grace()
        signal_group(process.pid, signal.SIGKILL)
        children.sweep(lambda pid: carries(pid, {TASK_MARKER: self._order.task_id}))
        follower.drain()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        children.release(process.pid)
        children.sweep(lambda pid: carries(pid, {TASK_MARKER: self._order.task_id}))
        if not launch.container:
            return usage
        if follower.was_ended or process.returncode < 0 or process.returncode == FAILED_BEFORE:
            self._remove_container(launch.container, log)
        return None  # the usage is that of the program, not of the container

    def _remove_container(self, name: str, log: TaskLog) -> None:
        """A container whose program was ended, or failed, may be left; any other the program has removed."""
        said = self._tools.program.remove(name) if self._tools.program else ""
        if said:
            log.note(f"The container {name} could not be removed and may be left: {said}")

    def _report(self, log: TaskLog, exit_code: int | None = None, usage: Any = None, *, cached: bool = False) -> Report:
        size, path = log.close(), self._path / "log.txt"
        held = LogFile(path=self._directory.relative(path), bytes=size, truncated=log.is_truncated)
        notes = tuple(self._notes)
        if usage is None:
            return Report(exit_code=exit_code, log=held, cached=cached, notes=notes)
        seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        return Report(exit_code=exit_code, log=held, cpu_seconds=seconds, max_rss_bytes=memory, notes=notes)

    def _outcome(self, log: TaskLog, given: Mapping[str, Any], reason: str, exit_code: int, usage: Any) -> Outcome:
        excess = remove_excess(self._path, self._work, self._tools.settings.output_limit_bytes)
        self._notes += [excess] if excess else []
        report = self._report(log, exit_code, usage)
        if reason == "timeout":
            limit = f"{self._order.deadline_seconds:g}"
            return _failed(Code.DEADLINE, f"the task was ended after its limit of {limit} seconds", report, reason)
        if exit_code != 0:
            if reason == "canceled":
                return self._canceled(log, report)
            return _failed(Code.UNKNOWN, self._exit_message(exit_code, log), report)
        if excess:
            return _failed(Code.UNKNOWN, excess, report)
        try:
            outputs = read_outputs(self._order.component, given, self._gathering.gather)
            write_result(self._directory, self._order.task_id, outputs)
        except OutputsUnusable as exc:
            return _failed(Code.UNKNOWN, str(exc), report)
        except CopyCanceled:
            return self._canceled(log, report)
        return Outcome(state=State.SUCCEEDED, outputs=outputs, report=report)

    @property
    def _gathering(self) -> Gathering:
        return Gathering(
            work=self._work,
            within=self._directory.shared if self._order.place is Place.CONTAINER else (),
            limit_bytes=self._tools.settings.output_limit_bytes,
            canceled=lambda: self._is_canceled,
        )

    def _exit_message(self, exit_code: int, log: TaskLog) -> str:
        how = f"exit code {exit_code}"
        if exit_code < 0:
            with suppress(ValueError):
                how = f"ended by {signal.Signals(-exit_code).name}"
        elif exit_code == FAILED_BEFORE and self._order.place is Place.CONTAINER and self._tools.program:
            how = f"{self._tools.program.name} could not run the container"
        return failure_message(log.last(), how)

    def _canceled(self, log: TaskLog, report: Report) -> Outcome:
        if report.log is None:
            report = self._report(log)
        return Outcome(state=State.CANCELED, report=report, reason="canceled", is_final=True)


def _failed(code: int, message: str, report: Report, reason: str = "", *, is_final: bool = False) -> Outcome:
    failure = Failure(code=code, message=message)
    return Outcome(state=State.FAILED, failure=failure, report=report, reason=reason, is_final=is_final)
