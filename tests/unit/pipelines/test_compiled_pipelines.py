# mypy: disable-error-code="untyped-decorator, type-arg, no-any-return"
"""Everything the kfp SDK's compiler makes is read: pipelines compiled here, by the SDK itself."""

import json
from pathlib import Path
from typing import Any, Optional

import pytest
from kfp import compiler, dsl, kubernetes

from kfadapter.errors import PackageError
from kfadapter.pipelines.arguments import fit_arguments
from kfadapter.pipelines.documents import load_documents
from kfadapter.pipelines.package import PipelinePackage, open_package

ODD_TEXTS = ["1e3", "08", "007", "yes", "no", "null", "~", "None", "2020-01-01", "1:30", "0x1F", "0o17", "1_000", "<<",
             "*a", "&a", "!x", "%y", "@z", "a: b", "- a", "# c", " lead", "trail ", "tab\t", "", "é\U0001f600",
             "'", '"', "\\", "{{$}}", "1.5e3", ".5", "+1", "=", "1e-05", "nan", ".nan", "inf"]  # fmt: skip


def compiled(pipeline: Any, tmp_path: Path, **options: Any) -> PipelinePackage:
    path = tmp_path / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(path), **options)
    content = path.read_bytes()
    package = open_package(content)
    assert package.content == content
    return package


@dsl.component(base_image="python:3.11")
def use(text: str) -> str:
    return text


@dsl.component(base_image="python:3.11")
def learn_nothing(text: str = "") -> None:
    pass


@dsl.component(base_image="python:3.11")
def make(out: dsl.Output[dsl.Dataset], number: int = 3) -> None:
    pass


@dsl.component(base_image="python:3.11")
def learn(data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
    return 1.0


@dsl.component(base_image="python:3.11")
def report(status: dsl.PipelineTaskFinalStatus) -> None:
    pass


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_defaults_come_back_whatever_they_look_like(text: str, tmp_path: Path) -> None:
    @dsl.pipeline(name="texts")
    def texts(value: str = text) -> None:
        use(text=value)

    package = compiled(texts, tmp_path)
    assert [p.to_json()["default"] for p in package.spec.parameters] == [text]
    assert fit_arguments(package.spec.parameters, {"value": text}).effective == {"value": text}


@pytest.mark.parametrize("text", ["line\nbreak", "\x7f"])
def test_what_the_compiler_itself_breaks_is_refused(text: str, tmp_path: Path) -> None:
    """It writes such defaults into the comment above the document as they are."""

    @dsl.pipeline(name="texts")
    def texts(value: str = text) -> None:
        use(text=value)

    with pytest.raises(PackageError, match="not valid YAML"):
        compiled(texts, tmp_path)


def test_types_defaults_and_documentation_come_through(tmp_path: Path) -> None:
    @dsl.pipeline(name="typed", description="What it does.")
    def typed(
        name: str,
        epochs: int = 10,
        rate: float = 1e-20,
        whole_rate: float = 2.0,
        big: int = 2**40,
        flag: bool = False,
        sizes: list = [1, 2.5, "x"],  # noqa: B006 - kfp's way to say a default
        options: dict = {"a": {"b": [1]}},  # noqa: B006
        note: Optional[str] = None,  # noqa: UP045 - as kfp's users write it
    ) -> None:
        """Train.

        Args:
            name: Who it is.
            epochs: How often.
        """
        use(text=name)

    package = compiled(typed, tmp_path)
    found = {p.name: (p.type.value, p.required, p.default) for p in package.spec.parameters}
    assert package.spec.description == "What it does."
    assert json.dumps(found, sort_keys=True) == json.dumps(
        {
            "big": ("NUMBER_INTEGER", False, 2**40),
            "epochs": ("NUMBER_INTEGER", False, 10),
            "flag": ("BOOLEAN", False, False),
            "name": ("STRING", True, None),
            "note": ("STRING", False, None),
            "options": ("STRUCT", False, {"a": {"b": [1]}}),
            "rate": ("NUMBER_DOUBLE", False, 1e-20),
            "sizes": ("LIST", False, [1, 2.5, "x"]),
            "whole_rate": ("NUMBER_DOUBLE", False, 2.0),
        }
    )
    parameters = {p.name: p for p in package.spec.parameters}
    assert (parameters["name"].description, parameters["note"].description) == ("Who it is.", "")


def test_control_flow_artifacts_and_exit_handlers_are_read(tmp_path: Path) -> None:
    @dsl.pipeline(name="inner")
    def inner(number: int) -> dsl.Model:
        made = make(number=number)
        return learn(data=made.outputs["out"]).outputs["model"]

    @dsl.pipeline(name="flow")
    def flow(names: list, number: int = 3) -> dsl.Model:
        with dsl.ExitHandler(report()):
            with dsl.ParallelFor(names, parallelism=2) as name, dsl.If(name == "a"):
                use(text=name).set_retry(2, backoff_duration="1s")
            first = use(text="x")
            with dsl.If(first.output == "x"):
                one = use(text="one")
            with dsl.Else():
                two = use(text="two")
            use(text=dsl.OneOf(one.output, two.output)).after(first)
            learn_nothing(text=first.output).ignore_upstream_failure()
        dsl.importer(artifact_uri="s3://x", artifact_class=dsl.Dataset)
        return inner(number=number).output

    package = compiled(flow, tmp_path)
    assert [p.name for p in package.spec.parameters] == ["names", "number"]
    assert [(a.name, a.type) for a in package.spec.outputs.artifacts] == [("Output", "system.Model")]


def test_platform_settings_come_as_a_second_document(tmp_path: Path) -> None:
    @dsl.pipeline(name="platform")
    def platform() -> None:
        kubernetes.set_image_pull_policy(use(text="x"), "IfNotPresent")

    package = compiled(platform, tmp_path)
    assert len(load_documents(package.content)) == 2
    assert package.spec.platform is not None
    assert '"kubernetes"' in json.dumps(package.spec.platform["platforms"])


def test_json_of_the_compiler_is_read(tmp_path: Path) -> None:
    @dsl.pipeline(name="as-json")
    def as_json(value: str = "\U0001f600") -> None:
        use(text=value)

    path = tmp_path / "pipeline.json"
    with pytest.warns(DeprecationWarning, match="JSON"):
        compiler.Compiler().compile(as_json, str(path))
    package = open_package(path.read_bytes())
    assert package.spec.parameters[0].default == "\U0001f600"
    assert load_documents(package.content) == [json.loads(path.read_text())]


def test_a_component_alone_is_a_pipeline_too(tmp_path: Path) -> None:
    assert compiled(use, tmp_path).spec.name == "use"


def test_custom_names_and_arguments_of_the_compiler_are_read(tmp_path: Path) -> None:
    @dsl.pipeline
    def plain(value: str) -> None:
        use(text=value)

    package = compiled(plain, tmp_path, pipeline_name="given-name", pipeline_parameters={"value": "1e3"})
    assert (package.spec.name, package.spec.parameters[0].default) == ("given-name", "1e3")
