"""A specification as protobuf's JSON would write it: the form in which Kubeflow gives back what was uploaded.

Unlike a way through the protobuf itself it keeps fields that are not known here, and whatever has a wrong shape.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import whole_numbers

_SECONDS = re.compile(r"(?P<whole>[0-9]{1,12})(?:\.(?P<fraction>[0-9]{1,9}))?s")
_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def canonical_pair(pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None) -> dict[str, JSON]:
    """A specification and its platform document: camel case, no zero values, whole numbers whole."""
    module = pipeline_spec_pb2()
    return {
        "pipeline_spec": _message(pipeline, module.PipelineSpec.DESCRIPTOR),
        "platform_spec": None if platform is None else _message(platform, module.PlatformSpec.DESCRIPTOR),
    }


def _message(value: Any, descriptor: Descriptor) -> JSON:
    if isinstance(value, str) and descriptor.full_name == "google.protobuf.Duration":
        return _duration(value)
    if not isinstance(value, Mapping) or descriptor.full_name.startswith("google.protobuf."):
        return whole_numbers(value)
    fields = _fields_of(descriptor)
    written: dict[str, JSON] = {}
    for key, inner in value.items():
        field = fields.get(key)
        if field is None:
            written[key] = whole_numbers(inner)
            continue
        found = _field(inner, field)
        if found is not None or _holds_null(field):
            written[field.json_name] = found
    return written


@lru_cache(maxsize=256)
def _fields_of(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    fields = {field.name: field for field in descriptor.fields}
    fields.update({field.json_name: field for field in descriptor.fields})
    return fields


def _holds_null(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"


def _field(value: Any, field: FieldDescriptor) -> JSON:
    """A field as it is written; None when it is left out."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry and isinstance(value, Mapping):
        inner = message.fields_by_name["value"]
        return {key: _single(item, inner) for key, item in value.items()} or None
    if field.is_repeated and isinstance(value, list):
        return [_single(item, field) for item in value] or None
    written = _single(value, field)
    if message is None and not field.has_presence and written in (0, "", _zero_of(field)):
        return None
    return written


def _single(value: Any, field: FieldDescriptor) -> JSON:
    if field.message_type is not None:
        return _message(value, field.message_type)
    if field.enum_type is not None and isinstance(value, int) and value in field.enum_type.values_by_number:
        return str(field.enum_type.values_by_number[value].name)
    if isinstance(value, str) and field.type not in _TEXTS and field.enum_type is None:
        return _number(value)
    return whole_numbers(value)


def _zero_of(field: FieldDescriptor) -> str:
    """The word of an enumeration's zero, which is its default."""
    return str(field.enum_type.values_by_number[0].name) if field.enum_type is not None else ""


def _duration(text: str) -> str:
    """Seconds with none, three, six or nine digits after the point."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        return text
    fraction = (match["fraction"] or "").rstrip("0")
    padded = fraction.ljust(-(-len(fraction) // 3) * 3, "0")
    return f"{int(match['whole'])}.{padded}s" if padded else f"{int(match['whole'])}s"


def _number(text: str) -> JSON:
    """A number that is written as a text, as protobuf does with those of 64 bits."""
    try:
        return whole_numbers(float(text)) if len(text) < 16 else text
    except ValueError:
        return text
