"""A run's arguments against the inputs its pipeline declares, judged as KFP's API server judges them."""

from collections.abc import Mapping
from typing import Any

from kfadapter.engine.protocol.faults import invalid

NUMBERS = frozenset({"NUMBER_INTEGER", "NUMBER_DOUBLE"})
OLD_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}
EXPECTED: Mapping[str, tuple[type, str]] = {
    "STRING": (str, "string"),
    "BOOLEAN": (bool, "bool"),
    "LIST": (list, "list"),
    "STRUCT": (dict, "struct"),
}


def check_arguments(pipeline_spec: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse arguments that are missing, of a wrong type, not among the allowed values, or unknown.

    Raises:
        ApiError: Names the first argument that does not fit, by name.
    """
    declared = parameters(pipeline_spec)
    for name in sorted(declared):
        if name in given:
            _check_type(name, given[name], declared[name])
            _check_literals(name, given[name], declared[name].get("literals"))
        elif not declared[name].get("isOptional") and "defaultValue" not in declared[name]:
            raise invalid(f"parameter {name} is not optional, yet has neither default value nor user provided value")
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise invalid(f"parameter(s) provided are not required by pipeline: {', '.join(unknown)}")


def parameters(pipeline_spec: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The parameters a pipeline declares, by name, as the spec says them."""
    declared = pipeline_spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return declared if isinstance(declared, dict) else {}


def _check_type(name: str, value: Any, parameter: Mapping[str, Any]) -> None:
    kind = parameter.get("parameterType") or OLD_TYPES.get(parameter.get("type", ""), "")
    if kind in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(
                f"input parameter {name} requires type double or integer, "
                "but the parameter value is not of number value type"
            )
    elif kind in EXPECTED:
        expected, word = EXPECTED[kind]
        if not isinstance(value, expected):
            raise invalid(
                f"input parameter {name} requires type {word}, but the input parameter is not of {word} value type"
            )
    elif kind == "TASK_FINAL_STATUS":
        raise invalid(f"input parameter {name} requires type TASK_FINAL_STATUS, which is invalid for root component")
    elif kind in ("", "PARAMETER_TYPE_ENUM_UNSPECIFIED"):
        raise invalid(f"input parameter {name} has unspecified type")
    elif kind != "TASK_CONFIG":
        raise invalid(f"input parameter {name} requires type unknown")


def _check_literals(name: str, value: Any, literals: Any) -> None:
    if not literals or any(value == literal and type(value) is type(literal) for literal in literals):
        return
    if isinstance(value, int | float) and any(value == literal for literal in literals):
        return
    allowed = " ".join(_proto_text(literal) for literal in literals)
    raise invalid(
        f'input parameter "{name}" value {_proto_text(value)} does not match any of the allowed literal values: '
        f"[{allowed}]"
    )


def _proto_text(value: Any) -> str:
    """A value as protobuf's text form writes it."""
    if isinstance(value, str):
        return f'string_value:"{value}"'
    if isinstance(value, bool):
        return f"bool_value:{str(value).lower()}"
    return f"number_value:{value}"
