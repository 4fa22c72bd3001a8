"""The corpus of compiled pipelines: its files, and how the runs of it are compared with what is expected."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
EXPECTED: Mapping[str, Any] = json.loads((CORPUS / "expected.json").read_text())


@dataclass(frozen=True)
class Case:
    """One expected run of one pipeline. `name` is topic/pipeline#number."""

    name: str
    expected: Mapping[str, Any]

    @cached_property
    def documents(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The pipeline's specification and what it asks of a platform."""
        text = (CORPUS / f"{self.name.partition('#')[0]}.yaml").read_text()
        spec, *platform = yaml.load_all(text, Loader=yaml.CSafeLoader)
        return spec, platform[0] if platform else None

    @property
    def given(self) -> dict[str, Any]:
        return {name: _whole(value) for name, value in self.expected.get("given", {}).items()}

    @property
    def state(self) -> str:
        return str(self.expected["state"])

    def outputs(self, facts: Mapping[str, str]) -> Any:
        """The expected output parameters, with the facts of a run filled in."""
        return _filled(self.expected.get("outputs", {}), facts)


def cases(topic: str = "") -> list[Case]:
    """All cases, or those of one topic."""
    return [
        Case(f"{name}#{number}", one)
        for name, expected in EXPECTED.items()
        if name.startswith(topic)
        for number, one in enumerate(expected)
    ]


def topics() -> list[str]:
    """The topics, in the order of the corpus."""
    return list(dict.fromkeys(name.partition("/")[0] for name in EXPECTED))


def differences(
    case: Case, end: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]
) -> list[str]:
    """Everything that differs from what is expected of a run, in words.

    Args:
        end: The data of `run.finished`.
        tasks: Every task by its path, without the root.
    """
    error = (end.get("error") or {}).get("message", "")
    found = [
        f"{what} is {is_!r}, not {wanted!r}"
        for what, is_, wanted in _compared(case, end, tasks, facts)
        if is_ != wanted
    ]
    if _filled(case.expected.get("error", ""), facts) not in error or (error and case.state == "SUCCEEDED"):
        found.append(f"the error is {error!r}")
    return [f"{case.name}: {one}" for one in found]


def _compared(
    case: Case, end: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]
) -> Iterator[tuple[str, Any, Any]]:
    outputs, wanted = end["outputs"], case.expected.get("artifacts", {})
    yield "the state", end["state"], case.state
    yield "the outputs", outputs["parameters"], case.outputs(facts)
    yield "the artifacts' names", sorted(outputs["artifacts"]), sorted(wanted)
    for name, several in wanted.items():
        yield (
            f"the artifact {name}",
            [_seen(*pair) for pair in zip(outputs["artifacts"].get(name, []), several, strict=False)],
            several,
        )
    states = {path: row.get("state", "PENDING") for path, row in tasks.items()}
    yield "the states", _unusual(states), _expected_states(case)
    if "cached" in case.expected:
        yield "what was cached", sorted(path for path, row in tasks.items() if row["cached"]), case.expected["cached"]
    if "tasks" in case.expected:
        yield "the number of tasks", len(states), case.expected["tasks"]


def _unusual(states: Mapping[str, str]) -> dict[str, str]:
    return {path: state for path, state in sorted(states.items()) if state != "SUCCEEDED"}


def _expected_states(case: Case) -> dict[str, str]:
    skipped = dict.fromkeys(case.expected.get("skipped", ()), "SKIPPED")
    failed: dict[str, str] = {}
    for path in case.expected.get("failed", ()):
        parts = path.split(".")
        failed |= {".".join(parts[: depth + 1]): "FAILED" for depth in range(len(parts))}
    return dict(sorted((skipped | failed).items()))


def _seen(artifact: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Of an artifact, what is wanted to be known."""
    known = {"type": artifact["type"]["schemaTitle"], "metadata": artifact["metadata"], "uri": artifact["uri"]}
    if "text" in wanted:
        known["text"] = Path(artifact["uri"]).read_text()
    return {name: known[name] for name in wanted}


def _whole(value: Any) -> Any:
    if isinstance(value, dict) and "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    return value


def _filled(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, fact in facts.items():
            value = value.replace(f"{{{name}}}", fact)
        return value
    if isinstance(value, dict):
        return {key: _filled(one, facts) for key, one in value.items()}
    return [_filled(one, facts) for one in value] if isinstance(value, list) else value
