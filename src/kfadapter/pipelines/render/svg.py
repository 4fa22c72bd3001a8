"""The graph as an SVG picture."""

import math
import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from kfadapter.pipelines.graph import Graph, Node, ReasonKind
from kfadapter.pipelines.render import words
from kfadapter.pipelines.render.colours import KINDS, SIGNS, STATES, Colours, colours_of
from kfadapter.pipelines.render.layout import HEADER, Frame, Layout, Line, lay_out, tag_width, text_width
from kfadapter.pipelines.render.selection import Selection, select

_MARGIN = 24.0
_TITLE_ROOM = 34.0
_LEGEND_ROOM = 30.0
# XML knows no control characters and no halves of surrogate pairs.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FONT = "Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"

# How each reason's lines look: class, word in the legend.
_LINES = {
    ReasonKind.PARAMETER: ("parameter", "value"),
    ReasonKind.ARTIFACT: ("artifact", "artifact"),
    ReasonKind.CONDITION: ("decides", "decides"),
    ReasonKind.STATUS: ("status", "final status"),
    ReasonKind.ORDER: ("order", "order only"),
}
_STYLE = f"""
text{{font-family:{_FONT};fill:#0f172a}}
.paper{{fill:#ffffff}}
.heading{{font-size:17px;font-weight:600}}
.title{{font-size:13px;font-weight:600}}
.sub{{font-size:11px;fill:#64748b}}
.tag{{font-size:9px;font-weight:700;letter-spacing:.6px;fill:#ffffff}}
.line{{fill:none;stroke:#94a3b8;stroke-width:1.5}}
.artifact{{stroke:#2563eb;stroke-width:1.8}}
.decides{{stroke:#d97706;stroke-dasharray:6 3}}
.status{{stroke:#be123c;stroke-dasharray:2 3}}
.order{{stroke:#94a3b8;stroke-dasharray:5 4}}
.sign{{fill:none;stroke:#ffffff;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}}
@media (prefers-color-scheme:dark){{
.paper{{fill:#0b1220}}
.outside{{fill:#e2e8f0}}
.outside.sub{{fill:#94a3b8}}
}}
"""


def to_svg(graph: Graph, *, title: str = "", states: Mapping[str, str] | None = None) -> str:
    """The graph as an SVG document: layered from top to bottom, groups as frames, readable in light and dark.

    Of a graph of more than some 1,500 nodes the inside of groups, or what comes last, is left out, and it says so.

    Args:
        title: What stands above it; empty: nothing.
        states: KFP's states (`RUNNING`, `SUCCEEDED` …) by node id; colours those nodes.
    """
    selection = select(graph)
    layout = lay_out(selection)
    heading = words.clean(title, 90)
    top = _MARGIN + (_TITLE_ROOM if heading else 0)
    legend = list(_legend(layout, states or {}))
    width = max(layout.width, text_width(heading, 17), _legend_width(legend)) + 2 * _MARGIN
    height = top + layout.height + _MARGIN + _LEGEND_ROOM
    left = (width - layout.width) / 2
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" ',
            f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-label={_attribute(heading or "pipeline")}>',
            f"<style>{_STYLE}</style><defs>{_markers()}</defs>",
            f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" rx="10"/>',
            _heading(heading),
            f'<g transform="translate({_n(left)} {_n(top)})">',
            *_drawing(layout, states or {}),
            "</g>",
            *_drawn_legend(legend, selection, height - _LEGEND_ROOM / 2 - 8),
            "</svg>\n",
        )
    )


def _drawing(layout: Layout, states: Mapping[str, str]) -> Iterator[str]:
    """Groups, then lines, then steps, so that lines pass over frames and under steps."""
    for frame in layout.frames:
        if frame.node.is_group:
            yield _group(frame, states.get(frame.node.id))
    for line in layout.lines:
        yield _line(line)
    for frame in layout.frames:
        if not frame.node.is_group:
            yield _step(frame, states.get(frame.node.id))


def _heading(heading: str) -> str:
    if not heading:
        return ""
    return f'<text class="heading outside" x="{_n(_MARGIN)}" y="{_n(_MARGIN + 14)}">{_text(heading)}</text>'


def _group(frame: Frame, state: str | None) -> str:
    colours = KINDS[frame.node.kind]
    frame_colours = colours_of(frame.node.kind, state)
    tag = words.TAGS[frame.node.kind]
    pill = tag_width(tag)
    dash = ' stroke-dasharray="6 4"' if frame.node.kind.value in ("condition", "branches") else ""
    return "".join(
        (
            _open(frame.node, state),
            _rectangle(frame, 12, frame_colours.fill if state else colours.fill, frame_colours.line, dash),
            (
                f'<rect x="{_n(frame.x + 12)}" y="{_n(frame.y + 10)}" width="{_n(pill)}" height="16" rx="8" '
                f'fill="{colours.mark}"/>'
            ),
            f'<text class="tag" x="{_n(frame.x + 20)}" y="{_n(frame.y + 21.5)}" ',
            f'textLength="{_n(pill - 16)}">{tag}</text>',
            (f'<text class="title" x="{_n(frame.x + 20 + pill)}" y="{_n(frame.y + 22.5)}">{_text(frame.title)}</text>'),
            _second_line(frame, frame.x + 14, frame.y + HEADER + 10, frame.subtitle),
            _second_line(frame, frame.x + 14, frame.y + frame.height - 10, _inside(frame)),
            _sign(frame, state),
            "</g>",
        )
    )


def _step(frame: Frame, state: str | None) -> str:
    colours = colours_of(frame.node.kind, state)
    own = KINDS[frame.node.kind]
    middle = frame.y + frame.height / 2
    baseline = middle - 3 if frame.subtitle else middle + 4.5
    mark = colours.mark if state in STATES else own.mark
    return "".join(
        (
            _open(frame.node, state),
            _rectangle(frame, 8, colours.fill, colours.line, ""),
            (
                f'<rect x="{_n(frame.x + 6)}" y="{_n(frame.y + 8)}" width="3.5" height="{_n(frame.height - 16)}" '
                f'rx="1.75" fill="{mark}"/>'
            ),
            f'<text class="title" x="{_n(frame.x + 17)}" y="{_n(baseline)}">{_text(frame.title)}</text>',
            _second_line(frame, frame.x + 17, middle + 13, frame.subtitle),
            _sign(frame, state),
            "</g>",
        )
    )


def _open(node: Node, state: str | None) -> str:
    lines = [f"{node.id} ({node.kind.value})", *([state] if state else [])]
    does = words.action(node)
    if does:
        lines.append(does)
    if node.retry is not None:
        lines.append(f"retried up to {node.retry.max_retries} times")
    lines.extend(f"{each.name} ← {each.label}" for each in node.inputs[:12])
    tooltip = "\n".join(words.clean(line, 160) for line in lines)
    state_attribute = f" data-state={_attribute(state)}" if state else ""
    return f"<g data-node={_attribute(node.id)}{state_attribute}><title>{_text(tooltip)}</title>"


def _rectangle(frame: Frame, radius: int, fill: str, line: str, more: str) -> str:
    return (
        f'<rect x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}" height="{_n(frame.height)}" '
        f'rx="{radius}" fill="{fill}" stroke="{line}" stroke-width="1.3"{more}/>'
    )


def _second_line(frame: Frame, x: float, y: float, text: str) -> str:
    return f'<text class="sub" x="{_n(x)}" y="{_n(y)}">{_text(text)}</text>' if text else ""


def _inside(frame: Frame) -> str:
    return f"{frame.inside:,} steps inside" if frame.inside else ""


_SIGN_PATHS = {
    "tick": "M-3.2 .2 L-1 2.6 L3.4 -2.4",
    "cross": "M-2.6 -2.6 L2.6 2.6 M2.6 -2.6 L-2.6 2.6",
    "dash": "M-3 0 L3 0",
    "play": "M-1.6 -2.8 L2.8 0 L-1.6 2.8 Z",
    "dots": "M-2.8 0 L-2.8 0 M0 0 L0 0 M2.8 0 L2.8 0",
}


def _sign(frame: Frame, state: str | None) -> str:
    """A state's mark in the upper right corner."""
    if state not in STATES:
        return ""
    colours, path = STATES[state], _SIGN_PATHS[SIGNS[state]]
    return (
        f'<g transform="translate({_n(frame.x + frame.width - 2)} {_n(frame.y + 2)})">'
        f'<circle r="7.5" fill="{colours.mark}"/><path class="sign" d="{path}"/></g>'
    )


def _line(line: Line) -> str:
    name, _ = _LINES[words.weightiest(line.edge)]
    path = _path(line)
    if not path:
        return ""
    about = _text(words.clean(f"{line.edge.source} → {line.edge.target}: {words.reasons(line.edge)}", 400))
    return f'<path class="line {name}" d="{path}" marker-end="url(#to-{name})"><title>{about}</title></path>'


def _path(line: Line) -> str:
    points = line.points
    if len(points) < 2:
        return ""
    (x, y), *others = points
    parts = [f"M{_n(x)} {_n(y)}"]
    for number, (next_x, next_y) in enumerate(others):
        is_curve = number % 2 == 1
        if is_curve and math.fabs(next_x - x) > 0.5:
            middle = _n((y + next_y) / 2)
            parts.append(f"C{_n(x)} {middle} {_n(next_x)} {middle} {_n(next_x)} {_n(next_y)}")
        elif (x, y) != (next_x, next_y):
            parts.append(f"L{_n(next_x)} {_n(next_y)}")
        x, y = next_x, next_y
    return "".join(parts)


_MARKER_COLOURS = {
    "parameter": "#94a3b8",
    "artifact": "#2563eb",
    "decides": "#d97706",
    "status": "#be123c",
    "order": "#94a3b8",
}


def _markers() -> str:
    return "".join(
        f'<marker id="to-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .6 L7.4 4 L0 7.4 Z" fill="{colour}"/></marker>'
        for name, colour in _MARKER_COLOURS.items()
    )


LegendEntry = tuple[str, str]
"""A kind of line (`artifact`) or a state (`FAILED`), and its word."""


def _legend(layout: Layout, states: Mapping[str, str]) -> Iterator[LegendEntry]:
    """What lines and states there are to be explained."""
    used = {words.weightiest(line.edge) for line in layout.lines}
    yield from (entry for kind, entry in _LINES.items() if kind in used)
    shown = {states.get(frame.node.id) for frame in layout.frames}
    yield from ((state, state.lower()) for state in STATES if state in shown)


def _legend_width(legend: list[LegendEntry]) -> float:
    return sum(text_width(word, 11) + 52 for _, word in legend)


def _drawn_legend(legend: list[LegendEntry], selection: Selection, y: float) -> Iterator[str]:
    x = _MARGIN
    for name, word in legend:
        if name in STATES:
            colours: Colours = STATES[name]
            yield (
                f'<g transform="translate({_n(x + 20)} {_n(y)})"><circle r="6" fill="{colours.mark}"/>'
                f'<path class="sign" d="{_SIGN_PATHS[SIGNS[name]]}" transform="scale(.8)"/></g>'
            )
        else:
            end = f'marker-end="url(#to-{name})"'
            yield f'<path class="line {name}" d="M{_n(x)} {_n(y)}L{_n(x + 26)} {_n(y)}" {end}/>'
        yield f'<text class="sub outside" x="{_n(x + 32)}" y="{_n(y + 4)}">{_text(word)}</text>'
        x += text_width(word, 11) + 52
    if selection.left_out:
        yield f'<text class="sub outside" x="{_n(x)}" y="{_n(y + 4)}">{selection.left_out:,} more steps</text>'


def _n(number: float) -> str:
    """A number with one digit after the point, without needless zeros."""
    return f"{number:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text))


def _attribute(text: str) -> str:
    """What XML cannot hold stands as an escape, so that ids stay apart."""
    return quoteattr(_ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
