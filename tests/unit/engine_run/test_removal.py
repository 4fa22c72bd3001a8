"""Removing directories: whatever a task made of its own, it goes, and nothing else does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kfadapter
from kfadapter.engine.running.removal import remove_tree

SETPRIV = shutil.which("setpriv")


def test_trees_are_removed_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "gone" / "deep").mkdir(parents=True)
    (tmp_path / "gone" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "gone" / "deep" / "file").touch()
    remove_tree(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    assert (tmp_path / "kept" / "file").exists()


def test_a_link_in_the_directorys_place_is_removed_itself(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "gone").symlink_to(tmp_path / "kept")
    assert remove_tree(tmp_path / "gone")
    assert not os.path.lexists(tmp_path / "gone")
    assert (tmp_path / "kept" / "file").exists()


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "never")


def test_a_tree_deeper_than_a_path_may_be_long_is_removed(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    here = os.open(tmp_path / "gone", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    assert remove_tree(tmp_path / "gone")


def test_names_that_the_removal_would_use_are_no_obstacle(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "gone" / f".removed-{number}" / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "gone" / ".removed-3").touch()
    assert remove_tree(tmp_path / "gone")


@pytest.mark.skipif(os.geteuid() == 0 and SETPRIV is None, reason="root ignores permissions, and setpriv is missing")
def test_directories_that_forbid_everything_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone" / "locked" / "deep").mkdir(parents=True)
    (tmp_path / "gone" / "locked" / "deep" / "file").touch()
    for path in ("gone/locked/deep", "gone/locked", "gone"):
        (tmp_path / path).chmod(0o000)
    program = (
        "import sys, pathlib; from kfadapter.engine.running.removal import remove_tree;"
        "print(remove_tree(pathlib.Path(sys.argv[1])))"
    )
    argv = [sys.executable, "-S", "-c", program, str(tmp_path / "gone")]
    if os.geteuid() == 0:  # as anybody else would have to do it
        argv = [str(SETPRIV), "--bounding-set=-dac_override,-dac_read_search,-fowner", *argv]
    root = str(Path(kfadapter.__file__).parents[1])
    done = subprocess.run(argv, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
