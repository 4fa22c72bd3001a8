"""Artifacts that a task has left at a path of its own are taken to where they belong."""

import os
from pathlib import Path

import pytest

from kfadapter.engine.running.copies import CopyCanceled
from kfadapter.engine.running.executor_io import OutputsUnusable
from kfadapter.engine.running.gathering import Gathering


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def gathering(work: Path, *within: Path, limit_bytes: int = 0, is_canceled: bool = False) -> Gathering:
    return Gathering(work=work, within=within, limit_bytes=limit_bytes, canceled=lambda: is_canceled)


def test_a_file_and_a_directory_are_copied_in_place_of_what_was_there(tmp_path: Path, work: Path) -> None:
    (tmp_path / "one").write_text("one")
    (work / "many/deep").mkdir(parents=True)
    (work / "many/deep/two").write_text("two")
    target = tmp_path / "outputs/model"
    gathering(work).gather("model", str(tmp_path / "one"), target)
    assert target.read_text() == "one"
    gathering(work).gather("model", "many", target)
    assert (target / "deep/two").read_text() == "two"
    assert (work / "many/deep/two").exists()


def test_what_is_not_there_or_in_its_place_already_is_left_alone(tmp_path: Path, work: Path) -> None:
    target = tmp_path / "outputs"
    target.write_text("as it is")
    for path in ("nowhere", str(target), "../outputs"):
        gathering(work).gather("model", path, target)
    assert target.read_text() == "as it is"


@pytest.mark.parametrize(
    ("path", "why"),
    [("..", "around the place"), ("fifo", "neither a file"), ("large", "may have 1000"), ("zero\0", "null byte")],
)
def test_what_cannot_be_copied_is_said(tmp_path: Path, work: Path, path: str, why: str) -> None:
    os.mkfifo(work / "fifo")
    (work / "large").write_bytes(bytes(1001))
    with pytest.raises(OutputsUnusable, match=f"'model' at .*{why}"):
        gathering(work, limit_bytes=1000).gather("model", path, tmp_path / "model")


def test_a_container_hands_over_what_it_shares_and_no_more(tmp_path: Path, work: Path) -> None:
    (tmp_path / "own").write_text("of this machine")
    (work / "link").symlink_to(tmp_path / "own")
    (work / "file").write_text("shared")
    gathering(work, work).gather("model", "file", tmp_path / "model")
    assert (tmp_path / "model").read_text() == "shared"
    for path in (str(tmp_path / "own"), "link", "../own"):
        with pytest.raises(OutputsUnusable, match="not seen outside of its container"):
            gathering(work, work).gather("model", path, tmp_path / "stolen")
    assert not (tmp_path / "stolen").exists()


def test_nobody_waits_for_a_copy_of_a_run_that_was_terminated(tmp_path: Path, work: Path) -> None:
    (work / "file").write_text("text")
    with pytest.raises(CopyCanceled):
        gathering(work, is_canceled=True).gather("model", "file", tmp_path / "model")
