"""Placing boxes in layers, after Sugiyama: what leads to something stands above it, with few crossings.

Lines that pass a layer run through waypoints in it. Long lines from one box, or to one box, share them, so that a fan
of hundreds of lines becomes one trunk with branches; and a layer of hundreds of boxes is laid out in several rows.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

GAP_X = 26.0
"""Between two boxes of a layer."""
GAP_Y = 42.0
"""Between two layers."""
WAYPOINT = 10.0
"""The width that a passing line takes."""

_SWEEPS = 6
_STRAIGHTENINGS = 6
_FEWEST_IN_A_ROW = 7
_WIDE_ENOUGH = 900.0
_STIFFNESS = 8.0
_MOST_WAYPOINTS = 40_000

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A thing to be placed."""

    id: str
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where everything came to stand.

    Attributes:
        corners: The upper left corner of each box.
        routes: The points of each line, in pairs: straight from one to the next within a layer, curved between layers.
        width, height: Of the whole.
    """

    corners: Mapping[str, Point]
    routes: Mapping[tuple[str, str], tuple[Point, ...]]
    width: float
    height: float


@dataclass(slots=True)
class _Spot:
    """A box, or a waypoint of a line, in a layer."""

    key: str
    width: float
    height: float
    layer: int
    above: list["_Spot"] = field(default_factory=list)
    below: list["_Spot"] = field(default_factory=list)
    place: int = 0
    x: float = 0.0

    @property
    def is_waypoint(self) -> bool:
        return self.height == 0.0


def place(boxes: Sequence[Box], lines: Iterable[tuple[str, str]]) -> Placement:
    """Place boxes so that lines lead downwards.

    Args:
        boxes: In an order in which most lines lead forwards; the others do not count for the layers.
        lines: Pairs of ids of boxes.
    """
    numbers = {box.id: number for number, box in enumerate(boxes)}
    wanted = [line for line in dict.fromkeys(lines) if line[0] in numbers and line[1] in numbers]
    forward = [line for line in wanted if numbers[line[0]] < numbers[line[1]]]
    parts = [_Part(part, part_lines).placement() for part, part_lines in _separate(boxes, forward)]
    placement = _packed(parts)
    backward = {line: _straight(placement, boxes, numbers, line) for line in wanted if line not in placement.routes}
    if not backward:
        return placement
    routes = {**placement.routes, **backward}
    return Placement(corners=placement.corners, routes=routes, width=placement.width, height=placement.height)


def _straight(
    placement: Placement, boxes: Sequence[Box], numbers: Mapping[str, int], line: tuple[str, str]
) -> tuple[Point, ...]:
    """A line against the order, from a box's side to another's."""
    ends = []
    for id_ in line:
        (x, y), box = placement.corners[id_], boxes[numbers[id_]]
        ends.append((x + box.width / 2, y + box.height / 2))
    return tuple(ends)


def _separate(boxes: Sequence[Box], lines: Sequence[tuple[str, str]]) -> list[tuple[list[Box], list[tuple[str, str]]]]:
    """The parts that no line connects, in the boxes' order."""
    leader = {box.id: box.id for box in boxes}

    def find(id_: str) -> str:
        while leader[id_] != id_:
            leader[id_] = leader[leader[id_]]
            id_ = leader[id_]
        return id_

    for source, target in lines:
        leader[find(target)] = find(source)
    parts: dict[str, tuple[list[Box], list[tuple[str, str]]]] = {}
    for box in boxes:
        parts.setdefault(find(box.id), ([], []))[0].append(box)
    for line in lines:
        parts[find(line[0])][1].append(line)
    return list(parts.values())


def _packed(parts: Sequence[Placement]) -> Placement:
    """Several placements beside and below each other, in a shape somewhat wider than high."""
    area = sum((part.width + GAP_X) * (part.height + GAP_Y) for part in parts)
    side_by_side = sum(part.width + GAP_X for part in parts)
    limit = max(
        max((part.width for part in parts), default=0.0), math.sqrt(area * 1.7), min(side_by_side, _WIDE_ENOUGH)
    )
    rows: list[_Row] = []
    for part in parts:
        row = next((row for row in rows if row.takes(part, limit)), None)
        if row is None:
            row = _Row(top=rows[-1].top + rows[-1].height + GAP_X if rows else 0.0, height=part.height)
            for earlier in rows[-1:]:
                earlier.is_last = False
            rows.append(row)
        row.add(part)
    return _together([placed for row in rows for placed in row.parts])


def _together(parts: Sequence[tuple[Placement, float, float]]) -> Placement:
    """Placements moved by some pixels to the right and down, as one."""
    corners: dict[str, Point] = {}
    routes: dict[tuple[str, str], tuple[Point, ...]] = {}
    for part, x, y in parts:
        corners.update((id_, (x + left, y + top)) for id_, (left, top) in part.corners.items())
        routes.update(
            (line, tuple((x + left, y + top) for left, top in points)) for line, points in part.routes.items()
        )
    width = max((x + part.width for part, x, _ in parts), default=0.0)
    height = max((y + part.height for part, _, y in parts), default=0.0)
    return Placement(corners=corners, routes=routes, width=width, height=height)


@dataclass(kw_only=True)
class _Row:
    """Parts side by side; the last row may still grow in height, earlier ones take what fits."""

    top: float
    height: float
    right: float = 0.0
    is_last: bool = True
    parts: list[tuple[Placement, float, float]] = field(default_factory=list)

    def takes(self, part: Placement, limit: float) -> bool:
        return self.right + part.width <= limit and (self.is_last or part.height <= self.height)

    def add(self, part: Placement) -> None:
        self.parts.append((part, self.right, self.top))
        self.height = max(self.height, part.height)
        self.right += part.width + GAP_X


class _Part:
    """Boxes that lines connect."""

    def __init__(self, boxes: Sequence[Box], lines: Sequence[tuple[str, str]]) -> None:
        self._boxes = boxes
        self._lines = lines
        self._spots: dict[str, _Spot] = {}
        self._ways: dict[tuple[str, str], list[_Spot]] = {}

    def placement(self) -> Placement:
        layers = self._make_layers()
        _reduce_crossings(layers)
        _straighten(layers)
        return self._drawn(layers)

    def _make_layers(self) -> list[list[_Spot]]:
        rows = _in_rows(self._boxes, _ranks(self._boxes, self._lines))
        for number, row in enumerate(rows):
            for box in row:
                self._spots[box.id] = _Spot(box.id, box.width, box.height, number)
        layers: list[list[_Spot]] = [[self._spots[box.id] for box in row] for row in rows]
        self._route(layers)
        for layer in layers:
            for number, spot in enumerate(layer):
                spot.place = number
        return layers

    def _route(self, layers: list[list[_Spot]]) -> None:
        """Lay each line through the layers, sharing waypoints with its kin; of a flood the last go straight."""
        outgoing, incoming = _degrees(self._lines)
        waypoints: dict[tuple[bool, str, int], _Spot] = {}
        joined: set[tuple[int, int]] = set()
        room = _MOST_WAYPOINTS
        for source, target in self._lines:
            room -= self._spots[target].layer - self._spots[source].layer
            if room < 0:
                self._ways[source, target] = [self._spots[source], self._spots[target]]
                continue
            by_source = outgoing[source] >= incoming[target]
            way = [self._spots[source]]
            for number in range(self._spots[source].layer + 1, self._spots[target].layer):
                key = (by_source, source if by_source else target, number)
                if key not in waypoints:
                    waypoints[key] = _Spot("", WAYPOINT, 0.0, number)
                    layers[number].insert(len(layers[number]) // 2, waypoints[key])  # a trunk stands in the middle
                way.append(waypoints[key])
            way.append(self._spots[target])
            self._ways[source, target] = way
            for upper, lower in itertools.pairwise(way):
                if (id(upper), id(lower)) not in joined:
                    joined.add((id(upper), id(lower)))
                    upper.below.append(lower)
                    lower.above.append(upper)

    def _drawn(self, layers: Sequence[Sequence[_Spot]]) -> Placement:
        left = min(spot.x - spot.width / 2 for layer in layers for spot in layer)
        right = max(spot.x + spot.width / 2 for layer in layers for spot in layer)
        heights = [max(spot.height for spot in layer) for layer in layers]
        tops = [sum(heights[:number]) + GAP_Y * number for number in range(len(layers))]
        corners = {}
        for box in self._boxes:
            spot = self._spots[box.id]
            top = tops[spot.layer] + (heights[spot.layer] - box.height) / 2
            corners[box.id] = (spot.x - box.width / 2 - left, top)
        routes = {line: _points(way, tops, heights, left) for line, way in self._ways.items()}
        return Placement(corners=corners, routes=routes, width=right - left, height=tops[-1] + heights[-1])


def _points(way: Sequence[_Spot], tops: Sequence[float], heights: Sequence[float], left: float) -> tuple[Point, ...]:
    points: list[Point] = []
    for number, spot in enumerate(way):
        x, top, height = spot.x - left, tops[spot.layer], heights[spot.layer]
        margin = 0.0 if spot.is_waypoint else (height - spot.height) / 2
        if number > 0:
            points.append((x, top))
        if number == 0 or number == len(way) - 1:
            points.append((x, top + height - margin if number == 0 else top + margin))
        if number < len(way) - 1:
            points.append((x, top + height))
    return tuple(points)


def _degrees(lines: Sequence[tuple[str, str]]) -> tuple[dict[str, int], dict[str, int]]:
    outgoing: dict[str, int] = {}
    incoming: dict[str, int] = {}
    for source, target in lines:
        outgoing[source] = outgoing.get(source, 0) + 1
        incoming[target] = incoming.get(target, 0) + 1
    return outgoing, incoming


def _ranks(boxes: Sequence[Box], lines: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The layer of each box: below all that lead to it; what nothing leads to stands just above what it leads to."""
    sources: dict[str, list[str]] = {box.id: [] for box in boxes}
    targets: dict[str, list[str]] = {box.id: [] for box in boxes}
    for source, target in lines:
        sources[target].append(source)
        targets[source].append(target)
    ranks: dict[str, int] = {}
    for box in boxes:
        ranks[box.id] = max((ranks[source] + 1 for source in sources[box.id]), default=0)
    for box in reversed(boxes):
        if targets[box.id] and not sources[box.id]:
            ranks[box.id] = min(ranks[target] for target in targets[box.id]) - 1
    return ranks


def _in_rows(boxes: Sequence[Box], ranks: Mapping[str, int]) -> list[list[Box]]:
    """The layers; one that holds too many is cut into rows."""
    layers: dict[int, list[Box]] = {}
    for box in boxes:
        layers.setdefault(ranks[box.id], []).append(box)
    most = max(_FEWEST_IN_A_ROW, math.ceil(1.2 * math.sqrt(len(boxes))))
    rows: list[list[Box]] = []
    for _, layer in sorted(layers.items()):
        count = math.ceil(len(layer) / most)
        size = math.ceil(len(layer) / count)
        rows.extend(layer[start : start + size] for start in range(0, len(layer), size))
    return rows


def _reduce_crossings(layers: list[list[_Spot]]) -> None:
    """Sort each layer by where its neighbours stand, downwards and upwards in turn; the best order found stays."""
    best = _crossings(layers)
    kept = [list(layer) for layer in layers]
    for sweep in range(_SWEEPS):
        if best == 0:
            break
        downwards = sweep % 2 == 0
        for layer in layers[1:] if downwards else reversed(layers[:-1]):
            layer.sort(key=lambda spot: _mean_place(spot.above if downwards else spot.below, spot.place))
            for number, spot in enumerate(layer):
                spot.place = number
        found = _crossings(layers)
        if found < best:
            best, kept = found, [list(layer) for layer in layers]
    for layer, order in zip(layers, kept, strict=True):
        layer[:] = order
        for number, spot in enumerate(layer):
            spot.place = number


def _mean_place(neighbours: Sequence[_Spot], otherwise: int) -> float:
    if not neighbours:
        return float(otherwise)
    return sum(spot.place for spot in neighbours) / len(neighbours)


def _crossings(layers: Sequence[Sequence[_Spot]]) -> int:
    """How many lines cross, counted with a tree of sums, layer by layer."""
    total = 0
    for upper, lower in itertools.pairwise(layers):
        size = len(lower)
        sums = [0] * (size + 1)
        count = 0
        for spot in upper:
            places = sorted(below.place for below in spot.below)
            for place_ in places:
                total += count - _sum(sums, place_ + 1)
            for place_ in places:
                _add(sums, place_ + 1)
            count += len(places)
    return total


def _sum(sums: Sequence[int], position: int) -> int:
    total = 0
    while position > 0:
        total += sums[position]
        position -= position & -position
    return total


def _add(sums: list[int], position: int) -> None:
    while position < len(sums):
        sums[position] += 1
        position += position & -position


def _straighten(layers: Sequence[Sequence[_Spot]]) -> None:
    """Give every spot its x, near those of its neighbours, at the least distances."""
    for layer in layers:
        x = 0.0
        for spot in layer:
            spot.x = x + spot.width / 2
            x += spot.width + GAP_X
        for spot in layer:
            spot.x -= x / 2
    for number in range(_STRAIGHTENINGS):
        downwards = number % 2 == 0
        for layer in layers[1:] if downwards else reversed(layers[:-1]):
            _settle(layer, [_wish(spot, spot.above if downwards else spot.below) for spot in layer])


def _wish(spot: _Spot, neighbours: Sequence[_Spot]) -> tuple[float, float]:
    """Where a spot wants to be, and how much. Long lines want to be straight."""
    if not neighbours:
        return spot.x, 0.1
    trunk = [other.x for other in neighbours if other.is_waypoint] if spot.is_waypoint else []
    if trunk:
        # A trunk with many branches would be drawn aside by all of them, layer after layer.
        return sum(trunk) / len(trunk), _STIFFNESS * (len(spot.above) + len(spot.below) - 1) ** 2
    return sum(other.x for other in neighbours) / len(neighbours), 1.0


def _settle(layer: Sequence[_Spot], wishes: Sequence[tuple[float, float]]) -> None:
    """The places nearest to the wishes that keep order and distances: neighbours that push each other form a block."""
    blocks: list[list[float]] = []  # [sum of weighted wishes, weight, spots]
    offsets = [0.0]
    for left, right in itertools.pairwise(layer):
        gap = WAYPOINT if left.is_waypoint or right.is_waypoint else GAP_X
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    for (x, weight), offset in zip(wishes, offsets, strict=True):
        blocks.append([(x - offset) * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    spots = iter(zip(layer, offsets, strict=True))
    for total, weight, count in blocks:
        for _ in range(int(count)):
            spot, offset = next(spots)
            spot.x = total / weight + offset
