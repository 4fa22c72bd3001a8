"""The schema of a pipeline's arguments is a JSON Schema, and takes what Kubeflow takes."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from kfadapter.errors import ArgumentsError
from kfadapter.pipelines.arguments import fit_arguments
from kfadapter.pipelines.schema import DIALECT, arguments_schema
from kfadapter.pipelines.spec import Parameter, ParameterType, PipelineSpec
from support.described import COMPILED, described, description_of, label


@pytest.mark.parametrize("compiled", COMPILED, ids=label)
def test_every_pipeline_has_a_valid_schema(compiled: Path) -> None:
    schema = arguments_schema(description_of(compiled))
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == DIALECT


def test_a_schema_says_what_a_form_needs() -> None:
    schema: Any = arguments_schema(described("described-inputs"))
    assert schema["title"] == "described-inputs"
    assert schema["description"] == "Trains one model for one cell."
    assert schema["required"] == []
    assert schema["additionalProperties"] is False
    assert schema["properties"]["epochs"] == {
        "title": "epochs",
        "type": "integer",
        "minimum": -(2**53),
        "maximum": 2**53,
        "description": "How often the data is gone through.",
        "default": 3,
        "x-kfp-type": "NUMBER_INTEGER",
    }


def test_literals_are_an_enum() -> None:
    schema: Any = arguments_schema(described("literals"))
    assert schema["properties"]["kind"]["enum"] == ["small", "large"]
    assert schema["properties"]["size"]["enum"] == [1, 2, 3]


def test_equal_literals_are_given_once() -> None:
    allowed = (1, 1.0, True, "1")
    spec = PipelineSpec(
        name="p", parameters=(Parameter(name="n", type=ParameterType.LIST, required=True, allowed=allowed),)
    )
    schema: Any = arguments_schema(spec)
    jsonschema_rs.meta.validate(schema)
    assert len(schema["properties"]["n"]["enum"]) == 3


def test_artifacts_are_noted() -> None:
    schema: Any = arguments_schema(described("artifact-inputs"))
    assert [artifact["name"] for artifact in schema["x-kfp-artifacts"]] == ["data"]
    assert list(schema["properties"]) == ["epochs"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "x", "whole": 1, "real": 1.5, "truth": True, "items": [1], "table": {"a": 1}},
        {"text": "x", "whole": 1, "real": 2, "truth": False, "items": [], "table": {}},
        {"text": "x", "whole": 1.5, "real": 1.5, "truth": True, "items": [1], "table": {"a": 1}},
        {"text": "x", "whole": 1, "real": 1.5, "truth": True, "items": [1]},
        {"text": "x", "whole": 2**60, "real": 1.5, "truth": True, "items": [1], "table": {}},
    ],
)
def test_the_schema_takes_what_a_run_takes(arguments: dict[str, Any]) -> None:
    description = described("types")
    try:
        is_taken = fit_arguments(description.inputs.parameters, arguments).passed == arguments
    except ArgumentsError:
        is_taken = False
    assert jsonschema_rs.is_valid(arguments_schema(description), arguments) is is_taken


def test_undeclared_arguments_are_refused_as_kubeflow_does() -> None:
    assert not jsonschema_rs.is_valid(arguments_schema(described("defaults")), {"another": 1})
    assert jsonschema_rs.is_valid(arguments_schema(described("defaults")), {})
