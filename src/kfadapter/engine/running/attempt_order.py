"""What an attempt of a task is to do, read from the pipeline's documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kfadapter.engine.running.commands import CompiledCommand, strip_prelude, with_local_paths
from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.kubernetes import TaskFacts
from kfadapter.engine.running.placement import Place
from kfadapter.engine.running.values import Values


@dataclass(frozen=True, kw_only=True)
class AttemptOrder:
    """What an attempt is to do.

    Attributes:
        place: Where its command runs.
        container: The document of its executor; its texts may hold placeholders.
        kubernetes: What it asks of Kubernetes, names bound.
        names: The task's plain placeholders.
        caching: The task's caching options.
        imported: What an importer gives, where it is to be copied into the workspace.
    """

    run_id: str
    task_id: str
    attempt: int
    component: Component
    inputs: Values
    place: Place
    container: Mapping[str, Any]
    kubernetes: Mapping[str, Any]
    names: Mapping[str, str]
    caching: Mapping[str, Any]
    imported: Values = field(default_factory=Values)

    @cached_property
    def command(self) -> CompiledCommand:
        """The component's command; for a process, taken apart."""
        words = tuple(str(word) for word in self.container.get("command") or ())
        if self.place is not Place.PROCESS:
            return CompiledCommand(groups=(), command=words)
        return with_local_paths(strip_prelude(words))

    @property
    def arguments(self) -> Sequence[str]:
        """What follows the command."""
        return [str(word) for word in self.container.get("args") or ()]

    @property
    def variables(self) -> dict[str, str]:
        """The component's own environment variables."""
        return {str(one["name"]): str(one.get("value", "")) for one in self.container.get("env") or ()}

    @property
    def image(self) -> str:
        return str(self.container.get("image", ""))

    @property
    def deadline_seconds(self) -> float:
        """It is ended after so long; 0: no limit."""
        return float(self.kubernetes.get("activeDeadlineSeconds") or 0)

    @property
    def facts(self) -> TaskFacts:
        return TaskFacts(run_id=self.run_id, task_id=self.task_id, attempt=self.attempt)

    @property
    def is_cached(self) -> bool:
        """Whether its result may be an earlier one, and may be kept."""
        return bool(self.caching.get("enableCache")) and self.place not in (Place.CLAIM, Place.IMPORT)
