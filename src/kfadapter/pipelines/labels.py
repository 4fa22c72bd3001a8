"""Values and where they come from, in few words."""

import json
import re
from collections.abc import Mapping

from kfadapter.pipelines.graph import Source, SourceKind
from kfadapter.pipelines.scalars import JSON

CHANNEL = "pipelinechannel--"
"""How the compiler names what it hands through a group."""

_LONGEST_LABEL = 120
_LONGEST_FILLED = 2_000
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\[(['\"])(?P<name>[^'\"\]]*)\1\]\}\}")


def label_of(source: Source) -> str:
    """Where a value comes from, in words."""
    if source.kind is SourceKind.ITEM:
        return cut(f"{source.node}.item" + (f".{source.name}" if source.name else f" {source.expression}".rstrip()))
    if source.kind is SourceKind.INPUT:
        text = f"input {source.name}"
    elif source.kind is SourceKind.OUTPUT:
        place = f"outcome of {source.node}" if source.name.startswith(CHANNEL) else f"{source.node}.{source.name}"
        text = f"all {place}" if source.is_collected else place
    elif source.kind is SourceKind.DEFAULT and source.value is None:
        text = "not given"
    elif source.kind is SourceKind.STATUS:
        text = f"status of {source.node}"
    else:
        text = shown_value(source.value)
    return cut(f"{text} {source.expression}".rstrip())


def filled(constant: JSON, labels: Mapping[str, str]) -> str:
    """A constant, with `{train.score}` for a placeholder of another input."""
    if not isinstance(constant, str) or len(constant) > _LONGEST_FILLED or "{{" not in constant:
        return shown_value(constant)
    return shown_value(_PLACEHOLDER.sub(lambda match: "{" + labels.get(match["name"], match["name"]) + "}", constant))


def shown_value(value: JSON) -> str:
    """A value as JSON, cut to some 120 characters."""
    if isinstance(value, str):
        return json.dumps(cut(value), ensure_ascii=False)
    if isinstance(value, list) and len(value) > 20:
        return f"{cut(json.dumps(value[:3], ensure_ascii=False, sort_keys=True)[:-1])}, … {len(value)} items]"
    return cut(json.dumps(value, ensure_ascii=False, sort_keys=True))


def cut(text: str) -> str:
    """A text, cut to some 120 characters."""
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
