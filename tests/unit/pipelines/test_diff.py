"""What changed, in words that a person understands, and whether today's jobs still start."""

from typing import Any

import pytest

from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.diff import ChangeKind, Section, Verdict, apply, diff, facts_of
from support.described import described


def pipeline(parameters: dict[str, Any], **more: Any) -> PipelineDescription:
    container: dict[str, Any] = {"image": more.get("image", "a:1"), "command": ["run"], "args": more.get("args", [])}
    executor = {"container": container | more.get("container", {})}
    task = {"componentRef": {"name": "comp-a"}, **more.get("task", {})}
    outputs = {"parameters": more.get("outputs", {})}
    return describe(
        {
            "pipelineInfo": {"name": "p"},
            "schemaVersion": "2.1.0",
            "root": {
                "dag": {"tasks": {"a": task, **more.get("tasks", {})}},
                "inputDefinitions": {"parameters": parameters},
                "outputDefinitions": outputs,
            },
            "components": {"comp-a": {"executorLabel": "exec-a"}},
            "deploymentSpec": {"executors": {"exec-a": executor}},
        }
    )


INTEGER = {"parameterType": "NUMBER_INTEGER"}
TEXT = {"parameterType": "STRING"}
OPTIONAL = {**INTEGER, "isOptional": True, "defaultValue": 5.0}


def texts(old: PipelineDescription, new: PipelineDescription, section: Section) -> list[str]:
    return [change.text for change in diff(old, new).changes if change.section is section]


def test_a_pipeline_does_not_differ_from_itself() -> None:
    found = diff(described("nested"), described("nested"))
    assert (found.verdict, found.changes, found.reasons) == (Verdict.IDENTICAL, (), ())
    assert found.to_json()["counts"] == {}


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"n": INTEGER}, {}, "input n is gone: Kubeflow refuses arguments that are not declared"),
        ({}, {"n": INTEGER}, "input n is new and required"),
        ({"n": INTEGER}, {"n": TEXT}, "input n was NUMBER_INTEGER and is STRING"),
        ({"n": {"parameterType": "NUMBER_DOUBLE"}}, {"n": INTEGER}, "input n was NUMBER_DOUBLE and is NUMBER_INTEGER"),
        ({"n": OPTIONAL}, {"n": INTEGER}, "input n is now required"),
        ({"n": INTEGER}, {"n": {**INTEGER, "literals": [1.0, 2.0]}}, "input n no longer takes every value, only 1, 2"),
        (
            {"n": {**INTEGER, "literals": [1.0, 2.0]}},
            {"n": {**INTEGER, "literals": [2.0, 3.0]}},
            "input n no longer takes 1",
        ),
    ],
)
def test_jobs_that_would_not_start_break(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    found = diff(pipeline(before), pipeline(after))
    assert found.verdict is Verdict.BREAKING
    assert found.reasons[0] == reason


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"n": OPTIONAL}, ("input n is new; today's jobs get its default 5",)),
        ({"n": OPTIONAL}, {"n": {**OPTIONAL, "defaultValue": 7.0}}, ("jobs that leave out input n get 7, not 5",)),
        ({"n": INTEGER}, {"n": {"parameterType": "NUMBER_DOUBLE"}}, ()),
        ({"n": INTEGER}, {"n": OPTIONAL}, ()),
        ({"n": {**INTEGER, "literals": [1.0]}}, {"n": INTEGER}, ()),
        ({"n": INTEGER}, {"n": {**INTEGER, "description": "how many"}}, ()),
    ],
)
def test_jobs_that_still_start_are_told_what_they_will_notice(
    before: dict[str, Any], after: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    found = diff(pipeline(before), pipeline(after))
    assert (found.verdict, found.reasons) == (Verdict.COMPATIBLE, reasons)


def test_an_output_that_is_gone_is_noticed_but_breaks_no_start() -> None:
    found = diff(pipeline({}, outputs={"score": TEXT}), pipeline({}))
    assert found.verdict is Verdict.COMPATIBLE
    assert found.reasons == ("output score removed: whoever reads it will miss it",)


def test_changes_are_told_in_words() -> None:
    old, new = pipeline({"n": OPTIONAL}), pipeline({"n": {**TEXT, "isOptional": True, "defaultValue": "x"}})
    assert texts(old, new, Section.INPUTS) == ["input n: type NUMBER_INTEGER → STRING; default 5 → x"]
    assert texts(pipeline({}), pipeline({}, image="a:2"), Section.IMAGES) == ["image of a: a:1 → a:2"]
    assert texts(pipeline({}), pipeline({}, args=["-v"]), Section.COMMANDS) == ['command of a: args [] → ["-v"]']
    variable = {"env": [{"name": "LEVEL", "value": "debug"}]}
    assert texts(pipeline({}), pipeline({}, container=variable), Section.ENVIRONMENT) == [
        "environment of a: env LEVEL none → debug"
    ]
    cached = {"cachingOptions": {"enableCache": True}}
    assert texts(pipeline({}), pipeline({}, task=cached), Section.POLICIES) == [
        "policies of a: caching enabled false → true"
    ]
    assert texts(pipeline({}), pipeline({}, tasks={"b": {"componentRef": {"name": "comp-a"}}}), Section.TASKS) == [
        "step b added"
    ]


def test_versions_of_the_compiler_differ_in_packages_and_platform_only() -> None:
    found = diff(described("volumes", "2.7"), described("volumes", "2.17"))
    assert found.verdict is Verdict.COMPATIBLE
    sections = {change.section for change in found.changes}
    assert Section.SOURCE not in sections
    assert any(change.text == "pipeline's SDK: kfp-2.7.0 → kfp-2.17.0" for change in found.changes)
    packages = next(change.text for change in found.changes if change.section is Section.PACKAGES)
    assert "+ kfp==2.17.0; - kfp==2.7.0" in packages


def test_a_changed_source_comes_with_its_lines() -> None:
    def with_source(text: str) -> PipelineDescription:
        command = ["sh", "-ec", "python3 -m kfp.dsl.executor_main", f"\nimport kfp\n\ndef f():\n    {text}\n"]
        return pipeline({}, container={"command": command}, args=["--function_to_execute", "f"])

    found = diff(with_source("pass"), with_source("return 1"))
    (change,) = [change for change in found.changes if change.section is Section.SOURCE]
    assert change.text == "source of a: 1 lines added, 1 removed"
    assert str(change.to_json()["diff"]).splitlines()[-3:] == [" def f():", "-    pass", "+    return 1"]


def test_what_follows_from_a_new_step_is_not_told_again() -> None:
    found = diff(described("model-of"), described("artifact-chain"))
    sections = {change.section for change in found.independent if change.kind is ChangeKind.ADDED}
    assert Section.COMMANDS not in sections
    assert {change.key for change in found.independent if change.section is Section.IMAGES} == {"evaluate", "deploy"}
    assert len(found.independent) < len(found.changes)


def test_changes_of_one_pipeline_do_not_fit_another() -> None:
    changes = diff(pipeline({}), pipeline({}, image="a:2"))
    with pytest.raises(ValueError, match="not what the change begins with"):
        apply(changes, facts_of(pipeline({}, image="a:3")))


def test_true_is_not_one() -> None:
    old, new = ({"n": {"isOptional": True, "defaultValue": value}} for value in (True, 1.0))
    assert texts(pipeline(old), pipeline(new), Section.INPUTS) == ["input n: default true → 1"]
