"""Times for people."""

from datetime import UTC, datetime

import pytest

from kfadapter.cli.times import duration, moment, parse_time, seconds_between


@pytest.mark.parametrize(
    "text",
    ["2025-03-12T09:00:00Z", "2025-03-12T09:00:00+00:00", "2025-03-12T10:00:00+01:00", "Wed, 12 Mar 2025 09:00:00 GMT"],
)
def test_both_ways_of_writing_times_are_read(text: str) -> None:
    assert parse_time(text) == datetime(2025, 3, 12, 9, tzinfo=UTC)
    assert moment(text) == "2025-03-12 09:00:00"


def test_no_time_is_nothing() -> None:
    assert (moment(None), moment(""), duration(None)) == ("", "", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_duration_counts_to_its_end_or_to_now() -> None:
    now = datetime(2025, 3, 12, 9, 0, 30, tzinfo=UTC)
    assert seconds_between("2025-03-12T09:00:00Z", "2025-03-12T09:00:10Z", now) == 10
    assert seconds_between("2025-03-12T09:00:00Z", None, now) == 30
    assert seconds_between(None, None, now) is None
    assert seconds_between("2025-03-12T09:01:00Z", None, now) == 0
