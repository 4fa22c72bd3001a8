"""Checking a package that is not uploaded: every problem is named, with its path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kfadapter.errors import PackageError
from kfadapter.pipelines.consistency import inconsistencies
from kfadapter.pipelines.description import describe
from kfadapter.pipelines.documents import load_documents
from kfadapter.pipelines.format import MAX_FINDINGS, check_format
from kfadapter.pipelines.package import PackageLimits, unpacked
from kfadapter.pipelines.rules import choose_documents
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
    """Check a package (yaml, json, zip, tar.gz) without making anything of it. Never raises for its content.

    May take half a second of hostile input: call it in a thread.
    """
    limits = limits or PackageLimits()
    try:
        pipeline, platform, _ = choose_documents(load_documents(unpacked(content, limits), limits.documents))
    except PackageError as exc:
        return ValidationReport(problems=(_problem(exc),))
    return validate_document(pipeline, platform)


def validate_document(pipeline: Mapping[str, JSON], platform: Mapping[str, JSON] | None) -> ValidationReport:
    """Check a specification and its platform document, whose depth is limited as `load_documents` limits it."""
    findings = check_format(pipeline, platform)
    problems = [Problem(path=each.path, message=each.message) for each in findings if not each.is_unknown]
    problems.extend(Problem(path=path, message=message) for path, message in inconsistencies(pipeline))
    if not problems:
        problems.extend(_unfolded(pipeline, platform))
    return ValidationReport(
        problems=tuple(dict.fromkeys(problems))[:MAX_FINDINGS],
        notes=tuple(Problem(path=each.path, message=_NOTE) for each in findings if each.is_unknown),
        document={"pipeline_spec": dict(pipeline), "platform_spec": None if platform is None else dict(platform)},
    )


def _unfolded(pipeline: Mapping[str, JSON], platform: Mapping[str, JSON] | None) -> Iterator[Problem]:
    """What stands in the way of a description: an endless graph, one too large, platform settings of a wrong shape."""
    try:
        describe({"pipeline_spec": dict(pipeline), "platform_spec": None if platform is None else dict(platform)})
    except PackageError as exc:
        yield _problem(exc)


def _problem(exc: PackageError) -> Problem:
    return Problem(path=exc.path, message=exc.reason)


_NOTE = "KFP's format, as known here, has no such field; it is kept, but a Kubeflow that does not know it may refuse it"
