import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import ArgumentProblem, ArgumentsError
from kfadapter.pipelines.arguments import FittedArguments, fit_arguments
from kfadapter.pipelines.spec import Parameter, ParameterType

INTEGER, DOUBLE, STRING = ParameterType.NUMBER_INTEGER, ParameterType.NUMBER_DOUBLE, ParameterType.STRING
BOOLEAN, LIST, STRUCT = ParameterType.BOOLEAN, ParameterType.LIST, ParameterType.STRUCT


def needs(name: str, kind: ParameterType = STRING, **fields: Any) -> Parameter:
    return Parameter(name=name, type=kind, required=True, **fields)


def takes(name: str, kind: ParameterType = STRING, **fields: Any) -> Parameter:
    return Parameter(name=name, type=kind, required=False, **fields)


def problems(
    *parameters: Parameter, given: dict[str, Any], aliases: dict[str, Any] | None = None
) -> tuple[ArgumentProblem, ...]:
    with pytest.raises(ArgumentsError) as refusal:
        fit_arguments(parameters, given, aliases or {})
    return refusal.value.problems


def fitted(kind: ParameterType, value: Any) -> Any:
    return fit_arguments([needs("x", kind)], {"x": value}).passed["x"]


TRAINING_MANAGER = {
    "trainingjob_id": "7",
    "featuregroup_name": "radio",
    "modelName": "qoe",
    "modelVersion": "1",
    "modellocation": "",
}


def test_the_samples_of_aimlfw_get_what_upstream_gave_them() -> None:
    inputs = [needs("epochs"), needs("featurepath"), needs("modelname"), needs("modelversion")]
    aliases = {"featurepath": "radio_7", "modelname": "qoe", "modelversion": "1"}
    result = fit_arguments(
        inputs,
        TRAINING_MANAGER | {"epochs": "3"},
        aliases,
        alias_sources={"featurepath": ("featuregroup_name", "trainingjob_id")},
    )
    expected: dict[str, Any] = {"epochs": "3", "featurepath": "radio_7", "modelname": "qoe", "modelversion": "1"}
    assert result == FittedArguments(passed=expected, effective=expected, ignored=("modellocation",))


def test_without_alias_sources_what_an_alias_was_made_of_counts_as_ignored() -> None:
    result = fit_arguments([needs("featurepath")], TRAINING_MANAGER, {"featurepath": "radio_7", "modelname": "qoe"})
    assert result.passed == {"featurepath": "radio_7"}
    assert result.ignored == ("featuregroup_name", "modelName", "modelVersion", "modellocation", "trainingjob_id")


def test_exact_names_win_over_aliases_and_aliases_over_similar_names() -> None:
    inputs = [needs("modelname"), needs("featurepath"), needs("model-version")]
    given = {"modelname": "exact", "ModelName": "similar", "Feature_Path": "similar", "MODEL_VERSION": "2"}
    result = fit_arguments(inputs, given, {"modelname": "alias", "featurepath": "alias"})
    assert result.passed == {"modelname": "exact", "featurepath": "alias", "model-version": "2"}
    assert result.ignored == ("Feature_Path", "ModelName")


def test_undeclared_arguments_are_dropped_and_listed() -> None:
    result = fit_arguments([takes("a")], {"z": 1, "b": "2", "a": "x"})
    assert (result.passed, result.ignored) == ({"a": "x"}, ("b", "z"))
    assert fit_arguments([], {}).passed == {}


def test_several_spellings_that_agree_are_no_conflict() -> None:
    result = fit_arguments([needs("model_name")], {"modelName": "a", "modelname": "a"})
    assert (result.passed, result.ignored) == ({"model_name": "a"}, ())


def test_several_spellings_that_differ_are_ambiguous() -> None:
    (problem,) = problems(needs("model_name"), given={"modelName": "a", "modelname": "b"})
    assert (problem.name, problem.kind) == ("model_name", "ambiguous")
    assert "'modelName' and 'modelname'" in problem.message


def test_one_spelling_for_several_open_inputs_is_ambiguous() -> None:
    found = problems(takes("LR"), takes("lr"), given={"Lr": "1"})
    assert [(problem.name, problem.kind) for problem in found] == [("LR", "ambiguous"), ("lr", "ambiguous")]
    result = fit_arguments([takes("LR"), takes("lr")], {"Lr": "1", "lr": "2"})
    assert result.passed == {"LR": "1", "lr": "2"}


def test_an_exact_name_is_not_taken_for_a_similar_input() -> None:
    assert fit_arguments([takes("LR"), needs("lr")], {"lr": "2"}).passed == {"lr": "2"}


def test_every_problem_is_reported_at_once_in_the_inputs_order() -> None:
    found = problems(
        needs("epochs", INTEGER), needs("rate", DOUBLE), takes("mode", allowed=("fast", "exact")),
        needs("table", STRUCT), needs("fine"), needs("model_name"),
        given={"table": "[1]", "epochs": "many", "mode": "slow", "fine": "x", "modelname": "a", "ModelName": "b"},
    )  # fmt: skip
    assert [(problem.name, problem.kind) for problem in found] == [
        ("epochs", "unfit"), ("rate", "missing"), ("mode", "unfit"), ("table", "unfit"), ("model_name", "ambiguous"),
    ]  # fmt: skip
    assert found[0].message == "input epochs needs a whole number (NUMBER_INTEGER), but got 'many'"
    assert found[1].message == "input rate needs a number (NUMBER_DOUBLE) and was not given"
    assert found[2].message == "input mode needs a text (STRING), but got 'slow': only 'fast', 'exact' are allowed"


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = problems(needs("epochs", INTEGER), given={"epochs": "x" * 100_000})
    assert len(problem.message) < 200


def test_defaults_are_effective_but_not_passed() -> None:
    inputs = [takes("a", INTEGER, default=3, has_default=True), takes("b"), needs("c")]
    result = fit_arguments(inputs, {"c": "x"})
    assert (result.passed, result.effective) == ({"c": "x"}, {"a": 3, "c": "x"})


@pytest.mark.parametrize("kind", [INTEGER, DOUBLE, STRING, BOOLEAN, LIST, STRUCT])
@pytest.mark.parametrize("none", ["None", None])
def test_none_means_not_given_for_an_optional_input(kind: ParameterType, none: Any) -> None:
    result = fit_arguments([takes("a", kind, default=1, has_default=True)], {"a": none})
    assert (result.passed, result.effective, result.ignored) == ({}, {"a": 1}, ())


def test_none_for_a_required_input_is_a_text_or_a_problem() -> None:
    assert fitted(STRING, "None") == "None"
    assert [p.kind for p in problems(needs("a", INTEGER), needs("b"), given={"a": "None", "b": None})] == [
        "unfit",
        "missing",
    ]


def test_none_that_is_an_allowed_value_is_taken() -> None:
    assert fit_arguments([takes("penalty", allowed=("l2", "None"))], {"penalty": "None"}).passed == {"penalty": "None"}


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (INTEGER, "3", 3), (INTEGER, " -3 ", -3), (INTEGER, "3.0", 3), (INTEGER, 3.0, 3),
        (INTEGER, "1e3", 1000), (INTEGER, 2**53, 2**53),
        (DOUBLE, "1e-3", 0.001), (DOUBLE, 3, 3.0), (DOUBLE, "3", 3.0), (DOUBLE, ".5", 0.5),
        (BOOLEAN, "True", True), (BOOLEAN, "false", False), (BOOLEAN, "1", True), (BOOLEAN, "0", False),
        (BOOLEAN, "yes", True),
        (BOOLEAN, 0, False), (BOOLEAN, True, True),
        (STRING, "", ""), (STRING, "1", "1"), (STRING, 3, "3"), (STRING, True, "true"),
        (STRING, {"a": "é"}, '{"a": "é"}'),
        (LIST, "[1, 2]", [1, 2]), (LIST, "['a', None, True]", ["a", None, True]),
        (LIST, "(1, (2,))", [1, [2]]), (LIST, [1], [1]),
        (LIST, '["a", null, true]', ["a", None, True]), (LIST, "['it\\'s', \"a\\\\b\"]", ["it's", "a\\b"]),
        (LIST, "[]", []),
        (STRUCT, "{'a': 1}", {"a": 1}), (STRUCT, '{"a": {"b": [1.5]}}', {"a": {"b": [1.5]}}), (STRUCT, {}, {}),
        (STRUCT, "{'a': {'b': (1, 2)}}", {"a": {"b": [1, 2]}}),
    ],
)  # fmt: skip
def test_values_get_the_declared_json_type(kind: ParameterType, value: Any, result: Any) -> None:
    assert json.dumps(fitted(kind, value)) == json.dumps(result)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((INTEGER, v) for v in ["3.5", "abc", "", "1_000", True, "nan", "inf"]),
        *((INTEGER, v) for v in [10**400, "1" * 400, "0x10", "٣", 2**53 + 1, [], "1e400"]),
        *((DOUBLE, v) for v in ["abc", "", "nan", "-inf", float("nan"), float("inf")]),
        *((DOUBLE, v) for v in [10**400, "1e999", True, "1,5", {}, "9" * 5000]),
        *((BOOLEAN, v) for v in ["maybe", "", "2", 2, 1.0, [], "None"]),
        *((LIST, v) for v in ["abc", "", "{1, 2}", "(1)", "[b'x']", "[1j]"]),
        *((LIST, v) for v in ["[nan]", "[NaN]", "[1e999]", "[1", {"a": 1}, "{}", 3]),
        *((LIST, v) for v in ["[__import__('os')]", "[x for x in y]", "[1 if 1 else 2]"]),
        *((LIST, v) for v in [f"[{10**400}]", [{1, 2}], [float("nan")]]),
        *((STRUCT, v) for v in ["[1]", "{1: 2}", "{'a', 'b'}", "{(1,): 2}"]),
        *((STRUCT, v) for v in [{1: 2}, "null", "{'a': object()}", '{"a": "\\ud800"}']),
        *((STRING, v) for v in ["\ud800", float("nan"), object(), b"bytes"]),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_named(kind: ParameterType, value: Any) -> None:
    (problem,) = problems(needs("x", kind), given={"x": value})
    assert (problem.name, problem.kind) == ("x", "unfit")
    assert kind.value in problem.message
    problem.message.encode()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "(" * 100_000 + ")" * 100_000, "['a'" + ", ['a'" * 50_000,
        "[" + "-" * 200_000 + "1]", "[1" + "-1" * 100_000 + "]",
        "[" + "1" * 200_000 + "!]", "['" + "\\a" * 100_000, '{"a":' * 100_000,
        "{'a':" * 40_000, "[" + "not " * 50_000 + "1]",
        "[" + "'a' " * 60_000 + "x]", "[" + " " * 200_000 + "x]",
    ],
)  # fmt: skip
def test_hostile_texts_become_problems_quickly(text: str) -> None:
    started = time.process_time()
    assert [problem.kind for problem in problems(needs("x", LIST), given={"x": text})] == ["unfit"]
    assert time.process_time() - started < 3


def test_endless_nesting_of_real_values_becomes_a_problem() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert [p.kind for p in problems(needs("x", LIST), needs("y"), given={"x": deep, "y": deep})] == ["unfit", "unfit"]


@pytest.mark.parametrize(
    ("kind", "allowed", "value", "result"),
    [(INTEGER, (1, 2), "2.0", 2), (DOUBLE, (1.0, 2.0), 2, 2.0), (STRING, ("a",), "a", "a"), (INTEGER, (1, 2), 2.0, 2)],
)
def test_allowed_values_are_compared_as_values(kind: ParameterType, allowed: Any, value: Any, result: Any) -> None:
    assert fit_arguments([needs("x", kind, allowed=allowed)], {"x": value}).passed == {"x": result}


@pytest.mark.parametrize("kind", [ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED, ParameterType.TASK_CONFIG])
def test_types_without_a_rule_take_any_json_value(kind: ParameterType) -> None:
    assert fitted(kind, {"a": ("x", 1)}) == {"a": ["x", 1]}


TEXTS = st.text(st.characters(codec="utf-8"))
WHOLE = st.integers(-(2**53), 2**53)
REAL = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | REAL | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
TYPED = st.one_of(
    st.tuples(st.just(INTEGER), WHOLE),
    st.tuples(st.just(DOUBLE), REAL),
    st.tuples(st.just(STRING), TEXTS),
    st.tuples(st.just(BOOLEAN), st.booleans()),
    st.tuples(st.just(LIST), st.lists(PLAIN, max_size=5)),
    st.tuples(st.just(STRUCT), st.dictionaries(TEXTS, PLAIN, max_size=5)),
)


@given(TYPED)
@settings(max_examples=150, deadline=None)
def test_what_the_training_manager_writes_as_text_comes_back(typed: tuple[ParameterType, Any]) -> None:
    kind, value = typed
    assert fitted(kind, str(value)) == value
    assert fitted(kind, value) == value
    if kind in (LIST, STRUCT):
        assert fitted(kind, json.dumps(value)) == value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["lr", "LR", "l_r", "model_name", "modelName", "MODEL-NAME", "x", ""])
PARAMETER = st.builds(
    Parameter,
    name=NAMES,
    type=st.sampled_from(ParameterType),
    required=st.booleans(),
    default=PLAIN,
    has_default=st.booleans(),
    allowed=st.none() | st.tuples(PLAIN, PLAIN),
)


@given(
    st.lists(PARAMETER, max_size=5),
    st.dictionaries(NAMES, ANYTHING | st.text("[](){}'\"\\,:-+.0e1aTN \n")),
    st.dictionaries(NAMES, ANYTHING),
)
@settings(max_examples=150, deadline=None)
def test_fitting_raises_nothing_but_an_arguments_error(parameters: list[Parameter], given: Any, aliases: Any) -> None:
    try:
        result = fit_arguments(parameters, given, aliases)
    except ArgumentsError:
        pass
    else:
        json.dumps(result.passed, allow_nan=False, ensure_ascii=False).encode()
        assert set(result.ignored) <= set(given)
        assert list(result.effective) == [n for n in result.effective if n in {p.name for p in parameters}]
