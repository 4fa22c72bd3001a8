"""A run that the supervisor has under its eyes."""

import asyncio

from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_process import RunnerProcess


class ActiveRun:
    """A run that has a process, or is about to."""

    def __init__(self, run_id: str, directory: RunDirectory) -> None:
        self.run_id = run_id
        self.directory = directory
        self.news = asyncio.Event()
        self.done = asyncio.Event()
        self.process: RunnerProcess | None = None
        self.is_forgotten = False
