"""Conditions: what the compiler writes is decided, anything else is refused, nothing is ever executed."""

from typing import Any

import pytest

from kfadapter.engine.running.cel import ConditionError, parse

P = "inputs.parameter_values['{}']"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{P.format('word')} == 'go'", True),
        (f"!({P.format('word')} == 'go')", False),
        (f"int({P.format('n')}) > 4 && int({P.format('n')}) <= 5", True),
        (f"{P.format('real')} >= 0.5 || {P.format('flag')} == true", True),
        (f"{P.format('flag')} == false", True),
        (f"{P.format('flag')}", False),
        (f"!!{P.format('flag')}", False),
        (f"double(5) == {P.format('n')}", True),
        ("string(5) == '5' && bool('true')", True),
        ("-1 < 0", True),
        ("(1 == 1 || 2 == 3) && !(1 != 1)", True),
        (r"'it\'s' == \"it's\"".replace('\\"', '"'), True),
        ("null != 'x'", True),
    ],
)
def test_conditions_are_decided(expression: str, expected: bool) -> None:
    assert parse(expression)({"word": "go", "n": 5, "real": 0.5, "flag": False}) is expected


@pytest.mark.parametrize("word", ["' or true or '", "go' || 'a' == 'a", "__import__('os')", "it's", "\\"])
def test_a_value_is_only_ever_a_value(word: str) -> None:
    assert parse(f"{P.format('word')} == 'go'")({"word": word}) is False


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 ==",
        "1 == 1 1",
        "__import__('os').system('true')",
        "inputs.parameter_values",
        "inputs.__class__['x']",
        "size('a') == 1",
        "a == 'it's'",
        "(" * 500 + "true" + ")" * 500,
        "'open",
        "1 + 1 == 2",
    ],
)
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(ConditionError):
        parse(expression)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        (f"{P.format('x')} == 1", {}),
        (f"{P.format('x')} == 1", {"x": "1"}),
        (f"{P.format('x')} == true", {"x": 1}),
        (f"int({P.format('x')}) == 1", {"x": "one"}),
        (f"{P.format('x')} < 'a'", {"x": None}),
        ("5", {}),
        ("1 && true", {}),
    ],
)
def test_values_that_do_not_fit_fail_with_the_expression(expression: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConditionError, match="condition"):
        parse(expression)(values)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (r"'a\'b'", "a'b"),
        (r"'a\\b'", "a\\b"),
        (r"'\n\t\x41\u00fc\U0001F600\101'", "\n\tA\u00fc\U0001f600A"),
    ],
)
def test_escapes_mean_what_they_mean_in_cel(text: str, meaning: str) -> None:
    assert parse(f"inputs.parameter_values['x'] == {text}")({"x": meaning})


@pytest.mark.parametrize("text", [r"'back\slash'", r"'\xZZ'", r"'\U00110000'"])
def test_an_escape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match="is not a character"):
        parse(f"inputs.parameter_values['x'] == {text}")
