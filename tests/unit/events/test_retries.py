"""How long is waited before the next try."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kfadapter.events.retries import pause_after_absence, pause_after_refusal


@pytest.mark.parametrize(
    ("pause", "first", "longest"), [(pause_after_absence, 1, 300), (pause_after_refusal, 5, 10_800)]
)
@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_pauses_grow_up_to_a_limit(
    pause: Callable[[int, float], timedelta], first: float, longest: float, failures: int, chance: float
) -> None:
    seconds = pause(failures, chance).total_seconds()
    assert first * 0.75 <= seconds <= longest * 1.25
    assert pause(failures + 1, chance).total_seconds() >= seconds
    assert pause(1, 0.5).total_seconds() == first
    assert pause(99, 0.5).total_seconds() == longest
