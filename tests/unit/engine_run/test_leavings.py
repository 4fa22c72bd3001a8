"""The limit of a task's files is there before its program begins."""

import subprocess
from pathlib import Path

import pytest

from kfadapter.engine.running.leavings import with_limited_files

MEBIBYTE = 1024 * 1024
SEARCH_PATH = "/usr/bin:/bin"


def limited(*argv: str, limit_bytes: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = with_limited_files(argv, limit_bytes, search_path=SEARCH_PATH, cwd=cwd)
    return subprocess.run(command, cwd=cwd, env={"PATH": SEARCH_PATH}, capture_output=True, text=True)


def test_the_first_thing_a_program_does_is_limited_already(tmp_path: Path) -> None:
    done = limited("sh", "-c", "head -c 3000000 /dev/zero > file; ulimit -f", limit_bytes=MEBIBYTE, cwd=tmp_path)
    assert (tmp_path / "file").stat().st_size == MEBIBYTE
    assert done.stdout.strip() == str(MEBIBYTE // 512)


def test_words_reach_the_program_as_they_are(tmp_path: Path) -> None:
    words = ["$0", "a b", "", "'\"", "-n", "*"]
    done = limited("printf", "[%s]", *words, limit_bytes=MEBIBYTE, cwd=tmp_path)
    assert done.stdout == "".join(f"[{word}]" for word in words)


def test_without_a_limit_nothing_stands_before_the_program(tmp_path: Path) -> None:
    assert with_limited_files(["no-such"], 0, search_path=SEARCH_PATH, cwd=tmp_path) == ["no-such"]


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", "/no/such/program"])
def test_a_program_that_is_not_there_is_an_error_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        with_limited_files([name], MEBIBYTE, search_path=SEARCH_PATH, cwd=tmp_path)


def test_a_file_that_is_no_program_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(PermissionError):
        with_limited_files(["./text"], MEBIBYTE, search_path=SEARCH_PATH, cwd=tmp_path)
