"""What the scheduler of Kubeflow Pipelines puts into the runs of recurring runs: names, and times in arguments."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

FNV_OFFSET, FNV_PRIME, FNV_BITS = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
NAME_LENGTH = 25
SUFFIX_LENGTH = 5
DEFAULT_LAYOUT = "20060102150405"
GO_LAYOUT = {"2006": "%Y", "01": "%m", "02": "%d", "15": "%H", "04": "%M", "05": "%S", "Jan": "%b", "Mon": "%a"}
_ODD = re.compile(r"[^a-z0-9-]+")
_MACRO = re.compile(r"\[\[(ScheduledTime|CurrentTime|Index|RunUUID)(?:\.([^\]]*))?\]\]")
_LAYOUT = re.compile("|".join(GO_LAYOUT))


def run_name(display_name: str, recurring_run_id: str, index: int) -> str:
    """The name of a recurring run's run, made as KFP makes it: resource name, number, and FNV-1a hash of both."""
    stem = _ODD.sub("", display_name.lower())[:NAME_LENGTH] or "job-"
    numbered = f"{stem}{recurring_run_id.replace('-', '')[:SUFFIX_LENGTH]}-{index}"
    return f"{numbered}-{_fnv1a(numbered.encode())}"


def with_times(
    parameters: Mapping[str, Any], *, scheduled_at: int, now: int, index: int, run_id: str
) -> dict[str, Any]:
    """Arguments with `[[ScheduledTime]]`, `[[CurrentTime]]` (also with a Go layout: `[[CurrentTime.15-04]]`),
    `[[Index]]` and `[[RunUUID]]` replaced in texts."""
    values: dict[str, Callable[[str], str]] = {
        "ScheduledTime": lambda layout: _time(scheduled_at, layout),
        "CurrentTime": lambda layout: _time(now, layout),
        "Index": lambda _: str(index),
        "RunUUID": lambda _: run_id,
    }

    def replaced(text: str) -> str:
        return _MACRO.sub(lambda match: values[match[1]](match[2] or DEFAULT_LAYOUT), text)

    return {name: replaced(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _time(moment: int, layout: str) -> str:
    at = datetime.fromtimestamp(moment, UTC)
    return _LAYOUT.sub(lambda match: at.strftime(GO_LAYOUT[match[0]]), layout)


def _fnv1a(data: bytes) -> int:
    value = FNV_OFFSET
    for byte in data:
        value = (value ^ byte) * FNV_PRIME & FNV_BITS
    return value
