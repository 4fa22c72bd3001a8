"""What a task's last lines say about why it failed: the exception first, without what the executor printed before."""

import re
from collections.abc import Iterator, Sequence

EXECUTOR_LINE = re.compile(r"^\[KFP Executor \S+ \S+ \w+\]: ")
DOCUMENT_FOLLOWS = "Got executor_input:"
DOCUMENT_BEGIN, DOCUMENT_END = "{", "}"
TRACEBACK = "Traceback (most recent call last):"
FRAME = "  File "
OWN_FRAME = re.compile(r'^  File "(<frozen |[^"]*/site-packages/kfp/)')
EXCEPTION_LINES = 20
FRAMES = 3
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
        said = list(_without_the_executors(lines))
        return f"{how}: " + "\n".join(said[-LINES:]) if said else how
    trace = lines[begins[-1] + 1 :]
    end = next((number for number, line in enumerate(trace) if not line.startswith(" ")), len(trace))
    exception = trace[end : end + EXCEPTION_LINES] or ["an exception"]
    return "\n".join([*exception, *_users_frames(trace[:end]), f"({how})"])


def _without_the_executors(lines: Sequence[str]) -> Iterator[str]:
    """What the task itself has printed: the SDK's executor prints lines of its own, and the document it was given."""
    before, in_document = "", False
    for line in lines:
        if before.endswith(DOCUMENT_FOLLOWS) and EXECUTOR_LINE.match(before):
            in_document = line == DOCUMENT_BEGIN
        if not in_document and not EXECUTOR_LINE.match(line):
            yield line
        in_document = in_document and line != DOCUMENT_END
        before = line


def _users_frames(lines: Sequence[str]) -> list[str]:
    """The innermost frames of a traceback, without those of the SDK's executor and of Python's own start."""
    begins = [number for number, line in enumerate(lines) if line.startswith(FRAME)]
    frames = [lines[begin:end] for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True)]
    kept = [frame for frame in frames if not OWN_FRAME.match(frame[0])][-FRAMES:]
    return [line for frame in kept for line in frame]
