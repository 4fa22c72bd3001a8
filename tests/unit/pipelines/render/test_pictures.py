"""Pictures of graphs: every node and edge is there, hostile names stay texts, states have colours."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kfadapter.pipelines.description import describe
from kfadapter.pipelines.graph import Graph
from kfadapter.pipelines.render.colours import STATES
from kfadapter.pipelines.render.dot import to_dot
from kfadapter.pipelines.render.mermaid import to_mermaid
from kfadapter.pipelines.render.selection import MAX_NODES, select
from kfadapter.pipelines.render.svg import to_svg
from support.described import COMPILED, described, description_of, documented_pictures, label

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "</title><script>alert(1)</script>",
    '" onload="alert(1)',
    "]]>&#60;script&#62;",
    '"]; n9 --> n0; click n0 "javascript:alert(1)" x["',
    "`%%{init: {'theme':'dark'}}%%`",
    'a"]; b [URL="javascript:alert(1)',
    "\\",
    "\\N\\G",
    "\x00\x1b[31m\u202eevil\ufffe",
    "line\nbreak\r\n---\nend",
)


def graph_of(names: list[str], edges: bool = True) -> Graph:
    tasks: dict[str, Any] = {}
    for number, name in enumerate(names):
        before = [names[number - 1]] if number and edges else []
        tasks[name] = {"componentRef": {"name": "c"}, "taskInfo": {"name": name}, "dependentTasks": before}
    spec: dict[str, Any] = {
        "root": {"dag": {"tasks": tasks}},
        "components": {"c": {"executorLabel": "e"}},
        "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
    }
    return describe(spec).graph


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def nodes_in(svg: str) -> dict[str, ET.Element]:
    return {found.attrib["data-node"]: found for found in drawn(svg).iter(f"{SVG}g") if "data-node" in found.attrib}


@pytest.mark.parametrize("compiled", COMPILED, ids=label)
def test_every_node_and_edge_is_drawn(compiled: Path) -> None:
    description = description_of(compiled)
    graph = description.graph
    svg = to_svg(graph, title=description.name)
    assert nodes_in(svg).keys() == graph.by_id.keys()
    lines = [found for found in drawn(svg).iter(f"{SVG}path") if found.find(f"{SVG}title") is not None]
    assert len(lines) == len(graph.edges)
    mermaid = to_mermaid(graph)
    assert len(re.findall(r"^ +n\d+[(\[]|^ +subgraph ", mermaid, re.MULTILINE)) == len(graph.nodes)
    assert len(re.findall(r"^  n\d+ (?:-->|==>|-\.->)", mermaid, re.MULTILINE)) == len(graph.edges)
    dot = to_dot(graph)
    assert len(re.findall(r"^ +n\d+ \[|^ +subgraph ", dot, re.MULTILINE)) == len(graph.nodes)
    assert len(re.findall(r"^  n\d+ -> n\d+ \[", dot, re.MULTILINE)) == len(graph.edges)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_texts_in_svg(name: str) -> None:
    svg = to_svg(graph_of([name, "b"]), title=name)
    allowed = {"svg", "style", "defs", "marker", "path", "rect", "g", "text", "title", "circle"}
    assert {element.tag.removeprefix(SVG) for element in drawn(svg).iter()} <= allowed
    attributes = {attribute for element in drawn(svg).iter() for attribute in element.attrib}
    assert not any(attribute.startswith("on") or "href" in attribute for attribute in attributes)
    svg.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_texts_in_mermaid(name: str) -> None:
    title, *lines = to_mermaid(graph_of([name, "b"]), title=name).split("\n")[1:]
    assert title.startswith('title: "')
    assert lines[:2] == ["---", "flowchart TD"]
    statement = re.compile(r'  n\d+\("(?:[^"`%{}\\&;#<>]|#\d+;|<br/>|</?small>)*"\)')
    assert [bool(statement.fullmatch(line)) for line in lines[2:4]] == [True, True]
    assert all(re.fullmatch(r"  (?:n\d+ -\.-> n\d+|classDef .*|class .*)|", line) for line in lines[4:])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_texts_in_dot(name: str) -> None:
    quoted = r'"(?:[^"\\]|\\.)*"'
    lines = to_dot(graph_of([name, "b"]), title=name).splitlines()
    attributes = rf"\[(?:shape=note, )?label={quoted}, tooltip={quoted}, fillcolor={quoted}, color={quoted}\];"
    assert sum(bool(re.fullmatch(rf"  n\d+ {attributes}", line)) for line in lines) == 2
    heading = rf"  graph \[label={quoted}, labelloc=t, labeljust=l\];"
    assert sum(bool(re.fullmatch(heading, line)) for line in lines) == 1


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4, unique=True), st.text(max_size=30))
@example(["\x08", "\x1f"], "")
def test_any_text_makes_a_picture(names: list[str], title: str) -> None:
    graph = graph_of(names)
    assert len(nodes_in(to_svg(graph, title=title, states=dict.fromkeys(graph.by_id, title)))) == len(names)
    to_dot(graph, title=title).encode()
    to_mermaid(graph, title=title).encode()


def test_a_title_that_is_no_text_makes_a_picture_too() -> None:
    to_svg(graph_of(["a"]), title="\ud800", states={"a": "\ud800"}).encode()


def test_a_picture_is_the_same_each_time() -> None:
    graph = described("artifact-chain").graph
    assert to_svg(graph, title="x") == to_svg(graph, title="x")


@pytest.mark.parametrize("state", STATES)
def test_states_have_colours_and_signs(state: str) -> None:
    graph = described("artifact-chain").graph
    states = {"train": state}
    svg = to_svg(graph, states=states)
    node = nodes_in(svg)["train"]
    assert node.attrib["data-state"] == state
    assert node.find(f"{SVG}rect").attrib["fill"] == STATES[state].fill  # type: ignore[union-attr]
    assert f">{state.lower()}</text>" in svg
    assert f"classDef {state.lower()} fill:{STATES[state].fill}" in to_mermaid(graph, states=states)
    assert STATES[state].fill in to_dot(graph, states=states)


def test_a_state_that_nobody_knows_changes_no_colour() -> None:
    graph = described("artifact-chain").graph
    assert "data-state" in to_svg(graph, states={"train": "NEWER"})
    assert to_dot(graph, states={"train": "NEWER"}) == to_dot(graph)


def test_groups_are_drawn_around_what_is_in_them() -> None:
    found = nodes_in(to_svg(described("exit-handler-with-status").graph))

    def box(id_: str) -> tuple[float, float, float, float]:
        attributes = found[id_].find(f"{SVG}rect").attrib  # type: ignore[union-attr]
        x, y, width, height = (float(attributes[name]) for name in ("x", "y", "width", "height"))
        return x, y, x + width, y + height

    left, top, right, bottom = box("exit-handler-1")
    for id_ in ("exit-handler-1.prepare", "exit-handler-1.train"):
        inner_left, inner_top, inner_right, inner_bottom = box(id_)
        assert left < inner_left
        assert top < inner_top
        assert inner_right < right
        assert inner_bottom < bottom


def test_words_on_groups_say_what_they_do() -> None:
    svg = to_svg(described("if-elif-else").graph)
    assert ">say.Output == &#39;a&#39;<" in svg or ">say.Output == 'a'<" in svg
    assert ">for each item of input names, 2 at a time<" in to_svg(described("loop-over-an-input").graph)


@pytest.mark.parametrize("path", documented_pictures(), ids=lambda path: path.name)
def test_pictures_in_the_documentation_are_what_is_drawn(path: Path) -> None:
    assert path.read_text() == documented_pictures()[path], "see tests/data/described/golden.py"


def test_words_on_groups_name_their_own_steps_by_name_alone() -> None:
    assert ">tune.Output &gt;= 0.8<" in to_svg(described("city").graph)


def test_a_huge_graph_is_cut_and_says_so() -> None:
    graph = graph_of([f"t{number}" for number in range(MAX_NODES + 20)], edges=False)
    assert select(graph).left_out == 20
    assert ">20 more steps<" in to_svg(graph)


def test_groups_of_a_huge_graph_are_closed() -> None:
    inside = {f"t{number}": {"componentRef": {"name": "c"}} for number in range(MAX_NODES)}
    spec: dict[str, Any] = {
        "root": {"dag": {"tasks": {"g": {"componentRef": {"name": "group"}}}}},
        "components": {"group": {"dag": {"tasks": inside}}, "c": {"executorLabel": "e"}},
        "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
    }
    graph = describe(spec).graph
    assert select(graph).closed == {"g": MAX_NODES}
    assert f">{MAX_NODES:,} steps inside<" in to_svg(graph)


def test_a_pipeline_without_steps_is_a_picture_too() -> None:
    assert nodes_in(to_svg(graph_of([]))) == {}
    assert to_mermaid(graph_of([])) == "flowchart TD\n"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["one-of", "loops-in-loops", "hostile-names", "wide-and-back"])
def test_graphviz_reads_dot(name: str) -> None:
    text = to_dot(described(name).graph, title=name)
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
