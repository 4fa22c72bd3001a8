"""Percent escapes that are none, and Go's words for them."""

import json
import re

BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def bad_escape(text: str, place: int) -> str:
    """What Go says of the escape at a place of a text."""
    return f"invalid URL escape {json.dumps(text[place : place + 3], ensure_ascii=False)}"
