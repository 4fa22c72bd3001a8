"""The flattened graph of a pipeline: every step in every loop, branch and nested pipeline, and what leads to what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from kfadapter.pipelines.components import Caching, Retry
from kfadapter.pipelines.scalars import JSON


class NodeKind(StrEnum):
    """What a node of the graph is."""

    TASK = "task"  # runs a container
    IMPORTER = "importer"  # brings an artifact in
    LOOP = "loop"  # runs what is inside once for each item
    CONDITION = "condition"  # runs what is inside only if …
    BRANCHES = "branches"  # holds the branches of one if/elif/else
    EXIT_HANDLER = "exit-handler"  # after it a step runs in any case
    PIPELINE = "pipeline"  # a pipeline used as a step
    UNKNOWN = "unknown"  # carried out by something newer than this program

    @property
    def is_group(self) -> bool:
        """Whether it holds other nodes."""
        return self in _GROUPS


_GROUPS = frozenset((NodeKind.LOOP, NodeKind.CONDITION, NodeKind.BRANCHES, NodeKind.EXIT_HANDLER, NodeKind.PIPELINE))


class SourceKind(StrEnum):
    """Where an input's value comes from."""

    CONSTANT = "constant"  # `value`; it may hold placeholders
    INPUT = "input"  # input `name` of the pipeline itself
    OUTPUT = "output"  # output `name` of node `node`
    ITEM = "item"  # the item of loop `node`; `name`: a field of it, or empty
    STATUS = "status"  # how node `node` ended
    DEFAULT = "default"  # nothing is given: the component's own default, or nothing at all
    UNKNOWN = "unknown"  # newer than this program; `value` is what stands there


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value comes from, traced through every group that it is handed into or out of.

    Where it may come from several steps (whichever branch ran) the group is named: its own outputs tell which.

    Attributes:
        kind: What it is; says which of the others are there.
        node: The id of a node.
        name: The name of an output or of a pipeline's input.
        value: A constant, or a default.
        expression: A selector that takes a part of the value, such as `parseJson(string_value)["site"]`.
        is_collected: It is the list of what all iterations of a loop made.
    """

    kind: SourceKind
    node: str = ""
    name: str = ""
    value: JSON = None
    expression: str = ""
    is_collected: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        shown: dict[str, JSON] = {"kind": self.kind.value}
        if self.node:
            shown["node"] = self.node
        if self.name:
            shown["name"] = self.name
        if self.kind in (SourceKind.CONSTANT, SourceKind.DEFAULT, SourceKind.UNKNOWN):
            shown["value"] = self.value
        if self.expression:
            shown["expression"] = self.expression
        if self.is_collected:
            shown["is_collected"] = True
        return shown


@dataclass(frozen=True, kw_only=True)
class NodeInput:
    """An input of a node.

    Attributes:
        name: As its component declares it.
        kind: `parameter` or `artifact`.
        type: KFP's word for its type (`NUMBER_INTEGER`, `system.Model`); empty when undeclared.
        source: Where its value comes from in the end.
        label: That in words, as `train.model` or `input epochs`.
    """

    name: str
    kind: str
    type: str
    source: Source
    label: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "type": self.type,
            "source": self.source.to_json(),
            "label": self.label,
        }


@dataclass(frozen=True, kw_only=True)
class NodeOutput:
    """An output of a node.

    Attributes:
        name: As its component declares it.
        kind: `parameter` or `artifact`.
        type: KFP's word for its type.
        sources: For groups: the outputs inside that it is taken from (several: whichever branch ran).
    """

    name: str
    kind: str
    type: str
    sources: tuple[Source, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "type": self.type,
            "sources": [source.to_json() for source in self.sources],
        }


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """What a loop runs over.

    Attributes:
        over: `items` (constants), `parameter` or `artifact`.
        items: The constants; None when they come from elsewhere.
        source: Where the list comes from; None for constants.
        item_input: The input of the loop's inside that holds one item.
        parallelism: Iterations at the same time; 0: no limit.
        text: A sentence: `for each item of input sites, 2 at a time`.
    """

    over: str
    items: tuple[JSON, ...] | None = None
    source: Source | None = None
    item_input: str = ""
    parallelism: int = 0
    text: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "over": self.over,
            "items": None if self.items is None else list(self.items),
            "source": None if self.source is None else self.source.to_json(),
            "item_input": self.item_input,
            "parallelism": self.parallelism,
            "text": self.text,
        }


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """When a node runs, if not simply after what it needs.

    Attributes:
        condition: As compiled; empty: none.
        strategy: KFP's word, such as `ALL_UPSTREAM_TASKS_COMPLETED`; empty: the usual one.
        text: A sentence: `only if evaluate's accuracy > 0.9`.
    """

    condition: str = ""
    strategy: str = ""
    text: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"condition": self.condition or None, "strategy": self.strategy or None, "text": self.text}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the graph.

    Attributes:
        id: Its path, as `for-loop-1.train`; a `.` or `%` inside a name is written `%2E`, `%25`. Stable over versions.
        name: The task's name in its DAG.
        display_name: The author's name for it; often the same.
        kind: What it is.
        parent: The id of the group it is in; empty at the top.
        depth: Groups around it.
        component: The name of its component.
        executor: The label of what carries it out; empty for groups.
        inputs, outputs: What it takes and gives.
        iteration: What a loop runs over; None for others.
        trigger: When it runs, if not simply after what it needs.
        caching, retry: Its policies.
        cleans_up: The id of the node after which it runs in any case, when it is an exit task; else empty.
        extra: Fields of the task that this program does not know.
    """

    id: str
    name: str
    display_name: str
    kind: NodeKind
    parent: str = ""
    depth: int = 0
    component: str = ""
    executor: str = ""
    inputs: tuple[NodeInput, ...] = ()
    outputs: tuple[NodeOutput, ...] = ()
    iteration: Iteration | None = None
    trigger: Trigger | None = None
    caching: Caching = field(default_factory=Caching)
    retry: Retry | None = None
    cleans_up: str = ""
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether it holds other nodes (or could)."""
        return self.kind.is_group

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "id": self.id,
            "name": self.name,
            "display_name": self.display_name,
            "kind": self.kind.value,
            "parent": self.parent or None,
            "depth": self.depth,
            "component": self.component,
            "executor": self.executor or None,
            "inputs": [each.to_json() for each in self.inputs],
            "outputs": [each.to_json() for each in self.outputs],
            "iteration": None if self.iteration is None else self.iteration.to_json(),
            "trigger": None if self.trigger is None else self.trigger.to_json(),
            "caching": self.caching.to_json(),
            "retry": None if self.retry is None else self.retry.to_json(),
            "cleans_up": self.cleans_up or None,
            "extra": dict(self.extra),
        }


class ReasonKind(StrEnum):
    """Why one node waits for another."""

    PARAMETER = "parameter"  # it takes a value
    ARTIFACT = "artifact"  # it takes an artifact
    CONDITION = "condition"  # a value decides whether it runs, or how often
    STATUS = "status"  # it is told how the other ended
    ORDER = "order"  # the author said so


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One reason of an edge: `output` of the first node becomes `input` of the second; both empty for `order`."""

    kind: ReasonKind
    output: str = ""
    input: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"kind": self.kind.value, "output": self.output or None, "input": self.input or None}


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The second node (`target`) waits for the first (`source`); both are in the same group. Every reason once."""

    source: str
    target: str
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"from": self.source, "to": self.target, "why": [reason.to_json() for reason in self.reasons]}


@dataclass(frozen=True, kw_only=True)
class Use:
    """An input of the pipeline and a step's input that it ends up in."""

    parameter: str
    node: str
    input: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"from": self.parameter, "to": self.node, "input": self.input}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The flattened graph.

    Attributes:
        nodes: Every node, groups before what is in them, siblings in an order in which they could run.
        edges: What waits for what, among the nodes of one group.
        uses: Which steps each of the pipeline's inputs reaches.
        outputs: What the pipeline gives, and from which nodes.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    uses: tuple[Use, ...] = ()
    outputs: tuple[NodeOutput, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def children(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes of each group by its id; those at the top under the empty text."""
        groups: dict[str, list[Node]] = {"": []}
        for node in self.nodes:
            groups.setdefault(node.parent, []).append(node)
        return {group: tuple(nodes) for group, nodes in groups.items()}

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "nodes": [node.to_json() for node in self.nodes],
            "edges": [edge.to_json() for edge in self.edges],
            "inputs": [use.to_json() for use in self.uses],
            "outputs": [output.to_json() for output in self.outputs],
        }
