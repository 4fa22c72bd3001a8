"""A document held against KFP's own protobuf: everything that is wrong in it, and whatever the protobuf does not know.

protobuf's JSON parser stops at the first error and says nothing of unknown fields, so the document is walked here along
the message's descriptor, by the same rules.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
from kfadapter.pipelines.scalars import JSON, shown

MAX_FINDINGS = 1_000
"""A report of more is of no use to anybody."""

_PREFIX = "google.protobuf."
_DURATION = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?s")
_INTEGERS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_FLOATS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
_FLOAT_WORDS = frozenset(("NaN", "Infinity", "-Infinity"))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something at a place of a document.

    Attributes:
        path: Where, as `components.comp-train.dag.tasks.fit`.
        message: What is wrong; empty for a field that the format does not know.
        value: What stands there.
    """

    path: str
    message: str
    value: JSON

    @property
    def is_unknown(self) -> bool:
        """Whether it is merely a field that the format, as known here, does not have."""
        return not self.message


def unknown_fields(pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None) -> list[Finding]:
    """The fields of a specification and its platform document that KFP's format, as known here, does not have."""
    return [finding for finding in check_format(pipeline, platform) if finding.is_unknown]


def check_format(pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None) -> list[Finding]:
    """What is wrong or unknown in a specification and its platform document, in their order; at most `MAX_FINDINGS`."""
    module = pipeline_spec_pb2()
    findings: list[Finding] = []
    _collect(pipeline, module.PipelineSpec.DESCRIPTOR, "", findings)
    deployment = pipeline.get("deploymentSpec") or pipeline.get("deployment_spec")
    if isinstance(deployment, Mapping):
        _collect(deployment, module.PipelineDeploymentConfig.DESCRIPTOR, "deploymentSpec", findings)
    if platform is not None:
        _collect(platform, module.PlatformSpec.DESCRIPTOR, "platform_spec", findings)
    return findings[:MAX_FINDINGS]


def _collect(document: Mapping[str, Any], descriptor: Descriptor, path: str, findings: list[Finding]) -> None:
    for finding in _message(document, descriptor, path):
        findings.append(finding)
        if len(findings) >= MAX_FINDINGS:
            return


def _message(value: Any, descriptor: Descriptor, path: str) -> Iterator[Finding]:
    if descriptor.full_name.startswith(_PREFIX):
        yield from _well_known(value, descriptor.name, path)
        return
    if not isinstance(value, Mapping):
        yield _wrong(value, path, "an object is needed")
        return
    fields = _fields_of(descriptor)
    chosen: dict[str, str] = {}
    seen: dict[str, str] = {}
    for key, inner in value.items():
        here = f"{path}.{key}" if path else key
        found = fields.get(key)
        if found is None:
            yield Finding(path=here, message="", value=inner)
            continue
        if found.name in seen:
            yield _wrong(inner, here, f"the field stands there twice, also as {seen[found.name]}")
            continue
        seen[found.name] = key
        if inner is None and not _takes_null(found):
            continue
        yield from _one_of(found, key, inner, here, chosen)
        yield from _field(inner, found, here)


def _one_of(field: FieldDescriptor, key: str, value: Any, path: str, chosen: dict[str, str]) -> Iterator[Finding]:
    group = field.containing_oneof
    if group is None:
        return
    if group.name in chosen:
        yield _wrong(value, path, f"only one of {chosen[group.name]} and {key} may be there")
    chosen.setdefault(group.name, key)


@lru_cache(maxsize=256)
def _fields_of(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """Fields by the two names that protobuf's JSON takes."""
    fields = {field.name: field for field in descriptor.fields}
    fields.update({field.json_name: field for field in descriptor.fields})
    return fields


def _takes_null(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and message.full_name == "google.protobuf.Value" and not field.is_repeated


def _field(value: Any, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        yield from _map(value, message.fields_by_name["value"], path)
    elif field.is_repeated:
        yield from _repeated(value, field, path)
    else:
        yield from _single(value, field, path)


def _map(value: Any, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield _wrong(value, path, "an object is needed")
        return
    for key, inner in value.items():
        if inner is None and not _takes_null(field):
            yield _wrong(inner, f"{path}.{key}", "null is not a value here")
        else:
            yield from _single(inner, field, f"{path}.{key}")


def _repeated(value: Any, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield _wrong(value, path, "a list is needed")
        return
    takes_null = field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"
    for number, inner in enumerate(value):
        here = f"{path}[{number}]"
        if inner is None and not takes_null:
            yield _wrong(inner, here, "null is not a value here")
        else:
            yield from _single(inner, field, here)


def _single(value: Any, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    if field.message_type is not None:
        yield from _message(value, field.message_type, path)
    elif problem := _scalar_problem(value, field):
        yield _wrong(value, path, problem)


def _well_known(value: Any, name: str, path: str) -> Iterator[Finding]:
    if name == "Duration":
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            yield _wrong(value, path, "a duration in seconds is needed, as 3.5s")
    elif name == "Struct" and not isinstance(value, Mapping):
        yield _wrong(value, path, "an object is needed")
    elif name == "ListValue" and not isinstance(value, list):
        yield _wrong(value, path, "a list is needed")


def _scalar_problem(value: Any, field: FieldDescriptor) -> str:
    if field.type == FieldDescriptor.TYPE_STRING:
        return "" if isinstance(value, str) else "a text is needed"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "" if isinstance(value, bool) else "true or false is needed"
    if field.enum_type is not None:
        return _enum_problem(value, field.enum_type)
    if field.type in _INTEGERS:
        return _integer_problem(value, *_INTEGERS[field.type])
    if field.type in _FLOATS:
        return _float_problem(value)
    return _bytes_problem(value)


def _enum_problem(value: Any, enum: EnumDescriptor) -> str:
    if isinstance(value, str) and value in enum.values_by_name:
        return ""
    if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 11:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return ""
    words = [name for name in enum.values_by_name if not name.endswith("UNSPECIFIED")]
    return f"one of {', '.join(words)} is needed"


def _integer_problem(value: Any, low: int, high: int) -> str:
    number = _as_number(value)
    if number is None or number != math.floor(number):
        return "a whole number is needed"
    return "" if low <= number <= high else f"a whole number from {low} to {high} is needed"


def _float_problem(value: Any) -> str:
    if isinstance(value, str) and value in _FLOAT_WORDS:
        return ""
    return "" if _as_number(value) is not None else "a number is needed"


def _as_number(value: Any) -> int | float | None:
    """A number, or one written as a text, as protobuf's JSON allows."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (value != value.strip() or len(value) > 400 or "_" in value):
        return None
    try:
        number = int(value) if isinstance(value, int) or (isinstance(value, str) and _whole(value)) else float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(text: str) -> bool:
    return text.lstrip("+-").isdigit() and len(text) < 100


def _bytes_problem(value: Any) -> str:
    try:
        if isinstance(value, str):
            base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
            return ""
    except (ValueError, binascii.Error):
        pass
    return "base64 is needed"


def _wrong(value: Any, path: str, need: str) -> Finding:
    if need.endswith("needed") or "needed, as" in need:
        return Finding(path=path, message=f"{need}, but it is {shown(value)}", value=value)
    return Finding(path=path, message=need, value=value)
