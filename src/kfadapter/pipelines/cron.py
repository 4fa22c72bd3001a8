"""Cron texts as Kubeflow Pipelines reads them: by `Parse` of Go's robfig/cron 1.2.0, which every release of it uses.

Seconds come first; with five fields the weekday is what is missing. No library of ours reads them alike: croniter
takes a weekday of 7 and no `?`, and counts a restricted day of the month and weekday otherwise.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

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
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DAY, WEEKDAY = 3, 5
MAX_DIGITS = 18
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
LONGEST_SECONDS = 2.0**63 / 1e9
LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_PIECE = re.compile(r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})([^.0-9]*)", re.ASCII)


class CronFault(Exception):
    """A cron text cannot be used; the sentence is robfig/cron's."""


@dataclass(frozen=True, kw_only=True)
class Cron:
    """Moments that a calendar names, in UTC.

    Attributes:
        seconds, minutes, hours, days, months, weekdays: The values a moment may have there, ascending; 0 is Sunday.
            One that is empty (`,`) is taken by robfig/cron, and never due.
        either_day: Day of the month and weekday are both restricted, and one of them is enough.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool

    @property
    def fields(self) -> tuple[tuple[int, ...], ...]:
        """The six fields as they stand in a text."""
        return self.seconds, self.minutes, self.hours, self.days, self.months, self.weekdays

    @property
    def is_never_due(self) -> bool:
        """A field names nothing, or the months named do not have the days named."""
        if not all(self.fields):
            return True
        return not self.either_day and min(self.days) > max(LONGEST_MONTH.get(month, 31) for month in self.months)


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
    def everything(self) -> tuple[int, ...]:
        """All values."""
        return tuple(range(self.lowest, self.highest + 1))


FIELDS = (
    CronField(lowest=0, highest=59, names={}),
    CronField(lowest=0, highest=59, names={}),
    CronField(lowest=0, highest=23, names={}),
    CronField(lowest=1, highest=31, names={}),
    CronField(lowest=1, highest=12, names={name: i + 1 for i, name in enumerate(MONTHS)}),
    CronField(lowest=0, highest=6, names={name: i for i, name in enumerate(DAYS)}),
)


def read_cron(text: str) -> Cron | Every:
    """A cron text of five (no weekday) or six fields, a descriptor such as `@daily`, or `@every 1h30m`.

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
    return _calendar([*fields, "*"][:6])


def _calendar(given: list[str]) -> Cron:
    values = [_values(field, bounds) for field, bounds in zip(given, FIELDS, strict=True)]
    is_open = [any(part[0] in "*?" for part in given[place].split(",") if part) for place in (DAY, WEEKDAY)]
    either_day = not any(is_open)
    if either_day and any(values[place] == FIELDS[place].everything for place in (DAY, WEEKDAY)):
        # One of them is enough and is every day, though it is not written as `*`.
        for place in (DAY, WEEKDAY):
            values[place] = FIELDS[place].everything
    seconds, minutes, hours, days, months, weekdays = values
    return Cron(
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=either_day,
    )


def _values(field: str, bounds: CronField) -> tuple[int, ...]:
    return tuple(sorted({value for part in field.split(",") if part for value in _range(part, bounds)}))


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
