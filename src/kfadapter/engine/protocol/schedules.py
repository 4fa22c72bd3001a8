"""Schedules of recurring runs, checked as KFP checks them (the format of Go's robfig/cron: seconds first)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.engine.protocol.faults import invalid

DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
EVERY = "@every "
NEVER = ""
"""The expression of a text in which a field names nothing (`,`): robfig/cron takes it, and it is never due."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MAX_CONCURRENCY = 10
DAY, WEEKDAY = 3, 5
MAX_DIGITS = 18
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
LONGEST_SECONDS = 2.0**63 / 1e9
_PIECE = re.compile(r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})([^.0-9]*)", re.ASCII)


class CronFault(Exception):
    """A cron text cannot be used; the sentence is robfig/cron's."""


@dataclass(frozen=True, kw_only=True)
class Cron:
    """Moments that a calendar names.

    Attributes:
        expression: Six fields, seconds first, nothing in them but numbers and `*`; or NEVER.
        either_day: Day of month and weekday are both restricted, and one of them is enough.
    """

    expression: str
    either_day: bool


@dataclass(frozen=True, kw_only=True)
class Every:
    """Moments with so many seconds between them."""

    seconds: int


@dataclass(frozen=True, kw_only=True)
class CronField:
    """What one field of a cron text may hold."""

    lowest: int
    highest: int
    names: Mapping[str, int]

    @property
    def everything(self) -> list[int]:
        """All values."""
        return list(range(self.lowest, self.highest + 1))


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
    read_cron(text)


def read_cron(text: str) -> Cron | Every:
    """A cron text as robfig/cron reads it: seconds first, the weekday may be missing, `@daily` and its like.

    Raises:
        CronFault: Says what is wrong.
    """
    if not text:
        raise CronFault("Empty spec string")
    if text.startswith(EVERY):
        return Every(seconds=_duration(text[len(EVERY) :]))
    if text.startswith("@"):
        if text not in DESCRIPTORS:
            raise CronFault(f"Unrecognized descriptor: {text}")
        return read_cron(DESCRIPTORS[text])
    fields = text.split()
    if len(fields) not in (5, 6):
        raise CronFault(f"Expected 5 to 6 fields, found {len(fields)}: {text}")
    given = [*fields, "*"][:6]
    values = [_values(field, bounds) for field, bounds in zip(given, FIELDS, strict=True)]
    is_open = [any(part[0] in "*?" for part in given[place].split(",") if part) for place in (DAY, WEEKDAY)]
    either_day = not any(is_open)
    if either_day and any(values[place] == FIELDS[place].everything for place in (DAY, WEEKDAY)):
        # One of them is enough and is every day, though it is not written as `*`.
        for place in (DAY, WEEKDAY):
            values[place] = FIELDS[place].everything
    written = [_written(each, bounds) for each, bounds in zip(values, FIELDS, strict=True)]
    return Cron(expression=" ".join(written) if all(values) else NEVER, either_day=either_day)


def _values(field: str, bounds: CronField) -> list[int]:
    return sorted({value for part in field.split(",") if part for value in _range(part, bounds)})


def _written(values: list[int], bounds: CronField) -> str:
    """The field for croniter, without any of the shorthands in which the two libraries differ."""
    return "*" if values == bounds.everything else ",".join(map(str, values))


def _range(part: str, bounds: CronField) -> range:
    _, *step = part.split("/")
    first, last = _ends(part, bounds, is_stepped=bool(step))
    if len(step) > 1:
        raise CronFault(f"Too many slashes: {part}")
    stride = _integer(step[0]) if step else 1
    if first < bounds.lowest:
        raise CronFault(f"Beginning of range ({first}) below minimum ({bounds.lowest}): {part}")
    if last > bounds.highest:
        raise CronFault(f"End of range ({last}) above maximum ({bounds.highest}): {part}")
    if first > last:
        raise CronFault(f"Beginning of range ({first}) beyond end of range ({last}): {part}")
    if stride == 0:
        raise CronFault(f"Step of range should be a positive number: {part}")
    return range(first, last + 1, stride)


def _ends(part: str, bounds: CronField, *, is_stepped: bool) -> tuple[int, int]:
    """The first and the last value; from a single number on when there is a step."""
    ends = part.split("/")[0].split("-")
    if ends[0] in ("*", "?"):
        return bounds.lowest, bounds.highest
    first = _number(ends[0], bounds)
    if len(ends) > 2:
        raise CronFault(f"Too many hyphens: {part}")
    if len(ends) == 2:
        return first, _number(ends[1], bounds)
    return first, bounds.highest if is_stepped else first


def _number(text: str, bounds: CronField) -> int:
    named = bounds.names.get(text.lower())
    return _integer(text) if named is None else named


def _integer(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdecimal():
        raise CronFault(f'Failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(digits[:MAX_DIGITS])
    if text.startswith("-") and number:
        raise CronFault(f"Negative number (-{number}) not allowed: {text}")
    return number


def _duration(text: str) -> int:
    """Whole seconds of a Go duration (`1h30m`); robfig/cron takes less than one second, and nothing at all, for one."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 1
    total = 0.0
    while rest:
        piece = _PIECE.match(rest)
        if piece is None:
            break
        rest = rest[piece.end() :]
        if piece[2] not in UNITS:
            what = f"unknown unit {json.dumps(piece[2])} in" if piece[2] else "missing unit in"
            raise _no_duration(f"{what} duration", text)
        total += float(piece[1]) * UNITS[piece[2]]
    if rest or text in ("", "+", "-") or total > LONGEST_SECONDS:
        raise _no_duration("invalid duration", text)
    return 1 if text.startswith("-") else max(1, int(total))


def _no_duration(what: str, text: str) -> CronFault:
    return CronFault(f"Failed to parse duration {EVERY}{text}: time: {what} {json.dumps(text, ensure_ascii=False)}")
