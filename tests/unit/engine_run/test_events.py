"""The events file: whole lines only, whatever happens to its writer."""

import json
import resource
from pathlib import Path

import pytest

from kfadapter.engine.running.events import Event, EventReader, EventWriter, shortened
from kfadapter.errors import EngineError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_a_reader_sees_what_was_written_and_goes_on_from_there(path: Path) -> None:
    writer, reader = EventWriter(path), EventReader(path)
    assert reader.read() == []
    written = [writer.write("task.state", {"n": n}) for n in range(3)]
    assert reader.read() == written
    assert [event.seq for event in written] == [1, 2, 3]
    assert reader.offset == path.stat().st_size == writer.size
    writer.write("run.finished", {})
    assert [event.type for event in EventReader(path, reader.offset)] == ["run.finished"]
    writer.close()


def test_a_torn_last_line_is_not_there(path: Path) -> None:
    writer = EventWriter(path)
    writer.write("a", {})
    writer.close()
    with path.open("ab") as file:
        file.write(b'{"v": 1, "seq": 2, "ts": "20')
    assert [event.type for event in EventReader(path)] == ["a"]
    again = EventWriter(path)
    assert again.write("b", {}).seq == 2
    again.close()
    assert [event.type for event in EventReader(path)] == ["a", "b"]


def test_lines_longer_than_a_portion_are_read_whole(path: Path) -> None:
    writer = EventWriter(path)
    writer.write("long", {"text": "x" * 5000})
    writer.write("short", {})
    writer.close()
    reader = EventReader(path)
    assert reader.read(chunk_bytes=16)[0].type == "long"
    assert [event.type for event in EventReader(path)] == ["long", "short"]


def test_a_full_disk_is_an_error_of_the_writer_and_leaves_whole_events(path: Path) -> None:
    writer = EventWriter(path)
    writer.write("fits", {})
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size + 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            writer.write("does not fit", {"text": "x" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert writer.write("fits again", {}).seq == 2
    writer.close()
    assert [event.type for event in EventReader(path)] == ["fits", "fits again"]


def test_what_is_no_event_is_an_error(path: Path) -> None:
    path.write_text('{"v": 1}\n')
    with pytest.raises(EngineError, match="not an event"):
        EventReader(path).read()


def test_every_event_is_json_that_all_readers_take() -> None:
    event = Event(
        seq=1, ts="2026-01-02T03:04:05.000006Z", type="t", data={"x": [float("nan"), -float("inf")], "y": "\ud800"}
    )
    document = json.loads(event.to_line(), parse_constant=pytest.fail)
    assert document["data"] == {"x": ["NaN", "-Infinity"], "y": "?"}
    assert event.at.microsecond == 6


def test_large_values_are_shortened() -> None:
    given = {"small": [1, "a"], "text": "ä" * 100_000, "list": list(range(50_000)), "none": None, "number": 10**30}
    found = shortened(given)
    assert {name: found[name] for name in ("small", "none", "number")} == {
        "small": [1, "a"],
        "none": None,
        "number": 10**30,
    }
    assert all(len(found[name].encode()) < 66_000 and found[name].endswith("(cut)") for name in ("text", "list"))
