"""What KFP's executor is told and what it answers: ExecutorInput and ExecutorOutput in their JSON form."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.plain_files import NotPlain, TooLong, read_plain
from kfadapter.engine.running.values import Artifact, Unfit, Values, fit, integral, read_text
from kfadapter.errors import EngineError

OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024
"""Of an executor's answer, and of an output parameter in a file. JSON takes twenty times its size when it is read."""


Gather = Callable[[str, str, Path], None]
"""Takes the name of an artifact, the path at which the task has left it, and the place where it belongs."""


class OutputsUnusable(EngineError):
    """A task ended well but did not leave what it declares, or left it in a shape that cannot be read."""


def executor_input(component: Component, inputs: Values, attempt: Path) -> dict[str, Any]:
    """The document behind `{{$}}`, with every output's path below the attempt's directory."""
    parameters = {
        name: {"outputFile": str(attempt / "parameters" / _file(name))} for name in component.output_parameters
    }
    artifacts = {
        name: {"artifacts": [_new_artifact(name, definition.type, attempt)]}
        for name, definition in component.output_artifacts.items()
    }
    return {
        "inputs": {
            "parameterValues": integral(dict(inputs.parameters)),
            "artifacts": {name: {"artifacts": held} for name, held in inputs.artifacts.items()},
        },
        "outputs": {
            "parameters": parameters,
            "artifacts": artifacts,
            "outputFile": str(attempt / "executor_output.json"),
        },
    }


def prepare_output_directories(attempt: Path) -> None:
    """Make the directories that output paths point into."""
    for name in ("outputs", "parameters"):
        (attempt / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def _file(name: str) -> str:
    return name.replace("/", "_") if name not in (".", "..") else "_"


def _new_artifact(name: str, type_: Mapping[str, Any], attempt: Path) -> dict[str, Any]:
    return {"name": name, "type": dict(type_), "uri": str(attempt / "outputs" / _file(name)), "metadata": {}}


def read_outputs(component: Component, given: Mapping[str, Any], gather: Gather) -> Values:
    """A task's outputs, after it ended well.

    Args:
        component: What it declares.
        given: The executor input it had.
        gather: Called for artifacts that are not where the executor input said.

    Raises:
        OutputsUnusable: The answer is not what the executor writes, or a declared parameter is missing or of another
            type.
    """
    answer = _read_answer(Path(given["outputs"]["outputFile"]))
    try:
        return Values(parameters=_parameters(component, given, answer), artifacts=_artifacts(given, answer, gather))
    except Unfit as exc:
        raise OutputsUnusable(f"output {exc}") from exc


def _read_answer(path: Path) -> dict[str, Any]:
    try:
        answer = json.loads(read_plain(path, OUTPUT_LIMIT_BYTES))
    except FileNotFoundError:
        return {}
    except (NotPlain, TooLong) as exc:
        raise OutputsUnusable(f"{path.name} {exc.strerror}") from exc
    except OSError as exc:
        raise OutputsUnusable(f"{path.name} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise OutputsUnusable(f"{path.name} is not JSON: {exc}") from exc
    if not isinstance(answer, dict) or not all(
        isinstance(answer.get(key, {}), dict) for key in ("parameterValues", "artifacts")
    ):
        raise OutputsUnusable(f"{path.name} is not an executor's output")
    return answer


def _parameters(component: Component, given: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    answered = answer.get("parameterValues", {})
    found = {}
    for name, declared in component.output_parameters.items():
        if answered.get(name) is not None:
            found[name] = fit(answered[name], declared.type, name)
            continue
        path = Path(given["outputs"]["parameters"][name]["outputFile"])
        try:
            text = read_plain(path, OUTPUT_LIMIT_BYTES).decode()
        except (NotPlain, TooLong) as exc:
            raise OutputsUnusable(f"the file of the output parameter {name!r} {exc.strerror}") from exc
        except (OSError, UnicodeDecodeError) as exc:
            if declared.is_optional:
                continue
            raise OutputsUnusable(f"the task ended without its output parameter {name!r} ({declared.type})") from exc
        found[name] = read_text(text, declared.type, name)
    return found


def _artifacts(given: Mapping[str, Any], answer: Mapping[str, Any], gather: Gather) -> dict[str, list[Artifact]]:
    answered = answer.get("artifacts", {})
    return {
        name: [_merged(declared["artifacts"][0], answered.get(name), gather)]
        for name, declared in given["outputs"]["artifacts"].items()
    }


def _merged(declared: Artifact, answered: Any, gather: Gather) -> Artifact:
    """The artifact as declared, with what the task made of its place and metadata."""
    if answered is None:
        return declared
    try:
        one = (answered.get("artifacts") or [{}])[0]
        metadata = {**declared["metadata"], **(one.get("metadata") or {})}
        merged = {
            "name": one.get("name") or declared["name"],
            "type": declared["type"],
            "uri": str(one.get("uri") or declared["uri"]),
            "metadata": integral(metadata),
        }
        custom_path = str(one.get("custom_path") or one.get("customPath") or "")
    except (AttributeError, TypeError, KeyError, IndexError) as exc:
        raise OutputsUnusable(f"the output artifact {declared['name']!r} is not described as an artifact") from exc
    if custom_path and merged["uri"] == declared["uri"]:
        gather(declared["name"], custom_path, Path(declared["uri"]))
    return merged
