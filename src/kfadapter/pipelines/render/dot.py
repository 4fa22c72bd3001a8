"""The graph as DOT text."""

from collections.abc import Mapping

from kfadapter.pipelines.graph import Graph


def to_dot(graph: Graph, *, title: str = "", states: Mapping[str, str] | None = None) -> str:
    """The graph as DOT text.

    Args:
        title: What stands above it; empty: nothing.
        states: KFP's states (`RUNNING`, `SUCCEEDED` …) by node id; colours those nodes.
    """
    raise NotImplementedError
