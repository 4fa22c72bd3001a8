"""The tasks of one DAG as its author wrote them, read once however often the DAG is used."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import orjson

from kfadapter.errors import PackageError
from kfadapter.pipelines.components import Caching, Retry, read_caching, read_retry
from kfadapter.pipelines.conditions import inputs_of
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import whole_numbers

PARAMETER, ARTIFACT = "parameter", "artifact"
_TASK_FIELDS = frozenset(
    (
        *("taskInfo", "inputs", "dependentTasks", "cachingOptions", "componentRef", "triggerPolicy", "retryPolicy"),
        *("artifactIterator", "parameterIterator", "iteratorPolicy"),
    )
)
_FIELD_OF_ITEM = re.compile(r"""parseJson\(string_value\)\[(?P<quote>['"])(?P<field>.*)(?P=quote)\]""", re.DOTALL)
_BYTES_A_UNIT = 64


@dataclass(frozen=True, kw_only=True)
class InputPlan:
    """What a task says about one of its inputs; exactly one of the ways is used.

    Attributes:
        name, kind: The input.
        producer, output: Another task of the DAG and its output.
        outer: An input of the DAG's own component.
        status_of: A task whose final status is told.
        constant, has_constant: A value.
        expression: A selector that takes a part.
        rest: What is said in a way that this program does not know.
    """

    name: str
    kind: str
    producer: str = ""
    output: str = ""
    outer: str = ""
    status_of: str = ""
    constant: JSON = None
    has_constant: bool = False
    expression: str = ""
    rest: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class IteratorPlan:
    """What a task says about its loop: constants, or an input of the task itself that holds the list."""

    over: str
    items: tuple[JSON, ...] | None
    list_input: str
    item_input: str
    parallelism: int


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """A task as its author wrote it.

    Attributes:
        weight: What it adds to an answer, in units of some 64 bytes.
    """

    name: str
    display_name: str
    component: str
    inputs: tuple[InputPlan, ...]
    dependent_tasks: tuple[str, ...]
    iterator: IteratorPlan | None
    condition: str
    strategy: str
    caching: Caching
    retry: Retry | None
    extra: Mapping[str, JSON]
    weight: int

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """The tasks it waits for, each once."""
        named = (name for each in self.inputs for name in (each.producer, each.status_of) if name)
        return tuple(dict.fromkeys((*named, *self.dependent_tasks)))

    @cached_property
    def deciding(self) -> frozenset[str]:
        """Its inputs that decide whether, or how often, it runs."""
        over = {self.iterator.list_input} if self.iterator is not None and self.iterator.list_input else set()
        return inputs_of(self.condition) | over


@dataclass(frozen=True, kw_only=True)
class OutputPlan:
    """An output of a DAG and the (task, output) pairs it may be taken from."""

    name: str
    kind: str
    producers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class DagPlan:
    """A DAG's tasks, in an order in which they could run, and its outputs."""

    tasks: tuple[TaskPlan, ...]
    outputs: tuple[OutputPlan, ...]


def read_dag(dag: Fields) -> DagPlan:
    """Read a component's `dag`.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    tasks = {name: _task(name, fields) for name, fields in dag.entries("tasks")}
    return DagPlan(tasks=tuple(_in_order(tasks)), outputs=tuple(_outputs(dag.object("outputs"))))


def field_of(expression: str) -> str:
    """The field that a selector takes from an item; empty when it is another selector."""
    match = _FIELD_OF_ITEM.fullmatch(expression)
    return match["field"] if match else ""


def weight_of(value: JSON) -> int:
    """What a value adds to an answer, in units of 64 bytes.

    Raises:
        PackageError: It holds what JSON cannot.
    """
    try:
        return 1 + len(orjson.dumps(value)) // _BYTES_A_UNIT
    except TypeError as exc:
        raise PackageError(f"the specification holds what JSON cannot: {exc}") from exc


def _task(name: str, fields: Fields) -> TaskPlan:
    inputs = fields.object("inputs")
    trigger = fields.object("triggerPolicy")
    return TaskPlan(
        name=name,
        display_name=fields.object("taskInfo").text("name") or name,
        component=fields.object("componentRef").text("name"),
        inputs=(*_inputs(inputs, "parameters", PARAMETER), *_inputs(inputs, "artifacts", ARTIFACT)),
        dependent_tasks=fields.texts("dependentTasks"),
        iterator=_iterator(fields),
        condition=trigger.text("condition"),
        strategy=_strategy(trigger),
        caching=read_caching(fields),
        retry=read_retry(fields),
        extra=fields.rest(_TASK_FIELDS),
        weight=weight_of(dict(fields.document)),
    )


_STRATEGIES = ("TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED")


def _strategy(trigger: Fields) -> str:
    value = trigger.raw("strategy")
    if isinstance(value, int) and not isinstance(value, bool):
        return _STRATEGIES[value] if 0 <= value < len(_STRATEGIES) else str(value)
    return trigger.text("strategy")


def _inputs(inputs: Fields, name: str, kind: str) -> Iterator[InputPlan]:
    known = frozenset(("parameterExpressionSelector",))
    for key, fields in inputs.entries(name):
        expression = fields.text("parameterExpressionSelector")
        if outer := fields.text("componentInputParameter") or fields.text("componentInputArtifact"):
            yield InputPlan(name=key, kind=kind, outer=outer, expression=expression)
        elif produced := fields.object("taskOutputParameter"):
            yield _produced(key, kind, produced, "outputParameterKey", expression)
        elif produced := fields.object("taskOutputArtifact"):
            yield _produced(key, kind, produced, "outputArtifactKey", expression)
        elif "taskFinalStatus" in fields:
            status_of = fields.object("taskFinalStatus").text("producerTask")
            yield InputPlan(name=key, kind=kind, status_of=status_of)
        elif "runtimeValue" in fields:
            yield _constant(key, kind, fields.object("runtimeValue"), expression)
        else:
            yield InputPlan(name=key, kind=kind, expression=expression, rest=fields.rest(known))


def _produced(name: str, kind: str, produced: Fields, key: str, expression: str) -> InputPlan:
    output, producer = produced.text(key), produced.text("producerTask")
    return InputPlan(name=name, kind=kind, producer=producer, output=output, expression=expression)


def _constant(name: str, kind: str, value: Fields, expression: str) -> InputPlan:
    if parameter := value.text("runtimeParameter"):
        return InputPlan(name=name, kind=kind, outer=parameter, expression=expression)
    constant = value.raw("constant")
    if constant is None and (older := value.object("constantValue")):
        constant = next(iter(older.document.values()))
    constant = whole_numbers(constant)
    return InputPlan(name=name, kind=kind, constant=constant, has_constant=True, expression=expression)


def _iterator(fields: Fields) -> IteratorPlan | None:
    parallelism = int(fields.object("iteratorPolicy").number("parallelismLimit") or 0)
    for name, kind, key in (
        ("parameterIterator", PARAMETER, "inputParameter"),
        ("artifactIterator", ARTIFACT, "inputArtifact"),
    ):
        if name in fields:
            iterator = fields.object(name)
            items = iterator.object("items")
            raw = items.text("raw")
            return IteratorPlan(
                over="items" if raw else kind,
                items=_items(raw, items.at("raw")) if raw else None,
                list_input=items.text(key),
                item_input=iterator.text("itemInput"),
                parallelism=parallelism,
            )
    return None


def _items(raw: str, path: str) -> tuple[JSON, ...] | None:
    """The constants of a loop, a JSON list written as a text. What is no JSON, or no list, is one item."""
    try:
        items = json.loads(raw)
    except ValueError:
        return (raw,)
    except RecursionError as exc:
        raise PackageError("the list is nested too deeply", path=path) from exc
    return tuple(whole_numbers(item) for item in items) if isinstance(items, list) else (items,)


def _in_order(tasks: Mapping[str, TaskPlan]) -> Iterator[TaskPlan]:
    """Each task after those it waits for; tasks in a circle come last, as they stand."""
    waiting = {name: {one for one in plan.upstream if one in tasks and one != name} for name, plan in tasks.items()}
    followers: dict[str, list[str]] = {}
    for name, upstream in waiting.items():
        for one in upstream:
            followers.setdefault(one, []).append(name)
    ready = [name for name, upstream in waiting.items() if not upstream]
    done: dict[str, None] = {}
    for name in ready:
        done[name] = None
        yield tasks[name]
        for follower in followers.get(name, ()):
            waiting[follower].discard(name)
            if not waiting[follower]:
                ready.append(follower)
    yield from (plan for name, plan in tasks.items() if name not in done)


def _outputs(outputs: Fields) -> Iterator[OutputPlan]:
    for name, fields in outputs.entries("parameters"):
        single = fields.object("valueFromParameter")
        several = list(fields.object("valueFromOneof").objects("parameterSelectors"))
        selectors = ([single] if single else []) + several
        producers = tuple((one.text("producerSubtask"), one.text("outputParameterKey")) for one in selectors)
        yield OutputPlan(name=name, kind=PARAMETER, producers=producers)
    for name, fields in outputs.entries("artifacts"):
        selectors = list(fields.objects("artifactSelectors"))
        producers = tuple((one.text("producerSubtask"), one.text("outputArtifactKey")) for one in selectors)
        yield OutputPlan(name=name, kind=ARTIFACT, producers=producers)
