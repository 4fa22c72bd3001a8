"""Which files are opened, which documents are taken, which arguments and schedules fit."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfadapter.engine.protocol.arguments import check_arguments
from kfadapter.engine.protocol.faults import ApiError
from kfadapter.engine.protocol.templates import FILE_LIMIT_BYTES, UnreadableFile, open_file, read_inline, read_template
from support.engine_api import PIPELINES, spec

CORPUS = Path(__file__).parents[2] / "data" / "corpus"
HELLO = (PIPELINES / "hello.yaml").read_bytes()
SMALL = b"pipelineInfo: {name: a}\nroot: {dag: {tasks: {}}}\nschemaVersion: 2.1.0\nsdkVersion: kfp-2.17.0\n"


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def tarred(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.yaml", HELLO),
        ("p.yml", HELLO),
        ("p.json", HELLO),
        ("p.zip", zipped(readme__txt=b"x", pipeline__yaml=HELLO)),
        ("file", zipped(other__yaml=HELLO)),
        ("p.tar.gz", tarred(readme__txt=b"x", pipeline__yaml=HELLO)),
        ("p.tgz", tarred(other__yml=HELLO)),
    ],
    ids=[str(number) for number in range(7)],
)
def test_files_are_opened_by_name_first_and_then_by_content(name: str, content: bytes) -> None:
    assert open_file(name, content) == HELLO


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", HELLO),
        ("p.YAML", HELLO),
        ("p.zip", b"PK\x03\x04 broken"),
        ("p.zip", zipped()),
        ("p.zip", zipped(readme__txt=b"x")),
        ("p.tar.gz", tarred()),
        ("p.tar.gz", gzip.compress(b"no tar")),
        ("p.tar.gz", tarred(pipeline__yaml=HELLO)[:60]),
        ("p.yaml", b"#" * (FILE_LIMIT_BYTES + 1)),
        ("p.zip", zipped(pipeline__yaml=b"#" * (FILE_LIMIT_BYTES + 1))),
        ("p.tar.gz", tarred(pipeline__yaml=b"#" * (FILE_LIMIT_BYTES + 1))),
    ],
    ids=[str(number) for number in range(11)],
)
def test_other_files_are_not_opened(name: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        open_file(name, content)


def test_a_bare_spec_comes_back_as_it_is() -> None:
    assert read_template(HELLO).document == spec("hello")


def test_kubernetes_settings_become_the_second_part() -> None:
    template = read_template((PIPELINES / "two_documents.yaml").read_bytes())
    assert template.document == spec("two_documents")
    assert template.platform_spec is not None


@pytest.mark.parametrize(
    "more", [b"---\nplatforms: {}\n", b"---\nplatforms: {moonbase: {}}\n", b"---\n- 1\n", b"---\n"]
)
def test_other_documents_are_passed_over(more: bytes) -> None:
    assert read_template(SMALL + more).platform_spec is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", "unknown template format"),
        (b"# only this\n", "unknown template format"),
        (b"a: [", "failed to parse pipeline spec YAML"),
        (b"a: &a [1]\nb: *c\n", "failed to parse pipeline spec YAML"),
        (SMALL + b"---\n" + SMALL, "multiple pipeline specs provided"),
        (SMALL.replace(b"2.1.0", b"9.9.9"), "KFP only supports schema version 2.1.0"),
        (SMALL.replace(b"name: a", b"name: A b"), "pipeline's name must contain only lowercase"),
        (SMALL + b"colour: red\n", "unknown template format"),
        (b"\xff\xfe", "failed to parse pipeline spec YAML"),
        (b"a: " + b"[" * 5000, "failed to parse pipeline spec YAML"),
    ],
)
def test_what_is_no_pipeline_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_template(content)
    assert caught.value.detail.startswith(reason)


@pytest.mark.parametrize("wrap", [False, True])
def test_an_inline_spec_may_be_wrapped(wrap: bool) -> None:
    document = {"pipeline_spec": spec("hello")} if wrap else spec("hello")
    assert read_inline(document).document == spec("hello")


def parameters(**each: Any) -> dict[str, Any]:
    return {"root": {"inputDefinitions": {"parameters": each}}}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"parameterType": "STRING"}, ""),
        ({"parameterType": "NUMBER_INTEGER"}, 3.5),
        ({"parameterType": "BOOLEAN"}, False),
        ({"parameterType": "LIST"}, [None]),
        ({"parameterType": "STRUCT"}, {}),
        ({"parameterType": "NUMBER_INTEGER", "literals": [1.0, 2.0]}, 2),
        ({"type": "STRING"}, "older spelling"),
    ],
)
def test_an_argument_of_the_declared_type_fits(parameter: dict[str, Any], value: Any) -> None:
    check_arguments(parameters(a=parameter), {"a": value})


@pytest.mark.parametrize(
    ("declared", "given", "reason"),
    [
        ({"a": {"parameterType": "STRING"}}, {}, "parameter a is not optional"),
        ({"a": {"parameterType": "STRING", "isOptional": True}}, {"a": None}, "requires type string"),
        ({"a": {"parameterType": "NUMBER_DOUBLE"}}, {"a": True}, "requires type double or integer"),
        ({"a": {"parameterType": "STRING", "literals": ["x"]}}, {"a": "y"}, "does not match any of the allowed"),
        ({}, {"b": 1, "a": 2}, "not required by pipeline: a, b"),
        ({"a": {"parameterType": "TASK_FINAL_STATUS"}}, {"a": {}}, "invalid for root component"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(declared: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        check_arguments(parameters(**declared), given)


def test_a_pipeline_is_kept_as_protobuf_writes_it() -> None:
    content = b"""
pipeline_info: {name: a, display_name: ""}
schemaVersion: 2.1.0
deploymentSpec: {executors: {exec-a: {container: {image: i, resources: {cpuLimit: 0}}}}}
components: {comp-a: {executorLabel: exec-a}}
root:
  input_definitions:
    parameters:
      whole: {parameterType: NUMBER_INTEGER, defaultValue: 3.0, isOptional: false}
      part: {parameterType: NUMBER_DOUBLE, defaultValue: 1.0e-07, literals: [1.0, 2]}
      table: {parameterType: STRUCT, defaultValue: {a: [1.0, {b: 2.0}], empty: null}}
  dag:
    tasks:
      a:
        cachingOptions: {enableCache: false}
        componentRef: {name: comp-a}
        retryPolicy: {maxRetryCount: 2, backoffDuration: 0.5s, backoffFactor: 2.0, backoffMaxDuration: 3600s}
"""
    text = read_template(content).to_json()[1].decode()
    assert ".0" not in text.replace("2.1.0", "")
    document = json.loads(text)
    assert document["pipelineInfo"] == {"name": "a"}
    assert document["deploymentSpec"] == {
        "executors": {"exec-a": {"container": {"image": "i", "resources": {"cpuLimit": 0}}}}
    }
    assert document["root"] == {
        "inputDefinitions": {
            "parameters": {
                "whole": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
                "part": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1e-07, "literals": [1, 2]},
                "table": {"parameterType": "STRUCT", "defaultValue": {"a": [1, {"b": 2}], "empty": None}},
            }
        },
        "dag": {
            "tasks": {
                "a": {
                    "cachingOptions": {},
                    "componentRef": {"name": "comp-a"},
                    "retryPolicy": {
                        "maxRetryCount": 2,
                        "backoffDuration": "0.500s",
                        "backoffFactor": 2,
                        "backoffMaxDuration": "3600s",
                    },
                }
            }
        },
    }


def test_settings_are_kept_as_protobuf_writes_them_and_newer_ones_as_they_came() -> None:
    known = b"platforms: {kubernetes: {deployment_spec: {executors: {exec-a: {podMetadata: {n: 2.0}}}}}}\n"
    newer = b"platforms: {kubernetes: {somethingNew: {n: 2.0}}}\n"
    template = read_template(SMALL + b"---\n" + known)
    assert template.platform_spec == {
        "platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-a": {"podMetadata": {"n": 2}}}}}}
    }
    assert b"2.0}" not in template.to_json()[1]
    template = read_template(SMALL + b"---\n" + newer)
    assert template.platform_spec == {"platforms": {"kubernetes": {"somethingNew": {"n": 2.0}}}}


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_compiler_writes_is_kept_as_it_is(path: Path) -> None:
    given = next(yaml.safe_load_all(path.read_bytes()))
    if "root" in given:
        retry = given["root"].get("dag", {}).get("tasks", {}).get("fails-so-often", {}).get("retryPolicy", {})
        if retry.get("backoffDuration") == "0.05s":  # written by hand
            retry["backoffDuration"] = "0.050s"
        assert read_template(path.read_bytes()).pipeline_spec == given


def test_a_specification_is_kept_in_the_order_of_its_names_as_kubeflow_writes_it() -> None:
    names = [f"input_{letter}" for letter in "abcdefghijkl"]
    document = json.loads(json.dumps(yaml.safe_load(SMALL)))
    document["root"]["inputDefinitions"] = {"parameters": {name: {"parameterType": "STRING"} for name in names[::-1]}}
    kept = read_template(json.dumps(document).encode()).pipeline_spec
    assert list(kept["root"]["inputDefinitions"]["parameters"]) == names
    assert list(kept) == sorted(kept)
