"""Parameter values: KFP's types, their text form, and the placeholders that texts may hold.

The rules are those of KFP's Go driver and launcher: numbers travel as doubles and integral ones are printed as whole
numbers, anything can be read as a string, a string is read as another type only where it spells one.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kfadapter.errors import EngineError

LARGEST_PLAIN = 1e21
TRUE_TEXTS = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE_TEXTS = frozenset({"0", "f", "F", "FALSE", "false", "False"})
PLACEHOLDER = re.compile(r"\{\{\$(?:\.((?:[^{}'\"]|'[^']*'|\"[^\"]*\")*))?\}\}")
REFERENCE = re.compile(r"^(inputs|outputs)\.(parameters|artifacts)\[['\"](.+?)['\"]\](?:\.(.+))?$")
METADATA = re.compile(r"^metadata(?:\[['\"](.+?)['\"]\])?$")

Artifact = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Values:
    """What goes into a task or comes out: parameters by name, and lists of artifacts by name."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, list[Artifact]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"parameters": dict(self.parameters), "artifacts": dict(self.artifacts)}


class Unfit(EngineError):
    """A value that is not of the type it is declared to be."""


def integral(value: Any) -> Any:
    """The value with every double that is a whole number as an int, at any depth."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return int(value)
    if isinstance(value, Mapping):
        return {key: integral(item) for key, item in value.items()}
    if isinstance(value, list):
        return [integral(item) for item in value]
    return value


def as_text(value: Any) -> str:
    """A value as a string parameter or a command line sees it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    return json.dumps(integral(value), ensure_ascii=False, separators=(",", ":"))


def _number_text(value: float) -> str:
    text = repr(integral(value))
    if "e" not in text:
        return text
    from decimal import Decimal

    return format(Decimal(text), "f")


def fit(value: Any, type_: str, name: str) -> Any:
    """A value as its declared type wants it.

    Raises:
        Unfit: It is of another type and does not spell one of the declared type.
    """
    value = integral(value)
    if type_ == "STRING":
        return value if isinstance(value, str) else as_text(value)
    if isinstance(value, str) and type_ in TEXT_READERS:
        return read_text(value, type_, name)
    wanted = PYTHON_TYPES.get(type_)
    if wanted is None:
        return value
    if not isinstance(value, wanted) or (isinstance(value, bool) and type_ != "BOOLEAN"):
        raise Unfit(f"parameter {name!r} must be {type_}, but is {_shown(value)}")
    return value


def read_text(text: str, type_: str, name: str) -> Any:
    """A value from the text that a component left in an output file.

    Raises:
        Unfit: The text does not spell a value of the type.
    """
    try:
        return TEXT_READERS.get(type_, str)(text)
    except ValueError as exc:
        raise Unfit(f"parameter {name!r} must be {type_}, but is {_shown(text)}") from exc


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _read_bool(text: str) -> bool:
    if text.strip() in TRUE_TEXTS:
        return True
    if text.strip() in FALSE_TEXTS:
        return False
    raise ValueError(text)


def _read_integer(text: str) -> int:
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number) if any(mark in text for mark in ".eE") else int(text)


def _read_json(type_: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, type_):
            raise ValueError(text)
        return integral(value)

    return read


PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
    "TASK_FINAL_STATUS": (dict,),
}
TEXT_READERS: Mapping[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": _read_integer,
    "NUMBER_DOUBLE": lambda text: integral(float(text)),
    "BOOLEAN": _read_bool,
    "LIST": _read_json(list),
    "STRUCT": _read_json(dict),
}


class Placeholders:
    """What `{{$…}}` stands for in the texts of one task.

    Every text is gone through once: what a value brings in is never looked at again, so a value cannot smuggle in a
    placeholder. One that stands for nothing known stays as it is.

    Args:
        names: The plain ones, as `pipeline_job_name`, with their texts.
        inputs: The task's inputs.
        executor_input: The executor input document, once there is one; gives `{{$}}` and the outputs' paths.
    """

    def __init__(
        self, names: Mapping[str, str], inputs: Values, executor_input: Mapping[str, Any] | None = None
    ) -> None:
        self._names = names
        self._inputs = inputs
        self._executor_input = executor_input

    def fill(self, value: Any) -> Any:
        """The value with the placeholders in all its texts replaced."""
        if isinstance(value, str):
            return PLACEHOLDER.sub(self._replace, value) if "{{$" in value else value
        if isinstance(value, Mapping):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return value

    def _replace(self, match: re.Match[str]) -> str:
        found = self._meaning(match[1])
        return match[0] if found is None else found

    def _meaning(self, what: str | None) -> str | None:
        if what is None:
            return None if self._executor_input is None else json.dumps(self._executor_input, ensure_ascii=False)
        if what in ("outputs.output_file", "outputMetadataUri"):
            return None if self._executor_input is None else str(self._executor_input["outputs"]["outputFile"])
        reference = REFERENCE.match(what)
        if reference is None:
            return self._names.get(what)
        direction, kind, name, attribute = reference.groups()
        if direction == "inputs":
            return self._input(kind, name, attribute)
        return self._output(kind, name, attribute)

    def _input(self, kind: str, name: str, attribute: str | None) -> str | None:
        if kind == "parameters":
            found = self._inputs.parameters.get(name)
            return None if found is None else as_text(found)
        artifacts = self._inputs.artifacts.get(name)
        return _attribute(artifacts[0], attribute) if artifacts else None

    def _output(self, kind: str, name: str, attribute: str | None) -> str | None:
        found = (self._executor_input or {}).get("outputs", {}).get(kind, {}).get(name)
        if found is None:
            return None
        return str(found["outputFile"]) if kind == "parameters" else _attribute(found["artifacts"][0], attribute)


def _attribute(artifact: Artifact, attribute: str | None) -> str | None:
    if attribute in ("uri", "path", "name"):
        return str(artifact.get("uri" if attribute == "path" else attribute, ""))
    metadata = METADATA.match(attribute or "")
    if metadata is None:
        return None
    held = artifact.get("metadata", {})
    return as_text(held if metadata[1] is None else held.get(metadata[1], ""))
