"""Builds the environments of a pipeline ahead of its first run."""

import queue
import threading
from collections.abc import Mapping
from typing import Any

import structlog

from kfadapter.engine.running.commands import is_lightweight, strip_prelude
from kfadapter.engine.running.environments import EnvironmentSpec, EnvironmentStore
from kfadapter.engine.running.installers import InstallCanceled
from kfadapter.engine.running.interpreters import Interpreters
from kfadapter.engine.running.ir import Pipeline
from kfadapter.errors import EnvironmentFailed

log = structlog.get_logger()


class Preparation:
    """A list of environments to build, worked off by one thread at a time."""

    def __init__(self, store: EnvironmentStore, interpreters: Interpreters) -> None:
        self._store = store
        self._interpreters = interpreters
        self._wanted: queue.SimpleQueue[EnvironmentSpec] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._is_stopped = threading.Event()

    def ask(self, pipeline_spec: Mapping[str, Any]) -> None:
        """Note the environments that a pipeline's tasks ask for and that are not there."""
        for spec in dict.fromkeys(environment_specs(pipeline_spec, self._interpreters)):
            if self._store.find(spec) is None:
                self._wanted.put(spec)

    def work(self) -> None:
        """Build what is noted. Returns at once when another thread does."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            while not self._is_stopped.is_set() and not self._wanted.empty():
                self._build(self._wanted.get())
        finally:
            self._turn.release()

    def stop(self) -> None:
        """Build nothing more; an installer that runs is ended."""
        self._is_stopped.set()

    def _build(self, spec: EnvironmentSpec) -> None:
        try:
            environment = self._store.ensure(spec, self._is_stopped.is_set)
        except EnvironmentFailed as exc:
            log.warning("environment not prepared", action="environment_failed", groups=spec.shown, reason=exc.output)
        except InstallCanceled:
            return
        else:
            log.info("environment prepared", action="environment_prepared", key=environment.key, groups=spec.shown)


def environment_specs(pipeline_spec: Mapping[str, Any], interpreters: Interpreters) -> list[EnvironmentSpec]:
    """The environments of a pipeline's executors."""
    pipeline = Pipeline(pipeline_spec)
    executors = (pipeline_spec.get("deploymentSpec") or {}).get("executors") or {}
    containers = [pipeline.executor(label).get("container") or {} for label in executors]
    return [spec for container in containers if (spec := _environment_spec(container, interpreters))]


def _environment_spec(container: Mapping[str, Any], interpreters: Interpreters) -> EnvironmentSpec | None:
    """What a Python component needs; None for anything else, and for a command that installs by itself."""
    words = [str(word) for word in container.get("command") or ()]
    command = strip_prelude(words) if is_lightweight(words) else None
    if command is None or command.installs_itself:
        return None
    return EnvironmentSpec(groups=command.groups, interpreter=interpreters.of(str(container.get("image", ""))))
