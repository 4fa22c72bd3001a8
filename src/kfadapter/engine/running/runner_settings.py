"""What the service tells a run's process beside the order: on its standard input, so that no secret is on the disk."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kfadapter.errors import EngineError


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """The settings of a run's process.

    Attributes:
        data_dir: The engine's data directory.
        task_slots: Tasks that run at the same time, over all runs.
        log_limit_bytes: A task's log is cut in the middle beyond this size.
        output_limit_bytes: What a task may leave, and the largest file that it may write; 0: no limit.
        run_timeout_seconds: A run is ended after so long; 0: no limit.
        install_timeout_seconds: Building a task environment fails after so long; 0: no limit.
        interpreter: The Python that task environments are made with.
        installer_environment: Variables for package installers only.
        task_environment: Variables of the service that tasks may see.
    """

    data_dir: Path
    task_slots: int = 1
    log_limit_bytes: int = 10 * 1024 * 1024
    output_limit_bytes: int = 0
    run_timeout_seconds: float = 0.0
    install_timeout_seconds: float = 0.0
    interpreter: str = sys.executable
    installer_environment: Mapping[str, str] = field(default_factory=dict)
    task_environment: Mapping[str, str] = field(default_factory=dict)

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
