"""What the routes work with, built once by the server."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kfadapter.clock import Clock
from kfadapter.engine.packages import Packages
from kfadapter.engine.runs import Runs
from kfadapter.engine.store.database import Store


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The engine's parts.

    Attributes:
        runs: Starts, ends and finds runs.
        runs_dir: Where the runs' directories are.
        packages: Fetches packages from addresses.
        schedules_changed: To be called when a recurring run may be due sooner than before.
    """

    store: Store
    clock: Clock
    runs: Runs
    runs_dir: Path
    packages: Packages = field(default_factory=Packages)
    schedules_changed: Callable[[], None] = lambda: None

    def now(self) -> int:
        """The time in whole seconds since 1970."""
        return int(self.clock.now().timestamp())
