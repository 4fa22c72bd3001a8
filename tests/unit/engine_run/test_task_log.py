"""Task logs: never beyond the limit, with beginning and end."""

from pathlib import Path

import pytest

from kfadapter.engine.running.task_log import TaskLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def test_a_short_log_is_whole_and_there_at_once(path: Path) -> None:
    log = TaskLog(path, 100)
    log.write(b"one\n")
    assert path.read_bytes() == b"one\n"
    log.write(b"x" * 60)
    log.close()
    assert path.read_bytes() == b"one\n" + b"x" * 60
    assert not log.is_truncated
    assert [child.name for child in path.parent.iterdir()] == ["log.txt"]


@pytest.mark.parametrize("portion", [1, 7, 49, 50, 51, 1000])
def test_a_long_log_keeps_its_beginning_and_its_end(path: Path, portion: int) -> None:
    content = b"".join(b"%06d\n" % number for number in range(1000))
    log = TaskLog(path, 100)
    for begin in range(0, len(content), portion):
        log.write(content[begin : begin + portion])
    log.close()
    found = path.read_bytes()
    assert log.is_truncated
    assert log.total == len(content)
    assert found.startswith(content[:50])
    assert found.endswith(content[-50:])
    assert b"[\xe2\x80\xa6 6900 bytes of the log are left out here \xe2\x80\xa6]" in found


def test_the_last_lines_are_known(path: Path) -> None:
    log = TaskLog(path, 100)
    log.write(b"a" * 5000 + b"\n")
    for number in range(30):
        log.write(b"line %d\n\n" % number)
    assert log.last_lines().splitlines()[-2:] == ["line 28", "line 29"]
    assert "aaa" not in log.last_lines()
    log.note("from the engine")
    assert log.last_lines().endswith("from the engine")
    log.close()
