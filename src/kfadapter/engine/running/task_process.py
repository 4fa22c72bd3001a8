"""One attempt of a task: its environment, its process, its log, its outputs, and nothing left behind."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfadapter.engine.running.command_lines import command_words
from kfadapter.engine.running.commands import CompiledCommand, executor_module
from kfadapter.engine.running.environment_files import Hold
from kfadapter.engine.running.environments import Environment, EnvironmentSpec, EnvironmentStore
from kfadapter.engine.running.executor_io import (
    OutputsUnusable,
    executor_input,
    prepare_output_directories,
    read_outputs,
)
from kfadapter.engine.running.installers import SAFE_PATH, InstallCanceled, Installer
from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.journal import LogFile, Report, write_result
from kfadapter.engine.running.nodes import Code, Failure, State
from kfadapter.engine.running.processes import (
    RUN_MARKER,
    TASK_MARKER,
    Children,
    carries,
    group_lives,
    open_pidfd,
    signal_group,
)
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.engine.running.scheduler import Outcome
from kfadapter.engine.running.task_log import TaskLog
from kfadapter.engine.running.values import Placeholders, Values
from kfadapter.errors import EnvironmentFailed

GRACE_SECONDS = 10.0
GRACE_STEP_SECONDS = 0.02
DRAIN_SECONDS = 1.0
BLIND_SECONDS = 0.05
ARGUMENT_BYTES = 100 * 1024
ALL_ARGUMENTS_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
LONG_START = (
    "import json, os, runpy, sys; os.environ['_KFP_RUNTIME'] = 'true'; "
    "module, sys.argv = json.load(open(sys.argv[1])); "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)

Tell = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class AttemptOrder:
    """What an attempt is to do.

    Attributes:
        command: The component's command, taken apart.
        arguments: What follows it; both may hold placeholders.
        variables: The component's own environment variables, which may hold placeholders too.
        names: The task's plain placeholders.
        deadline_seconds: It is ended after so long; 0: no limit.
    """

    run_id: str
    task_id: str
    attempt: int
    component: Component
    inputs: Values
    command: CompiledCommand
    arguments: Sequence[str]
    variables: Mapping[str, str]
    names: Mapping[str, str]
    deadline_seconds: float = 0.0


class Attempt:
    """Runs an attempt, in a thread of its own; `cancel` may be called from any other.

    Args:
        tell: Takes events of the environment.
        started: Called when there is a process.
    """

    def __init__(
        self,
        order: AttemptOrder,
        directory: RunDirectory,
        settings: RunnerSettings,
        installer: Installer,
        *,
        tell: Tell,
        started: Callable[[], None],
    ) -> None:
        self._order = order
        self._directory = directory
        self._settings = settings
        self._installer = installer
        self._tell = tell
        self._started = started
        self._children: Children = installer.children
        self._path = directory.attempt(order.task_id, order.attempt)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_canceled = False

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
            log = TaskLog(self._path / "log.txt", self._settings.log_limit_bytes)
        except OSError as exc:
            return _failed(Code.UNKNOWN, f"the task's directory cannot be made: {exc.strerror}", Report())
        try:
            return self._run(log)
        except InstallCanceled:
            return self._canceled(log, Report())
        except EnvironmentFailed as exc:
            log.note(exc.output)
            return _failed(Code.UNKNOWN, str(exc), self._report(log))
        except OSError as exc:
            return _failed(Code.UNKNOWN, f"the task could not be run: {exc.strerror}", self._report(log))
        finally:
            remove_tree(self._path / "tmp")

    def _run(self, log: TaskLog) -> Outcome:
        environment, hold = self._held_environment(log)
        try:
            return self._run_in(environment, log)
        finally:
            hold.release()

    def _run_in(self, environment: Environment, log: TaskLog) -> Outcome:
        if self._is_canceled:
            return self._canceled(log, Report())
        given = executor_input(self._order.component, self._order.inputs, self._path)
        argv, variables = self._start(environment, given)
        process = self._children.spawn(
            argv,
            env=variables,
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._started()
        follower = _Follower(process, log, self._wake, self._order.deadline_seconds)
        try:
            reason = follower.follow()
        finally:
            usage = self._finish(process, follower)
        return self._outcome(log, given, reason, process.returncode, usage)

    # Before

    @property
    def _work(self) -> Path:
        return self._directory.task(self._order.task_id) / "work"

    def _make_directories(self) -> None:
        for path in (self._path / "tmp", self._work, self._directory.workspace):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        prepare_output_directories(self._path)

    def _held_environment(self, log: TaskLog) -> tuple[Environment, Hold]:
        """The task's environment, kept from being removed until the attempt has ended."""
        command = self._order.command
        spec = EnvironmentSpec(groups=command.groups, with_pip=command.installs_itself)
        place = self._directory.task(self._order.task_id) if command.installs_itself else self._settings.data_dir
        store = EnvironmentStore(place / "environments", self._installer)
        while True:
            environment = self._environment(store, spec, log)
            if hold := store.hold(environment):
                return environment, hold

    def _environment(self, store: EnvironmentStore, spec: EnvironmentSpec, log: TaskLog) -> Environment:
        if found := store.find(spec):
            return found
        facts = {"key": store.key(spec), "groups": spec.shown}
        self._tell("env.preparing", facts)
        log.note("Preparing the environment: " + "; ".join(" ".join(group) for group in spec.shown))
        try:
            environment = store.ensure(spec, lambda: self._is_canceled)
        except EnvironmentFailed as exc:
            self._tell("env.failed", {**facts, "message": exc.output})
            raise
        seconds = round(environment.seconds, 3)
        self._tell("env.ready", {**facts, "seconds": seconds, "reused": environment.reused})
        return environment

    def _start(self, environment: Environment, given: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
        placeholders = Placeholders(self._order.names, self._order.inputs, given)
        words = (*self._order.command.command, *self._order.arguments)
        argv = command_words(words, self._order.inputs, placeholders)
        variables = {name: str(placeholders.fill(value)) for name, value in self._order.variables.items()}
        if not argv:
            raise OSError(0, "its component has no command")
        if _is_too_long(argv):
            argv = self._long_start(environment, argv)
        return argv, self._task_environment(environment, variables)

    def _task_environment(self, environment: Environment, own: Mapping[str, str]) -> dict[str, str]:
        """Everything a task sees: nothing of the service but what it was told to pass on."""
        path = own.get("PATH") or self._settings.task_environment.get("PATH") or SAFE_PATH
        installing = self._installer_variables() if self._order.command.installs_itself else {}
        return {
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **installing,
            **self._settings.task_environment,
            **own,
            "HOME": str(self._work),
            "TMPDIR": str(self._path / "tmp"),
            "PATH": f"{environment.path / 'bin'}:{path}",
            "VIRTUAL_ENV": str(environment.path),
            RUN_MARKER: self._order.run_id,
            TASK_MARKER: self._order.task_id,
        }

    def _installer_variables(self) -> dict[str, str]:
        """Where packages come from, for a command that installs by itself; nothing that holds a credential."""
        given = self._settings.installer_environment.items()
        return {name: value for name, value in given if name not in ("PATH", "HOME", "TMPDIR") and "@" not in value}

    def _long_start(self, environment: Environment, argv: list[str]) -> list[str]:
        """Arguments beyond what the kernel takes go through a file; the executor is the same."""
        module = executor_module(argv[2]) if argv[:2] == ["sh", "-ec"] else None
        if module is None:
            return argv
        source, arguments = self._path / "tmp" / "ephemeral_component.py", self._path / "tmp" / "arguments.json"
        source.write_text(argv[3])
        whole = [module, "--component_module_path", str(source), *argv[4:]]
        arguments.write_text(json.dumps([module, whole]))
        return [str(environment.python), "-c", LONG_START, str(arguments)]

    # After

    def _finish(self, process: "subprocess.Popen[bytes]", follower: "_Follower") -> Any:
        """End what is left of the task, take the rest of its output, and reap it; its resource usage."""
        follower.grant_grace()
        signal_group(process.pid, signal.SIGKILL)
        self._children.sweep(lambda pid: carries(pid, {TASK_MARKER: self._order.task_id}))
        follower.drain()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self._children.release(process.pid)
        self._children.sweep(lambda pid: carries(pid, {TASK_MARKER: self._order.task_id}))
        return usage

    def _report(self, log: TaskLog, exit_code: int | None = None, usage: Any = None) -> Report:
        log.close()
        path = self._path / "log.txt"
        held = LogFile(path=self._directory.relative(path), bytes=path.stat().st_size, truncated=log.is_truncated)
        if usage is None:
            return Report(exit_code=exit_code, log=held)
        seconds = usage.ru_utime + usage.ru_stime
        return Report(exit_code=exit_code, log=held, cpu_seconds=seconds, max_rss_bytes=usage.ru_maxrss * 1024)

    def _outcome(self, log: TaskLog, given: Mapping[str, Any], reason: str, exit_code: int, usage: Any) -> Outcome:
        report = self._report(log, exit_code, usage)
        if reason == "timeout":
            limit = f"{self._order.deadline_seconds:g}"
            return _failed(Code.DEADLINE, f"the task was ended after its limit of {limit} seconds", report, reason)
        if exit_code != 0:
            if reason == "canceled":
                return self._canceled(log, report)
            return _failed(Code.UNKNOWN, _exit_message(exit_code, log), report)
        try:
            outputs = read_outputs(self._order.component, given)
            write_result(self._directory, self._order.task_id, outputs)
        except OutputsUnusable as exc:
            return _failed(Code.UNKNOWN, str(exc), report)
        return Outcome(state=State.SUCCEEDED, outputs=outputs, report=report)

    def _canceled(self, log: TaskLog, report: Report) -> Outcome:
        if report.log is None:
            report = self._report(log)
        return Outcome(state=State.CANCELED, report=report, reason="canceled", is_final=True)


class _Follower:
    """Watches a process: takes its output, ends it in time, and notices its end."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: TaskLog, wake: int, deadline_seconds: float) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._process = process
        self._log = log
        self._wake = wake
        self._pipe = process.stdout
        self._is_open = True
        self._end_at = time.monotonic() + deadline_seconds if deadline_seconds else None
        self._kill_at: float | None = None
        self._reason = ""
        os.set_blocking(self._pipe.fileno(), False)

    def follow(self) -> str:
        """Return once the process has ended (and waits to be reaped): why it was ended, or nothing."""
        pidfd = open_pidfd(self._process.pid)
        poll = select.poll()
        for descriptor in (self._pipe.fileno(), self._wake, *([pidfd] if pidfd is not None else [])):
            poll.register(descriptor, select.POLLIN)
        try:
            while not self._step(poll, pidfd):
                pass
        finally:
            if pidfd is not None:
                os.close(pidfd)
        return self._reason

    def grant_grace(self) -> None:
        """When it was asked to end and its first process has: give the others of its group the rest of their time."""
        while self._kill_at is not None and time.monotonic() < self._kill_at and group_lives(self._process.pid):
            ready, _, _ = select.select([self._pipe] if self._is_open else [], [], [], GRACE_STEP_SECONDS)
            if ready:
                self._read()

    def drain(self) -> None:
        """Take what is still in the pipe, once nobody writes to it any more."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._is_open and time.monotonic() < deadline:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
            if ready:
                self._read()
        self._pipe.close()

    def _step(self, poll: "select.poll", pidfd: int | None) -> bool:
        for descriptor, _ in poll.poll(self._patience(blind=pidfd is None)):
            if descriptor == pidfd:
                return True
            if descriptor == self._wake:
                poll.unregister(self._wake)
                self._ask_to_end("canceled")
            elif not self._read():
                poll.unregister(self._pipe)
        self._look_at_the_time()
        return pidfd is None and _has_ended(self._process.pid)

    def _read(self) -> bool:
        try:
            portion = os.read(self._pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return True
        self._is_open = bool(portion)
        self._log.write(portion)
        return self._is_open

    def _ask_to_end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._end_at = None
        self._kill_at = time.monotonic() + GRACE_SECONDS
        signal_group(self._process.pid, signal.SIGTERM)

    def _look_at_the_time(self) -> None:
        now = time.monotonic()
        if self._end_at is not None and now >= self._end_at:
            self._ask_to_end("timeout")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            signal_group(self._process.pid, signal.SIGKILL)

    def _patience(self, *, blind: bool) -> int | None:
        times = [moment for moment in (self._end_at, self._kill_at) if moment is not None]
        left = [max(0.0, min(times) - time.monotonic())] if times else []
        limits = [*left, BLIND_SECONDS] if blind else left
        return int(min(limits) * 1000) + 1 if limits else None


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _is_too_long(argv: Sequence[str]) -> bool:
    sizes = [len(word.encode(errors="replace")) for word in argv]
    return max(sizes) > ARGUMENT_BYTES or sum(sizes) > ALL_ARGUMENTS_BYTES


def _exit_message(exit_code: int, log: TaskLog) -> str:
    if exit_code < 0:
        with suppress(ValueError):
            return f"ended by {signal.Signals(-exit_code).name}: {log.last_lines()}".rstrip(": ")
    return f"exit code {exit_code}: {log.last_lines()}".rstrip(": ")


def _failed(code: int, message: str, report: Report, reason: str = "") -> Outcome:
    return Outcome(state=State.FAILED, failure=Failure(code=code, message=message), report=report, reason=reason)


def order_command(pipeline_container: Mapping[str, Any]) -> tuple[Sequence[str], dict[str, str]]:
    """The arguments and the environment variables of a container document."""
    variables = {str(one["name"]): str(one.get("value", "")) for one in pipeline_container.get("env") or ()}
    return [str(word) for word in pipeline_container.get("args") or ()], variables
