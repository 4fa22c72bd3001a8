"""Values: types, texts and placeholders, after KFP's driver and launcher."""

from typing import Any

import pytest

from kfadapter.engine.running.values import Placeholders, Unfit, Values, as_text, fit, integral, read_text


def test_doubles_that_are_whole_become_ints_at_any_depth() -> None:
    found = integral({"a": [1.0, 2.5, {"b": -3.0}], "c": 1e300, "d": True, "e": float("nan")})
    assert found["a"] == [1, 2.5, {"b": -3}]
    assert [type(value) for value in (found["a"][0], found["c"], found["d"])] == [int, float, bool]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (3.0, "3"),
        (0.25, "0.25"),
        (1e-7, "0.0000001"),
        ([1.0, "ü"], '[1,"ü"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_any_value_has_a_text(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (7.0, "NUMBER_INTEGER", 7),
        ("7", "NUMBER_INTEGER", 7),
        ("1e3", "NUMBER_INTEGER", 1000),
        ("0.5", "NUMBER_DOUBLE", 0.5),
        ("True", "BOOLEAN", True),
        ("[1.0]", "LIST", [1]),
        ('{"a": 1}', "STRUCT", {"a": 1}),
        (5, "STRING", "5"),
        ([1], "STRING", "[1]"),
        ({"state": "COMPLETE"}, "TASK_FINAL_STATUS", {"state": "COMPLETE"}),
        ("as it is", "PARAMETER_TYPE_ENUM_UNSPECIFIED", "as it is"),
    ],
)
def test_a_value_is_made_to_fit_its_declared_type(value: Any, type_: str, expected: Any) -> None:
    assert fit(value, type_, "p") == expected


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("1.5", "NUMBER_INTEGER"),
        ("x", "NUMBER_DOUBLE"),
        (True, "NUMBER_INTEGER"),
        (1, "BOOLEAN"),
        ("yes", "BOOLEAN"),
        ("{}", "LIST"),
        ([], "STRUCT"),
        ("{", "STRUCT"),
    ],
)
def test_a_value_that_does_not_fit_is_named(value: Any, type_: str) -> None:
    with pytest.raises(Unfit, match=f"'p' must be {type_}"):
        fit(value, type_, "p")


def test_output_files_are_read_by_type() -> None:
    assert read_text("12\n", "NUMBER_INTEGER", "p") == 12
    assert read_text(" a ", "STRING", "p") == " a "
    with pytest.raises(Unfit):
        read_text("", "NUMBER_INTEGER", "p")


@pytest.fixture
def placeholders() -> Placeholders:
    inputs = Values(
        parameters={"word": "a {{$.inputs.parameters['other']}}", "other": "never", "n": 2, "odd['x": "odd"},
        artifacts={"table": [{"name": "t", "uri": "/data/t", "metadata": {"rows": 3}}]},
    )
    given = {"outputs": {"outputFile": "/o", "parameters": {"p": {"outputFile": "/p"}}, "artifacts": {}}}
    return Placeholders({"pipeline_job_uuid": "id"}, inputs, given)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no placeholder {{x}}", "no placeholder {{x}}"),
        ("{{$.inputs.parameters['word']}}!", "a {{$.inputs.parameters['other']}}!"),
        ('{{$.inputs.parameters["n"]}}', "2"),
        ("{{$.inputs.artifacts['table'].uri}} {{$.inputs.artifacts['table'].path}}", "/data/t /data/t"),
        ("{{$.inputs.artifacts['table'].metadata['rows']}}", "3"),
        ("{{$.outputs.parameters['p'].output_file}}", "/p"),
        ("{{$.pipeline_job_uuid}}-{{$.unknown}}", "id-{{$.unknown}}"),
        ("{{$.inputs.parameters['missing']}}", "{{$.inputs.parameters['missing']}}"),
        ("{{$", "{{$"),
    ],
)
def test_placeholders_are_filled_once(placeholders: Placeholders, text: str, filled: str) -> None:
    assert placeholders.fill(text) == filled


def test_placeholders_are_filled_inside_lists_and_objects(placeholders: Placeholders) -> None:
    assert placeholders.fill([{"k": "{{$.pipeline_job_uuid}}"}, 5]) == [{"k": "id"}, 5]
    assert '"outputFile": "/o"' in placeholders.fill("{{$}}")
