"""The graph as an SVG picture."""

from collections.abc import Mapping

from kfadapter.pipelines.graph import Graph


def to_svg(graph: Graph, *, title: str = "", states: Mapping[str, str] | None = None) -> str:
    """The graph as an SVG document: layered from top to bottom, groups as frames, readable in light and dark.

    Args:
        title: What stands above it; empty: nothing.
        states: KFP's states (`RUNNING`, `SUCCEEDED` …) by node id; colours those nodes.
    """
    raise NotImplementedError
