"""What depends on the release of Kubeflow."""

import pytest

from kfadapter.kubeflow.features import FEATURES, is_proven, missing
from kfadapter.kubeflow.server import ServerInfo


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.3.0", {one.name for one in FEATURES}),
        ("2.14.3", {"tags", "update", "literals", "task-values"}),
        ("2.17.0", {"task-values"}),
        ("3.0.0", set()),
        ("", {"task-values"}),
    ],
)
def test_each_release_lacks_what_came_later(version: str, expected: set[str]) -> None:
    assert {one.name for one in missing(ServerInfo(version=version))} == expected


def test_the_embedded_engine_lacks_nothing() -> None:
    assert missing(ServerInfo(version="2.17.0", commit="kfadapter-0.1.0")) == ()


@pytest.mark.parametrize(
    ("version", "expected"), [("2.2.9", False), ("2.3.0", True), ("2.17.4", True), ("2.18.0", False), ("dev", None)]
)
def test_proven_releases(version: str, expected: bool | None) -> None:
    assert is_proven(ServerInfo(version=version)) is expected
