"""What changed from one version of a pipeline to another, and whether jobs of the one still start with the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.scalars import JSON


class Section(StrEnum):
    """What part of a pipeline a change is in; the order is that of a report."""

    PIPELINE = "pipeline"  # name, description, SDK, schema version …; key: the field
    INPUTS = "inputs"  # key: the parameter's name
    INPUT_ARTIFACTS = "input_artifacts"
    OUTPUTS = "outputs"
    OUTPUT_ARTIFACTS = "output_artifacts"
    TASKS = "tasks"  # key: the node's id, as in all that follow
    EDGES = "edges"  # key: `from -> to`
    IMAGES = "images"
    COMMANDS = "commands"
    ENVIRONMENT = "environment"  # variables, resources, accelerator
    PACKAGES = "packages"
    SOURCE = "source"
    PLATFORM = "platform"
    POLICIES = "policies"  # caching and retry


class ChangeKind(StrEnum):
    """What happened to a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Verdict(StrEnum):
    """Whether jobs that start the old version start the new one with the same arguments."""

    IDENTICAL = "identical"  # nothing changed at all
    COMPATIBLE = "compatible"
    BREAKING = "breaking"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        section, key: Where.
        kind: What happened.
        before, after: The thing as it was and is; None when it was not, or is no more.
        text: A line for a person: `input epochs: default 5 → 10`.
    """

    section: Section
    key: str
    kind: ChangeKind
    before: JSON
    after: JSON
    text: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it; a change of source has a unified `diff` too."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PipelineDiff:
    """What changed.

    Attributes:
        changes: By section, then key.
        verdict: Whether jobs that start with today's arguments still start.
        reasons: Why it is breaking; else what such jobs will notice (a new default, an output that is gone).
    """

    changes: tuple[Change, ...]
    verdict: Verdict
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it: `verdict`, `reasons`, `counts`, changes under each section."""
        raise NotImplementedError


Facts = Mapping[Section, Mapping[str, JSON]]
"""What a description says, as it is compared."""


def facts_of(description: PipelineDescription) -> Facts:
    """What a description says, as it is compared."""
    raise NotImplementedError


def diff(old: PipelineDescription, new: PipelineDescription) -> PipelineDiff:
    """What changed from the old version to the new one."""
    raise NotImplementedError


def apply(changes: PipelineDiff, facts: Facts) -> Facts:
    """The facts of the new version, made of those of the old one and the changes.

    Raises:
        ValueError: The changes are not changes of these facts.
    """
    raise NotImplementedError
