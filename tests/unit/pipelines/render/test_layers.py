"""Boxes are placed in layers: lines lead downwards, nothing overlaps, and floods stay drawable."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.pipelines.render.layers import Box, Placement, place


def boxes(*ids: str) -> list[Box]:
    return [Box(id=id_, width=100, height=40) for id_ in ids]


def overlaps(placement: Placement, placed: list[Box]) -> list[tuple[str, str]]:
    found = []
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            (ax, ay), (bx, by) = placement.corners[one.id], placement.corners[other.id]
            apart = (
                ax + one.width <= bx + 0.01
                or bx + other.width <= ax + 0.01
                or ay + one.height <= by + 0.01
                or by + other.height <= ay + 0.01
            )
            if not apart:
                found.append((one.id, other.id))
    return found


_GRAPHS = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        st.lists(st.tuples(st.integers(20, 400), st.integers(20, 200)), min_size=size, max_size=size),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30),
    )
)


@settings(deadline=None)
@given(_GRAPHS)
def test_nothing_overlaps_and_lines_lead_downwards(
    graph: tuple[list[tuple[int, int]], list[tuple[int, int]]],
) -> None:
    sizes, pairs = graph
    placed = [Box(id=str(n), width=width, height=height) for n, (width, height) in enumerate(sizes)]
    lines = [(str(source), str(target)) for source, target in pairs]
    placement = place(placed, lines)
    assert overlaps(placement, placed) == []
    assert set(placement.routes) == set(lines)
    for box in placed:
        x, y = placement.corners[box.id]
        assert x >= -0.01
        assert y >= -0.01
        assert x + box.width <= placement.width + 0.01
        assert y + box.height <= placement.height + 0.01
    for (source, target), points in placement.routes.items():
        if int(source) < int(target):
            assert placement.corners[source][1] < placement.corners[target][1]
            assert [y for _, y in points] == sorted(y for _, y in points)


def test_boxes_in_a_row_are_not_crossed_by_needless_lines() -> None:
    placement = place(boxes("a", "b", "c", "d"), [("a", "d"), ("b", "c")])
    left = {id_: placement.corners[id_][0] for id_ in "abcd"}
    assert (left["a"] < left["b"]) is (left["d"] < left["c"])


def test_what_nothing_connects_stands_side_by_side() -> None:
    placement = place(boxes("a", "b"), [])
    assert placement.corners["a"][1] == placement.corners["b"][1]


def test_hundreds_of_boxes_in_one_layer_become_rows() -> None:
    names = [f"b{number}" for number in range(300)]
    lines = [("top", name) for name in names] + [(name, "end") for name in names]
    placement = place(boxes("top", *names, "end"), lines)
    assert placement.width < 4_500
    assert placement.height < 2_500


def test_hundreds_of_lonely_boxes_become_a_block() -> None:
    placement = place(boxes(*(f"b{number}" for number in range(300))), [])
    assert placement.width < 3_500
    assert placement.height < 2_500


def test_no_box_is_no_picture() -> None:
    assert place([], []) == Placement(corners={}, routes={}, width=0.0, height=0.0)


def test_a_small_part_fills_an_earlier_row_instead_of_standing_far_away() -> None:
    sizes = [(110, 50), (450, 150), (770, 900), (110, 50)]
    given_boxes = [Box(id=f"b{number}", width=width, height=height) for number, (width, height) in enumerate(sizes)]
    placed = place(given_boxes, [])
    assert placed.corners["b3"][1] == placed.corners["b0"][1] == 0
    assert placed.width < 770 + 110
    assert not overlaps(placed, given_boxes)
