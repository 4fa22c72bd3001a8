"""Task environments: made once for a set of requirements, kept, and shared by every task that asks for the same.

An environment is there when its `.ok` file is, which is written last. A lock file keeps two builders of one environment
apart; the kernel frees it when its holder ends. `environment_files` tells the rest.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kfadapter.engine.running.environment_files import CACHE_LOCK, MARKER, Hold, hold, locked
from kfadapter.engine.running.installers import (
    InstallCanceled,
    Installer,
    InstallerRun,
    InstallFailed,
    interpreter_identity,
    without_credentials,
)
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.run_directory import write_whole
from kfadapter.errors import EnvironmentFailed

KEY_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """What an environment holds.

    Attributes:
        groups: The arguments of each install, in order.
        with_pip: It has a pip of its own, for commands that install by themselves.
    """

    groups: tuple[tuple[str, ...], ...]
    with_pip: bool = False

    def key(self, identity: str) -> str:
        """The environment's name: the same for the same interpreter and the same ordered requirements."""
        what = [identity, self.groups, self.with_pip]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:KEY_CHARACTERS]

    @property
    def shown(self) -> list[list[str]]:
        """The groups as people may see them."""
        return [[without_credentials(word) for word in group] for group in self.groups]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment that is ready.

    Attributes:
        key: Its name.
        path: Its directory.
        seconds: How long getting it took, waiting for another builder included.
        reused: It was there before.
    """

    key: str
    path: Path
    seconds: float
    reused: bool

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"


class EnvironmentStore:
    """The environments below one directory."""

    def __init__(self, directory: Path, installer: Installer) -> None:
        self._directory = directory
        self._installer = installer
        self._identity = interpreter_identity(installer.interpreter)

    def key(self, spec: EnvironmentSpec) -> str:
        return spec.key(self._identity)

    def find(self, spec: EnvironmentSpec) -> Environment | None:
        """An environment that is there, marked as used now; None when it has to be built."""
        key = self.key(spec)
        path = self._directory / key
        try:
            os.utime(path / MARKER)
        except OSError:
            return None
        return Environment(key=key, path=path, seconds=0.0, reused=True)

    def hold(self, environment: Environment) -> Hold | None:
        """Keep an environment as long as a task needs it; None when it has been removed meanwhile."""
        return hold(environment.path)

    def ensure(self, spec: EnvironmentSpec, canceled: Callable[[], bool] = lambda: False) -> Environment:
        """An environment, built when it is not there. Waits while another builds it.

        Raises:
            EnvironmentFailed: It cannot be built; carries the installer's last lines.
            InstallCanceled: `canceled` said so.
        """
        begin = time.monotonic()
        if found := self.find(spec):
            return found
        try:
            reused = self._ensure(spec, canceled)
        except OSError as exc:
            raise EnvironmentFailed(_words(spec), f"{exc.strerror}: {exc.filename}") from exc
        key = self.key(spec)
        return Environment(key=key, path=self._directory / key, seconds=time.monotonic() - begin, reused=reused)

    def _ensure(self, spec: EnvironmentSpec, canceled: Callable[[], bool]) -> bool:
        """Build an environment, unless another has done it by now: whether it was there."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (
            locked(self._directory / f"{self.key(spec)}.lock", give_up=canceled) as lock,
            locked(self._directory / CACHE_LOCK, shared=True, give_up=canceled) as cache_lock,
        ):
            if lock is None or cache_lock is None:
                raise InstallCanceled("nobody waits for the environment any more")
            if self.find(spec) is not None:
                return True
            self._installer.cache.mkdir(parents=True, exist_ok=True)
            self._build(spec, InstallerRun((lock, cache_lock), canceled))
            return False

    def _build(self, spec: EnvironmentSpec, run: InstallerRun) -> None:
        path = self._directory / self.key(spec)
        remove_tree(path)
        try:
            self._installer.make(path, run)
            if spec.with_pip:
                self._installer.add_pip(path, run)
            for group in spec.groups:
                self._installer.install(path, group, run)
            write_whole(path / MARKER, {"groups": spec.shown, "python": self._identity})
        except InstallFailed as exc:
            remove_tree(path)
            raise EnvironmentFailed(_words(spec), str(exc)) from exc
        except (InstallCanceled, OSError):
            remove_tree(path)
            raise


def _words(spec: EnvironmentSpec) -> Sequence[str]:
    return [word for group in spec.shown for word in group]
