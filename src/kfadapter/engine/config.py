"""What the embedded engine is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    """

    runs_days: float = 0.0
    runs: int = 0
    runs_bytes: int = 0
    environments_days: float = 14.0
    environments_bytes: int = 10 * GIBIBYTE


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """The embedded engine's settings, handed over by whoever starts it.

    Attributes:
        data_dir: Directory of everything the engine keeps; made when missing.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        task_slots: Tasks that run at the same time, over all runs; 0: one for each processor.
        log_limit_bytes: A task's log is cut in the middle beyond this size.
        run_timeout_seconds: A run is ended after so long; 0: no limit.
        installer_environment: Variables for package installers only: index, certificates, proxies, PATH.
        task_environment: Variables of the service that tasks are allowed to see.
        package_urls: Addresses below which packages may be fetched; none: no package is fetched.
        keeping: How long things are kept.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    task_slots: int = 0
    log_limit_bytes: int = 10 * 1024 * 1024
    run_timeout_seconds: float = 0.0
    installer_environment: Mapping[str, str] = field(default_factory=dict)
    task_environment: Mapping[str, str] = field(default_factory=dict)
    package_urls: tuple[str, ...] = ()
    keeping: Keeping = field(default_factory=Keeping)
