"""The graph as DOT text, for Graphviz and its kin."""

from collections.abc import Iterator, Mapping

from kfadapter.pipelines.graph import Edge, Graph, Node, NodeKind, ReasonKind
from kfadapter.pipelines.render import words
from kfadapter.pipelines.render.colours import KINDS, colours_of

_FONT = "Helvetica,Arial,sans-serif"
_LOOKS = {
    ReasonKind.ARTIFACT: 'color="#2563eb", penwidth=1.6',
    ReasonKind.PARAMETER: 'color="#94a3b8"',
    ReasonKind.CONDITION: 'color="#d97706", style=dashed',
    ReasonKind.STATUS: 'color="#be123c", style=dotted',
    ReasonKind.ORDER: 'color="#94a3b8", style=dashed',
}


def to_dot(graph: Graph, *, title: str = "", states: Mapping[str, str] | None = None) -> str:
    """The graph as DOT text.

    Args:
        title: What stands above it; empty: nothing.
        states: KFP's states (`RUNNING`, `SUCCEEDED` …) by node id; colours those nodes.
    """
    return "\n".join(_Writer(graph, states or {}).lines(title)) + "\n"


class _Writer:
    def __init__(self, graph: Graph, states: Mapping[str, str]) -> None:
        self._graph = graph
        self._states = states
        self._names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}

    def lines(self, title: str) -> Iterator[str]:
        """The text, line by line."""
        yield "digraph pipeline {"
        yield "  graph [rankdir=TB, compound=true, newrank=true, nodesep=0.35, ranksep=0.5];"
        yield f'  graph [fontname="{_FONT}", fontsize=12];'
        yield f'  node [shape=box, style="rounded,filled", fontname="{_FONT}", fontsize=11];'
        yield "  edge [arrowsize=0.7];"
        if title:
            yield f"  graph [label={_quoted(words.clean(title, 90))}, labelloc=t, labeljust=l];"
        yield from self._nodes()
        for edge in self._graph.edges:
            if edge.source in self._names and edge.target in self._names:
                yield self._edge(edge)
        yield "}"

    def _nodes(self) -> Iterator[str]:
        stack: list[Iterator[Node]] = [iter(self._graph.children[""])]
        while stack:
            indent = "  " * len(stack)
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                if stack:
                    yield "  " * len(stack) + "}"
            elif inside := self._graph.children.get(node.id):
                yield f"{indent}subgraph cluster_{self._names[node.id]} {{"
                yield f"{indent}  {self._frame(node)}"
                stack.append(iter(inside))
            else:
                yield f"{indent}{self._names[node.id]} [{self._box(node)}];"

    def _frame(self, node: Node) -> str:
        colours = colours_of(node.kind, self._states.get(node.id))
        label = _quoted(f"{words.TAGS[node.kind]}: {_text(node)}")
        return f'label={label}; style="rounded,filled"; fillcolor="{colours.fill}"; color="{colours.line}";'

    def _box(self, node: Node) -> str:
        colours = colours_of(node.kind, self._states.get(node.id))
        shape = "shape=note, " if node.kind is NodeKind.IMPORTER else ""
        attributes = f'fillcolor="{colours.fill}", color="{KINDS[node.kind].mark}"'
        tooltip = _quoted(words.clean(node.id, 200))
        return f"{shape}label={_quoted(_text(node))}, tooltip={tooltip}, {attributes}"

    def _edge(self, edge: Edge) -> str:
        """Lines join boxes; one from or to a group is cut at its frame."""
        source, tail = self._end(edge.source, -1, "ltail")
        target, head = self._end(edge.target, 0, "lhead")
        tooltip = _quoted(words.clean(words.reasons(edge), 200))
        return f"  {source} -> {target} [{_LOOKS[words.weightiest(edge)]}, tooltip={tooltip}{tail}{head}];"

    def _end(self, id_: str, which: int, attribute: str) -> tuple[str, str]:
        inner = id_
        while inside := self._graph.children.get(inner):
            inner = inside[which].id
        cut = "" if inner == id_ else f", {attribute}=cluster_{self._names[id_]}"
        return self._names[inner], cut


def _text(node: Node) -> str:
    heading, below = words.title(node, longest=64), words.subtitle(node, longest=64)
    return f"{heading}\n{below}" if below else heading


def _quoted(text: str) -> str:
    """A text in quotes. Backslashes are doubled, so that DOT's own escapes (`\\N`, `\\G`) mean nothing."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
