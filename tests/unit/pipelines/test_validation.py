"""A check of a package names every problem with its path."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kfadapter.pipelines.format import MAX_FINDINGS
from kfadapter.pipelines.package import PackageLimits
from kfadapter.pipelines.validation import validate, validate_document

MakePipeline = Callable[..., dict[str, Any]]


TASK = "root.dag.tasks.train"
COMPONENT = "components.comp-train"
CONTAINER = "deploymentSpec.executors.exec-train.container"


def problems(pipeline: dict[str, Any], platform: dict[str, Any] | None = None) -> dict[str, str]:
    return {problem.path: problem.message for problem in validate_document(pipeline, platform).problems}


def changed(pipeline: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *groups, last = path.split(".")
    holder = pipeline
    for name in groups:
        holder = holder.setdefault(name, {})
    holder[last] = value
    return pipeline


def test_a_valid_pipeline_has_no_problem(make_pipeline: MakePipeline) -> None:
    report = validate(orjson.dumps(make_pipeline()))
    assert report.is_valid
    assert report.to_json() == {"valid": True, "problems": [], "notes": []}
    assert report.document == {"pipeline_spec": make_pipeline(), "platform_spec": None}


def test_every_problem_is_named_at_once(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(
        {"n": {"parameterType": "WHOLE"}}, schemaVersion="3.0", pipelineInfo={"name": "Not A Name"}
    )
    changed(pipeline, "root.dag.tasks.train.dependentTasks", ["nobody"])
    changed(pipeline, "deploymentSpec.executors.exec-train.container.args", "no list")
    found = problems(pipeline)
    assert found.keys() == {
        "root.inputDefinitions.parameters.n.parameterType",
        "deploymentSpec.executors.exec-train.container.args",
        "schemaVersion",
        "pipelineInfo.name",
        "root.dag.tasks.train.dependentTasks",
    }
    assert found["root.inputDefinitions.parameters.n.parameterType"].startswith("one of NUMBER_DOUBLE, NUMBER_INTEGER")


@pytest.mark.parametrize(
    ("path", "value", "problem_path", "message"),
    [
        (f"{TASK}.componentRef.name", "comp-x", f"{TASK}.componentRef", "there is no component 'comp-x'"),
        (
            f"{COMPONENT}.executorLabel",
            "exec-x",
            f"{COMPONENT}.executorLabel",
            "there is no executor 'exec-x'",
        ),
        ("components.comp-idle", {}, "components.comp-idle", "it has neither an executor nor a dag"),
        ("root", None, "root", "the pipeline has no root"),
        (f"{CONTAINER}.image", "", f"{CONTAINER}.image", "there is no image"),
        (
            f"{TASK}.inputs.parameters.n",
            {"componentInputParameter": "missing"},
            f"{TASK}.inputs.parameters.n",
            "there is no input 'missing' around it",
        ),
        (
            f"{TASK}.inputs.parameters.n",
            {"taskOutputParameter": {"producerTask": "train", "outputParameterKey": "o"}},
            f"{TASK}.inputs.parameters.n",
            "the task 'train' has no output 'o' among its parameters",
        ),
        (
            "components.comp-train.inputDefinitions.parameters.n",
            {"parameterType": "STRING"},
            f"{TASK}.inputs.parameters",
            "the required input 'n' is not given",
        ),
        (
            f"{TASK}.parameterIterator",
            {"itemInput": "i", "items": {"raw": "no list"}},
            f"{TASK}.parameterIterator.items.raw",
            "it is not a JSON list",
        ),
        (
            "root.dag.outputs.parameters.o",
            {"valueFromParameter": {"producerSubtask": "nobody", "outputParameterKey": "x"}},
            "root.dag.outputs.parameters.o",
            "there is no task 'nobody' beside it",
        ),
        (f"{TASK}.retryPolicy.backoffDuration", "soon", f"{TASK}.retryPolicy.backoffDuration", "a duration in seconds"),
        (f"{TASK}.retryPolicy.maxRetryCount", 2**40, f"{TASK}.retryPolicy.maxRetryCount", "a whole number from"),
        (f"{TASK}.cachingOptions.enableCache", "yes", f"{TASK}.cachingOptions.enableCache", "true or false is needed"),
        (
            f"{COMPONENT}.dag",
            {"tasks": {}},
            f"{COMPONENT}.dag",
            "only one of executorLabel and dag may be there",
        ),
    ],
)
def test_a_problem_has_its_path(
    make_pipeline: MakePipeline, path: str, value: Any, problem_path: str, message: str
) -> None:
    assert problems(changed(make_pipeline(), path, value))[problem_path].startswith(message)


def test_tasks_that_wait_for_each_other_are_named(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    for name, upstream in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        task = {"componentRef": {"name": "comp-train"}, "dependentTasks": [upstream]}
        changed(pipeline, f"root.dag.tasks.{name}", task)
    assert problems(pipeline) == {"root.dag.tasks": "these tasks wait for each other: a → b → c → a"}


def test_a_component_that_contains_itself_is_named(make_pipeline: MakePipeline) -> None:
    inside = {"dag": {"tasks": {"again": {"componentRef": {"name": "comp-loop"}}}}}
    pipeline = changed(make_pipeline(), "components.comp-loop", inside)
    changed(pipeline, "root.dag.tasks.loop", {"componentRef": {"name": "comp-loop"}})
    assert problems(pipeline) == {"components.comp-loop": "the component 'comp-loop' contains itself"}


def test_a_platform_document_is_checked_too(make_pipeline: MakePipeline) -> None:
    assert problems(make_pipeline(), {"platforms": {"kubernetes": []}})["platform_spec.platforms.kubernetes"]
    wrong = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-train": {"pvcMount": "x"}}}}}}
    assert list(problems(make_pipeline(), wrong)) == [
        "platforms.kubernetes.deploymentSpec.executors.exec-train.pvcMount"
    ]


def test_newer_fields_are_notes(make_pipeline: MakePipeline) -> None:
    report = validate_document(make_pipeline(signature="x"), None)
    assert report.is_valid
    assert [note.path for note in report.notes] == ["signature"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"a: [", "the file is not valid YAML"),
        (b"just a text", "not a pipeline"),
        (b"PK\x03\x04 broken", ""),
        (b"\x1f\x8b broken", ""),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n", "KFP v1 pipeline"),
    ],
)
def test_what_cannot_be_read_has_one_problem(content: bytes, message: str) -> None:
    (problem,) = validate(content).problems
    assert message in problem.message
    assert validate(content).document is None


def test_an_archive_is_checked(make_pipeline: MakePipeline) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("pipeline.yaml", orjson.dumps(make_pipeline(root=None)))
    assert [problem.path for problem in validate(archive.getvalue()).problems] == ["root"]


def test_what_is_too_large_is_not_read(make_pipeline: MakePipeline) -> None:
    (problem,) = validate(orjson.dumps(make_pipeline()), PackageLimits(max_bytes=100)).problems
    assert "at most 100 are accepted" in problem.message


def test_a_flood_of_problems_is_cut(make_pipeline: MakePipeline) -> None:
    parameters = {f"p{number}": {"parameterType": "WRONG"} for number in range(MAX_FINDINGS + 50)}
    assert len(validate_document(make_pipeline(parameters), None).problems) <= MAX_FINDINGS
