"""What would become of arguments is told without starting anything, and is what would really become of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfadapter.errors import ArgumentsError
from kfadapter.pipelines.arguments import fit_arguments
from kfadapter.pipelines.dry_run import check_arguments
from kfadapter.pipelines.spec import Parameter, ParameterType


def parameter(name: str, type_: ParameterType = ParameterType.STRING, **more: Any) -> Parameter:
    return Parameter(name=name, type=type_, required=more.pop("required", True), **more)


EPOCHS = parameter("epochs", ParameterType.NUMBER_INTEGER)
LAYERS = parameter("layers", ParameterType.LIST)
RATE = parameter("rate", ParameterType.NUMBER_DOUBLE, required=False, default=0.1, has_default=True)


def test_texts_of_the_training_manager_are_coerced() -> None:
    report = check_arguments([EPOCHS, LAYERS, RATE], {"epochs": "5", "layers": "[12, 6]", "trainingjob_id": "7"})
    assert report.is_accepted
    assert report.to_json() == {
        "accepted": True,
        "passed": {"epochs": 5, "layers": [12, 6]},
        "effective": {"epochs": 5, "layers": [12, 6], "rate": 0.1},
        "defaulted": ["rate"],
        "coerced": [
            {"input": "epochs", "given_as": "epochs", "from": "5", "to": 5},
            {"input": "layers", "given_as": "layers", "from": "[12, 6]", "to": [12, 6]},
        ],
        "ignored": ["trainingjob_id"],
        "problems": [],
    }


def test_another_spelling_and_an_alias_are_told() -> None:
    model = parameter("modelname")
    report = check_arguments([EPOCHS, model], {"Epochs": 5}, {"modelname": "qoe"}, alias_sources={"modelname": ["id"]})
    assert [each.to_json() for each in report.coerced] == [
        {"input": "epochs", "given_as": "Epochs", "from": 5, "to": 5},
        {"input": "modelname", "given_as": None, "from": "qoe", "to": "qoe"},
    ]


def test_every_problem_is_told_with_what_could_be_read() -> None:
    report = check_arguments([EPOCHS, LAYERS, RATE], {"epochs": "five", "rate": "0.5"})
    assert not report.is_accepted
    assert [(problem.name, problem.kind) for problem in report.problems] == [("epochs", "unfit"), ("layers", "missing")]
    assert report.passed == {"rate": 0.5}


def test_what_json_cannot_hold_is_told_in_words() -> None:
    report = check_arguments([parameter("text")], {"text": object()})
    assert report.problems[0].kind == "unfit"


_TYPES = st.sampled_from(
    [kind for kind in ParameterType if kind.value in {"STRING", "NUMBER_INTEGER", "LIST", "BOOLEAN"}]
)
_PARAMETERS = st.dictionaries(st.text("abAB_-", min_size=1, max_size=3), st.tuples(_TYPES, st.booleans()), max_size=4)
_GIVEN = st.dictionaries(
    st.text("abAB_-", min_size=1, max_size=3), st.none() | st.integers() | st.sampled_from(["1", "[1]", "true", "None"])
)


@given(_PARAMETERS, _GIVEN)
def test_a_dry_run_says_what_a_run_would_do(
    declared: dict[str, tuple[ParameterType, bool]], given_arguments: dict[str, Any]
) -> None:
    parameters = [parameter(name, kind, required=required) for name, (kind, required) in declared.items()]
    report = check_arguments(parameters, given_arguments)
    if report.problems:
        with pytest.raises(ArgumentsError) as refused:
            fit_arguments(parameters, given_arguments)
        assert refused.value.problems == report.problems
    else:
        fitted = fit_arguments(parameters, given_arguments)
        assert (report.passed, report.effective, report.ignored) == (fitted.passed, fitted.effective, fitted.ignored)
