"""Counting how long a run has been missing."""

from datetime import UTC, datetime, timedelta

from kfadapter.training.absence import Absences
from kfadapter.training.states import RunState

START = datetime(2030, 1, 1, tzinfo=UTC)


def heard(absences: Absences, *seconds: float) -> None:
    for second in seconds:
        absences.heard(START + timedelta(seconds=second))


def test_only_time_in_which_kubeflow_answered_counts() -> None:
    absences = Absences(lost_after_seconds=60, lookup_seconds=20)
    heard(absences, 0, 10)
    assert not absences.is_over("r", RunState.ACTIVE)
    heard(absences, 20, 30)
    absences.silence()
    heard(absences, 10_000, 10_020)
    assert not absences.is_over("r", RunState.ACTIVE)
    heard(absences, 10_040)
    assert absences.is_over("r", RunState.ACTIVE)


def test_a_run_that_may_never_have_been_is_given_up_sooner() -> None:
    absences = Absences(lost_after_seconds=60, lookup_seconds=20)
    heard(absences, 0)
    for state in (RunState.UNCERTAIN, RunState.INTENDED):
        assert not absences.is_over(state, state)
    heard(absences, 20)
    for state in (RunState.UNCERTAIN, RunState.INTENDED):
        assert absences.is_over(state, state)


def test_a_suspended_machine_is_not_taken_for_an_absence() -> None:
    absences = Absences(lost_after_seconds=60, lookup_seconds=20)
    heard(absences, 0)
    absences.is_over("r", RunState.ACTIVE)
    heard(absences, 36_000)
    assert not absences.is_over("r", RunState.ACTIVE)


def test_a_clock_that_is_set_back_does_not_count_backwards() -> None:
    absences = Absences(lost_after_seconds=20, lookup_seconds=20)
    heard(absences, 100)
    absences.is_over("r", RunState.ACTIVE)
    heard(absences, 0, 20)
    assert absences.is_over("r", RunState.ACTIVE)


def test_who_was_found_starts_anew() -> None:
    absences = Absences(lost_after_seconds=20, lookup_seconds=20)
    heard(absences, 0)
    absences.is_over("r", RunState.ACTIVE)
    absences.found(["r"])
    heard(absences, 20)
    assert not absences.is_over("r", RunState.ACTIVE)
