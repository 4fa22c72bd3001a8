"""Commands, packages and images are taken apart."""

from typing import Any

import pytest

from kfadapter.errors import PackageError
from kfadapter.pipelines.commands import read_installation, read_requirement, read_source
from kfadapter.pipelines.executors import ExecutorKind, read_executors
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.images import read_image
from support.described import described

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("name", "repository", "tag", "digest"),
    [
        ("python", "python", "", ""),
        ("python:3.11", "python", "3.11", ""),
        ("host:5000/team/a", "host:5000/team/a", "", ""),
        ("host:5000/team/a:v1", "host:5000/team/a", "v1", ""),
        (f"host:5000/a:v1@{DIGEST}", "host:5000/a", "v1", DIGEST),
        (f"a@{DIGEST}", "a", "", DIGEST),
        ("a@sha256:short", "a@sha256:short", "", ""),
        ("", "", "", ""),
        (":", ":", "", ""),
    ],
)
def test_an_image_is_taken_apart(name: str, repository: str, tag: str, digest: str) -> None:
    image = read_image(name)
    assert (image.repository, image.tag, image.digest) == (repository, tag, digest)
    assert image.is_fixed is bool(digest)


def test_an_image_that_is_an_argument_is_a_placeholder() -> None:
    image = read_image("{{$.inputs.parameters['image']}}:v1")
    assert image.is_placeholder
    assert image.tag == ""


@pytest.mark.parametrize(
    ("text", "name", "is_pinned"),
    [
        ("pandas==2.2.2", "pandas", True),
        ("Scikit_Learn[all]>=1.5", "scikit-learn", False),
        ("a", "a", False),
        ("a==1.*", "a", False),
        ("a===1.0", "a", True),
        ("a==1.0; python_version<'3.12'", "a", True),
        ("a>=1,==1.2", "a", True),
        ("git+https://host/lib.git@0a1b2c3d4e", "", True),
        ("git+https://host/lib.git@main", "", False),
        ("a @ https://host/a-1.0-py3-none-any.whl", "a", True),
        ("./a-1.0.whl", "", True),
    ],
)
def test_a_requirement_is_taken_apart(text: str, name: str, is_pinned: bool) -> None:
    requirement = read_requirement(text)
    assert (requirement.name, requirement.is_pinned) == (name, is_pinned)


def test_packages_and_their_indexes_are_found() -> None:
    container = described("packages").executors["exec-installs-packages"].container
    assert container is not None
    assert container.installation is not None
    installation = container.installation
    assert [each.text for each in installation.requirements if not each.is_runtime] == [
        "pandas==2.2.2",
        "scikit-learn>=1.5",
        "git+https://git.example/team/lib.git@0a1b2c3d4e5f",
        "a-package",
    ]
    assert installation.index_urls == ("https://packages.example/simple", "http://other.example/simple")
    assert installation.replaces_index


def test_every_version_of_the_compiler_is_understood() -> None:
    for version in ("2.2", "2.7", "2.13", "2.17"):
        names = {use.requirement.text for use in described("packages", version).packages}
        assert {"pandas==2.2.2", "a-package"} <= names
        container = described("types", version).executors["exec-take"].container
        assert container is not None
        assert container.source is not None
        assert container.source.text.startswith("def take(text: str")


def test_an_environment_of_its_own_is_told() -> None:
    container = described("a-workspace").executors["exec-in-its-own-venv"].container
    assert container is not None
    assert container.installation is not None
    assert container.installation.in_own_venv


def test_a_notebook_is_told() -> None:
    container = described("a-notebook").executors["exec-notebook"].container
    assert container is not None
    assert container.source is not None
    assert (container.source.is_notebook, container.source.function) == (True, "notebook")


def test_commands_of_other_containers_are_left_alone() -> None:
    assert read_source(["sh", "-c", "echo"], []) is None
    assert read_installation(["sh", "-c", 'pip install "', "x"]).requirements == ()
    container = described("a-container").executors["exec-shell"].container
    assert container is not None
    assert (container.source, container.installation) == (None, None)


def test_importers_say_what_they_import() -> None:
    importer = described("importer-of-constants").executors["exec-importer"].importer
    assert importer is not None
    assert importer.to_json() == {
        "uri": "s3://a-bucket/data.csv",
        "uri_parameter": None,
        "type": "system.Dataset",
        "reimport": True,
        "metadata": {"rows": 3, "kind": "kpi"},
        "download_to_workspace": False,
    }
    given = described("importer-of-an-input").executors["exec-importer"].importer
    assert given is not None
    assert (given.uri, given.uri_parameter) == ("", "uri")


def executors(document: dict[str, Any]) -> Any:
    return read_executors(Fields({"deploymentSpec": {"executors": document}}, ""))


def test_kinds_that_only_others_carry_out_are_kept() -> None:
    found = executors({"a": {"customJob": {"customJob": {"x": 1}}}, "b": {"newer": {}}})
    assert (found["a"].kind, found["b"].kind) == (ExecutorKind.CUSTOM_JOB, ExecutorKind.UNKNOWN)
    assert found["a"].extra == {"customJob": {"customJob": {"x": 1}}}


def test_a_field_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(PackageError, match=r"^deploymentSpec\.executors\.a\.container\.args\[1\]: is 5, not a text"):
        executors({"a": {"container": {"args": ["x", 5]}}})
