"""The colours of nodes and of states, the same in every picture."""

from dataclasses import dataclass

from kfadapter.pipelines.graph import NodeKind


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Of a box: its fill, its frame and its mark."""

    fill: str
    line: str
    mark: str


KINDS = {
    NodeKind.TASK: Colours(fill="#ffffff", line="#cbd5e1", mark="#2563eb"),
    NodeKind.IMPORTER: Colours(fill="#ffffff", line="#cbd5e1", mark="#0d9488"),
    NodeKind.UNKNOWN: Colours(fill="#ffffff", line="#cbd5e1", mark="#64748b"),
    NodeKind.LOOP: Colours(fill="#f5f3ff", line="#c4b5fd", mark="#7c3aed"),
    NodeKind.CONDITION: Colours(fill="#fffbeb", line="#fcd34d", mark="#b45309"),
    NodeKind.BRANCHES: Colours(fill="#fefcf3", line="#fde68a", mark="#b45309"),
    NodeKind.EXIT_HANDLER: Colours(fill="#fff1f2", line="#fda4af", mark="#be123c"),
    NodeKind.PIPELINE: Colours(fill="#f0f7ff", line="#93c5fd", mark="#1d4ed8"),
}
STATES = {
    "PENDING": Colours(fill="#f8fafc", line="#94a3b8", mark="#64748b"),
    "RUNNING": Colours(fill="#eff6ff", line="#60a5fa", mark="#2563eb"),
    "PAUSED": Colours(fill="#f8fafc", line="#94a3b8", mark="#64748b"),
    "SUCCEEDED": Colours(fill="#f0fdf4", line="#86efac", mark="#15803d"),
    "CACHED": Colours(fill="#f0fdfa", line="#5eead4", mark="#0f766e"),
    "SKIPPED": Colours(fill="#f8fafc", line="#e2e8f0", mark="#94a3b8"),
    "FAILED": Colours(fill="#fef2f2", line="#fca5a5", mark="#dc2626"),
    "CANCELING": Colours(fill="#fff7ed", line="#fdba74", mark="#c2410c"),
    "CANCELED": Colours(fill="#fff7ed", line="#fdba74", mark="#c2410c"),
}
"""By KFP's word for a state."""
SIGNS = {
    "PENDING": "dots",
    "RUNNING": "play",
    "PAUSED": "dots",
    "SUCCEEDED": "tick",
    "CACHED": "tick",
    "SKIPPED": "dash",
    "FAILED": "cross",
    "CANCELING": "dash",
    "CANCELED": "cross",
}
"""What tells states apart without colours."""


def colours_of(kind: NodeKind, state: str | None) -> Colours:
    """A node's colours: its state's, when that is one of KFP's, else its kind's."""
    return STATES.get(state or "", KINDS[kind])
