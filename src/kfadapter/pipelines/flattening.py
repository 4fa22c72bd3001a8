"""Making the flattened graph: every use of a component becomes a node, every input is traced to its source."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kfadapter.errors import PackageError
from kfadapter.pipelines.components import Component
from kfadapter.pipelines.conditions import in_words, inputs_of
from kfadapter.pipelines.executors import Executor, ExecutorKind
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.graph import (
    Edge,
    Graph,
    Iteration,
    Node,
    NodeInput,
    NodeKind,
    NodeOutput,
    Reason,
    ReasonKind,
    Source,
    SourceKind,
    Trigger,
    Use,
)
from kfadapter.pipelines.labels import CHANNEL, cut, filled, label_of, shown_value
from kfadapter.pipelines.task_plans import (
    ARTIFACT,
    PARAMETER,
    DagPlan,
    InputPlan,
    TaskPlan,
    field_of,
    read_dag,
    weight_of,
)
from kfadapter.pipelines.tracing import Origin, Tracing

MAX_NODES = 20_000
"""Nodes of one graph: a component may be used again and again, so a small file can stand for an endless one."""
MAX_DEPTH = 64
"""Groups in groups."""
MAX_ID = 2_000
"""Characters of a node's id."""
MAX_WEIGHT = 1_000_000
"""What all nodes add to an answer, in units of some 64 bytes."""

ALL_UPSTREAM_COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"
_EXIT_HANDLER = re.compile(r"(?:comp-)?exit-handler-\d+(?:-\d+)?")
_BRANCHES = re.compile(r"(?:comp-)?condition-branches-\d+(?:-\d+)?")
_SUB_VARIABLE = "-subvar-"  # how the compiler names a field of a loop's item
_EITHER = (PARAMETER, ARTIFACT)
_NO_COMPONENT = Component(name="")

Bindings = Mapping[tuple[str, str], Source]


@dataclass(frozen=True, kw_only=True)
class _Scope:
    """One use of a DAG: the node it stands for, what its component's inputs are bound to, and the loops around it."""

    id: str
    component: str
    bindings: Bindings
    items: Bindings
    chain: frozenset[str]
    depth: int


@dataclass(slots=True)
class _Growth:
    """The graph as far as it has been made."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    weight: int = 0


def flatten(pipeline: Fields, components: Mapping[str, Component], executors: Mapping[str, Executor]) -> Graph:
    """The flattened graph of a pipeline.

    Raises:
        PackageError: A field has the wrong shape, a component contains itself, or the graph is too large; names the
            path.
    """
    return _Flattening(pipeline, components, executors).graph()


class _Flattening:
    def __init__(
        self, pipeline: Fields, components: Mapping[str, Component], executors: Mapping[str, Executor]
    ) -> None:
        self._documents = pipeline.object("components")
        self._root = pipeline.object("root")
        self._components = components
        self._executors = executors
        self._executor_weights = {label: weight_of(each.to_json()) for label, each in executors.items()}
        self._plans: dict[str, DagPlan] = {}
        self._tracing = Tracing(lambda name: self._plan(name) if self._has_dag(name) else None)

    def graph(self) -> Graph:
        """Walk through every DAG from the root on, groups before what is in them."""
        root = self._components["root"]
        bindings = {
            (kind, port.name): Source(kind=SourceKind.INPUT, name=port.name)
            for kind, ports in ((PARAMETER, root.inputs.parameters), (ARTIFACT, root.inputs.artifacts))
            for port in ports
        }
        growth = _Growth()
        stack = [_Scope(id="", component="root", bindings=bindings, items={}, chain=frozenset(("root",)), depth=0)]
        while stack:
            stack.extend(reversed(list(self._grow(growth, stack.pop()))))
        nodes = tuple(growth.nodes)
        return Graph(
            nodes=nodes,
            edges=tuple(growth.edges),
            uses=tuple(self._uses(nodes)),
            outputs=tuple(self._outputs("", root)),
        )

    def _grow(self, growth: _Growth, scope: _Scope) -> Iterator[_Scope]:
        plan = self._plan(scope.component)
        kinds = {task.name: self._kind(task) for task in plan.tasks}
        for task in plan.tasks:
            node = self._node(task, scope, kinds)
            growth.nodes.append(node)
            growth.weight += task.weight + self._executor_weights.get(node.executor, 0) + len(node.inputs)
            _check_size(growth, node)
            if self._has_dag(task.component):
                yield self._inner(task, node, scope)
        growth.edges.extend(self._edges(plan, scope, kinds))

    def _inner(self, task: TaskPlan, node: Node, scope: _Scope) -> _Scope:
        if task.component in scope.chain:
            raise PackageError(f"the component {task.component!r} contains itself", path=f"components.{task.component}")
        bindings = {(each.kind, each.name): each.source for each in node.inputs}
        items = scope.items
        if task.iterator is not None:
            key = ARTIFACT if task.iterator.over == ARTIFACT else PARAMETER, task.iterator.item_input
            bindings[key] = Source(kind=SourceKind.ITEM, node=node.id)
            items = {**items, key: bindings[key]}
        return _Scope(
            id=node.id,
            component=task.component,
            bindings=bindings,
            items=items,
            chain=scope.chain | {task.component},
            depth=scope.depth + 1,
        )

    def _plan(self, component: str) -> DagPlan:
        if component not in self._plans:
            self._plans[component] = read_dag(self._document(component).object("dag"))
        return self._plans[component]

    def _document(self, component: str) -> Fields:
        return self._root if component == "root" else self._documents.object(component)

    def _has_dag(self, component: str) -> bool:
        return component in self._components and "dag" in self._document(component)

    def _kind(self, task: TaskPlan) -> NodeKind:
        if not self._has_dag(task.component):
            return self._leaf_kind(self._components.get(task.component, _NO_COMPONENT))
        if task.iterator is not None:
            return NodeKind.LOOP
        if task.condition:
            return NodeKind.CONDITION
        if _BRANCHES.fullmatch(task.component):
            return NodeKind.BRANCHES
        return NodeKind.EXIT_HANDLER if _EXIT_HANDLER.fullmatch(task.component) else NodeKind.PIPELINE

    def _leaf_kind(self, component: Component) -> NodeKind:
        executor = self._executors.get(component.executor)
        if executor is None or executor.kind is ExecutorKind.UNKNOWN:
            return NodeKind.UNKNOWN
        return NodeKind.IMPORTER if executor.kind is ExecutorKind.IMPORTER else NodeKind.TASK

    def _node(self, task: TaskPlan, scope: _Scope, kinds: Mapping[str, NodeKind]) -> Node:
        id_ = node_id(scope.id, task.name)
        component = self._components.get(task.component, _NO_COMPONENT)
        inputs = tuple(self._inputs(task, component, scope))
        return Node(
            id=id_,
            name=task.name,
            display_name=task.display_name,
            kind=kinds[task.name],
            parent=scope.id,
            depth=scope.depth,
            component=task.component,
            executor=component.executor,
            inputs=inputs,
            outputs=tuple(self._outputs(id_, component)),
            iteration=_iteration(task, inputs),
            trigger=_trigger(task, inputs, scope),
            caching=task.caching,
            retry=task.retry,
            cleans_up=_cleans_up(task, scope, kinds),
            extra=task.extra,
        )

    def _inputs(self, task: TaskPlan, component: Component, scope: _Scope) -> Iterator[NodeInput]:
        types = _types(component)
        sources = {(plan.kind, plan.name): self._source(plan, scope) for plan in task.inputs}
        labels = {name: label_of(source) for (kind, name), source in sources.items() if kind == PARAMETER}
        for (kind, name), source in sources.items():
            if source.kind is SourceKind.DEFAULT and name.startswith(CHANNEL):
                continue  # the compiler lists loop items of loops inside, which nobody gives
            is_constant = source.kind is SourceKind.CONSTANT
            label = filled(source.value, labels) if is_constant else label_of(source)
            yield NodeInput(name=name, kind=kind, type=types.get((kind, name), ""), source=source, label=label)
        if task.iterator is not None:
            return
        for parameter in component.inputs.parameters:
            if (PARAMETER, parameter.name) not in sources:
                source = Source(kind=SourceKind.DEFAULT, value=parameter.default)
                label = "default " + shown_value(parameter.default) if parameter.has_default else "not given"
                yield NodeInput(
                    name=parameter.name, kind=PARAMETER, type=parameter.type.value, source=source, label=label
                )

    def _outputs(self, id_: str, component: Component) -> Iterator[NodeOutput]:
        is_group = self._has_dag(component.name)
        for kind, ports in ((PARAMETER, component.outputs.parameters), (ARTIFACT, component.outputs.artifacts)):
            for port in ports:
                origins = self._tracing.origins(component.name, kind, port.name) if is_group else ()
                sources = tuple(_at(id_, origin) for origin in origins if origin.path)
                yield NodeOutput(name=port.name, kind=kind, type=str(port.type), sources=sources)

    def _source(self, plan: InputPlan, scope: _Scope) -> Source:
        if plan.producer:
            origins = self._origins(scope.component, plan)
            one = origins[0] if len(origins) == 1 else Origin(path=(), output=plan.output)
            source = _at(node_id(scope.id, plan.producer), one)
        elif plan.outer:
            source = _bound(scope, plan)
        elif plan.status_of:
            source = Source(kind=SourceKind.STATUS, node=node_id(scope.id, plan.status_of))
        elif plan.has_constant:
            source = Source(kind=SourceKind.CONSTANT, value=plan.constant)
        else:
            source = Source(kind=SourceKind.UNKNOWN, value=dict(plan.rest))
        return _selected(source, plan.expression)

    def _origins(self, component: str, plan: InputPlan) -> tuple[Origin, ...]:
        inner, is_loop = self._tracing.task(component, plan.producer)
        origins = self._tracing.origins(inner, plan.kind, plan.output)
        return tuple(replace(each, is_collected=True) for each in origins) if is_loop else origins

    def _edges(self, plan: DagPlan, scope: _Scope, kinds: Mapping[str, NodeKind]) -> Iterator[Edge]:
        for task in plan.tasks:
            deciding = task.deciding | self._deciding_inside(task, kinds[task.name])
            reasons: dict[str, list[Reason]] = {}
            for each in task.inputs:
                if each.producer:
                    kind = ReasonKind.CONDITION if each.name in deciding else ReasonKind(each.kind)
                    reason = Reason(kind=kind, output=each.output, input=each.name)
                    reasons.setdefault(each.producer, []).append(reason)
                elif each.status_of:
                    reasons.setdefault(each.status_of, []).append(Reason(kind=ReasonKind.STATUS, input=each.name))
            for name in task.dependent_tasks:
                reasons.setdefault(name, [Reason(kind=ReasonKind.ORDER)])
            for name, why in reasons.items():
                if name in kinds and name != task.name:
                    source, target = node_id(scope.id, name), node_id(scope.id, task.name)
                    yield Edge(source=source, target=target, reasons=tuple(why))

    def _deciding_inside(self, task: TaskPlan, kind: NodeKind) -> frozenset[str]:
        """Inputs of an if/elif/else that its branches' conditions read."""
        if kind is not NodeKind.BRANCHES:
            return frozenset()
        branches = self._plan(task.component).tasks
        return frozenset(each.outer for one in branches for each in one.inputs if each.name in one.deciding)

    def _uses(self, nodes: tuple[Node, ...]) -> Iterator[Use]:
        for node in nodes:
            deciding = _deciding_of(node)
            for each in node.inputs:
                if each.source.kind is SourceKind.INPUT and (not node.is_group or each.name in deciding):
                    yield Use(parameter=each.source.name, node=node.id, input=each.name)


def node_id(group: str, task: str) -> str:
    """The id of a task in a group; `%` stands for a name without letters."""
    name = task.replace("%", "%25").replace(".", "%2E") if "." in task or "%" in task else task or "%"
    return f"{group}.{name}" if group else name


def _deciding_of(node: Node) -> frozenset[str]:
    """The inputs of a node that decide whether, or how often, it runs."""
    read = inputs_of(node.trigger.condition) if node.trigger is not None else frozenset[str]()
    over = node.iteration.source if node.iteration is not None else None
    return read if over is None else read | {each.name for each in node.inputs if each.source is over}


def _check_size(growth: _Growth, node: Node) -> None:
    if len(growth.nodes) > MAX_NODES:
        raise PackageError(f"the pipeline unfolds to more than {MAX_NODES:,} steps")
    if growth.weight > MAX_WEIGHT:
        raise PackageError("the pipeline unfolds to more than 64 MB")
    if node.depth > MAX_DEPTH:
        raise PackageError(f"the pipeline is nested deeper than {MAX_DEPTH} levels")
    if len(node.id) > MAX_ID:
        raise PackageError(f"the path of a step is longer than {MAX_ID:,} characters")


def _types(component: Component) -> dict[tuple[str, str], str]:
    types = {(PARAMETER, each.name): str(each.type) for each in component.inputs.parameters}
    return types | {(ARTIFACT, each.name): each.type for each in component.inputs.artifacts}


def _at(group: str, origin: Origin) -> Source:
    node = group
    for name in origin.path:
        node = node_id(node, name)
    return Source(kind=SourceKind.OUTPUT, node=node, name=origin.output, is_collected=origin.is_collected)


def _bound(scope: _Scope, plan: InputPlan) -> Source:
    """What an input of the group around is bound to; it may be declared as the other kind.

    The compiler forgets to hand loop items down to texts that mention them: those are found in the loops around.
    """
    bound = next((scope.bindings[key] for kind in _EITHER if (key := (kind, plan.outer)) in scope.bindings), None)
    if bound is None or bound.kind is SourceKind.DEFAULT:
        bound = scope.items.get((plan.kind, plan.outer)) or _field_of_item(scope, plan.outer) or bound
    return bound or Source(kind=SourceKind.DEFAULT)


def _field_of_item(scope: _Scope, name: str) -> Source | None:
    item, found, field_name = name.partition(_SUB_VARIABLE)
    source = scope.items.get((PARAMETER, item)) if found else None
    return source and replace(source, name=field_name)


def _selected(source: Source, expression: str) -> Source:
    if not expression:
        return source
    if source.kind is SourceKind.ITEM and not source.expression and (name := field_of(expression)):
        return replace(source, name=name, expression=expression)
    both = f"{source.expression} {expression}" if source.expression else expression
    return replace(source, expression=both)


def _iteration(task: TaskPlan, inputs: tuple[NodeInput, ...]) -> Iteration | None:
    plan = task.iterator
    if plan is None:
        return None
    over = next((each for each in inputs if each.name == plan.list_input), None)
    of = shown_value(list(plan.items)) if plan.items is not None else over.label if over else plan.list_input
    limit = {0: "", 1: ", one at a time"}.get(plan.parallelism, f", {plan.parallelism} at a time")
    return Iteration(
        over=plan.over,
        items=plan.items,
        source=over.source if over is not None and plan.items is None else None,
        item_input=plan.item_input,
        parallelism=plan.parallelism,
        text=f"for each item of {of}{limit}",
    )


def _trigger(task: TaskPlan, inputs: tuple[NodeInput, ...], scope: _Scope) -> Trigger | None:
    if not task.condition and not task.strategy:
        return None
    labels = {each.name: each.label for each in inputs}
    parts = []
    if task.condition:
        parts.append("only if " + in_words(task.condition, lambda name: labels.get(name, name)))
    if task.strategy == ALL_UPSTREAM_COMPLETED:
        upstream = " and ".join(cut(name) for name in sorted(task.upstream)[:6]) or "all before it"
        parts.append(f"after {upstream}, however that ended")
    elif task.strategy and not task.condition:
        parts.append(f"when {task.strategy}")
    return Trigger(condition=task.condition, strategy=task.strategy, text="; ".join(parts))


def _cleans_up(task: TaskPlan, scope: _Scope, kinds: Mapping[str, NodeKind]) -> str:
    if task.strategy != ALL_UPSTREAM_COMPLETED:
        return ""
    handlers = (name for name in task.upstream if kinds.get(name) is NodeKind.EXIT_HANDLER)
    return next((node_id(scope.id, name) for name in handlers), "")
