"""What is written on the nodes of a picture, in all its forms."""

import re

from kfadapter.pipelines.graph import Edge, Node, NodeKind, ReasonKind

TAGS = {
    NodeKind.LOOP: "LOOP",
    NodeKind.CONDITION: "IF",
    NodeKind.BRANCHES: "BRANCHES",
    NodeKind.EXIT_HANDLER: "EXIT HANDLER",
    NodeKind.PIPELINE: "PIPELINE",
    NodeKind.IMPORTER: "IMPORT",
    NodeKind.UNKNOWN: "UNKNOWN",
}
"""A word for every kind but tasks."""

_COMPILERS_NAME = re.compile(r"(?:for-loop|condition|condition-branches|exit-handler)-\d+")
_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]")
_OUTPUTS_SHOWN = 4


def title(node: Node, *, longest: int = 44) -> str:
    """A node's heading: its name, or what a group does when the compiler named it."""
    name = clean(node.display_name or node.name, longest)
    if node.kind is NodeKind.BRANCHES and name == node.name and _COMPILERS_NAME.fullmatch(name):
        return "one of these"
    does = action(node)
    if not does or node.kind not in (NodeKind.LOOP, NodeKind.CONDITION):
        return name
    return clean(does, longest) if _COMPILERS_NAME.fullmatch(node.name) and node.display_name == node.name else name


def subtitle(node: Node, *, longest: int = 36) -> str:
    """A line below the heading: what a step gives, when it runs; empty when there is nothing to say."""
    if node.kind in (NodeKind.LOOP, NodeKind.CONDITION):
        does = clean(action(node), longest)
        return does if title(node, longest=longest) != does else ""
    if node.cleans_up:
        return "in any case"
    if node.trigger is not None and not node.is_group:
        return clean(node.trigger.text, longest)
    if node.is_group or not node.outputs:
        return ""
    names = [output.name for output in node.outputs[:_OUTPUTS_SHOWN]]
    more = "" if len(node.outputs) <= _OUTPUTS_SHOWN else " …"
    return clean("→ " + ", ".join(names), longest - len(more)) + more


def action(node: Node) -> str:
    """What a loop or a condition does, in words."""
    parts = [node.iteration.text] if node.iteration is not None else []
    if node.trigger is not None:
        parts.append(node.trigger.text.removeprefix("only if ") if not parts else node.trigger.text)
    return ", ".join(parts)


def reasons(edge: Edge) -> str:
    """Why the second node of an edge waits for the first, in words."""
    lines = []
    for reason in edge.reasons:
        if reason.kind is ReasonKind.ORDER:
            lines.append("after it")
        elif reason.kind is ReasonKind.STATUS:
            lines.append(f"{reason.input}: how it ended")
        else:
            lines.append(f"{reason.output} → {reason.input} ({reason.kind.value})")
    return "; ".join(lines)


def weightiest(edge: Edge) -> ReasonKind:
    """The reason that gives an edge its look."""
    order = (ReasonKind.ARTIFACT, ReasonKind.CONDITION, ReasonKind.PARAMETER, ReasonKind.STATUS, ReasonKind.ORDER)
    kinds = {reason.kind for reason in edge.reasons}
    return next((kind for kind in order if kind in kinds), ReasonKind.ORDER)


def clean(text: str, longest: int) -> str:
    """A text without characters that cannot be seen, on one line, cut."""
    seen = _ILLEGAL.sub(" ", text[: 4 * longest]).strip()
    return seen if len(seen) <= longest else seen[: max(1, longest - 1)].rstrip() + "…"
