"""When the result of one task is the result of another: what goes into the key of a task's result.

After KFP's driver: pipeline, image, command, arguments, variables, inputs and declared outputs; and, since a key
must never give a wrong result, what only this run has (its id, its times) where the component's author asks for it.
Artifacts count by what they are: their content when they are on this machine, else their URI.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.local_paths import local_path
from kfadapter.engine.running.values import Artifact, Placeholders, Values

VERSION = 1
READ_BYTES = 1024 * 1024


class Unidentified(Exception):
    """A task that has no identity: an input cannot be read, or nobody waits for it any more."""


class Fingerprints:
    """Makes the keys of results.

    Args:
        scope: Results are shared among the runs of one pipeline, as on a cluster: its id, or its name when it was
            never uploaded.
        runs: Where the runs' directories are: artifacts in there are told from each other by their content alone.
    """

    def __init__(self, scope: str, runs: Path) -> None:
        self._scope = scope
        self._runs = runs

    def custom(self, key: str, component: Component) -> str:
        """The key that a pipeline's author chose; among components that declare the same outputs."""
        return _digest(["custom", key, self._scope, component.document.get("outputDefinitions")])

    def of(
        self,
        component: Component,
        container: Mapping[str, Any],
        inputs: Values,
        names: Mapping[str, str],
        more: Mapping[str, Any],
        canceled: Callable[[], bool] = lambda: False,
    ) -> str:
        """The key of a task.

        Args:
            container: The document of its executor.
            names: The task's plain placeholders, filled in where the container's document has them.
            more: Whatever else makes a difference.
            canceled: Whether nobody waits for it any more; asked while files are read.

        Raises:
            Unidentified: It has no identity.
        """
        filled = Placeholders(names, Values())
        what = {
            "version": VERSION,
            "scope": self._scope,
            "image": container.get("image"),
            "command": filled.fill(list(container.get("command") or ())),
            "arguments": filled.fill(list(container.get("args") or ())),
            "variables": filled.fill(list(container.get("env") or ())),
            "parameters": dict(inputs.parameters),
            "artifacts": {
                name: [self._artifact(one, canceled) for one in held] for name, held in inputs.artifacts.items()
            },
            "outputs": component.document.get("outputDefinitions"),
            "more": more,
        }
        return _digest(what)

    def _artifact(self, artifact: Artifact, canceled: Callable[[], bool]) -> list[Any]:
        uri = str(artifact.get("uri") or "")
        path = local_path(uri)
        about = [artifact.get("name"), artifact.get("type"), artifact.get("metadata")]
        if path is None:
            return [*about, uri]
        if not path.is_relative_to(self._runs):
            return [*about, uri, _content(path, canceled)]
        inside = path.relative_to(self._runs).parts  # RUN/tasks/TASK/attempt-N/outputs/…
        return [*about, inside[4:], _content(path, canceled)]


def _content(path: Path, canceled: Callable[[], bool]) -> Any:
    """What a file or a directory holds, as a digest."""
    try:
        if not path.is_dir():
            return _file(path, canceled)
        found = [(directory, name) for directory, _, files in os.walk(path) for name in files]
        return {
            os.path.relpath(os.path.join(directory, name), path): _file(Path(directory, name), canceled)
            for directory, name in sorted(found)
        }
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Unidentified(f"{path}: {exc.strerror}") from exc


def _file(path: Path, canceled: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", opener=_regular) as file:
        while portion := file.read(READ_BYTES):
            if canceled():
                raise Unidentified("nobody waits for it any more")
            digest.update(portion)
    return digest.hexdigest()


def _regular(path: str, flags: int) -> int:
    """Open a file, unless it is a pipe or a device: reading that might never end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unidentified(f"{path} is no file")
    return descriptor


def _digest(what: Any) -> str:
    try:
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    except (TypeError, ValueError, UnicodeEncodeError) as exc:
        raise Unidentified(str(exc)) from exc
