"""Lengths that KFP allows: of names and namespaces in bytes, of tags in characters. Display names may have any."""

import json
from collections.abc import Mapping

from kfadapter.engine.protocol.faults import invalid

PIPELINE_NAME = 128
VERSION_NAME = 127
EXPERIMENT_NAME = 128
NAMESPACE = 63
TAGS = 20
TAG_LENGTH = 63


def check_length(what: str, value: str, limit: int) -> None:
    """Refuse a text that is too long.

    Raises:
        ApiError: Names the field and the limit.
    """
    if len(value.encode()) > limit:
        raise invalid(f"{what} length cannot exceed {limit}")


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that are too many, too long, or have a key that filters could not name.

    Raises:
        ApiError: Says which.
    """
    if len(tags) > TAGS:
        raise invalid(f"number of tags ({len(tags)}) exceeds maximum of {TAGS} per entity")
    for key, value in tags.items():
        if not key:
            raise invalid("tag key cannot be empty")
        if "." in key:
            raise invalid(f"tag key {_quoted(key)} must not contain '.' character")
        if len(key) > TAG_LENGTH:
            raise invalid(f"tag key {_quoted(key)} exceeds maximum length of {TAG_LENGTH} characters")
        if len(value) > TAG_LENGTH:
            what = f"tag value {_quoted(value)} for key {_quoted(key)}"
            raise invalid(f"{what} exceeds maximum length of {TAG_LENGTH} characters")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
