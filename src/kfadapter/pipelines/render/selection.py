"""Which nodes and edges of a graph are drawn: of a huge one the inside of groups is left out, then what comes last."""

from dataclasses import dataclass

from kfadapter.pipelines.graph import Edge, Graph, Node, ReasonKind

MAX_NODES = 1_500
"""More boxes than this nobody can read, and no browser draws with ease."""
MAX_EDGES = 4_000


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is drawn.

    Attributes:
        nodes, edges: In the graph's order.
        closed: How many steps are inside each group whose inside is not drawn.
        left_out: Nodes that are not drawn and are in no group that is.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    closed: dict[str, int]
    left_out: int = 0


def select(graph: Graph, max_nodes: int = MAX_NODES) -> Selection:
    """What of a graph is drawn."""
    depth = _depth(graph, max_nodes)
    nodes = [node for node in graph.nodes if node.depth <= depth]
    shown = {node.id for node in nodes[:max_nodes]}
    closed: dict[str, int] = {}
    for node in graph.nodes:
        if node.depth > depth and not node.is_group:
            group = _ancestor(graph, node, depth)
            closed[group] = closed.get(group, 0) + 1
    edges = [edge for edge in graph.edges if edge.source in shown and edge.target in shown]
    if len(edges) > MAX_EDGES:
        edges.sort(key=lambda edge: all(reason.kind is ReasonKind.ORDER for reason in edge.reasons))
    return Selection(
        nodes=tuple(nodes[:max_nodes]),
        edges=tuple(edges[:MAX_EDGES]),
        closed={group: count for group, count in closed.items() if group in shown},
        left_out=max(0, len(nodes) - max_nodes),
    )


def _depth(graph: Graph, max_nodes: int) -> int:
    """How deep is drawn: as deep as the number of nodes allows."""
    counts: dict[int, int] = {}
    for node in graph.nodes:
        counts[node.depth] = counts.get(node.depth, 0) + 1
    depth = total = 0
    for level in sorted(counts):
        total += counts[level]
        if total > max_nodes and level > 0:
            break
        depth = level
    return depth


def _ancestor(graph: Graph, node: Node, depth: int) -> str:
    while node.depth > depth:
        node = graph.by_id[node.parent]
    return node.id
