"""Loading what stays until the process ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """What comes into being inside stays: the garbage collector neither runs meanwhile nor looks at it ever after.

    A start makes hundreds of thousands of objects and almost no garbage. The collector would go through all of them
    several times, which is a seventh of the start, and again and again while the service runs.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
