"""What labels of runs may look like. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from kfadapter.errors import QueryRefused

MAX_LABELS = 64
KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?")
MAX_VALUE = 256


def check_labels(labels: Mapping[str, Any], *, may_remove: bool = False) -> None:
    """Refuse labels that cannot be kept or asked for.

    Args:
        may_remove: Null removes a label.

    Raises:
        QueryRefused: Names the label.
    """
    if len(labels) > MAX_LABELS:
        raise QueryRefused("labels", f"a run has at most {MAX_LABELS} labels")
    for key, value in labels.items():
        where = f"labels/{key[:80]}"
        if not KEY.fullmatch(key):
            raise QueryRefused(where, "a key is 1 to 128 of letters, digits and . _ / -, at its ends a letter or digit")
        if value is None and may_remove:
            continue
        if not isinstance(value, str) or len(value) > MAX_VALUE or not value.isprintable():
            raise QueryRefused(where, f"a value is a text of at most {MAX_VALUE} printable characters")


def read_label(text: str) -> tuple[str, str | None]:
    """`key=value`, or `key` for any value, as the parameter `label` has it.

    Raises:
        QueryRefused: It has no key.
    """
    key, sign, value = text.partition("=")
    if not key:
        raise QueryRefused("query/label", f"{text[:80]!r} is not written key=value or key")
    return key, value if sign else None
