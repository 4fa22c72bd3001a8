"""The engine's data directory: taken by one service at a time, with a pipe by which runs say that they have news."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.errors import EngineError
from kfadapter.lock import exclusive

HINT_BYTES = 65536

log = structlog.get_logger()


@contextlib.contextmanager
def take_data_directory(settings: RunnerSettings) -> Iterator[None]:
    """Make the directory where it is missing, and keep other services away from it.

    Raises:
        EngineError: It cannot be written, or another engine works on it.
    """
    place = settings.data_dir
    with contextlib.ExitStack() as stack:
        try:
            for path in (place, place / "runs", settings.slots, settings.environments):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(exclusive(place / "engine.lock"))
        except BlockingIOError as exc:
            raise EngineError(f"another engine works on the data directory {place}") from exc
        except OSError as exc:
            raise EngineError(f"the data directory {place} cannot be used: {exc.strerror}") from exc
        yield


@contextlib.contextmanager
def listen_for_hints(path: Path, take: Callable[[str], None]) -> Iterator[bool]:
    """Take the ids of runs that have news from a FIFO; False where there cannot be one."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        log.warning("no hints from runs", action="no_hints", reason=str(exc))
        yield False
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, _take_hints, descriptor, take)
    try:
        yield True
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _take_hints(descriptor: int, take: Callable[[str], None]) -> None:
    with contextlib.suppress(BlockingIOError):
        for run_id in set(os.read(descriptor, HINT_BYTES).decode(errors="replace").splitlines()):
            take(run_id)
