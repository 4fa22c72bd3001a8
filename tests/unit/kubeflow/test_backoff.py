"""Pauses before a repeated read."""

from datetime import UTC, datetime

import pytest

from kfadapter.kubeflow.backoff import LONGEST_PAUSE_SECONDS, Deadline, pause_seconds, retry_after_seconds

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_pauses_grow_jitter_and_stop_growing() -> None:
    longest = [pause_seconds(attempt, uniform=lambda low, high: high) for attempt in range(1, 8)]
    shortest = [pause_seconds(attempt, uniform=lambda low, high: low) for attempt in range(1, 8)]
    assert longest == sorted(longest)
    assert longest[-1] == LONGEST_PAUSE_SECONDS
    assert shortest == [one / 2 for one in longest]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


async def test_a_deadline_counts_down() -> None:
    assert 4.5 < Deadline.after(5.0).left() <= 5.0
    assert Deadline.after(-1.0).left() < 0
