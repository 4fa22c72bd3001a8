"""Secrets in logs and events: covered whole, however their bytes arrive."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfadapter.engine.running.redaction import Redaction, StreamRedaction
from kfadapter.engine.running.task_log import TaskLog

SECRET = "abcab-secret"


@given(
    words=st.lists(st.text("ab", min_size=4, max_size=6), min_size=1, max_size=3),
    text=st.text("abc", max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_no_word_gets_through_however_the_stream_is_cut(words: list[str], text: str, cuts: list[int]) -> None:
    stream = StreamRedaction(words)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    portions = [text[begin:end].encode() for begin, end in pairwise(places)]
    shown = b"".join(stream.feed(portion) for portion in portions) + stream.flush()
    left = shown.decode().split("[redacted]")
    assert not [part for part in left for word in words if word in part]
    if not any(word in text for word in words):
        assert shown.decode() == text


def test_nothing_is_held_back_longer_than_it_must() -> None:
    stream = StreamRedaction([SECRET])
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"then abcab") == b"then "
    assert stream.feed(b"le\n") == b"abcable\n"


def test_values_are_covered_at_any_depth_and_short_ones_are_not() -> None:
    redaction = Redaction()
    redaction.add([SECRET, "x", ""])
    seen = redaction.tree({"a": [f"<{SECRET}>", 1, None], SECRET: "x"})
    assert seen == {"a": ["<[redacted]>", 1, None], "[redacted]": "x"}


def test_lines_of_a_secret_are_covered_one_by_one() -> None:
    redaction = Redaction()
    redaction.add(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n-----END KEY-----\n"])
    assert redaction.text("it is MIIEvQIBADANBg, ab") == "it is [redacted], ab"


@pytest.mark.parametrize("printed", [[f"x{SECRET}".encode()], [b"xabcab-", b"secret"]])
def test_a_log_ends_without_the_secret(tmp_path: Path, printed: list[bytes]) -> None:
    log = TaskLog(tmp_path / "log.txt", 4096)
    log.cover([SECRET])
    for portion in printed:
        log.write(portion)
    log.close()
    assert (tmp_path / "log.txt").read_text() == "x[redacted]"
    assert log.last() == ["x[redacted]"]
