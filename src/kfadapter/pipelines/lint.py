"""What a careful colleague would say about a pipeline before it runs."""

from dataclasses import dataclass
from enum import StrEnum

from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.scalars import JSON


class Severity(StrEnum):
    """How much it matters."""

    WARNING = "warning"  # likely to hurt some day
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, kw_only=True)
class LintWarning:
    """One remark.

    Attributes:
        rule: Its stable id, as `image-latest`.
        severity: How much it matters.
        path: What it is about: a node's id, an input's name … as `steps.train`, `inputs.epochs`, `pipeline`.
        message: What is the matter.
        advice: What to do.
    """

    rule: str
    severity: Severity
    path: str
    message: str
    advice: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "advice": self.advice,
        }


def lint(description: PipelineDescription) -> tuple[LintWarning, ...]:
    """Remarks about a pipeline: warnings first, then by path and rule."""
    raise NotImplementedError


def lint_cron(cron: str) -> tuple[LintWarning, ...]:
    """Remarks about a schedule, a cron text of six fields as Kubeflow reads it (seconds first), or of five."""
    raise NotImplementedError
