"""What ML Metadata has recorded of a run's tasks, in this package's own terms. Pure.

The keys are those of KFP's driver and launcher (`backend/src/v2/metadata`), the same from 2.3.0 to 2.17.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kfadapter.kubeflow.metadatastore import RunRecords
from kfadapter.kubeflow.tasks import Artifact, Values

CACHED_STATE = 5
INPUT_EVENTS = frozenset({2, 3})  # DECLARED_INPUT, INPUT
OUTPUT_EVENTS = frozenset({1, 4})  # DECLARED_OUTPUT, OUTPUT
KINDS: Mapping[str, str] = {
    "system.ContainerExecution": "container",
    "system.ImporterExecution": "importer",
    "system.ImporterWorkspaceExecution": "importer",
    "system.DAGExecution": "dag",
}
# What KFP notes about every artifact besides what the task wrote.
NOT_WRITTEN_BY_TASKS = frozenset({"display_name", "store_session_info"})
# A list or an object that a task wrote is kept in an object with this one key.
WRAPPERS: Mapping[str, type] = {"list": list, "struct": dict}
# Whole numbers up to here are the same as doubles, which KFP keeps all numbers as.
LARGEST_EXACT = 2**53


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One execution of a task.

    Attributes:
        kind: As `Task.kind`; None when it cannot be told.
        names: What the task is called, in the specification and for people.
        parent_id: The execution of the group it is in; 0: the root.
        iteration_index: Of a loop, its own or that of the group it is in.
        pod_name: Empty until it is started, and for groups.
        is_cached: An earlier execution's outputs were used.
        outputs: None for a group that notes none.
    """

    id: int
    kind: str | None
    names: frozenset[str]
    parent_id: int
    iteration_index: int | None
    pod_name: str
    is_cached: bool
    inputs: Values
    outputs: Values | None


def executions_of(records: RunRecords) -> dict[int, Execution]:
    """The executions of a run by their ids, without the run itself (the root of its groups)."""
    properties = {one.id: _properties(one.custom_properties) for one in records.executions}
    events: dict[int, list[Any]] = {}
    for event in records.events:
        events.setdefault(event.execution_id, []).append(event)
    found = {}
    for one in records.executions:
        given = properties[one.id]
        kind = _kind(one.type, given)
        if kind == "dag" and not given.get("parent_dag_id"):
            continue
        found[one.id] = Execution(
            id=one.id,
            kind=kind,
            names=frozenset(name for key in ("task_name", "display_name") if (name := _text(given, key))),
            parent_id=_whole(given.get("parent_dag_id")) or 0,
            iteration_index=_iteration(one.id, properties),
            pod_name=_text(given, "pod_name"),
            is_cached=bool(given.get("cached_execution_id")) or one.last_known_state == CACHED_STATE,
            inputs=_values(given.get("inputs"), events.get(one.id, ()), INPUT_EVENTS, records),
            outputs=_outputs(kind, given, events.get(one.id, ()), records),
        )
    return found


def _kind(type_name: str, given: Mapping[str, Any]) -> str | None:
    kind = KINDS.get(type_name)
    if kind is None:
        kind = "container" if "pod_name" in given else None
    if kind == "dag" and "iteration_count" in given:
        return "loop"
    return "iteration" if kind == "dag" and "iteration_index" in given else kind


def _iteration(execution_id: int, properties: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The index of the innermost iteration around an execution, or its own."""
    seen: set[int] = set()
    at = execution_id
    while at in properties and at not in seen:
        seen.add(at)
        if (index := _whole(properties[at].get("iteration_index"))) is not None:
            return index
        at = _whole(properties[at].get("parent_dag_id")) or 0
    return None


def _outputs(kind: str | None, given: Mapping[str, Any], events: Sequence[Any], records: RunRecords) -> Values | None:
    values = _values(given.get("outputs"), events, OUTPUT_EVENTS, records)
    is_group = kind in ("dag", "loop", "iteration")
    return None if is_group and not values.parameters and not values.artifacts else values


def _values(parameters: object, events: Iterable[Any], types: frozenset[int], records: RunRecords) -> Values:
    artifacts: dict[str, list[Artifact]] = {}
    for event in events:
        if event.type not in types or event.artifact_id not in records.artifacts:
            continue
        name = event.path.steps[0].key if event.path.steps else ""
        artifact = _artifact(records.artifacts[event.artifact_id], name, records.artifact_types)
        artifacts.setdefault(name or artifact.name, []).append(artifact)
    return Values(
        parameters=parameters if isinstance(parameters, dict) else {},
        artifacts={name: tuple(some) for name, some in artifacts.items()},
    )


def _artifact(record: Any, name: str, types: Mapping[int, str]) -> Artifact:
    given = {**_properties(record.properties), **_properties(record.custom_properties)}
    return Artifact(
        name=_text(given, "display_name") or record.name or name,
        type=record.type or types.get(record.type_id, ""),
        uri=record.uri,
        metadata={key: _unwrapped(value) for key, value in given.items() if key not in NOT_WRITTEN_BY_TASKS},
    )


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        [(key, inner)] = value.items()
        if isinstance(inner, WRAPPERS.get(key, ())):
            return inner
    return value


def _properties(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _property(pair.value) for pair in pairs}


def _property(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "struct_value":
        return {key: _plain(one) for key, one in inner.fields.items()}
    return _number(inner) if kind == "double_value" else inner


def _plain(value: Any) -> Any:
    """A `google.protobuf.Value` as JSON has it."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _plain(one) for key, one in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain(one) for one in value.list_value.values]
    if kind == "number_value":
        return _number(value.number_value)
    return None if kind in (None, "null_value") else getattr(value, kind)


def _number(value: float) -> int | float:
    """A whole number as one: protobuf's JSON writes it so, and tasks meant it so."""
    return int(value) if value.is_integer() and abs(value) <= LARGEST_EXACT else value


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
