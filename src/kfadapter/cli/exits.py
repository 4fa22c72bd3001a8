"""How commands end, those that wait for a run too: documented numbers, so that scripts can tell."""

from collections.abc import Mapping

SUCCEEDED = 0
COMMAND_FAILED = 1
USAGE = 2
RUN_FAILED = 3
RUN_CANCELED = 4
OUT_OF_TIME = 5

BY_STATE: Mapping[str, int] = {
    "SUCCEEDED": SUCCEEDED,
    "SKIPPED": SUCCEEDED,
    "FAILED": RUN_FAILED,
    "CANCELED": RUN_CANCELED,
}


def exit_code(state: str | None) -> int:
    """The number for a run in this state; one that goes on is out of time."""
    return BY_STATE.get(state or "", OUT_OF_TIME)
