"""What the embedded engine is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

GIBIBYTE = 1024**3


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How long things are kept; 0 is no limit.

    Attributes:
        runs_days: Runs are removed so long after their end, files and all.
        runs: So many ended runs are kept, those that ended last.
        runs_bytes: The files of ended runs take no more than this; the longest ended go first.
        environments_days: Task environments that were not used for so long are removed.
        environments_bytes: Task environments take no more than this, the installers' cache included.
        results_days: Cached results that were not used for so long are removed.
        results_bytes: Cached results take no more than this; the longest unused go first.
    """

    runs_days: float = 0.0
    runs: int = 0
    runs_bytes: int = 0
    environments_days: float = 14.0
    environments_bytes: int = 10 * GIBIBYTE
    results_days: float = 30.0
    results_bytes: int = 10 * GIBIBYTE


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """The embedded engine's settings, handed over by whoever starts it.

    Attributes:
        data_dir: Directory of everything the engine keeps; made when missing.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        task_slots: Tasks that run at the same time, over all runs; 0: one for each processor.
        log_limit_bytes: A task's log is cut in the middle beyond this size.
        output_limit_bytes: What a task may leave, and the largest file that it may write; 0: no limit.
        grace_seconds: A task that is asked to end (SIGTERM) is killed (SIGKILL) after so long.
        run_timeout_seconds: A run is ended after so long; 0: no limit.
        install_timeout_seconds: Building a task environment fails after so long; 0: no limit.
        installer_environment: Variables for package installers only: index, certificates, proxies, PATH.
        task_environment: Variables of the service that tasks are allowed to see.
        cache: Whether results of earlier executions are used again.
        cache_expiry_seconds: Results are used until they are so old; 0: at any age.
        containers: What is done with components that are commands of an image.
        container_environment: Variables for Docker and Podman only.
        container_answer_seconds: Docker and Podman are ended when they do not answer within so long.
        secrets_dir: A directory for each secret, a file for each of its keys; None: there are none.
        config_maps_dir: The same for config maps.
        interpreters: Pythons that stand for images, by patterns of images; the first that fits counts.
        package_urls: Addresses below which packages may be fetched; none: no package is fetched.
        keeping: How long things are kept.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    task_slots: int = 0
    log_limit_bytes: int = 10 * 1024 * 1024
    output_limit_bytes: int = 10 * GIBIBYTE
    grace_seconds: float = 10.0
    run_timeout_seconds: float = 0.0
    install_timeout_seconds: float = 1800.0
    installer_environment: Mapping[str, str] = field(default_factory=dict)
    task_environment: Mapping[str, str] = field(default_factory=dict)
    package_urls: tuple[str, ...] = ()
    keeping: Keeping = field(default_factory=Keeping)
    cache: bool = True
    cache_expiry_seconds: float = 0.0
    containers: Literal["off", "docker", "podman", "host"] = "off"
    container_environment: Mapping[str, str] = field(default_factory=dict)
    container_answer_seconds: float = 15.0
    secrets_dir: Path | None = None
    config_maps_dir: Path | None = None
    interpreters: Mapping[str, str] = field(default_factory=dict)
