"""Waiting for what a service does in the background."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def eventually(look: Callable[[], T], *, within: float = 20.0) -> T:
    """The first answer that is true; fails when there is none in time."""
    until = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"nothing came within {within:g} s; last: {found!r}"
        time.sleep(PAUSE_SECONDS)
