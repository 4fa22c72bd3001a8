"""One change between two versions of a pipeline: what it was, what it is, and a line about it."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kfadapter.pipelines.labels import shown_value
from kfadapter.pipelines.scalars import JSON

MAX_DIFF_LINES = 2_000
"""Sources with more lines are not compared line by line."""


class Section(StrEnum):
    """What part of a pipeline a change is in; the order is that of a report."""

    PIPELINE = "pipeline"  # name, description, SDK, digest …; key: the field
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
    PLATFORM = "platform"  # an empty key: the pipeline as a whole
    POLICIES = "policies"  # caching and retry


class ChangeKind(StrEnum):
    """What happened to a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        section, key: Where.
        kind: What happened.
        before, after: The thing as it was and is; None when it was not, or is no more.
    """

    section: Section
    key: str
    kind: ChangeKind
    before: JSON
    after: JSON

    @property
    def text(self) -> str:
        """A line for a person: `input epochs: default 5 → 10`."""
        word = _THINGS[self.section]
        thing = f"{word} {self.key}" if self.key else "the pipeline's settings"
        if self.kind is not ChangeKind.CHANGED:
            value = self.after if self.kind is ChangeKind.ADDED else self.before
            return f"{thing} {self.kind.value}" + (f": {value}" if isinstance(value, str) else "")
        return f"{thing}: {_DETAILS.get(self.section, _by_fields)(self.before, self.after)}"

    def inverse(self) -> "Change":
        """The change back."""
        kinds = {ChangeKind.ADDED: ChangeKind.REMOVED, ChangeKind.REMOVED: ChangeKind.ADDED}
        kind = kinds.get(self.kind, self.kind)
        return Change(section=self.section, key=self.key, kind=kind, before=self.after, after=self.before)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it; a change of source has a unified `diff` too."""
        shown: dict[str, JSON] = {
            "key": self.key,
            "kind": self.kind.value,
            "text": self.text,
            "from": self.before,
            "to": self.after,
        }
        if self.section is Section.SOURCE and self.kind is ChangeKind.CHANGED:
            shown["diff"] = unified(_field(self.before, "text"), _field(self.after, "text"), self.key)
        return shown


def same(one: JSON, other: JSON) -> bool:
    """Whether two values are one in JSON: true is not 1, but the order of keys does not matter."""
    if one == other:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return False


def unified(before: str, after: str, name: str) -> str:
    """A unified diff of two sources; empty when they are too long to be compared."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MAX_DIFF_LINES:
        return ""
    return "\n".join(difflib.unified_diff(old, new, f"{name} (before)", f"{name} (after)", lineterm=""))


def _field(value: JSON, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


_THINGS: Mapping[Section, str] = {
    Section.PIPELINE: "pipeline's",
    Section.INPUTS: "input",
    Section.INPUT_ARTIFACTS: "input artifact",
    Section.OUTPUTS: "output",
    Section.OUTPUT_ARTIFACTS: "output artifact",
    Section.TASKS: "step",
    Section.EDGES: "edge",
    Section.IMAGES: "image of",
    Section.COMMANDS: "command of",
    Section.ENVIRONMENT: "environment of",
    Section.PACKAGES: "packages of",
    Section.SOURCE: "source of",
    Section.PLATFORM: "platform settings of",
    Section.POLICIES: "policies of",
}


def _plainly(before: JSON, after: JSON) -> str:
    return f"{_word(before)} → {_word(after)}"


def _word(value: JSON) -> str:
    if isinstance(value, Mapping):  # an input, a loop or a condition has its own words
        value = value.get("label") or value.get("text") or dict(value)
    if value is None:
        return "none"
    return value if isinstance(value, str) and 0 < len(value) <= 80 else shown_value(value)


def _by_fields(before: JSON, after: JSON) -> str:
    """The fields of an object that differ."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return _plainly(before, after)
    return "; ".join(_differences(before, after, ""))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        one, other, here = before.get(name), after.get(name), f"{path}{name}"
        if same(one, other):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping) and not path and "text" not in one:
            yield from _differences(one, other, f"{here} ")
        else:
            yield f"{here} {_word(one)} → {_word(other)}"


def _input(before: JSON, after: JSON) -> str:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return _plainly(before, after)
    hidden = {"has_default", "required"}
    parts = [*_differences(_without(before, hidden), _without(after, hidden), "")]
    if before.get("required") is not after.get("required"):
        parts.append("now required" if after.get("required") else "no longer required")
    return "; ".join(parts) or "a default of null"


def _without(value: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name not in names}


def _packages(before: JSON, after: JSON) -> str:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return _plainly(before, after)
    old, new = _texts(before.get("requirements")), _texts(after.get("requirements"))
    parts = [f"+ {text}" for text in new if text not in old] + [f"- {text}" for text in old if text not in new]
    others = {"requirements"}
    return "; ".join([*parts, *_differences(_without(before, others), _without(after, others), "")]) or "another order"


def _texts(value: JSON) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _source(before: JSON, after: JSON) -> str:
    lines = unified(_field(before, "text"), _field(after, "text"), "").splitlines()[2:]
    added, removed = (sum(line.startswith(mark) for line in lines) for mark in "+-")
    return f"{added} lines added, {removed} removed"


def _platform(before: JSON, after: JSON) -> str:
    old, new = _setting_texts(before), _setting_texts(after)
    parts = [f"+ {text}" for text in new if text not in old] + [f"- {text}" for text in old if text not in new]
    return "; ".join(parts) or "changed"


def _setting_texts(value: JSON) -> list[str]:
    return [_field(item, "text") for item in value] if isinstance(value, list) else [shown_value(value)]


_DETAILS: Mapping[Section, Callable[[JSON, JSON], str]] = {
    Section.INPUTS: _input,
    Section.IMAGES: _plainly,
    Section.EDGES: _plainly,
    Section.PACKAGES: _packages,
    Section.SOURCE: _source,
    Section.PLATFORM: _platform,
}
