import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import PackageError
from kfadapter.pipelines.spec import ParameterType, read_spec

Make = Callable[..., dict[str, Any]]
Recorded = Callable[[str], bytes]


def read_one(make_pipeline: Make, **definition: Any) -> Any:
    (parameter,) = read_spec(make_pipeline({"x": definition})).parameters
    return parameter


def test_every_type_of_the_recorded_pipeline_is_read(recorded: Recorded) -> None:
    parameters = {p.name: p for p in read_spec(json.loads(recorded("all_types.json"))).parameters}
    assert len(parameters) == 20
    assert {p.type.value for p in parameters.values()} == {
        "NUMBER_INTEGER", "NUMBER_DOUBLE", "STRING", "BOOLEAN", "LIST", "STRUCT",
    }  # fmt: skip
    assert {name for name, p in parameters.items() if p.required} == {"flag", "items", "real", "table", "text", "whole"}
    assert parameters["mode"].to_json() == {
        "name": "mode", "type": "STRING", "required": False, "default": "fast",
        "description": "How careful to be.", "allowed": ["fast", "exact"],
    }  # fmt: skip
    assert parameters["level"].allowed == (1, 2, 3)
    assert parameters["whole_optional"].to_json()["default"] is None
    assert not parameters["whole_optional"].has_default


def test_a_pair_as_kubeflow_stores_it_is_read(recorded: Recorded) -> None:
    pair = json.loads(recorded("two_documents.json"))
    spec = read_spec(pair)
    assert spec == read_spec({"pipelineSpec": pair["pipeline_spec"], "platformSpec": pair["platform_spec"]})
    assert spec.name == "two-documents"
    assert spec.description == "Uses a volume, a secret and a node label."
    assert [p.name for p in spec.parameters] == ["claim", "place"]
    assert spec.document == pair["pipeline_spec"]
    assert spec.platform == pair["platform_spec"]
    assert read_spec(pair["pipeline_spec"]).platform is None


def test_artifacts_and_outputs_are_read(make_pipeline: Make) -> None:
    pipeline = make_pipeline()
    pipeline["root"] |= {
        "inputDefinitions": {
            "artifacts": {
                "data": {"artifactType": {"schemaTitle": "system.Dataset"}, "description": "Rows."},
                "old": {"artifactType": {"schemaTitle": "system.Model"}, "isOptional": True, "isArtifactList": True},
            }
        },
        "outputDefinitions": {
            "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model"}}},
            "parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}},
        },
    }
    spec = read_spec(pipeline)
    assert [(a.name, a.type, a.required, a.is_list) for a in spec.artifacts] == [
        ("data", "system.Dataset", True, False),
        ("old", "system.Model", False, True),
    ]
    assert [(a.name, a.type, a.required) for a in spec.outputs.artifacts] == [("model", "system.Model", False)]
    assert [(p.name, p.type) for p in spec.outputs.parameters] == [("score", ParameterType.NUMBER_DOUBLE)]


@pytest.mark.parametrize(
    ("kind", "given_default", "default"),
    [
        ("NUMBER_INTEGER", 10.0, 10),
        ("NUMBER_INTEGER", 10, 10),
        ("NUMBER_INTEGER", 1.5, 1.5),
        ("NUMBER_INTEGER", "1e3", 1000),
        ("NUMBER_INTEGER", "many", "many"),
        ("NUMBER_DOUBLE", 1, 1.0),
        ("NUMBER_DOUBLE", "1e-3", 0.001),
        ("NUMBER_DOUBLE", "nan", "nan"),
        ("STRING", "08", "08"),
        ("STRING", "", ""),
        ("BOOLEAN", False, False),
        ("LIST", [1.0, 2.5, "a", None, True, [3.0]], [1, 2.5, "a", None, True, [3]]),
        ("STRUCT", {"a": {"b": 2.0}}, {"a": {"b": 2}}),
        ("STRUCT", {}, {}),
        ("NUMBER_INTEGER", 1e300, 1e300),
    ],
)
def test_defaults_have_their_types_json_type(kind: str, given_default: Any, default: Any, make_pipeline: Make) -> None:
    parameter = read_one(make_pipeline, parameterType=kind, defaultValue=given_default)
    assert json.dumps(parameter.default) == json.dumps(default)
    assert parameter.has_default
    assert not parameter.required


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ({"type": "INT"}, "NUMBER_INTEGER"),
        ({"type": "DOUBLE"}, "NUMBER_DOUBLE"),
        ({"type": "STRING"}, "STRING"),
        ({"parameterType": 2}, "NUMBER_INTEGER"),
        ({"parameter_type": "LIST"}, "LIST"),
        ({"parameterType": "TASK_FINAL_STATUS"}, "TASK_FINAL_STATUS"),
        ({"parameterType": "HOLOGRAM"}, "PARAMETER_TYPE_ENUM_UNSPECIFIED"),
        ({"parameterType": 99}, "PARAMETER_TYPE_ENUM_UNSPECIFIED"),
        ({"type": ["INT"]}, "PARAMETER_TYPE_ENUM_UNSPECIFIED"),
        ({}, "PARAMETER_TYPE_ENUM_UNSPECIFIED"),
    ],
)
def test_types_are_kfps_words_also_from_older_spellings(definition: Any, kind: str, make_pipeline: Make) -> None:
    assert read_one(make_pipeline, **definition).type == kind


def test_a_default_of_null_is_a_default(make_pipeline: Make) -> None:
    parameter = read_one(make_pipeline, parameterType="STRING", defaultValue=None)
    assert (parameter.has_default, parameter.default, parameter.required) == (True, None, False)


def test_no_description_is_invented(make_pipeline: Make) -> None:
    assert read_one(make_pipeline, parameterType="STRING").description == ""
    assert read_spec(make_pipeline()).description == ""


def test_a_specification_without_inputs_has_none() -> None:
    assert read_spec({"root": {}}).parameters == ()
    assert read_spec({}).name == ""


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], ""),
        ("text", ""),
        (None, ""),
        ({"pipeline_spec": 5}, "pipeline_spec"),
        ({"pipeline_spec": {}, "platform_spec": []}, "platform_spec"),
        ({"root": 5}, "root"),
        ({"root": {"inputDefinitions": []}}, "root.inputDefinitions"),
        ({"root": {"inputDefinitions": {"parameters": [1]}}}, "root.inputDefinitions.parameters"),
        ({"root": {"inputDefinitions": {"parameters": {"x": 1}}}}, "root.inputDefinitions.parameters.x"),
        (
            {"root": {"inputDefinitions": {"parameters": {"x": {"literals": "ab"}}}}},
            "root.inputDefinitions.parameters.x.literals",
        ),
    ],
)
def test_odd_documents_are_refused_with_their_path(document: Any, path: str) -> None:
    with pytest.raises(PackageError) as refusal:
        read_spec(document)
    assert refusal.value.path == path


def test_endless_nesting_is_refused(make_pipeline: Make) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PackageError, match="nested too deeply"):
        read_one(make_pipeline, parameterType="LIST", defaultValue=deep)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["root", "pipeline_spec", "platformSpec", "inputDefinitions", "parameters", "artifacts", "pipelineInfo",
             "name", "x", "parameterType", "type", "defaultValue", "literals", "isOptional", "artifactType"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=30,
)  # fmt: skip


@given(ODD)
@settings(max_examples=120, deadline=None)
def test_no_document_raises_anything_but_a_package_error(document: Any) -> None:
    with suppress(PackageError):
        read_spec(document)
