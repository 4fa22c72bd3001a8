"""What a task's last lines say about why it failed: the exception first, without what the executor printed before."""

import re
from collections.abc import Sequence

EXECUTOR_LINE = re.compile(r"^\[KFP Executor \S+ \S+ \w+\]: ")
TRACEBACK = "Traceback (most recent call last):"
EXCEPTION_LINES = 20
FRAME_LINES = 6
LINES = 20


def failure_message(lines: Sequence[str], how: str) -> str:
    """A task's failure in words.

    Args:
        lines: The last lines it printed.
        how: How its process ended.

    Returns:
        The exception, where it was raised, and how the process ended; without an exception, that first and then the
        last lines.
    """
    begins = [number for number, line in enumerate(lines) if line.startswith(TRACEBACK)]
    if not begins:
        said = [line for line in lines if not EXECUTOR_LINE.match(line)]
        return f"{how}: " + "\n".join(said[-LINES:]) if said else how
    trace = lines[begins[-1] + 1 :]
    frames = next((number for number, line in enumerate(trace) if not line.startswith(" ")), len(trace))
    exception = trace[frames : frames + EXCEPTION_LINES] or ["an exception"]
    return "\n".join([*exception, *trace[:frames][-FRAME_LINES:], f"({how})"])
