"""Delays between tries."""

from hypothesis import given
from hypothesis import strategies as st

from kfadapter.training.backoff import QUICKLY, SLOWLY, Backoff

BACKOFF = Backoff(first_seconds=1, cap_seconds=300, jitter=0.25)


def test_it_doubles_and_is_capped() -> None:
    delays = [BACKOFF.delay_seconds(failures, 0.5) for failures in range(1, 12)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_chance_takes_and_adds_a_quarter() -> None:
    assert BACKOFF.delay_seconds(1, 0.0) == 0.75
    assert BACKOFF.delay_seconds(1, 1.0) == 1.25


@given(failures=st.integers(min_value=0, max_value=10**9), chance=st.floats(min_value=0, max_value=1))
def test_it_is_always_positive_and_bounded(failures: int, chance: float) -> None:
    for backoff in (QUICKLY, SLOWLY):
        delay = backoff.delay_seconds(failures, chance)
        assert 0 < delay <= backoff.cap_seconds * (1 + backoff.jitter)
