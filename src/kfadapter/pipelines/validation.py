"""Checking a package that is not uploaded: every problem is named, with its path."""

from collections.abc import Mapping
from dataclasses import dataclass

from kfadapter.pipelines.package import PackageLimits
from kfadapter.pipelines.scalars import JSON


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, or worth a note.

    Attributes:
        path: Where, as `components.comp-train.dag.tasks.fit.componentRef`; empty when it is the file as a whole.
        message: A sentence for a person.
    """

    path: str
    message: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"path": self.path, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What a check of a package found.

    Attributes:
        problems: Why Kubeflow would refuse it, or it could never run; in the document's order.
        notes: Fields that KFP's format, as far as this program knows it, does not have: kept, not refused.
        document: The pipeline as read, `{"pipeline_spec": …, "platform_spec": …}`; None when it cannot be read at all.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    document: Mapping[str, JSON] | None = None

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "valid": self.is_valid,
            "problems": [problem.to_json() for problem in self.problems],
            "notes": [note.to_json() for note in self.notes],
        }


def validate(content: bytes, limits: PackageLimits | None = None) -> ValidationReport:
    """Check a package (yaml, json, zip, tar.gz) without making anything of it. Never raises for its content."""
    raise NotImplementedError


def validate_document(pipeline: Mapping[str, JSON], platform: Mapping[str, JSON] | None) -> ValidationReport:
    """Check a specification and its platform document."""
    raise NotImplementedError
