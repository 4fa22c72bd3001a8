"""What the service tells a run's process beside the order: on its standard input, so that no secret is on the disk."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.abilities import Abilities
from kfadapter.engine.running.cache import ResultCache
from kfadapter.engine.running.claims import Claims
from kfadapter.engine.running.containers import ANSWER_SECONDS, ContainerProgram
from kfadapter.engine.running.interpreters import Interpreters
from kfadapter.engine.running.placement import Containers
from kfadapter.engine.running.processes import Children
from kfadapter.engine.running.vaults import config_maps, secrets
from kfadapter.errors import EngineError


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """The settings of a run's process.

    Attributes:
        data_dir: The engine's data directory.
        task_slots: Tasks that run at the same time, over all runs.
        log_limit_bytes: A task's log is cut in the middle beyond this size.
        output_limit_bytes: What a task may leave, and the largest file that it may write; 0: no limit.
        grace_seconds: A task that is asked to end (SIGTERM) is killed (SIGKILL) after so long.
        run_timeout_seconds: A run is ended after so long; 0: no limit.
        install_timeout_seconds: Building a task environment fails after so long; 0: no limit.
        interpreter: The Python that task environments are made with.
        installer_environment: Variables for package installers only.
        task_environment: Variables of the service that tasks may see.
        cache: Whether results of earlier executions are used and kept.
        cache_expiry_seconds: Results are used until they are so old; 0: at any age.
        containers: What is done with commands of images.
        container_environment: Variables for Docker and Podman only.
        container_answer_seconds: Docker and Podman are ended when they do not answer within so long.
        secrets_dir: A directory for each secret; empty: there are none.
        config_maps_dir: A directory for each config map; empty: there are none.
        interpreters: Pythons that stand for images, by patterns of images.
    """

    data_dir: Path
    task_slots: int = 1
    log_limit_bytes: int = 10 * 1024 * 1024
    output_limit_bytes: int = 0
    grace_seconds: float = 10.0
    run_timeout_seconds: float = 0.0
    install_timeout_seconds: float = 0.0
    interpreter: str = sys.executable
    installer_environment: Mapping[str, str] = field(default_factory=dict)
    task_environment: Mapping[str, str] = field(default_factory=dict)
    cache: bool = True
    cache_expiry_seconds: float = 0.0
    containers: str = Containers.OFF.value
    container_environment: Mapping[str, str] = field(default_factory=dict)
    container_answer_seconds: float = ANSWER_SECONDS
    secrets_dir: str = ""
    config_maps_dir: str = ""
    interpreters: Mapping[str, str] = field(default_factory=dict)

    @property
    def pythons(self) -> Interpreters:
        """Which Python stands for which image."""
        return Interpreters(by_image=self.interpreters)

    @property
    def runs(self) -> Path:
        return self.data_dir / "runs"

    @property
    def claims(self) -> Path:
        """Persistent volume claims, a directory each."""
        return self.data_dir / "claims"

    def result_cache(self) -> ResultCache | None:
        """The results of earlier executions; None when they are not to be used."""
        directory = self.data_dir / "cache"
        return ResultCache(directory, self.runs, expiry_seconds=self.cache_expiry_seconds) if self.cache else None

    @property
    def abilities(self) -> Abilities:
        """What a pipeline may ask for."""
        return Abilities(
            containers=Containers(self.containers),
            program_path=self.container_environment.get("PATH", ""),
            secrets=secrets(_path(self.secrets_dir)),
            config_maps=config_maps(_path(self.config_maps_dir)),
            claims=Claims(self.claims),
        )

    def container_program(self, children: Children, markers: Mapping[str, str]) -> ContainerProgram | None:
        """Docker or Podman; None when neither is to be used."""
        if not Containers(self.containers).is_program:
            return None
        return ContainerProgram(
            self.containers,
            self.container_environment,
            children,
            markers,
            answer_seconds=self.container_answer_seconds,
        )

    @property
    def slots(self) -> Path:
        return self.data_dir / "slots"

    @property
    def environments(self) -> Path:
        return self.data_dir / "environments"

    @property
    def wake(self) -> Path:
        """A FIFO that takes the ids of runs that have news."""
        return self.data_dir / "wake"

    @classmethod
    def of(cls, config: EngineSettings, task_slots: int) -> "RunnerSettings":
        """What runs are told of the engine's settings."""
        return cls(
            data_dir=config.data_dir.absolute(),
            task_slots=task_slots,
            log_limit_bytes=config.log_limit_bytes,
            output_limit_bytes=config.output_limit_bytes,
            grace_seconds=config.grace_seconds,
            run_timeout_seconds=config.run_timeout_seconds,
            install_timeout_seconds=config.install_timeout_seconds,
            interpreter=sys.executable,
            installer_environment=dict(config.installer_environment),
            task_environment=dict(config.task_environment),
            cache=config.cache,
            cache_expiry_seconds=config.cache_expiry_seconds,
            containers=config.containers,
            container_environment=dict(config.container_environment),
            container_answer_seconds=config.container_answer_seconds,
            secrets_dir=str(config.secrets_dir.absolute()) if config.secrets_dir else "",
            config_maps_dir=str(config.config_maps_dir.absolute()) if config.config_maps_dir else "",
            interpreters=dict(config.interpreters),
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "data_dir": str(self.data_dir)}

    @classmethod
    def from_text(cls, text: str) -> "RunnerSettings":
        """Read what `to_json` gave, as text.

        Raises:
            EngineError: It is something else.
        """
        try:
            document = json.loads(text)
            known = {one.name for one in fields(cls)}
            given = {name: value for name, value in document.items() if name in known}
            return cls(**{**given, "data_dir": Path(given["data_dir"])})
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise EngineError(f"the runner's settings cannot be read: {exc}") from exc


def _path(text: str) -> Path | None:
    return Path(text) if text else None
