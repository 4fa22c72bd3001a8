"""Where every node of a graph stands: groups are laid out from the inside to the outside."""

from dataclasses import dataclass

from kfadapter.pipelines.graph import Edge, Node
from kfadapter.pipelines.render import words
from kfadapter.pipelines.render.layers import Box, Placement, Point, place
from kfadapter.pipelines.render.selection import Selection

PADDING = 18.0
HEADER = 32.0
SUBTITLE = 17.0
"""Height of a second line."""
STEP_HEIGHT = 36.0
_NARROWEST = 112.0
_TITLE_SIZE, _SUBTITLE_SIZE = 15.4, 11.8  # of the widest common fonts: DejaVu Sans, Verdana
_LONGEST_STEP, _LONGEST_GROUP = 34, 64
_WIDTHS = {
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 0.66),
    **dict.fromkeys("0123456789", 0.62),
    **dict.fromkeys("iljtfrI.,:;'|! ", 0.34),
    **dict.fromkeys("()[]{}-/", 0.42),
    **dict.fromkeys("<>=+~&#*", 0.76),
    **dict.fromkeys("mwMW@%", 0.95),
}


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A node and where it stands, with what is written on it."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    title: str
    subtitle: str
    inside: int = 0


@dataclass(frozen=True, kw_only=True)
class Line:
    """An edge and its points, in pairs: straight, then curved, then straight …"""

    edge: Edge
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Frames, outer ones first; lines; and the size of the whole."""

    frames: tuple[Frame, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


def text_width(text: str, size: float) -> float:
    """About how wide a text is drawn, in pixels."""
    return sum(_WIDTHS.get(letter, 0.56 if letter < "\u2e80" else 0.95) for letter in text) * size


def tag_width(tag: str) -> float:
    """The width of the pill that a group's kind stands in."""
    return 7.1 * len(tag) + 16


def lay_out(selection: Selection) -> Layout:
    """Place what is drawn."""
    return _Layouting(selection).layout()


class _Layouting:
    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._children: dict[str, list[Node]] = {"": []}
        for node in selection.nodes:
            self._children.setdefault(node.parent, []).append(node)
        parents = {node.id: node.parent for node in selection.nodes}
        self._edges: dict[str, list[Edge]] = {}
        for edge in selection.edges:
            self._edges.setdefault(parents[edge.source], []).append(edge)
        self._insides: dict[str, Placement] = {}
        self._sizes: dict[str, tuple[float, float]] = {}
        self._texts = {node.id: _texts(node) for node in selection.nodes}

    def layout(self) -> Layout:
        for node in reversed(self._selection.nodes):
            self._measure(node)
        whole = self._place("")
        frames: list[Frame] = []
        lines: list[Line] = []
        corners: dict[str, Point] = {"": (0.0, 0.0)}
        for group in ("", *(node.id for node in self._selection.nodes if node.id in self._insides)):
            self._draw(group, whole if not group else self._insides[group], corners, frames, lines)
        return Layout(frames=tuple(frames), lines=tuple(lines), width=whole.width, height=whole.height)

    def _draw(
        self,
        group: str,
        placement: Placement,
        corners: dict[str, Point],
        frames: list[Frame],
        lines: list[Line],
    ) -> None:
        left, top = corners[group]
        for node in self._children.get(group, ()):
            x, y = placement.corners[node.id]
            frames.append(self._frame(node, left + x, top + y))
            if node.id in self._insides:
                inner_width = self._insides[node.id].width
                indent = (self._sizes[node.id][0] - inner_width) / 2
                corners[node.id] = (left + x + indent, top + y + self._header(node))
        for edge in self._edges.get(group, ()):
            points = placement.routes.get((edge.source, edge.target), ())
            lines.append(Line(edge=edge, points=tuple((left + x, top + y) for x, y in points)))

    def _frame(self, node: Node, x: float, y: float) -> Frame:
        width, height = self._sizes[node.id]
        title, subtitle = self._texts[node.id]
        inside = self._selection.closed.get(node.id, 0)
        return Frame(node=node, x=x, y=y, width=width, height=height, title=title, subtitle=subtitle, inside=inside)

    def _measure(self, node: Node) -> None:
        title, subtitle = self._texts[node.id]
        wide = max(text_width(title, _TITLE_SIZE) + 34, text_width(subtitle, _SUBTITLE_SIZE) + 26)
        if node.is_group:
            wide = max(wide + tag_width(words.TAGS[node.kind]) + 8, _NARROWEST)
        if not self._children.get(node.id):
            lines = bool(subtitle) + bool(self._selection.closed.get(node.id))
            self._sizes[node.id] = (max(wide, _NARROWEST), STEP_HEIGHT + SUBTITLE * lines)
            return
        inside = self._insides[node.id] = self._place(node.id)
        height = self._header(node) + inside.height + PADDING
        self._sizes[node.id] = (max(wide, inside.width + 2 * PADDING), height)

    def _place(self, group: str) -> Placement:
        boxes = [
            Box(id=node.id, width=self._sizes[node.id][0], height=self._sizes[node.id][1])
            for node in self._children.get(group, ())
        ]
        return place(boxes, [(edge.source, edge.target) for edge in self._edges.get(group, ())])

    def _header(self, node: Node) -> float:
        return HEADER + (SUBTITLE if self._texts[node.id][1] else 0) + 8


def _texts(node: Node) -> tuple[str, str]:
    longest = _LONGEST_GROUP if node.is_group else _LONGEST_STEP
    return words.title(node, longest=longest), words.subtitle(node, longest=longest)
