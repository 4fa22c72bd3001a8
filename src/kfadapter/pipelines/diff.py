"""What changed from one version of a pipeline to another, and whether jobs of the one still start with the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kfadapter.pipelines.changes import Change, ChangeKind, Section, same
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.facts import Facts, facts_of
from kfadapter.pipelines.labels import shown_value
from kfadapter.pipelines.scalars import JSON

__all__ = ["Change", "ChangeKind", "PipelineDiff", "Section", "Verdict", "apply", "compare", "diff", "facts_of"]


_OF_STEPS = frozenset((Section.COMMANDS, Section.ENVIRONMENT, Section.SOURCE, Section.PLATFORM, Section.POLICIES))


class Verdict(StrEnum):
    """Whether jobs that start the old version start the new one with the same arguments."""

    IDENTICAL = "identical"  # nothing changed at all
    COMPATIBLE = "compatible"
    BREAKING = "breaking"


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

    @property
    def independent(self) -> tuple[Change, ...]:
        """The changes without what follows from a step's being added or removed: its command, its policies …"""
        steps = {
            change.key
            for change in self.changes
            if change.section is Section.TASKS and change.kind is not ChangeKind.CHANGED
        }
        return tuple(change for change in self.changes if change.section not in _OF_STEPS or change.key not in steps)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it: `verdict`, `reasons`, `counts`, changes under each section."""
        sections: dict[str, list[JSON]] = {section.value: [] for section in Section}
        for change in self.independent:
            sections[change.section.value].append(change.to_json())
        return {
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "counts": {section: len(found) for section, found in sections.items() if found},
            "changes": dict(sections),
        }


def diff(old: PipelineDescription, new: PipelineDescription) -> PipelineDiff:
    """What changed from the old version to the new one."""
    return compare(facts_of(old), facts_of(new))


def compare(old: Facts, new: Facts) -> PipelineDiff:
    """What changed from the old facts to the new ones."""
    changes = tuple(_changes(old, new))
    breaking = [reason for change in changes for reason in _breaking(change)]
    notices = [reason for change in changes for reason in _noticed(change)]
    verdict = Verdict.BREAKING if breaking else Verdict.COMPATIBLE if changes else Verdict.IDENTICAL
    return PipelineDiff(changes=changes, verdict=verdict, reasons=(*breaking, *notices))


def apply(changes: PipelineDiff, facts: Facts) -> Facts:
    """The facts of the new version, made of those of the old one and the changes.

    Raises:
        ValueError: The changes are not changes of these facts.
    """
    result = {section: dict(facts.get(section, {})) for section in Section}
    for change in changes.changes:
        section = result[change.section]
        if not same(section.pop(change.key, None), change.before):
            raise ValueError(f"{change.section.value} {change.key!r} is not what the change begins with")
        if change.kind is not ChangeKind.REMOVED:
            section[change.key] = change.after
    return result


def _changes(old: Facts, new: Facts) -> Iterator[Change]:
    for section in Section:
        before, after = old.get(section, {}), new.get(section, {})
        for key in sorted({*before, *after}):
            kind = _kind(key in before, key in after)
            if kind is not ChangeKind.CHANGED or not same(before[key], after[key]):
                yield Change(section=section, key=key, kind=kind, before=before.get(key), after=after.get(key))


def _kind(was: bool, is_: bool) -> ChangeKind:
    if was and is_:
        return ChangeKind.CHANGED
    return ChangeKind.REMOVED if was else ChangeKind.ADDED


def _breaking(change: Change) -> Iterator[str]:
    """Why a job that starts with today's arguments would not start, or not with all of them."""
    before, after = _object(change.before), _object(change.after)
    if change.section is Section.INPUTS:
        yield from _breaking_input(change, before, after)
    elif change.section is Section.INPUT_ARTIFACTS and after.get("required") and not before.get("required"):
        yield f"{change.text}: it must be given, which a run's arguments cannot"


def _breaking_input(change: Change, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    name = change.key
    if change.kind is ChangeKind.REMOVED:
        yield f"input {name} is gone: Kubeflow refuses arguments that are not declared"
    elif change.kind is ChangeKind.ADDED:
        if after.get("required"):
            yield f"input {name} is new and required"
    else:
        if after.get("required") and not before.get("required"):
            yield f"input {name} is now required"
        if not _takes(before.get("type"), after.get("type")):
            yield f"input {name} was {before.get('type')} and is {after.get('type')}"
        gone = _no_longer_allowed(before.get("allowed"), after.get("allowed"))
        if gone:
            yield f"input {name} no longer takes {gone}"


def _takes(old: object, new: object) -> bool:
    """Whether every value of the old type is one of the new: Kubeflow takes a whole number for a real one."""
    return old == new or (old == "NUMBER_INTEGER" and new == "NUMBER_DOUBLE")


def _no_longer_allowed(before: object, after: object) -> str:
    if not isinstance(after, list):
        return ""
    if not isinstance(before, list):
        return "every value, only " + ", ".join(map(shown_value, after[:10]))
    gone = [value for value in before if not any(same(value, other) for other in after)]
    return ", ".join(map(shown_value, gone[:10]))


def _noticed(change: Change) -> Iterator[str]:
    """What those who start or read such jobs will notice all the same."""
    before, after = _object(change.before), _object(change.after)
    if change.section in (Section.OUTPUTS, Section.OUTPUT_ARTIFACTS):
        if change.kind is ChangeKind.REMOVED:
            yield f"{change.text}: whoever reads it will miss it"
        elif change.kind is ChangeKind.CHANGED and before.get("type") != after.get("type"):
            yield change.text
    elif change.section is Section.INPUTS and change.kind is ChangeKind.CHANGED:
        if before.get("has_default") and after.get("has_default") and not same(before["default"], after["default"]):
            old, new = shown_value(before["default"]), shown_value(after["default"])
            yield f"jobs that leave out input {change.key} get {new}, not {old}"
    elif change.section is Section.INPUTS and change.kind is ChangeKind.ADDED and not after.get("required"):
        default = f"its default {shown_value(after.get('default'))}" if after.get("has_default") else "no value"
        yield f"input {change.key} is new; today's jobs get {default}"


def _object(value: JSON) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
