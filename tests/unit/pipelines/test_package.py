import gzip
import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import PackageError, PackageTooLarge
from kfadapter.pipelines.documents import load_documents
from kfadapter.pipelines.package import PackageKind, PackageLimits, open_package

Make = Callable[..., dict[str, Any]]
Recorded = Callable[[str], bytes]
NAMES = ["all_types", "artifacts", "control_flow", "failing", "hello", "hold", "imports", "two_documents"]
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-train": {"timeout": 5}}}}}}


def as_yaml(*documents: Any) -> bytes:
    return yaml.safe_dump_all(documents).encode()


@pytest.mark.parametrize("name", NAMES)
def test_recorded_pipelines_go_to_kubeflow_byte_for_byte(name: str, recorded: Recorded) -> None:
    content = recorded(f"{name}.yaml")
    package = open_package(content)
    assert (package.kind, package.file_name, package.content) == (PackageKind.YAML, "pipeline.yaml", content)
    assert package.spec.name == name.replace("_", "-")
    assert package.spec.sdk_version == "kfp-2.17.0"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "two_documents"])
def test_json_goes_as_it_is_and_has_the_digest_of_its_yaml(name: str, recorded: Recorded) -> None:
    content = recorded(f"{name}.json")
    package = open_package(content)
    assert (package.kind, package.file_name, package.content) == (PackageKind.JSON, "pipeline.json", content)
    assert package.digest == open_package(recorded(f"{name}.yaml")).digest


def test_a_nested_document_becomes_the_two_that_kubeflow_takes(recorded: Recorded) -> None:
    nested = json.loads(recorded("two_documents.json"))
    package = open_package(recorded("two_documents.json"))
    assert (package.kind, package.file_name) == (PackageKind.JSON, "pipeline.yaml")
    assert load_documents(package.content) == [nested["pipeline_spec"], nested["platform_spec"]]
    assert package.digest == open_package(recorded("two_documents.yaml")).digest
    assert package.spec.platform == nested["platform_spec"]
    assert open_package(as_yaml(nested)).content == package.content
    assert open_package(package.content).digest == package.digest


def test_archives_are_opened_whatever_their_name_was(recorded: Recorded) -> None:
    content = recorded("hello.yaml")
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("pipeline.yaml", content)
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        info = tarfile.TarInfo("pipeline.yaml")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    for archived, kind in ((zipped, PackageKind.ZIP), (tarred, PackageKind.TAR_GZ)):
        package = open_package(archived.getvalue())
        assert (package.kind, package.file_name, package.content) == (kind, "pipeline.yaml", content)


def test_json_that_no_yaml_reader_takes_is_sent_as_yaml(make_pipeline: Make) -> None:
    pipeline = make_pipeline({"mood": {"parameterType": "STRING", "defaultValue": "\U0001f600 1e3"}})
    pipeline["components"]["comp-train"]["inputDefinitions"] = {"parameters": {"x": {"defaultValue": "\x7f1e3\u2028"}}}
    package = open_package(json.dumps(pipeline).encode())
    assert (package.kind, package.file_name) == (PackageKind.JSON, "pipeline.yaml")
    assert load_documents(package.content) == [pipeline]
    readable = json.dumps(make_pipeline({"mood": {"parameterType": "STRING", "defaultValue": "\U0001f600"}}))
    written_out = json.dumps(json.loads(readable), ensure_ascii=False).encode()
    assert open_package(written_out).content == written_out


def test_the_digest_does_not_depend_on_spelling(make_pipeline: Make) -> None:
    pipeline = make_pipeline({"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0}})
    other = make_pipeline({"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3}})
    digests = {open_package(content).digest for content in (as_yaml(pipeline), json.dumps(other).encode())}
    assert len(digests) == 1
    assert open_package(as_yaml(pipeline, PLATFORM)).digest not in digests


def test_unknown_newer_fields_are_left_to_kubeflow(make_pipeline: Make) -> None:
    pipeline = make_pipeline({"n": {"parameterType": "NUMBER_INTEGER", "shape": [1]}}, colour="red")
    content = as_yaml(pipeline)
    assert open_package(content).content == content


def test_documents_kubeflow_passes_over_are_passed_over(make_pipeline: Make) -> None:
    package = open_package(as_yaml(make_pipeline(), {"platforms": {"moonbase": {}}}, PLATFORM, {"notes": 1}))
    assert package.spec.platform == PLATFORM


ARGO = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {"entrypoint": "main"}}


def changed(pipeline: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The pipeline with something else at a path."""
    *parents, last = path.split("/")
    place = pipeline
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    return pipeline


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("pipelineInfo/name", "Broken Name", "pipelineInfo.name: 'Broken Name' is not a name Kubeflow takes"),
        ("pipelineInfo/name", "-a", "pipelineInfo.name"),
        ("pipelineInfo/name", "a.b", "pipelineInfo.name"),
        ("pipelineInfo/name", "a" * 129, "pipelineInfo.name"),
        ("pipelineInfo/name", "a\n", "pipelineInfo.name"),
        ("pipelineInfo", {}, "pipelineInfo.name: the pipeline has no name"),
        ("pipelineInfo", 5, "not as KFP's format asks"),
        ("schemaVersion", "9.9.9", "schemaVersion: Kubeflow takes only 2.1.0, but it is '9.9.9'"),
        ("schemaVersion", "2.0.0", "schemaVersion"),
        ("schemaVersion", None, "schemaVersion: Kubeflow takes only 2.1.0, but it is missing"),
        ("root", None, "root: the pipeline has no root"),
        ("root", 5, "Failed to parse root field"),
        ("root/inputDefinitions", {"parameters": {"a": {"parameterType": ["STRING"]}}}, "not as KFP's format asks"),
        ("root/dag/tasks/train/componentRef/name", "comp-x", "root.dag.tasks.train.componentRef: there is no"),
        ("components/comp-train/executorLabel", "exec-x", "components.comp-train.executorLabel: there is no executor"),
        ("deploymentSpec", {}, "there is no executor 'exec-train'"),
        ("deploymentSpec/executors", 5, "there is no executor 'exec-train'"),
        ("root/dag/tasks/train/dependentTasks", ["gone"], "train.dependentTasks: there is no task 'gone'"),
        (
            "root/dag/tasks/train/inputs",
            {"parameters": {"x": {"taskOutputParameter": {"producerTask": "gone", "outputParameterKey": "o"}}}},
            "root.dag.tasks.train.inputs.parameters.x: there is no task 'gone'",
        ),
        (
            "root/dag/tasks/train/inputs",
            {"artifacts": {"x": {"taskOutputArtifact": {"producerTask": "gone", "outputArtifactKey": "o"}}}},
            "root.dag.tasks.train.inputs.artifacts.x: there is no task 'gone'",
        ),
        (
            "root/dag/outputs",
            {"parameters": {"o": {"valueFromParameter": {"producerSubtask": "gone", "outputParameterKey": "o"}}}},
            "root.dag.outputs.parameters.o: there is no task 'gone'",
        ),
        (
            "root/dag/outputs",
            {"artifacts": {"o": {"artifactSelectors": [{"producerSubtask": "gone", "outputArtifactKey": "o"}]}}},
            "root.dag.outputs.artifacts.o: there is no task 'gone'",
        ),
    ],
)  # fmt: skip
def test_what_kubeflow_refuses_or_cannot_run_is_refused(
    path: str, value: Any, reason: str, make_pipeline: Make
) -> None:
    with pytest.raises(PackageError) as refusal:
        open_package(as_yaml(changed(make_pipeline(), path, value)))
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        (["some words"], "document 1 of the file is a text"),
        ([["a", "b"]], "document 1 of the file is a list"),
        ([5], "document 1 of the file is a number"),
        ([{"name": "not-a-pipeline", "steps": []}], "no pipeline as kfp 2 compiles it"),
        ([PLATFORM], "only platform settings"),
        ([ARGO], "this is a KFP v1 pipeline (an Argo Workflow); compile it with kfp 2"),
        ([{"apiVersion": "tekton.dev/v1beta1", "kind": "PipelineRun"}], "Tekton"),
        ([{"apiVersion": "v1", "kind": "Pod"}], "Kubernetes resource"),
        ([{"pipelineSpec": {"root": {}}, "runtimeConfig": {"parameters": {}}}], "a pipeline job"),
        ([{"name": "add", "inputs": [], "implementation": {"container": {}}}], "this is a component"),
        ([{"pipeline_spec": {"name": "x"}}], "no pipeline as kfp 2 compiles it"),
        ([{"pipeline_spec": {"root": {}}, "platform_spec": 5}], "platform_spec: is not an object"),
    ],
)
def test_what_is_no_pipeline_is_named(documents: list[Any], reason: str) -> None:
    with pytest.raises(PackageError) as refusal:
        open_package(as_yaml(*documents))
    assert reason in str(refusal.value)


def test_an_argo_workflow_beside_a_pipeline_is_refused_too(make_pipeline: Make) -> None:
    with pytest.raises(PackageError, match="KFP v1"):
        open_package(as_yaml(make_pipeline(), ARGO))


def test_two_pipelines_or_platforms_in_one_file_are_refused(make_pipeline: Make) -> None:
    with pytest.raises(PackageError, match="2 pipelines"):
        open_package(as_yaml(make_pipeline(), make_pipeline()))
    with pytest.raises(PackageError, match="more than one platform"):
        open_package(as_yaml(make_pipeline(), PLATFORM, PLATFORM))
    with pytest.raises(PackageError, match="alone in its file"):
        open_package(as_yaml({"pipeline_spec": make_pipeline()}, PLATFORM))


def test_a_package_over_the_limit_is_refused_with_both_sizes() -> None:
    with pytest.raises(PackageTooLarge, match=r"1,001 bytes; at most 1,000"):
        open_package(b"x" * 1_001, PackageLimits(max_bytes=1_000))


SCENARIOS = Path(__file__).parents[2] / "data" / "kfp-conformance" / "scenarios"
LEFT_TO_KUBEFLOW = {"unknown top level key in a pipeline"}  # the server that gets it may be newer than this program
REFUSED_HERE_ONLY = {"an Argo workflow, the old pipeline format"}


def recorded_uploads() -> Iterator[tuple[str, bytes, int]]:
    """Name, content and a real server's status of every recorded upload that is written out in its scenario."""
    for scenario in ("pipelines-upload-errors", "versions-errors", "two-documents"):
        for step in json.loads((SCENARIOS / f"{scenario}.json").read_text())["steps"]:
            part = step["request"].get("multipart", {})
            if "content" in part:
                yield step["name"], part["content"].encode() * part.get("times", 1), step["response"]["status"]


@pytest.mark.parametrize(
    ("name", "content", "status"), [pytest.param(*upload, id=upload[0]) for upload in recorded_uploads()]
)
def test_a_real_servers_refusals_are_made_here(name: str, content: bytes, status: int) -> None:
    refused = status != 200 and name not in LEFT_TO_KUBEFLOW
    with pytest.raises(PackageError) if refused or name in REFUSED_HERE_ONLY else nullcontext():
        open_package(content)


def test_a_typical_package_is_opened_in_milliseconds(recorded: Recorded) -> None:
    content = recorded("artifacts.yaml")
    open_package(content)
    started = time.process_time()
    for _ in range(20):
        open_package(content)
    assert (time.process_time() - started) / 20 < 0.05


@given(st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_no_bytes_raise_anything_but_a_package_error(content: bytes) -> None:
    for candidate in (content, gzip.compress(content), b"PK\x03\x04" + content):
        with pytest.raises(PackageError):
            open_package(candidate)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    [
        "pipelineInfo", "pipelineInfo/name", "root", "root/dag", "root/dag/tasks", "root/dag/tasks/train",
        "root/dag/tasks/train/inputs", "root/dag/outputs", "root/inputDefinitions", "root/inputDefinitions/parameters",
        "root/inputDefinitions/parameters/x", "root/inputDefinitions/artifacts", "root/outputDefinitions",
        "components", "components/comp-train", "deploymentSpec", "deploymentSpec/executors", "schemaVersion",
        "root/inputDefinitions/parameters/x/literals", "root/inputDefinitions/parameters/x/defaultValue",
    ]
)  # fmt: skip


@given(PATHS, ODD, st.booleans())
@settings(max_examples=120, deadline=None)
def test_no_odd_pipeline_raises_anything_but_a_package_error(path: str, value: Any, nested: bool) -> None:
    pipeline = changed(
        {
            "pipelineInfo": {"name": "small"},
            "root": {"dag": {"tasks": {"train": {"componentRef": {"name": "comp-train"}}}}},
            "components": {"comp-train": {"executorLabel": "exec-train"}},
            "deploymentSpec": {"executors": {"exec-train": {}}},
            "schemaVersion": "2.1.0",
        },
        path,
        value,
    )
    document = {"pipeline_spec": pipeline, "platform_spec": PLATFORM} if nested else pipeline
    for content in (json.dumps(document).encode(), as_yaml(document)):
        try:
            package = open_package(content)
        except PackageError:
            pass
        else:
            json.dumps([parameter.to_json() for parameter in package.spec.parameters], allow_nan=False)
