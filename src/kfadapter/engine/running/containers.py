"""Containers by the command line of Docker or Podman, which take the same words for what is needed here.

The run's directory is seen at the same path inside, so every path that a task is told is right. Values of variables
travel in the program's own environment, not on its command line, where every user of the machine could read them.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kfadapter.engine.running.kubernetes import Mount
from kfadapter.engine.running.processes import Children
from kfadapter.errors import EngineError

RUN_LABEL = "kfadapter.run-id"
TASK_LABEL = "kfadapter.task-id"
NAME_PREFIX = "kfadapter-"
ANSWER_SECONDS = 15.0
"""The program may take so long to remove a container: with a task's ten seconds to end, the run's process is not given
more than thirty."""
FAILED_BEFORE = 125
"""The exit code of the program itself: no daemon, no image, a word it does not know."""
LAST_BYTES = 2000
STEERING = re.compile(r"(PATH|HOME|TMPDIR|KUBECONFIG|REGISTRY_AUTH_FILE|(DOCKER|CONTAINER|PODMAN|BUILDAH|XDG|LD)\w*)")
PULL = {"Always": "always", "Never": "never", "IfNotPresent": "missing"}


class ContainerRefused(EngineError):
    """A container cannot be run as it is asked for; says why."""


@dataclass(frozen=True, kw_only=True)
class ContainerOrder:
    """A container to run.

    Attributes:
        name: Its name, by which it is removed.
        labels: What it can be found by.
        image: Its image.
        command: Replaces the image's entry point; empty: the image's own.
        arguments: Replace the image's own.
        variables: Its environment.
        secrets: Which of the variables must not be seen.
        mounts: What it sees of this machine.
        user: `uid:gid`, so that the files it leaves belong to the engine.
        options: Further words, as limits.
    """

    name: str
    labels: Mapping[str, str]
    image: str
    command: Sequence[str]
    arguments: Sequence[str]
    variables: Mapping[str, str]
    secrets: frozenset[str]
    mounts: Sequence[Mount]
    user: str
    options: Sequence[str] = field(default_factory=tuple)


class ContainerProgram:
    """Docker or Podman.

    Args:
        name: `docker` or `podman`, found on the PATH.
        environment: What the program itself needs of the service's variables.
        children: Where its processes are known.
        markers: Variables that mark its processes as the run's.
        answer_seconds: It is ended when it does not answer within so long.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        children: Children,
        markers: Mapping[str, str],
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.name = name
        self._environment = {**environment, **markers}
        self._children = children
        self._answer_seconds = answer_seconds

    def start(self, order: ContainerOrder) -> tuple[list[str], dict[str, str]]:
        """The command line that runs a container in the foreground, and its environment.

        Raises:
            ContainerRefused: A secret cannot be handed over unseen.
        """
        handed: dict[str, str] = {}
        words = [self.name, "run", "--rm", "--name", order.name, "--user", order.user]
        words += ["--security-opt", "label=disable"]
        if self.name == "podman" and not order.user.startswith("0:"):
            words += ["--userns", "keep-id"]
        for label, value in order.labels.items():
            words += ["--label", f"{label}={value}"]
        for mount in order.mounts:
            words += ["--mount", _mount(mount)]
        for name, value in order.variables.items():
            if not STEERING.fullmatch(name) and name not in self._environment:
                handed[name] = value
                words += ["--env", name]
            elif name in order.secrets:
                raise ContainerRefused(f"a secret cannot be handed to a container in {name}, which steers {self.name}")
            else:
                words += ["--env", f"{name}={value}"]
        words += order.options
        entry = [order.command[0]] if order.command else []
        words += [word for one in entry for word in ("--entrypoint", one)]
        return [*words, order.image, *order.command[1:], *order.arguments], {**handed, **self._environment}

    def remove(self, *names: str) -> str:
        """Remove containers, whether they run or not; what went wrong, or nothing. One that is gone is no mistake."""
        code, said = self._call("rm", "--force", *names)
        return "" if code == 0 or "no such container" in said.lower() else said

    def remove_run(self, run_id: str) -> str:
        """Remove every container of a run; what went wrong, or nothing."""
        code, said = self._call("ps", "--all", "--quiet", "--filter", f"label={RUN_LABEL}={run_id}")
        if code != 0:
            return said
        found = said.split()
        return self.remove(*found) if found else ""

    def _call(self, *words: str) -> tuple[int, str]:
        """Run the program: its exit code and what it says. One that hangs is ended."""
        try:
            process = self._children.spawn(
                [self.name, *words],
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as exc:
            return FAILED_BEFORE, f"{self.name}: {exc.strerror}"
        try:
            said, _ = process.communicate(timeout=self._answer_seconds)
            return process.returncode, said.decode(errors="replace")[-LAST_BYTES:].strip()
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return FAILED_BEFORE, f"{self.name} {words[0]} did not answer within {self._answer_seconds:g} seconds"
        finally:
            self._children.release(process.pid)


def resource_options(cpu: str, memory: str, accelerators: str, pull_policy: str = "") -> list[str]:
    """The words for limits and for the policy of pulling; empty ones and 0 are left out.

    Args:
        cpu: A quantity in Kubernetes' words: processors, `0.5` or `500m`.
        memory: A quantity: bytes, `512Mi`, `1G`.
        accelerators: A number.

    Raises:
        ContainerRefused: A quantity is none.
    """
    words: list[str] = []
    if cpu:
        words += ["--cpus", f"{quantity(cpu):.3f}".rstrip("0").rstrip(".")]
    if memory:
        words += ["--memory", str(int(quantity(memory)))]
    if accelerators and (count := int(quantity(accelerators))):
        words += ["--gpus", str(count)]
    if pull_policy in PULL:
        words += ["--pull", PULL[pull_policy]]
    return words


QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|(m|[kKMGTPE]i?)?)")
STEPS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def quantity(text: str) -> float:
    """A number in Kubernetes' notation.

    Raises:
        ContainerRefused: It is none.
    """
    match = QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ContainerRefused(f"{text!r} is no quantity such as 500m, 2 or 1Gi")
    number, exponent, unit = match.groups()
    if exponent:
        return float(number + exponent)
    if unit == "m":
        return float(number) / 1000
    letter = (unit or "")[:1]
    base = 1024 if unit and unit.endswith("i") else 1000
    return float(float(number) * base ** STEPS[letter])


def container_name(task_id: str, attempt: int) -> str:
    """What the container of an attempt is called."""
    return f"{NAME_PREFIX}{task_id}-{attempt}"


def own_directory(path: Path) -> Mount:
    """A directory of the run's, at the same path inside."""
    return Mount(source=path, target=str(path))


def _mount(mount: Mount) -> str:
    """One word of comma-separated values, with quotes where a path holds what would part it."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    fields += ["readonly"] if mount.is_read_only else []
    return ",".join('"' + one.replace('"', '""') + '"' if any(ch in one for ch in ',"\n') else one for one in fields)
