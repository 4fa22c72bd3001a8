"""The graph as Mermaid text, which GitHub, GitLab and many editors draw."""

import json
from collections.abc import Iterator, Mapping

from kfadapter.pipelines.graph import Edge, Graph, Node, NodeKind, ReasonKind
from kfadapter.pipelines.render import words
from kfadapter.pipelines.render.colours import KINDS, STATES, Colours

MAX_LABELLED_EDGES = 80
"""In a picture with more lines than these nobody can read what is written on them."""

_ARROWS = {
    ReasonKind.ARTIFACT: "==>",
    ReasonKind.PARAMETER: "-->",
    ReasonKind.CONDITION: "-->",
    ReasonKind.STATUS: "-.->",
    ReasonKind.ORDER: "-.->",
}
_PLAIN = frozenset(" _-.,:=+*/!?'()[]→…")


def to_mermaid(graph: Graph, *, title: str = "", states: Mapping[str, str] | None = None) -> str:
    """The graph as Mermaid text.

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
        if title:
            yield from ("---", f"title: {json.dumps(words.clean(title, 90), ensure_ascii=False)}", "---")
        yield "flowchart TD"
        yield from self._group("")
        has_labels = len(self._graph.edges) <= MAX_LABELLED_EDGES
        for edge in self._graph.edges:
            if edge.source in self._names and edge.target in self._names:
                yield self._edge(edge, has_labels)
        yield from self._classes()

    def _group(self, top: str) -> Iterator[str]:
        """The nodes of a group and of all groups inside it, without recursion."""
        stack: list[Iterator[Node]] = [iter(self._graph.children.get(top, ()))]
        while stack:
            indent = "  " * len(stack)
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                if stack:
                    yield "  " * len(stack) + "end"
            elif inside := self._graph.children.get(node.id):
                yield f'{indent}subgraph {self._names[node.id]}["{self._text(node)}"]'
                stack.append(iter(inside))
            else:
                yield f"{indent}{self._names[node.id]}{self._shape(node)}"

    def _shape(self, node: Node) -> str:
        opening, closing = ("[/", "/]") if node.kind is NodeKind.IMPORTER else ("(", ")")
        return f'{opening}"{self._text(node)}"{closing}'

    def _text(self, node: Node) -> str:
        tag = words.TAGS.get(node.kind, "") if node.is_group else ""
        heading, below = words.title(node, longest=64), words.subtitle(node, longest=64)
        head = f"{_label(tag)}: {_label(heading)}" if tag else _label(heading)
        return f"{head}<br/><small>{_label(below)}</small>" if below else head

    def _edge(self, edge: Edge, has_label: bool) -> str:
        arrow = _ARROWS[words.weightiest(edge)]
        label = _label(_label_of(edge)) if has_label else ""
        middle = f'{arrow}|"{label}"|' if label else arrow
        return f"  {self._names[edge.source]} {middle} {self._names[edge.target]}"

    def _classes(self) -> Iterator[str]:
        used: dict[str, list[str]] = {}
        for node in self._graph.nodes:
            state = self._states.get(node.id)
            name = state.lower() if state in STATES else node.kind.value
            used.setdefault(name, []).append(self._names[node.id])
        looks = {kind.value: colours for kind, colours in KINDS.items()}
        looks |= {state.lower(): colours for state, colours in STATES.items()}
        for name, nodes in used.items():
            safe = name.replace("-", "_")
            yield f"  classDef {safe} {_style(looks[name])}"
            for start in range(0, len(nodes), 50):
                yield f"  class {','.join(nodes[start : start + 50])} {safe}"


def _style(colours: Colours) -> str:
    return f"fill:{colours.fill},stroke:{colours.line},color:#0f172a"


def _label_of(edge: Edge) -> str:
    """The outputs that are handed on; nothing for mere order."""
    names = dict.fromkeys(
        "status" if reason.kind is ReasonKind.STATUS else _channelless(reason.output)
        for reason in edge.reasons
        if reason.kind is not ReasonKind.ORDER
    )
    return words.clean(", ".join(names), 40)


def _channelless(name: str) -> str:
    return name.removeprefix("pipelinechannel--")


def _label(text: str) -> str:
    """A text for within quotes: what Mermaid, Markdown or HTML could take for more than a letter becomes a number."""
    return "".join(letter if letter.isalnum() or letter in _PLAIN else f"#{ord(letter)};" for letter in text)
