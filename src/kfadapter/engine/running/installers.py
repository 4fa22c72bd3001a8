"""The programs that fill a task environment: uv where it is found, else the interpreter's own venv and pip.

They get the installer's variables and nothing else, in a process group of their own; what they print is kept short and
free of credentials.
"""

import contextlib
import math
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfadapter.engine.running.processes import Children, signal_group
from kfadapter.errors import EngineError

OUTPUT_BYTES = 8 * 1024
CHECK_SECONDS = 0.1
SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
PATIENCE = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "2", "PIP_DEFAULT_TIMEOUT": "15", "PIP_RETRIES": "2"}
"""An index that does not answer is given up after a minute or two, by uv and then by pip, unless variables say else."""
PIP_NAMES_FOR_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}


class InstallFailed(EngineError):
    """An installer ended with an error, or could not be started; the message is its last lines."""


class InstallCanceled(EngineError):
    """An installer was ended because nobody waits for it any more."""


def without_credentials(text: str) -> str:
    """A text with the user part of every address in it masked."""
    return CREDENTIALS.sub("****", text)


@dataclass(frozen=True, kw_only=True)
class Installer:
    """Makes an environment and fills it.

    Attributes:
        interpreter: The Python that environments are made with.
        cache: Where packages are kept between installs.
        variables: The installer's own environment.
        children: Who starts processes and knows them.
        markers: Variables that tell whose process it is.
        limit_seconds: A whole build may take so long; 0: no limit.
        use_uv: False: never look for uv.
    """

    interpreter: str
    cache: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    children: Children = field(default_factory=Children)
    markers: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: float = 0.0
    use_uv: bool = True

    def make(self, directory: Path, run: "InstallerRun", interpreter: str = "") -> None:
        """Make an empty environment.

        Args:
            interpreter: The Python it is made with; empty: the usual one.

        Raises:
            InstallFailed: It cannot be made.
            InstallCanceled: The run was canceled.
        """
        python = interpreter or self.interpreter
        if uv := self.uv():
            run(self, [uv, "venv", "--quiet", "--no-project", "--python", python, str(directory)])
        else:
            run(self, [python, "-m", "venv", "--without-pip", str(directory)])

    def install(self, directory: Path, requirements: Sequence[str], run: "InstallerRun") -> None:
        """Install one group of requirements into an environment.

        When uv fails pip has a try: it reads its own configuration files, and its rules are what the pipeline's
        author used.

        Raises:
            InstallFailed: It cannot be installed.
            InstallCanceled: The run was canceled.
        """
        if uv := self.uv():
            try:
                return run(self, _uv_install(uv, directory, requirements))
            except InstallFailed:
                pass
        return run(self, _pip_install(self.interpreter, directory, requirements))

    def add_pip(self, directory: Path, run: "InstallerRun") -> None:
        """Put a pip into an environment, for commands that install by themselves.

        Raises:
            InstallFailed: It cannot be made.
            InstallCanceled: The run was canceled.
        """
        run(self, [str(directory / "bin" / "python"), "-m", "ensurepip", "--default-pip"])

    def uv(self) -> str | None:
        """The uv that belongs to the interpreter, or the one on the installer's PATH."""
        if not self.use_uv:
            return None
        places = [os.path.dirname(self.interpreter), *self.variables.get("PATH", SAFE_PATH).split(":")]
        found = (os.path.join(place, "uv") for place in places if place)
        return next((path for path in found if os.access(path, os.X_OK) and os.path.isfile(path)), None)

    def environment(self) -> dict[str, str]:
        """The variables an installer sees."""
        given = dict(self.variables)
        translated = {uv: given[pip] for pip, uv in PIP_NAMES_FOR_UV.items() if pip in given and uv not in given}
        caches = {"UV_CACHE_DIR": str(self.cache / "uv"), "PIP_CACHE_DIR": str(self.cache / "pip")}
        fixed = {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}
        found = {"PATH": SAFE_PATH, "HOME": str(self.cache)} | PATIENCE | caches
        return found | translated | given | fixed | dict(self.markers)


def _uv_install(uv: str, directory: Path, requirements: Sequence[str]) -> list[str]:
    target = ["--python", str(directory / "bin" / "python")]
    return [uv, "pip", "install", "--quiet", *target, "--index-strategy", "unsafe-best-match", *requirements]


def _pip_install(interpreter: str, directory: Path, requirements: Sequence[str]) -> list[str]:
    target = ["--python", str(directory / "bin" / "python")]
    quiet = ["--quiet", "--no-warn-script-location", "--disable-pip-version-check"]
    return [interpreter, "-m", "pip", *target, "install", *quiet, *requirements]


class InstallerRun:
    """One build: its installers, one after the other, and the way to end it early.

    Args:
        locks: Descriptors that installers keep open, so that locks outlive their starter's sudden end.
        canceled: Whether nobody waits any more; asked every tenth of a second.
        limit_seconds: For all installers together, from now on; 0: no limit.
    """

    def __init__(self, locks: Sequence[int], canceled: Callable[[], bool], limit_seconds: float = 0.0) -> None:
        self._locks = tuple(locks)
        self._canceled = canceled
        self._limit_seconds = limit_seconds
        self._end_at = time.monotonic() + limit_seconds if limit_seconds else math.inf

    def __call__(self, installer: Installer, argv: Sequence[str]) -> None:
        try:
            process = installer.children.spawn(argv, **self._options(installer))
        except OSError as exc:
            raise InstallFailed(f"{argv[0]} cannot be started: {exc.strerror}") from exc
        try:
            output = self._wait(process)
        finally:
            installer.children.release(process.pid)
        if process.returncode != 0:
            name = os.path.basename(argv[0])
            raise InstallFailed(without_credentials(output).strip() or f"{name} ended with {process.returncode}")

    def _options(self, installer: Installer) -> dict[str, Any]:
        return {
            "env": installer.environment(),
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "pass_fds": self._locks,
            "cwd": str(installer.cache),
        }

    def _wait(self, process: "subprocess.Popen[bytes]") -> str:
        output = b""
        with process, selectors.DefaultSelector() as selector:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if self._canceled():
                    signal_group(process.pid, signal.SIGKILL)
                    raise InstallCanceled("the installation was canceled")
                if time.monotonic() >= self._end_at:
                    signal_group(process.pid, signal.SIGKILL)
                    words = without_credentials(output.decode(errors="replace")).strip()
                    raise InstallFailed(f"not done after {self._limit_seconds:g} seconds\n{words}".strip())
                if not selector.select(CHECK_SECONDS):
                    continue
                portion = os.read(process.stdout.fileno(), 65536)
                if not portion:
                    break
                output = (output + portion)[-OUTPUT_BYTES:]
        return output.decode(errors="replace")


def interpreter_identity(interpreter: str = sys.executable) -> str:
    """What tells one Python from another: its version, or when it was installed, and where its real file is."""
    place = os.path.realpath(interpreter)
    if place == os.path.realpath(sys.executable):
        return f"{sys.implementation.cache_tag} {sys.version} {place}"
    with contextlib.suppress(OSError):
        return f"{os.stat(place).st_mtime_ns} {place}"
    return place
