"""Schedules of recurring runs, checked as KFP checks them (the format of Go's robfig/cron: seconds first)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.engine.protocol.faults import invalid

DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
EVERY = "@every "
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MAX_CONCURRENCY = 10


class CronFault(Exception):
    """A cron text cannot be used; the sentence is robfig/cron's."""


@dataclass(frozen=True, kw_only=True)
class CronField:
    """What one field of a cron text may hold."""

    lowest: int
    highest: int
    names: Mapping[str, int]


FIELDS = (
    CronField(lowest=0, highest=59, names={}),
    CronField(lowest=0, highest=59, names={}),
    CronField(lowest=0, highest=23, names={}),
    CronField(lowest=1, highest=31, names={}),
    CronField(lowest=1, highest=12, names={name: i + 1 for i, name in enumerate(MONTHS)}),
    CronField(lowest=0, highest=6, names={name: i for i, name in enumerate(DAYS)}),
)


def check_trigger(trigger: Mapping[str, Any], max_concurrency: int) -> None:
    """Refuse a schedule that can never be followed.

    Raises:
        ApiError: The cron text, the interval or the concurrency is wrong.
    """
    if not 1 <= max_concurrency <= MAX_CONCURRENCY:
        raise invalid(
            "Max concurrency of a recurring run must be at least 1 and at most "
            f"{MAX_CONCURRENCY}. Received {max_concurrency}"
        )
    cron = trigger.get("cron_schedule", {}).get("cron", "")
    if cron:
        try:
            check_cron(cron)
        except CronFault as exc:
            supported = "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron)"
            raise invalid(f"{supported}. Error: {exc}") from exc
    if "periodic_schedule" in trigger:
        interval = trigger["periodic_schedule"].get("interval_second", 0)
        if interval < 1:
            raise invalid(f"Found invalid period schedule interval {interval}. Set at interval to least 1 second")


def check_cron(text: str) -> None:
    """Refuse a text that is no cron schedule of five (no weekday) or six fields, or a descriptor.

    Raises:
        CronFault: Says what is wrong.
    """
    if text.startswith("@"):
        if text not in DESCRIPTORS and not (text.startswith(EVERY) and text[len(EVERY) :].strip()):
            raise CronFault(f"Unrecognized descriptor: {text}")
        return
    fields = text.split()
    if len(fields) not in (5, 6):
        raise CronFault(f"Expected 5 to 6 fields, found {len(fields)}: {text}")
    for field, bounds in zip(fields, FIELDS, strict=False):
        for part in field.split(","):
            _check_range(part, bounds)


def _check_range(part: str, bounds: CronField) -> None:
    span, *step = part.split("/")
    if len(step) > 1:
        raise CronFault(f"Too many slashes: {part}")
    ends = span.split("-")
    if len(ends) > 2:
        raise CronFault(f"Too many hyphens: {part}")
    if ends[0] in ("*", "?"):
        first, last = bounds.lowest, bounds.highest
    else:
        first = _number(ends[0], bounds)
        last = _number(ends[1], bounds) if len(ends) == 2 else bounds.highest if step else first
    if first < bounds.lowest:
        raise CronFault(f"Beginning of range ({first}) below minimum ({bounds.lowest}): {part}")
    if last > bounds.highest:
        raise CronFault(f"End of range ({last}) above maximum ({bounds.highest}): {part}")
    if first > last:
        raise CronFault(f"Beginning of range ({first}) beyond end of range ({last}): {part}")
    if step and _number(step[0], bounds) == 0:
        raise CronFault(f"Step of range should be a positive number: {part}")


def _number(text: str, bounds: CronField) -> int:
    if text.lower() in bounds.names:
        return bounds.names[text.lower()]
    if not text.isascii() or not text.isdecimal():
        raise CronFault(f'Failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
