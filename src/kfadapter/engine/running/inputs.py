"""Where a task's inputs come from, and what a DAG's outputs are made of: the resolving half of KFP's driver."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kfadapter.engine.running.ir import Component, Task
from kfadapter.engine.running.values import Artifact, Placeholders, Unfit, Values, fit, integral
from kfadapter.errors import EngineError

SELECTOR = re.compile(r"""^parseJson\(string_value\)\[["'](.*)["']\]$""", re.DOTALL)

LOOP_ITEM = re.compile(r"(?:^|-)loop-item(?:-param-\d+)?(?:-subvar-(?P<field>.+))?$")

Outputs = Callable[[str], Values]
FinalStatus = Callable[[str], Mapping[str, Any]]


class Unresolved(EngineError):
    """An input that a task needs has no value."""


class InputResolver:
    """Finds the inputs of one DAG's tasks.

    Args:
        given: The DAG's own inputs.
        outputs: The outputs of a task of this DAG, by its name; empty when it has none.
        final_status: How a task of this DAG ended, by its name, as `PipelineTaskFinalStatus`.
        names: The plain placeholders of a task, by its name.
        loop_item: The item, or a field of it, of a loop around this DAG, by the compiler's name for it; or None.
    """

    def __init__(
        self,
        given: Values,
        outputs: Outputs,
        final_status: FinalStatus,
        names: Callable[[str], Mapping[str, str]],
        loop_item: Callable[[str], Any] = lambda _: None,
    ) -> None:
        self._given = given
        self._outputs = outputs
        self._final_status = final_status
        self._names = names
        self._loop_item = loop_item

    def resolve(self, task: Task, component: Component) -> Values:
        """Everything that goes into a task: what is bound, selected, filled in, defaulted, and of its declared type.

        Raises:
            Unresolved: An input that is not optional has no value.
            Unfit: A value is not of its declared type.
        """
        sources = task.artifacts.items()
        artifacts = {name: found for name, source in sources if (found := self._artifact(source)) is not None}
        for name, declared in component.input_artifacts.items():
            if name not in artifacts and not declared.is_optional and not _is_item(task, name):
                raise Unresolved(f"input artifact {name!r} has no value: {_origin(task.artifacts.get(name))}")
        bound = {name: self.parameter(source) for name, source in task.parameters.items()}
        selected = {name: _select(bound[name], source) for name, source in task.parameters.items()}
        filled = self._fill(task, selected, artifacts)
        return Values(parameters=_complete(filled, task, component), artifacts=artifacts)

    def parameter(self, source: Mapping[str, Any]) -> Any:
        """The value of a source as this DAG's tasks name it; None when there is none."""
        if "componentInputParameter" in source:
            return self._component_input(source["componentInputParameter"])
        if "taskOutputParameter" in source:
            reference = source["taskOutputParameter"]
            return self._outputs(reference["producerTask"]).parameters.get(reference["outputParameterKey"])
        if "taskFinalStatus" in source:
            return self._final_status(source["taskFinalStatus"]["producerTask"])
        runtime = source.get("runtimeValue") or {}
        if "runtimeParameter" in runtime:
            return self._given.parameters.get(runtime["runtimeParameter"])
        return integral(_constant(runtime))

    def _component_input(self, name: str) -> Any:
        """An input of the DAG. The compiler forgets to hand loop items down to f-strings: those are found around it."""
        found = self._given.parameters.get(name)
        return self._loop_item(name) if found is None and LOOP_ITEM.search(name) else found

    def _artifact(self, source: Mapping[str, Any]) -> list[Artifact] | None:
        if "taskOutputArtifact" in source:
            reference = source["taskOutputArtifact"]
            return self._outputs(reference["producerTask"]).artifacts.get(reference["outputArtifactKey"])
        return self._given.artifacts.get(source.get("componentInputArtifact", ""))

    def _fill(
        self, task: Task, parameters: Mapping[str, Any], artifacts: Mapping[str, list[Artifact]]
    ) -> dict[str, Any]:
        """Constants may name the task's other inputs (f-strings); what those bring in is not filled in turn."""
        plain = {name: value for name, value in parameters.items() if not _is_constant(task.parameters[name])}
        placeholders = Placeholders(self._names(task.name), Values(parameters=plain, artifacts=artifacts))
        return {name: value if name in plain else placeholders.fill(value) for name, value in parameters.items()}


def root_inputs(component: Component, given: Mapping[str, Any], artifacts: Mapping[str, list[Artifact]]) -> Values:
    """The inputs of a whole run: the arguments, with defaults.

    Raises:
        Unresolved: An input that is not optional has no value.
        Unfit: A value is not of its declared type.
    """
    return Values(parameters=_complete(dict(given), None, component), artifacts=artifacts)


def _complete(values: Mapping[str, Any], task: Task | None, component: Component) -> dict[str, Any]:
    complete: dict[str, Any] = {}
    for name, declared in component.input_parameters.items():
        value = values.get(name)
        if value is None and declared.has_default:
            value = integral(declared.default)
        if value is not None:
            complete[name] = _fitting(value, declared.type, name)
        elif not declared.is_optional and declared.type != "TASK_CONFIG" and not (task and _is_item(task, name)):
            raise Unresolved(f"input {name!r} has no value: {_origin(task.parameters.get(name) if task else None)}")
    undeclared = {name: value for name, value in values.items() if name not in complete and value is not None}
    return complete | {name: value for name, value in undeclared.items() if name not in component.input_parameters}


def _fitting(value: Any, type_: str, name: str) -> Any:
    """A value as its type wants it; of a loop item's fields the compiler declares all to be of the first one's type."""
    try:
        return fit(value, type_, name)
    except Unfit:
        if (found := LOOP_ITEM.search(name)) and found["field"]:
            return integral(value)
        raise


def _is_item(task: Task, name: str) -> bool:
    """Whether this input is the item of this loop or of one around, or a field of it, which only iterations get.

    For a text with a field in it the compiler asks the producer of the loop's items for an output of the field's name.
    """
    if name in (task.parameter_iterator.get("itemInput"), task.artifact_iterator.get("itemInput")):
        return True
    source = task.parameters.get(name, {})
    key = source.get("taskOutputParameter", {}).get("outputParameterKey", "") if task.is_loop else ""
    return any(LOOP_ITEM.search(str(one)) for one in (source.get("componentInputParameter", ""), key))


def _constant(runtime: Mapping[str, Any]) -> Any:
    if "constant" in runtime:
        return runtime["constant"]
    older = runtime.get("constantValue") or {}
    return next((older[kind] for kind in ("stringValue", "intValue", "doubleValue") if kind in older), None)


def _is_constant(source: Mapping[str, Any]) -> bool:
    return "runtimeValue" in source and "runtimeParameter" not in source["runtimeValue"]


def _select(value: Any, source: Mapping[str, Any]) -> Any:
    expression = source.get("parameterExpressionSelector")
    if not expression or value is None:
        return value
    match = SELECTOR.match(expression)
    if match is None:
        raise Unresolved(f"the selector {expression!r} is not known")
    try:
        held = json.loads(value) if isinstance(value, str) else value
        return held[match[1]]
    except (ValueError, KeyError, TypeError) as exc:
        raise Unresolved(f"the selector {expression!r} finds nothing in {str(value)[:200]!r}") from exc


def _origin(source: Mapping[str, Any] | None) -> str:
    if not source:
        return "nothing is bound to it"
    for kind in ("taskOutputParameter", "taskOutputArtifact"):
        if reference := source.get(kind):
            key = reference.get("outputParameterKey") or reference.get("outputArtifactKey")
            return f"task {reference.get('producerTask')!r} has no output {key!r}"
    key = source.get("componentInputParameter") or source.get("componentInputArtifact")
    return f"input {key!r} of the enclosing pipeline has no value"


def dag_outputs(component: Component, outputs: Outputs) -> Values:
    """A DAG's outputs from those of its tasks; one whose producer gave nothing is missing."""
    parameters, artifacts = {}, {}
    for name, source in (component.dag_outputs.get("parameters") or {}).items():
        value = _first(_parameter_sources(source), lambda task, key: outputs(task).parameters.get(key))
        if value is not None:
            parameters[name] = value
    for name, source in (component.dag_outputs.get("artifacts") or {}).items():
        selectors = [(one["producerSubtask"], one["outputArtifactKey"]) for one in source.get("artifactSelectors", ())]
        found = _first(selectors, lambda task, key: outputs(task).artifacts.get(key))
        if found is not None:
            artifacts[name] = found
    return Values(parameters=parameters, artifacts=artifacts)


def _parameter_sources(source: Mapping[str, Any]) -> list[tuple[str, str]]:
    if one := source.get("valueFromParameter"):
        return [(one["producerSubtask"], one["outputParameterKey"])]
    several = (source.get("valueFromOneof") or {}).get("parameterSelectors", ())
    return [(one["producerSubtask"], one["outputParameterKey"]) for one in several]


def _first(sources: list[tuple[str, str]], find: Callable[[str, str], Any]) -> Any:
    return next((value for task, key in sources if (value := find(task, key)) is not None), None)


def collected(component: Component, iterations: list[Values]) -> Values:
    """A loop's outputs: a list in the order of the iterations for each parameter, one flat list for each artifact."""
    parameters = {
        name: [one.parameters[name] for one in iterations if name in one.parameters]
        for name in component.output_parameters
    }
    artifacts = {
        name: [artifact for one in iterations for artifact in one.artifacts.get(name, ())]
        for name in component.output_artifacts
    }
    return Values(parameters=parameters, artifacts=artifacts)


def loop_items(task: Task, inputs: Values, placeholders: Placeholders) -> list[Values]:
    """The inputs of every iteration of a loop.

    Raises:
        Unresolved: What is to be looped over is not a list.
    """
    if iterator := task.artifact_iterator:
        source, item = iterator["items"]["inputArtifact"], iterator["itemInput"]
        rest = {name: value for name, value in inputs.artifacts.items() if name != source}
        each = inputs.artifacts.get(source, [])
        return [Values(parameters=inputs.parameters, artifacts={**rest, item: [artifact]}) for artifact in each]
    iterator, held = task.parameter_iterator, inputs.parameters
    source, item = (iterator.get("items") or {}).get("inputParameter"), iterator["itemInput"]
    items = _as_items(held.get(source)) if source else placeholders.fill(_raw_items(iterator))
    if not isinstance(items, list):
        raise Unresolved(f"the loop needs a list, but {source or 'its items'!r} is {str(items)[:200]!r}")
    return [Values(parameters={**held, item: value}, artifacts=inputs.artifacts) for value in items]


def _as_items(value: Any) -> Any:
    """A field of another loop's item is declared as a string, and holds its list as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return integral(json.loads(value))
    except ValueError:
        return value


def _raw_items(iterator: Mapping[str, Any]) -> Any:
    raw = (iterator.get("items") or {}).get("raw", "null")
    try:
        return integral(json.loads(raw))
    except ValueError as exc:
        raise Unresolved(f"the loop's items are not JSON: {raw[:200]!r}") from exc
