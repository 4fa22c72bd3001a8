"""What the engine says of a pipeline before it runs."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["refused", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a pipeline asks for that the engine does not give, or gives in another way.

    Attributes:
        task: The task's path below the root, as `loop.train`; empty for the pipeline as a whole.
        feature: What was asked for, in a few words.
        severity: `refused`: a run cannot start; `warning`: the run goes on without it. What stands under a condition
            is only warned of, since it may never run; when it does, the task fails and says why.
        message: A sentence for a person.
    """

    task: str
    feature: str
    severity: Severity
    message: str

    @property
    def sentence(self) -> str:
        """Task, feature and reason in one line."""
        where = f"task {self.task}: " if self.task else ""
        return f"{where}{self.feature}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """For an answer."""
        return dict(vars(self))


def refused(task: str, feature: str, message: str) -> Finding:
    """What a run cannot do without."""
    return Finding(task=task, feature=feature, severity="refused", message=message)


def warned(task: str, feature: str, message: str) -> Finding:
    """What a run goes on without."""
    return Finding(task=task, feature=feature, severity="warning", message=message)
