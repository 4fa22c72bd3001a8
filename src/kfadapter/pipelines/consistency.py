"""Whether the parts of a pipeline fit together: what is named must be there, and nothing may wait for itself.

What has a wrong shape is passed over: `format` names that.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfadapter.errors import PackageError
from kfadapter.pipelines.rules import check_name, check_version
from kfadapter.pipelines.scalars import shown
from kfadapter.pipelines.spec import get

Found = tuple[str, str]
"""A path and what is wrong there."""

_ITEM = "loop-item"
"""The compiler names items of outer loops, and their fields, without handing them down."""


def inconsistencies(pipeline: Mapping[str, Any]) -> Iterator[Found]:
    """Everything in a pipeline that does not fit together."""
    yield from _heading(pipeline)
    if not isinstance(get(pipeline, "root"), Mapping):
        yield "root", "the pipeline has no root: it says nothing of what is to be done"
    components = _object(pipeline, "components")
    executors = _object(_object(pipeline, "deploymentSpec"), "executors")
    for path, component in _with_root(pipeline, components):
        yield from _Component(path, component, components, executors).problems()
    yield from _images(executors)


def _heading(pipeline: Mapping[str, Any]) -> Iterator[Found]:
    for check, value in (
        (check_version, get(pipeline, "schemaVersion")),
        (check_name, get(_object(pipeline, "pipelineInfo"), "name")),
    ):
        try:
            check(value if isinstance(value, str) else "")
        except PackageError as exc:
            yield exc.path, exc.reason


def _with_root(pipeline: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "root", _object(pipeline, "root")
    for name in components:
        yield f"components.{name}", _object(components, name)


def _images(executors: Mapping[str, Any]) -> Iterator[Found]:
    for label in executors:
        container = get(_object(executors, label), "container")
        if isinstance(container, Mapping) and not get(container, "image"):
            yield f"deploymentSpec.executors.{label}.container.image", "there is no image to run"


class _Component:
    """One component, and what it may refer to."""

    def __init__(
        self, path: str, document: Mapping[str, Any], components: Mapping[str, Any], executors: Mapping[str, Any]
    ) -> None:
        self._path = path
        self._document = document
        self._components = components
        self._executors = executors
        self._tasks = _object(_object(document, "dag"), "tasks")

    def problems(self) -> Iterator[Found]:
        """Everything that is wrong with it."""
        label = get(self._document, "executorLabel")
        if isinstance(label, str) and label not in self._executors:
            yield f"{self._path}.executorLabel", f"there is no executor {shown(label)}"
        if label is None and get(self._document, "dag") is None and self._path != "root":
            yield self._path, "it has neither an executor nor a dag: there is nothing to do"
        for name in self._tasks:
            yield from self._task(f"{self._path}.dag.tasks.{name}", name, _object(self._tasks, name))
        yield from self._circles()
        yield from self._outputs()

    def _task(self, path: str, name: str, task: Mapping[str, Any]) -> Iterator[Found]:
        reference = get(_object(task, "componentRef"), "name")
        component = _object(self._components, reference) if isinstance(reference, str) else {}
        if not isinstance(reference, str) or reference not in self._components:
            yield f"{path}.componentRef", f"there is no component {shown(reference or '')}"
        for other in _texts(task, "dependentTasks"):
            if other not in self._tasks:
                yield f"{path}.dependentTasks", f"there is no task {shown(other)} beside it"
        for kind, key, source in _sources(task):
            yield from self._source(f"{path}.inputs.{kind}.{key}", kind, source)
        yield from _iterator(path, task, component)
        if component:
            yield from _not_given(path, task, component)

    def _source(self, path: str, kind: str, source: Mapping[str, Any]) -> Iterator[Found]:
        word = "Parameter" if kind == "parameters" else "Artifact"
        produced = get(source, f"taskOutput{word}")
        if isinstance(produced, Mapping):
            output = get(produced, f"output{word}Key")
            yield from self._producer(path, kind, get(produced, "producerTask"), output)
        status = get(source, "taskFinalStatus")
        if isinstance(status, Mapping):
            yield from self._producer(path, kind, get(status, "producerTask"), None)
        outer = get(source, f"componentInput{word}")
        if isinstance(outer, str) and _ITEM not in outer and outer not in self._declared("inputDefinitions"):
            yield path, f"there is no input {shown(outer)} around it"

    def _producer(self, path: str, kind: str, task: Any, output: Any) -> Iterator[Found]:
        if not isinstance(task, str) or task not in self._tasks:
            yield path, f"there is no task {shown(task or '')} beside it"
            return
        reference = get(_object(_object(self._tasks, task), "componentRef"), "name")
        component = self._components.get(reference) if isinstance(reference, str) else None
        if not isinstance(output, str) or not isinstance(component, Mapping):
            return
        if _ITEM not in output and output not in _object(_object(component, "outputDefinitions"), kind):
            yield path, f"the task {shown(task)} has no output {shown(output)} among its {kind}"

    def _declared(self, definitions: str) -> set[str]:
        ports = _object(self._document, definitions)
        return {*_object(ports, "parameters"), *_object(ports, "artifacts")}

    def _outputs(self) -> Iterator[Found]:
        outputs, declared = _object(_object(self._document, "dag"), "outputs"), self._declared("outputDefinitions")
        for kind in ("parameters", "artifacts"):
            named = _object(outputs, kind)
            for name in named:
                path = f"{self._path}.dag.outputs.{kind}.{name}"
                if name not in declared:
                    yield path, "the component declares no such output"
                for task, output in _selected(_object(named, name), kind):
                    yield from self._producer(path, kind, task, output)

    def _circles(self) -> Iterator[Found]:
        upstream = {name: _upstream(_object(self._tasks, name)) & self._tasks.keys() for name in self._tasks}
        followers: dict[str, list[str]] = {}
        for name, names in upstream.items():
            for other in names:
                followers.setdefault(other, []).append(name)
        ready = [name for name, names in upstream.items() if not names]
        for name in ready:
            del upstream[name]
            for follower in followers.get(name, ()):
                upstream[follower].discard(name)
                if not upstream[follower]:
                    ready.append(follower)
        if upstream:
            yield f"{self._path}.dag.tasks", "these tasks wait for each other: " + _circle(upstream)


def _circle(upstream: Mapping[str, set[str]]) -> str:
    """One circle among tasks that all wait for one of them."""
    trail = {min(upstream): None}
    while (following := min(upstream[next(reversed(trail))])) not in trail:
        trail[following] = None
    names = list(trail)
    circle = [*names[names.index(following) :], following]
    return " → ".join(circle[:10]) + (" → …" if len(circle) > 10 else "")


def _sources(task: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    inputs = _object(task, "inputs")
    for kind in ("parameters", "artifacts"):
        for name in (named := _object(inputs, kind)):
            yield kind, name, _object(named, name)


def _upstream(task: Mapping[str, Any]) -> set[str]:
    names = set(_texts(task, "dependentTasks"))
    for _, _, source in _sources(task):
        for way in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
            producer = get(_object(source, way), "producerTask")
            if isinstance(producer, str):
                names.add(producer)
    return names


def _iterator(path: str, task: Mapping[str, Any], component: Mapping[str, Any]) -> Iterator[Found]:
    for name, kind, key in (
        ("parameterIterator", "parameters", "inputParameter"),
        ("artifactIterator", "artifacts", "inputArtifact"),
    ):
        iterator = get(task, name)
        if not isinstance(iterator, Mapping):
            continue
        items, item = _object(iterator, "items"), get(iterator, "itemInput")
        named = item if isinstance(item, str) else ""
        if component and named not in _object(_object(component, "inputDefinitions"), kind):
            yield f"{path}.{name}.itemInput", f"the component has no input {shown(named)} for an item"
        listed, raw = get(items, key), get(items, "raw")
        if isinstance(listed, str) and listed not in _object(_object(task, "inputs"), kind):
            yield f"{path}.{name}.items", f"the task has no input {shown(listed)} to take the items from"
        if isinstance(raw, str) and not _is_list(raw):
            yield f"{path}.{name}.items.raw", "it is not a JSON list"
        if listed is None and raw is None:
            yield f"{path}.{name}.items", "it does not say what to loop over"


def _is_list(raw: str) -> bool:
    try:
        return "{{" in raw or isinstance(json.loads(raw), list)
    except (ValueError, RecursionError):
        return False


def _not_given(path: str, task: Mapping[str, Any], component: Mapping[str, Any]) -> Iterator[Found]:
    given = {name for _, name, _ in _sources(task)}
    for name in ("parameterIterator", "artifactIterator"):
        item = get(_object(task, name), "itemInput")
        if isinstance(item, str):
            given.add(item)
    definitions = _object(component, "inputDefinitions")
    for kind, word in (("parameters", "input"), ("artifacts", "artifact")):
        for name in (named := _object(definitions, kind)):
            if name not in given and _ITEM not in name and _is_required(_object(named, name)):
                yield f"{path}.inputs.{kind}", f"the required {word} {shown(name)} is not given"


def _is_required(definition: Mapping[str, Any]) -> bool:
    return get(definition, "isOptional") is not True and get(definition, "defaultValue") is None


def _selected(selector: Mapping[str, Any], kind: str) -> Iterator[tuple[Any, Any]]:
    if kind == "artifacts":
        selectors, key = _objects(selector, "artifactSelectors"), "outputArtifactKey"
    else:
        single = get(selector, "valueFromParameter")
        several = _objects(_object(selector, "valueFromOneof"), "parameterSelectors")
        selectors, key = [*([single] if isinstance(single, Mapping) else []), *several], "outputParameterKey"
    for one in selectors:
        yield get(one, "producerSubtask"), get(one, key)


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = get(document, name)
    return value if isinstance(value, Mapping) else {}


def _objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    value = get(document, name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    value = get(document, name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
