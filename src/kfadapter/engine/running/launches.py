"""The command line of an attempt and its environment: as a process, on the machine itself, or in a container."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfadapter.engine.running.attempt_order import AttemptOrder
from kfadapter.engine.running.command_lines import command_words
from kfadapter.engine.running.commands import executor_module, is_lightweight
from kfadapter.engine.running.containers import (
    RUN_LABEL,
    TASK_LABEL,
    ContainerOrder,
    ContainerProgram,
    container_name,
    own_directory,
    resource_options,
)
from kfadapter.engine.running.environments import Environment
from kfadapter.engine.running.installers import SAFE_PATH
from kfadapter.engine.running.kubernetes import Granted
from kfadapter.engine.running.placement import accelerator_count
from kfadapter.engine.running.processes import RUN_MARKER, TASK_MARKER
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_settings import RunnerSettings
from kfadapter.engine.running.values import Placeholders

ARGUMENT_BYTES = 100 * 1024
ALL_ARGUMENTS_BYTES = 1024 * 1024
INDEX_VARIABLES = frozenset({"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_NO_INDEX"})
LONG_START = (
    "import json, os, runpy, sys; os.environ['_KFP_RUNTIME'] = 'true'; "
    "module, sys.argv = json.load(open(sys.argv[1])); "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A process to start. `container`: the name of the container it runs, if it does."""

    argv: Sequence[str]
    variables: Mapping[str, str]
    container: str = ""


class Launching:
    """Puts together how one attempt is started.

    Args:
        given: The executor input.
        granted: What it gets of what it asks of Kubernetes.
    """

    def __init__(
        self,
        order: AttemptOrder,
        directory: RunDirectory,
        settings: RunnerSettings,
        given: Mapping[str, Any],
        granted: Granted,
    ) -> None:
        self._order = order
        self._directory = directory
        self._settings = settings
        self._granted = granted
        self._placeholders = Placeholders(order.names, order.inputs, given)
        self._attempt = directory.attempt(order.task_id, order.attempt)
        self._work = directory.task(order.task_id) / "work"

    def process(self, environment: Environment | None) -> Launch:
        """As a process of this machine; without an environment when there is no Python to bring along.

        Raises:
            OSError: It has no command, or the disk takes no more.
        """
        argv = self._words(*self._order.command.command, *self._order.arguments)
        if not argv:
            raise OSError(0, "its component has no command")
        if environment and _is_too_long(argv):
            argv = self._long_start(environment, argv)
        return Launch(argv=argv, variables=self._process_environment(environment))

    def container(self, program: ContainerProgram) -> Launch:
        """In a container.

        Raises:
            ContainerRefused: It cannot be had as it is asked for.
        """
        order, granted = self._order, self._granted
        seen = [own_directory(path) for path in self._directory.shared]
        wanted = ContainerOrder(
            name=container_name(order.task_id, order.attempt),
            labels={RUN_LABEL: order.run_id, TASK_LABEL: order.task_id},
            image=self._words(order.image)[0],
            command=self._words(*order.command.command),
            arguments=self._words(*order.arguments),
            variables={**self._installing(), **self._passed_on(), **self._own(), **self._places()},
            secrets=granted.secret_variables,
            mounts=[*seen, *granted.mounts],
            user=f"{os.getuid()}:{os.getgid()}",
            options=self._options(),
        )
        argv, variables = program.start(wanted)
        return Launch(argv=argv, variables=variables, container=wanted.name)

    def _words(self, *words: str) -> list[str]:
        return command_words(words, self._order.inputs, self._placeholders)

    def _own(self) -> dict[str, str]:
        """The task's own variables; what comes from Kubernetes wins, as in a pod."""
        filled = {name: str(self._placeholders.fill(value)) for name, value in self._order.variables.items()}
        return {**filled, **self._granted.variables}

    def _passed_on(self) -> dict[str, str]:
        """The service's variables that tasks may see; where programs are is the image's affair."""
        return {name: value for name, value in self._settings.task_environment.items() if name != "PATH"}

    def _places(self) -> dict[str, str]:
        return {"HOME": str(self._work), "TMPDIR": str(self._attempt / "tmp")}

    def _process_environment(self, environment: Environment | None) -> dict[str, str]:
        """Everything a task sees: nothing of the service but what it was told to pass on."""
        own = self._own()
        path = own.get("PATH") or self._settings.task_environment.get("PATH") or SAFE_PATH
        installing = self._installer_variables() if self._order.command.installs_itself else {}
        prepared = {}
        if environment:
            prepared = {"PATH": f"{environment.path / 'bin'}:{path}", "VIRTUAL_ENV": str(environment.path)}
        return {
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **installing,
            **self._settings.task_environment,
            **own,
            **self._places(),
            "PATH": path,
            **prepared,
            RUN_MARKER: self._order.run_id,
            TASK_MARKER: self._order.task_id,
        }

    def _installer_variables(self) -> dict[str, str]:
        """Where packages come from, for a command that installs by itself; nothing that holds a credential."""
        given = self._settings.installer_environment.items()
        return {name: value for name, value in given if name not in ("PATH", "HOME", "TMPDIR") and "@" not in value}

    def _installing(self) -> dict[str, str]:
        """A Python component in a container installs by itself; paths of this machine would lead nowhere there."""
        if not is_lightweight(self._order.command.command):
            return {}
        given = self._installer_variables()
        return {name: value for name, value in given.items() if name in INDEX_VARIABLES or "proxy" in name.lower()}

    def _options(self) -> list[str]:
        resources = self._placeholders.fill(dict(self._order.container.get("resources") or {}))
        cpu = resources.get("resourceCpuLimit") or resources.get("cpuLimit") or ""
        older = resources.get("memoryLimit")  # counts in 10^9 bytes
        memory = resources.get("resourceMemoryLimit") or (f"{older}G" if older else "")
        policy = str(self._order.kubernetes.get("imagePullPolicy") or "")
        largest = self._settings.output_limit_bytes
        files = ["--ulimit", f"fsize={largest}"] if largest else []
        return [*files, *resource_options(str(cpu), str(memory), accelerator_count(resources), policy)]

    def _long_start(self, environment: Environment, argv: list[str]) -> list[str]:
        """Arguments beyond what the kernel takes go through a file; the executor is the same."""
        module = executor_module(argv[2]) if argv[:2] == ["sh", "-ec"] else None
        if module is None:
            return argv
        tmp: Path = self._attempt / "tmp"
        source, arguments = tmp / "ephemeral_component.py", tmp / "arguments.json"
        source.write_text(argv[3])
        whole = [module, "--component_module_path", str(source), *argv[4:]]
        arguments.write_text(json.dumps([module, whole]))
        return [str(environment.python), "-c", LONG_START, str(arguments)]


def _is_too_long(argv: Sequence[str]) -> bool:
    sizes = [len(word.encode(errors="replace")) for word in argv]
    return max(sizes) > ARGUMENT_BYTES or sum(sizes) > ALL_ARGUMENTS_BYTES
