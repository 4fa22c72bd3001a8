"""The transition table: what may follow what."""

import pytest

from kfadapter.errors import TransitionRefused
from kfadapter.training.states import (
    END_WORDS,
    NOTIFICATION_TRANSITIONS,
    RUN_TRANSITIONS,
    NotificationState,
    RunState,
    check_notification_transition,
    check_run_transition,
    end_of,
    told_as,
)


def test_every_state_is_in_the_table() -> None:
    assert set(RUN_TRANSITIONS) == set(RunState)


def test_nothing_follows_an_end() -> None:
    ends = {state for state in RunState if state.is_end}
    assert ends == set(RunState) - {RunState.INTENDED, RunState.UNCERTAIN, RunState.ACTIVE}
    for end in ends:
        for wanted in RunState:
            with pytest.raises(TransitionRefused):
                check_run_transition("r", end, wanted)


def test_every_end_can_be_reached() -> None:
    reachable = set().union(*RUN_TRANSITIONS.values())
    assert {state for state in RunState if state.is_end} <= reachable


def test_a_run_that_kubeflow_had_cannot_be_called_refused() -> None:
    with pytest.raises(TransitionRefused) as refusal:
        check_run_transition("r-1", RunState.ACTIVE, RunState.REFUSED)
    assert (refusal.value.current, refusal.value.wanted) == ("active", "refused")


@pytest.mark.parametrize("word", ["", "PENDING", "RUNNING", "CANCELING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED", "NEW"])
def test_words_that_are_no_end(word: str) -> None:
    assert end_of(word) is None


@pytest.mark.parametrize("word", END_WORDS)
def test_kubeflows_own_word_is_told(word: str) -> None:
    assert told_as(END_WORDS[word], word) == word


@pytest.mark.parametrize("state", [RunState.LOST, RunState.NOT_STARTED, RunState.REFUSED])
@pytest.mark.parametrize("word", ["", "RUNNING", "PENDING"])
def test_an_end_kubeflow_has_no_word_for_is_told_as_failed(state: RunState, word: str) -> None:
    assert told_as(state, word) == "FAILED"


def test_what_nobody_is_to_hear_stays_unsaid() -> None:
    assert NOTIFICATION_TRANSITIONS[NotificationState.CANCELLED] == frozenset()
    assert set(NOTIFICATION_TRANSITIONS) == set(NotificationState)


def test_only_a_person_brings_a_notification_back() -> None:
    back = {state for state, nexts in NOTIFICATION_TRANSITIONS.items() if NotificationState.PENDING in nexts}
    assert back == {NotificationState.DELIVERED, NotificationState.DEAD}
    with pytest.raises(TransitionRefused, match="notification 7/1 is cancelled"):
        check_notification_transition("7/1", NotificationState.CANCELLED, NotificationState.PENDING)
