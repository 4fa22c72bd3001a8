"""Starts what the story needs, has it played, and cleans up, however it ends."""

import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from kfadapter.cli.demo.adapter_process import AdapterProcess
from kfadapter.cli.demo.stage import Stage
from kfadapter.cli.demo.story import STEPS, DemoFailed, Story
from kfadapter.cli.demo.suggestions import suggestions
from kfadapter.cli.exits import COMMAND_FAILED
from kfadapter.cli.following import END_STATES
from kfadapter.cli.http import Adapter, AdapterFailed
from kfadapter.cli.times import duration
from kfadapter.errors import KFAdapterError
from kfadapter.testing.training_manager import FakeTrainingManager

EXIT_INTERRUPTED = 130
GRACE_SECONDS = 1.0
POLL_SECONDS = 0.2
KEEP_LOOK_SECONDS = 0.5
END_RUNS_SECONDS = 15.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(*, keep: bool, data_dir: Path | None, is_plain: bool) -> int:
    """Play the demo.

    Args:
        keep: Leave everything running at the end, until a signal.
        data_dir: Where the data is kept; None: in a temporary directory that is removed.
        is_plain: No colours and no live display.

    Returns:
        The exit code: 0 when every claim of the story held, 1 when not, 130 when it was interrupted.
    """
    stage = Stage(is_plain=is_plain, steps=STEPS)
    stage.title(
        "kfadapter demo: a training job, from the upload of its pipeline to the notification",
        "Everything runs on this machine and for real: the adapter, its engine, the tasks, a small Training Manager.",
    )
    with _stopped_by_signals():
        try:
            with _directory(data_dir) as directory:
                code = _Demo(stage, directory, keep=keep).run()
            stage.say(f"The data is kept in {data_dir}." if data_dir else "Everything is ended and removed.", "dim")
            return code
        except KeyboardInterrupt:
            stage.space()
            stage.say("Interrupted. Everything that was started has been ended.")
            return EXIT_INTERRUPTED


class _Demo:
    """One performance."""

    def __init__(self, stage: Stage, directory: Path, *, keep: bool) -> None:
        self._stage = stage
        self._keep = keep
        self._directory = directory
        self._training_manager = FakeTrainingManager()
        self._engine_port = _free_port() if keep else 0
        self._began = time.monotonic()

    def run(self) -> int:
        """Play, and clean up. The exit code."""
        try:
            with self._training_manager:
                return self._play(AdapterProcess(self._directory, self._settings()))
        finally:
            _ignore_signals()

    def _play(self, process: AdapterProcess) -> int:
        adapter: Adapter | None = None
        try:
            adapter = self._start(process)
            story = Story(self._stage, adapter, self._training_manager, process.check)
            story.play()
            self._stage.say(f"All of it took {duration(time.monotonic() - self._began)}.")
            return self._linger(process, story.run_id) if self._keep else 0
        except KFAdapterError as exc:
            self._stage.problem(str(exc), process.log_tail())
            return COMMAND_FAILED
        finally:
            _ignore_signals()
            if adapter is not None:
                end_runs(adapter)
                adapter.close()
            process.stop()

    def _start(self, process: AdapterProcess) -> Adapter:
        self._stage.step(
            "The adapter and a Training Manager start",
            "Beside a real Kubeflow the adapter needs only its address; without one it brings a small engine of its "
            "own that speaks the same API, so no cluster is needed.",
        )
        began = time.monotonic()
        process.start()
        took = duration(time.monotonic() - began)
        self._stage.facts(
            [
                ("adapter", f"{process.url}  (process {process.pid}, ready after {took})"),
                ("Training Manager", self._training_manager.url),
            ]
        )
        return Adapter(process.url)

    def _settings(self) -> dict[str, str]:
        return {
            "KFADAPTER_TRAINING_MANAGER_URL": self._training_manager.url,
            "KFADAPTER_NOTIFY_GRACE_SECONDS": str(GRACE_SECONDS),
            "KFADAPTER_POLL_SECONDS": str(POLL_SECONDS),
            "KFADAPTER_ENGINE_PORT": str(self._engine_port),
        }

    def _linger(self, process: AdapterProcess, run_id: str) -> int:
        """Leave it running until a signal; the story has been told, so that is no failure."""
        engine_url = f"http://127.0.0.1:{self._engine_port}"
        for line in suggestions(process.url, engine_url, run_id):
            self._stage.line(line)
        try:
            while True:
                process.check()
                time.sleep(KEEP_LOOK_SECONDS)
        except KeyboardInterrupt:
            self._stage.space()
            self._stage.say("Ending everything.")
            return 0


def end_runs(adapter: Adapter) -> None:
    """Terminate the runs that have not ended, and wait for it: they would outlive the service."""
    deadline = time.monotonic() + END_RUNS_SECONDS
    while time.monotonic() < deadline:
        try:
            runs, _ = adapter.fetch("GET", "/runs")
            active = [one for one in runs.values() if one["run_status"] not in END_STATES]
            if not active:
                return
            for one in active:
                if one["run_status"] != "CANCELING":
                    adapter.send("POST", f"/v1/runs/{one['run_id']}:terminate")
        except AdapterFailed:
            return  # the service is gone, or cannot; what is left is ended by its processes
        time.sleep(KEEP_LOOK_SECONDS / 5)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    """The directory of the data: the given one, or one that is gone afterwards."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="kfadapter-demo-", ignore_cleanup_errors=True) as made:
            yield Path(made)
        return
    try:
        given.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DemoFailed(f"the directory {given} cannot be used: {exc.strerror}") from exc
    yield given.absolute()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Every signal that asks to stop ends the story as Ctrl-C does."""
    before = {number: signal.signal(number, _interrupt) for number in STOPPING}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    """Cleaning up takes seconds at most, and is not to be interrupted."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
