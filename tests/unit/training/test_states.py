"""The transition table: what may follow what."""

import pytest

from kfadapter.errors import TransitionRefused
from kfadapter.training.states import (
    END_WORDS,
    RUN_TRANSITIONS,
    RunState,
    check_run_transition,
    end_of,
    states_before,
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
    assert all(states_before(state) for state in RunState if state.is_end)


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
