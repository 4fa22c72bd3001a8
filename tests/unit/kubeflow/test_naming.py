"""Names of people, and the order of versions."""

from datetime import UTC, datetime, timedelta

import pytest

from kfadapter.errors import KubeflowNotFound, NameAmbiguous, NameNotFound
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.naming import check_name, shown_as
from kfadapter.kubeflow.resources import Pipeline, PipelineVersion
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.kubeflow.versions import rank

AT = datetime(2026, 1, 1, tzinfo=UTC)


def pipeline(name: str, display_name: str) -> Pipeline:
    return Pipeline(pipeline_id=f"{name}-id", name=name, display_name=display_name)


def id_of(one: Pipeline) -> str:
    return one.pipeline_id


def version(name: str, at: datetime = AT) -> PipelineVersion:
    return PipelineVersion(pipeline_version_id=name, pipeline_id="p", name=name, display_name=name, created_at=at)


@pytest.mark.parametrize("name", ["", "x" * 5000, "\ud800"])
def test_names_nothing_can_have_are_refused_at_once(name: str) -> None:
    with pytest.raises(NameNotFound) as caught:
        check_name("pipeline", name)
    assert caught.value.matches == 0


def test_the_shown_name_decides_exactly() -> None:
    found = [pipeline("a", "QoE"), pipeline("b", "qoe")]
    assert shown_as("pipeline", "qoe", found, id_of) == found[1]
    assert shown_as("pipeline", "a", found, id_of) is None


def test_of_several_shown_alike_the_one_so_named_is_meant() -> None:
    found = [pipeline("a", "qoe"), pipeline("qoe", "qoe")]
    assert shown_as("pipeline", "qoe", found, id_of) == found[1]


def test_several_shown_alike_are_ambiguous() -> None:
    with pytest.raises(NameAmbiguous, match="2 pipelines are found with name qoe; give the id") as caught:
        shown_as("pipeline", "qoe", [pipeline("a", "qoe"), pipeline("b", "qoe")], id_of)
    assert caught.value.ids == ("a-id", "b-id")


def test_versions_of_one_second_are_ordered_as_people_number_them() -> None:
    names = ["beta", "10", "2", "qoe", "alpha", "9"]
    ordered = sorted(map(version, names), key=rank("qoe"))
    assert [one.display_name for one in ordered] == ["qoe", "2", "9", "10", "alpha", "beta"]


def test_time_goes_before_names() -> None:
    ordered = sorted([version("2", AT + timedelta(seconds=1)), version("3")], key=rank("qoe"))
    assert [one.display_name for one in ordered] == ["3", "2"]


def test_a_number_of_any_length_does_not_matter() -> None:
    assert rank("x")(version("9" * 5000))[1] == 1


@pytest.mark.parametrize("identity", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x00b"])
def test_ids_that_would_change_a_path_are_unknown_things(identity: str) -> None:
    with pytest.raises(KubeflowNotFound):
        resource_path("/runs/{}", "Run", identity)


def test_ids_are_percent_encoded() -> None:
    assert resource_path("/runs/{}", "Run", "None?x#y:z%") == "/runs/None%3Fx%23y%3Az%25"


@pytest.mark.parametrize(
    ("tag", "release", "cascade"),
    [
        ("2.3.0", (2, 3, 0), False),
        ("2.13.9", (2, 13, 9), False),
        ("2.14.0", (2, 14, 0), True),
        ("v2.17", (2, 17, 0), True),
        ("3.0.0-rc.1", (3, 0, 0), True),
        ("", None, True),
        ("master", None, True),
    ],
)
def test_a_servers_tag_says_what_it_knows(tag: str, release: tuple[int, ...] | None, cascade: bool) -> None:
    info = ServerInfo(version=tag)
    assert (info.release, info.has_cascade) == (release, cascade)
