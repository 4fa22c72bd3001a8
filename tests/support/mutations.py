"""Compiled pipelines that somebody has tampered with, for property tests."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from kfadapter.pipelines.documents import load_documents
from kfadapter.pipelines.rules import choose_documents
from support.described import COMPILED

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            "root",
            "comp-say",
            "exec-say",
            "say",
            "for-loop-1",
            "{{$.inputs.parameters['text']}}",
            "inputs.parameter_values['text'] == 'x'",
            '"><script>',
            "3.5s",
            "[1, 2]",
            "NUMBER_INTEGER",
            "ALL_UPSTREAM_TASKS_COMPLETED",
        ]
    ),
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
_SMALL = [path for path in COMPILED if path.stat().st_size < 12_000]


@st.composite
def tampered(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A specification and its platform document, changed in one to four places."""
    path = draw(st.sampled_from(_SMALL))
    pipeline, platform, _ = choose_documents(load_documents(path.read_bytes()))
    pair = copy.deepcopy({"pipeline": dict(pipeline), "platform": platform and dict(platform)})
    for _ in range(draw(st.integers(1, 4))):
        _change(draw, pair)
    return json.loads(json.dumps(pair["pipeline"])), json.loads(json.dumps(pair["platform"]))


def _change(draw: st.DrawFn, pair: dict[str, Any]) -> None:
    places = [(holder, key) for holder, key in _places(pair) if holder is not pair]
    if not places:
        return
    holder, key = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(["set", "set", "remove", "rename", "add", "move"]))
    if kind == "set":
        holder[key] = draw(VALUES)
    elif kind == "remove":
        del holder[key]
    elif kind == "move":
        other, other_key = draw(st.sampled_from(places))
        holder[key] = copy.deepcopy(other[other_key])
    elif isinstance(holder, dict):
        name = draw(st.text(max_size=10) | st.sampled_from([str(other) for _, other in places]))
        holder[name] = holder.pop(key) if kind == "rename" else draw(VALUES)
    else:
        holder.append(draw(VALUES))


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
    return found
