"""What every attempt of a run works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.engine.running.cache import ResultCache
from kfadapter.engine.running.claims import Claims
from kfadapter.engine.running.containers import ContainerProgram
from kfadapter.engine.running.fingerprints import Fingerprints
from kfadapter.engine.running.installers import Installer
from kfadapter.engine.running.kubernetes import Grants
from kfadapter.engine.running.processes import RUN_MARKER, Children
from kfadapter.engine.running.redaction import Redaction
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.running.runner_settings import RunnerSettings

Tell = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class TaskTools:
    """The parts of a run that its attempts share.

    Attributes:
        cache: Earlier results; None: none are used and none are kept.
        program: Runs containers; None: there are none.
        redaction: The secrets that tasks of this run were given.
        tell: Takes events that are not about a task.
    """

    directory: RunDirectory
    settings: RunnerSettings
    installer: Installer
    fingerprints: Fingerprints
    cache: ResultCache | None
    claims: Claims
    grants: Grants
    program: ContainerProgram | None
    redaction: Redaction
    tell: Tell

    @property
    def children(self) -> Children:
        return self.installer.children

    @classmethod
    def of(cls, directory: RunDirectory, settings: RunnerSettings, run_id: str, scope: str, tell: Tell) -> "TaskTools":
        """The tools of a run.

        Args:
            scope: Results are shared among the runs with the same.
        """
        children, markers = Children(), {RUN_MARKER: run_id}
        installer = Installer(
            interpreter=settings.interpreter,
            cache=settings.environments / ".cache",
            variables=settings.installer_environment,
            children=children,
            markers=markers,
            limit_seconds=settings.install_timeout_seconds,
        )
        able = settings.abilities
        return cls(
            directory=directory,
            settings=settings,
            installer=installer,
            fingerprints=Fingerprints(scope, settings.runs),
            cache=settings.result_cache(),
            claims=able.claims,
            grants=Grants(able.secrets, able.config_maps, able.claims),
            program=settings.container_program(children, markers),
            redaction=Redaction(),
            tell=tell,
        )
