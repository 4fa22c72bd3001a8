"""When a run is stuck, by times alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kfadapter.training.stuck import GoingRun, Reason, StuckLimits, symptom, usual_time

SINCE = datetime(2030, 1, 1, tzinfo=UTC)


def going(**changes: Any) -> GoingRun:
    fields: dict[str, Any] = {"run_id": "r", "pipeline_version_id": "v", "word": "RUNNING", "since": SINCE}
    return GoingRun(**{**fields, **changes})


def reason(run: GoingRun, seconds: float, limits: StuckLimits, **known: Any) -> Reason | None:
    facts: dict[str, Any] = {"usual": None, "changed_at": None, **known}
    found = symptom(run, limits, SINCE + timedelta(seconds=seconds), **facts)
    return None if found is None else found.reason


@pytest.mark.parametrize("word", ["", "PENDING", "RUNTIME_STATE_UNSPECIFIED"])
def test_pending_too_long(word: str) -> None:
    limits = StuckLimits(pending_seconds=900)
    assert reason(going(word=word), 899, limits) is None
    assert reason(going(word=word), 900, limits) is Reason.PENDING
    assert reason(going(), 900, limits) is None


def test_each_reason_is_told_once() -> None:
    limits = StuckLimits(pending_seconds=900)
    assert reason(going(word="PENDING", told=frozenset({"pending"})), 1000, limits) is None


def test_idle_counts_from_the_last_change_that_was_seen() -> None:
    limits = StuckLimits(idle_seconds=600)
    assert reason(going(), 10_000, limits) is None  # never looked at
    changed_at = SINCE + timedelta(seconds=9_401)
    assert reason(going(), 10_000, limits, changed_at=changed_at) is None
    assert reason(going(), 10_001, limits, changed_at=changed_at) is Reason.IDLE


def test_overdue_by_history_but_never_within_a_minute() -> None:
    limits = StuckLimits(overdue_factor=3)
    assert reason(going(), 299, limits, usual=timedelta(seconds=100)) is None
    assert reason(going(), 300, limits, usual=timedelta(seconds=100)) is Reason.OVERDUE
    assert reason(going(), 59, limits, usual=timedelta(seconds=1)) is None
    assert reason(going(), 10**6, limits) is None


def test_nothing_is_stuck_when_every_rule_is_off() -> None:
    limits = StuckLimits(pending_seconds=0, idle_seconds=0, overdue_factor=0)
    assert limits.is_off
    assert reason(going(word="PENDING"), 10**7, limits, usual=timedelta(1), changed_at=SINCE) is None


def test_the_usual_time_is_known_from_three_ends_on() -> None:
    ends = [timedelta(seconds=seconds) for seconds in (10, 1000, 20)]
    assert usual_time(ends[:2]) is None
    assert usual_time(ends) == timedelta(seconds=20)
